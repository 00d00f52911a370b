import type pg from 'pg'
import { quoteIdentifier, quoteLiteral, quoteQualified } from '../core/index.ts'
import type { Layout } from './layout.ts'
import type { Period } from './period.ts'
import { mannerUnknown } from './errors.ts'
import { change, type Statement, type Subject, type Tender } from './tender.ts'

/** What a new partition has of its own, which LIKE does not copy from the table. */
export interface Manner {
  /** Storage options and tablespace, as CREATE TABLE ends. */
  readonly end: string
  /** Row security of the table: who gets at a partition directly must not see more. */
  readonly hasRowSecurity: boolean
  readonly replicaIdentity: 'FULL' | 'NOTHING' | null
  /** Unique indexes that lack the key and so are each partition's own: from USING on. */
  readonly uniques: readonly string[]
  /** ALTER COLUMN and what follows. */
  readonly columns: readonly string[]
}

const MANNER_QUERY = `
  SELECT (SELECT string_agg(option, ', ') FROM (
            SELECT unnest(c.reloptions) AS option UNION ALL SELECT 'toast.' || unnest(t.reloptions)) options) AS options,
         (SELECT quote_ident(spcname) FROM pg_catalog.pg_tablespace WHERE oid = c.reltablespace) AS tablespace,
         (SELECT relrowsecurity FROM pg_catalog.pg_class WHERE oid = to_regclass($1)) AS "hasRowSecurity",
         CASE c.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' END AS "replicaIdentity",
         ARRAY(SELECT CASE WHEN starts_with(whole, beginning) THEN substr(whole, length(beginning) + 1) END
                 FROM (SELECT x.relname, pg_get_indexdef(x.oid) AS whole,
                              format('CREATE UNIQUE INDEX %I ON %s%I.%I ', x.relname, CASE c.relkind WHEN 'p' THEN 'ONLY ' ELSE '' END, n.nspname, c.relname) AS beginning
                         FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                        WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND NOT x.relispartition) own ORDER BY relname) AS uniques,
         ARRAY(SELECT format('ALTER COLUMN %I SET STATISTICS %s', a.attname, a.attstattarget) FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND coalesce(a.attstattarget, -1) >= 0
               UNION ALL SELECT format('ALTER COLUMN %I SET (%s)', a.attname, array_to_string(a.attoptions, ', '))
                 FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attoptions IS NOT NULL) AS columns
    FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid WHERE c.oid = to_regclass($2)`

const PLAIN: Manner = { end: '', hasRowSecurity: false, replicaIdentity: null, uniques: [], columns: [] }

/**
 * How another partition is made: that which was made last is the model.
 * @param table the partitioned table
 * @param model a partition, or the table that is to become one; undefined where there is none yet
 */
export async function readManner(
  client: pg.Client,
  table: string,
  model: string | undefined,
): Promise<Manner> {
  const { rows } = await client.query<
    Omit<Manner, 'end' | 'uniques'> & {
      uniques: readonly (string | null)[]
      options: string | null
      tablespace: string | null
    }
  >(MANNER_QUERY, [table, model ?? table])
  const found = rows[0]
  if (!found) return PLAIN
  const { options, tablespace, uniques: cut, ...other } = found
  const uniques = cut.filter((one) => one !== null)
  // What begins otherwise than PostgreSQL begins it is not cut at a guess: a name may look like the end of one.
  if (uniques.length < cut.length) throw mannerUnknown(table)
  const rest = { ...other, uniques }
  const end = `${options === null ? '' : ` WITH (${options})`}${tablespace === null ? '' : ` TABLESPACE ${tablespace}`}`
  return model === undefined ? { ...PLAIN, hasRowSecurity: rest.hasRowSecurity } : { ...rest, end }
}

/** A period, or all before a place. */
export interface Range {
  readonly from: Period['from'] | null
  readonly to: Period['to']
}

/** Where a partition ends or begins, as a bound. */
export const boundsOf = ({ key }: Pick<Layout, 'key'>, { from, to }: Range): string =>
  `FOR VALUES FROM (${from === null ? 'MINVALUE' : quoteLiteral(key.write(from))}) TO (${quoteLiteral(key.write(to))})`

/**
 * Makes a table like the others and attaches it: CREATE ... PARTITION OF would take ACCESS EXCLUSIVE on the parent, ATTACH
 * takes SHARE UPDATE EXCLUSIVE; and ACCESS EXCLUSIVE on a default partition, which it looks through.
 *
 * @param locks the default partition, if there is one
 */
export function makePartition(
  tender: Tender,
  layout: Subject & Pick<Layout, 'key'>,
  name: string,
  period: Range,
  manner: Manner,
  locks: readonly string[] = [],
): Promise<void> {
  const sql = quoteQualified(layout.schema, name)
  return change(
    tender,
    layout,
    `make ${sql}`,
    [
      ...tableLike(layout, sql, manner),
      `ALTER TABLE ${layout.sql} ATTACH PARTITION ${sql} ${boundsOf(layout, period)}`,
    ],
    { locks },
  )
}

/**
 * The statements that make a table like the others of a partitioned one. Making it is ours, since its owner need not be allowed to make
 * tables in its schema; indexes PostgreSQL itself builds as the owner.
 */
export function tableLike(
  { sql: parent, owner }: Pick<Layout, 'sql' | 'owner'>,
  sql: string,
  { end, hasRowSecurity, replicaIdentity, uniques, columns }: Manner,
): Statement[] {
  const changes = [
    ...(hasRowSecurity ? ['ENABLE ROW LEVEL SECURITY'] : []),
    ...(replicaIdentity ? [`REPLICA IDENTITY ${replicaIdentity}`] : []),
    ...columns,
  ]
  return [
    { ours: `CREATE TABLE ${sql} (LIKE ${parent} INCLUDING ALL EXCLUDING IDENTITY EXCLUDING INDEXES)${end}` },
    { ours: `ALTER TABLE ${sql} OWNER TO ${quoteIdentifier(owner)}` },
    ...uniques.map((rest) => ({ ours: `CREATE UNIQUE INDEX ON ${sql} ${rest}` })),
    ...(changes.length === 0 ? [] : [`ALTER TABLE ${sql} ${changes.join(', ')}`]),
    closed(sql),
  ]
}

/** Takes from everybody but the owner what default privileges gave: rights on the table are what counts. */
export const closed = (sql: string): string =>
  `DO ${quoteLiteral(`
  DECLARE who text;
  BEGIN
    FOR who IN SELECT DISTINCT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) END
      FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) x WHERE c.oid = ${quoteLiteral(sql)}::pg_catalog.regclass AND x.grantee <> c.relowner
    LOOP EXECUTE 'REVOKE ALL ON ' || ${quoteLiteral(sql)} || ' FROM ' || who; END LOOP;
  END`)}`
