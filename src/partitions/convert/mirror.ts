import type pg from 'pg'
import { type Hand, quoteIdentifier, quoteLiteral, quoteQualified } from '../../core/index.ts'
import { shortened } from '../name.ts'
import type { Definition } from './definition.ts'
import { primaryKeyOf } from './keys.ts'
import type { ConversionPlan } from './plan.ts'

const named = (name: string): string => quoteIdentifier(name)

/** What a split makes besides the partitions. */
export const marksOf = ({ schema, name }: ConversionPlan) => ({
  /** Writes to the old table go to the partitions, too. */
  mirror: quoteQualified(schema, shortened(name, 'mirror')),
  /** After the exchange it is the other way round. */
  back: quoteQualified(schema, shortened(name, 'undo')),
  /** Keys that are looked at once more. */
  recheck: quoteQualified(schema, shortened(name, 'recheck')),
})

export const MIRROR = 'holdfast_mirror'
export const UNDO = 'holdfast_undo'

/** The columns that a copy writes, and those that a row is found by. */
export function copiedColumns(definition: Definition): { all: string[]; key: string[] } {
  return {
    all: definition.columns.filter(({ isGenerated }) => !isGenerated).map(({ name }) => name),
    key: primaryKeyOf(definition)?.columns.map(String) ?? [],
  }
}

/** That two rows have the same key: as the primary key means it, whatever operators there are in the path. */
function sameKey(definition: Definition, one: string, other: string): string {
  const { equals = [], columns = [] } = primaryKeyOf(definition) ?? {}
  return columns
    .map((name, at) => `${one}.${named(String(name))} ${equals[at]} ${other}.${named(String(name))}`)
    .join(' AND ')
}

/** What a mirror's function asks first, and by which it is known whom it writes to. */
export const watching = (target: string): string => `pg_catalog.to_regclass(${quoteLiteral(target)})`

/** Where the source is named in what a mirror runs. */
const SOURCE = '\0source'

/**
 * A trigger's function that makes each row of `target` whose key was written what it is in `source`: there, or not there. It reads
 * the row again, since triggers of others may have written it meanwhile. It runs with the owner's rights, since those who write have
 * none on the target.
 *
 * @param source null for the partition that was written
 *
 * The transaction of a REPEATABLE READ writer does not see what was copied after it began, and so cannot delete it: such keys are
 * written down, and looked at once more under the last lock.
 */
export function makingMirror(
  fn: string,
  {
    source,
    target,
    recheck,
  }: { readonly source: string | null; readonly target: string; readonly recheck: string },
  definition: Definition,
  { owner, schema, column, columnType }: ConversionPlan,
): string[] {
  const { all, key } = copiedColumns(definition)
  const of = (row: string, columns: readonly string[]): string =>
    columns.map((name) => `${row}.${named(name)}`).join(', ')
  const isRow = (row: string, written: string): string => sameKey(definition, row, written)
  const rest = all.filter((name) => !key.includes(name))
  const onConflict =
    rest.length === 0
      ? 'DO NOTHING'
      : `DO UPDATE SET ${rest.map((name) => `${named(name)} = excluded.${named(name)}`).join(', ')}`
  const keyOf = (row: string): string =>
    `pg_catalog.jsonb_build_object(${key.map((name) => `${quoteLiteral(name)}, ${row}.${named(name)}`).join(', ')})`
  const at = `t.${named(column)}`
  /** Of one table, or of the partition that was written: through the whole table its owner may be kept from rows. */
  const run = (text: string, row: 'OLD' | 'NEW'): string =>
    source === null
      ? `EXECUTE pg_catalog.format(${quoteLiteral(text.replaceAll('%', '%%').replace(SOURCE, '%I.%I'))}, TG_TABLE_SCHEMA, TG_TABLE_NAME) USING ${row}`
      : text.replace(SOURCE, () => source).replaceAll('($1)', row)
  const body = `
BEGIN
  IF ${watching(target)} IS NULL THEN
    RETURN NULL;
  END IF;
  IF TG_OP = 'TRUNCATE' THEN
    IF TG_NARGS = 0 THEN
      TRUNCATE ${target};
    ELSE
      DELETE FROM ${target} t WHERE (TG_ARGV[0] = '' OR ${at} >= TG_ARGV[0]::${columnType}) AND ${at} < TG_ARGV[1]::${columnType};
    END IF;
    RETURN NULL;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    ${run(
      `DELETE FROM ${target} t WHERE ${isRow('t', '($1)')} AND NOT EXISTS (SELECT FROM ${SOURCE} s WHERE ${isRow('s', '($1)')})`,
      'OLD',
    )};
  END IF;
  IF TG_OP <> 'DELETE' THEN
    ${run(
      `INSERT INTO ${target} (${all.map(named).join(', ')}) OVERRIDING SYSTEM VALUE SELECT ${of('s', all)} FROM ${SOURCE} s WHERE ${isRow('s', '($1)')} ON CONFLICT (${key.map(named).join(', ')}) ${onConflict}`,
      'NEW',
    )};
  END IF;
  IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
    IF TG_OP <> 'INSERT' THEN INSERT INTO ${recheck} (key) VALUES (${keyOf('OLD')}); END IF;
    IF TG_OP <> 'DELETE' THEN INSERT INTO ${recheck} (key) VALUES (${keyOf('NEW')}); END IF;
  END IF;
  RETURN NULL;
END`
  return [
    // Functions that checks call may lie beside the table.
    `CREATE FUNCTION ${fn}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ${named(schema)}, pg_temp AS ${quoteLiteral(body)}`,
    `ALTER FUNCTION ${fn}() OWNER TO ${named(owner)}`,
    `REVOKE ALL ON FUNCTION ${fn}() FROM PUBLIC`,
  ]
}

