import { quoteIdentifier, quoteLiteral, quoteQualified } from '../../core/index.ts'
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

/**
 * A trigger's function that writes to `target` what was written to the table: an update as the deletion of the old key and the row
 * as it is now. It runs with the owner's rights, since those who write have none on the target.
 *
 * The transaction of a REPEATABLE READ writer does not see what was copied after it began, and so cannot delete it: such keys are
 * written down, and looked at once more under the last lock.
 */
export function makingMirror(
  fn: string,
  target: string,
  recheck: string,
  definition: Definition,
  owner: string,
): string[] {
  const { all, key } = copiedColumns(definition)
  const of = (row: string, columns: readonly string[]): string =>
    columns.map((name) => `${row}.${named(name)}`).join(', ')
  const rest = all.filter((name) => !key.includes(name))
  const onConflict =
    rest.length === 0
      ? 'DO NOTHING'
      : `DO UPDATE SET ${rest.map((name) => `${named(name)} = excluded.${named(name)}`).join(', ')}`
  const keyOf = (row: string): string =>
    `jsonb_build_object(${key.map((name) => `${quoteLiteral(name)}, ${row}.${named(name)}`).join(', ')})`
  const body = `
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    TRUNCATE ${target};
    RETURN NULL;
  END IF;
  IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND (${of('NEW', key)}) IS DISTINCT FROM (${of('OLD', key)})) THEN
    DELETE FROM ${target} t WHERE (${of('t', key)}) = (${of('OLD', key)});
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO ${target} (${all.map(named).join(', ')}) OVERRIDING SYSTEM VALUE VALUES (${of('NEW', all)})
    ON CONFLICT (${key.map(named).join(', ')}) ${onConflict};
  END IF;
  IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
    IF TG_OP <> 'INSERT' THEN INSERT INTO ${recheck} (key) VALUES (${keyOf('OLD')}); END IF;
    IF TG_OP <> 'DELETE' THEN INSERT INTO ${recheck} (key) VALUES (${keyOf('NEW')}); END IF;
  END IF;
  RETURN NULL;
END`
  return [
    `CREATE OR REPLACE FUNCTION ${fn}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS ${quoteLiteral(body)}`,
    `ALTER FUNCTION ${fn}() OWNER TO ${named(owner)}`,
    `REVOKE ALL ON FUNCTION ${fn}() FROM PUBLIC`,
  ]
}

/** Has every write to a table mirrored, also those of replication, which do not fire ordinary triggers. */
export const mirroring = (table: string, trigger: string, fn: string): string[] => [
  `CREATE TRIGGER ${named(trigger)} AFTER INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION ${fn}()`,
  `CREATE TRIGGER ${named(`${trigger}_truncate`)} AFTER TRUNCATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION ${fn}()`,
  `ALTER TABLE ${table} ENABLE ALWAYS TRIGGER ${named(trigger)}, ENABLE ALWAYS TRIGGER ${named(`${trigger}_truncate`)}`,
]

export const notMirroring = (table: string, trigger: string): string[] => [
  `DROP TRIGGER IF EXISTS ${named(trigger)} ON ${table}`,
  `DROP TRIGGER IF EXISTS ${named(`${trigger}_truncate`)} ON ${table}`,
]

/**
 * Makes the rows with the keys that were written down the same in `target` as they are in `source`. They are locked first: a writer
 * that came between would not see what is put into the target.
 */
export function rechecking(
  source: string,
  target: string,
  recheck: string,
  definition: Definition,
): string[] {
  const { all, key } = copiedColumns(definition)
  const keys = `(SELECT DISTINCT ${key.map((name) => `(jsonb_populate_record(NULL::${source}, key)).${named(name)}`).join(', ')} FROM ${recheck}) k`
  const same = (row: string): string =>
    key.map((name) => `${row}.${named(name)} = k.${named(name)}`).join(' AND ')
  const columns = all.map(named).join(', ')
  return [
    `SELECT FROM ${source} s JOIN ${keys} ON ${same('s')} FOR SHARE OF s`,
    `DELETE FROM ${target} t USING ${keys} WHERE ${same('t')}`,
    `INSERT INTO ${target} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${all.map((name) => `s.${named(name)}`).join(', ')} FROM ${source} s JOIN ${keys} ON ${same('s')}`,
    `TRUNCATE ${recheck}`,
  ]
}