/**
 * Has every write to a table mirrored, also those of replication, which do not fire ordinary triggers.
 * @param limits of a partition, whose TRUNCATE takes only what lies within
 */
export const mirroring = (
  table: string,
  trigger: string,
  fn: string,
  limits?: { readonly from: string | null; readonly to: string },
): string[] => [
  `CREATE TRIGGER ${named(trigger)} AFTER INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION ${fn}()`,
  `CREATE TRIGGER ${named(`${trigger}_truncate`)} AFTER TRUNCATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION ${fn}(${limits ? `${quoteLiteral(limits.from ?? '')}, ${quoteLiteral(limits.to)}` : ''})`,
  `ALTER TABLE ${table} ENABLE ALWAYS TRIGGER ${named(trigger)}, ENABLE ALWAYS TRIGGER ${named(`${trigger}_truncate`)}`,
]

/** The statements that end it, wherever the triggers are by now. */
export async function endingMirror(client: pg.Client, fn: string): Promise<string[]> {
  const { rows } = await client.query<{ statement: string }>(
    `SELECT format('DROP TRIGGER %I ON %I.%I', t.tgname, n.nspname, c.relname) AS statement
       FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE t.tgfoid = to_regproc($1)::oid AND t.tgparentid = 0 ORDER BY 1`,
    [fn],
  )
  return [...rows.map(({ statement }) => statement), `DROP FUNCTION IF EXISTS ${fn}()`]
}

/** Keys that are looked at in one go. */
const RECHECKED = 1_000

/**
 * Makes rows whose keys were written down the same in `target` as they are in `source`, so many at a time. They are locked first: a
 * writer that came between would not see what is put into the target.
 * @returns how many keys were looked at
 */
export async function lookAgain(
  hand: Hand,
  {
    source,
    target,
    recheck: list,
  }: { readonly source: string; readonly target: string; readonly recheck: string },
  definition: Definition,
): Promise<number> {
  const rows = await hand.rows<{ id: string; key: string }>(
    `SELECT id::text, key::text FROM ${list} ORDER BY id LIMIT ${RECHECKED}`,
  )
  if (rows.length === 0) return 0
  const { all, key } = copiedColumns(definition)
  const keys = `(SELECT DISTINCT ${key.map((name) => `(pg_catalog.jsonb_populate_record(NULL::${source}, key)).${named(name)}`).join(', ')} FROM pg_catalog.jsonb_array_elements($1::jsonb) key) k`
  const same = (row: string): string => sameKey(definition, row, 'k')
  const columns = all.map(named).join(', ')
  const values = [`[${rows.map((row) => row.key).join(', ')}]`]
  for (const statement of [
    `SELECT FROM ${source} s JOIN ${keys} ON ${same('s')} FOR SHARE OF s`,
    `DELETE FROM ${target} t USING ${keys} WHERE ${same('t')}`,
    `INSERT INTO ${target} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${all.map((name) => `s.${named(name)}`).join(', ')} FROM ${source} s JOIN ${keys} ON ${same('s')}`,
  ])
    await hand.run(statement, values)
  await hand.run(`DELETE FROM ${list} WHERE id = ANY ($1::bigint[])`, [
    `{${rows.map(({ id }) => id).join(',')}}`,
  ])
  return rows.length
}
