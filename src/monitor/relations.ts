import { isNoName, type Queryable } from '../core/index.ts'
import { tableUnknown } from './errors.ts'
import type { Reader } from './reader.ts'

/** For SQL with `pg_namespace` as n: schemas that belong to people. */
export const PEOPLES_SCHEMA = `n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'`

/** Relations that somebody holds for himself, or waits to: whoever asks for their definition waits, too. */
const HELD = `
    SELECT l.relation FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_database d ON d.oid = l.database
     WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND d.datname = current_database()`

/** Names of the tables among them. */
export async function readHeld(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ table: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS "table" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid IN (${HELD}) AND c.relkind IN ('r', 'm', 'p') AND ${PEOPLES_SCHEMA} ORDER BY 1`,
  )
  return rows.map(({ table }) => table)
}

/**
 * Tables as people name them, by their qualified names.
 * @throws HF_MONITOR_TABLE_UNKNOWN
 */
export async function resolveTables(db: Reader, names: readonly string[]): Promise<string[]> {
  const found = await db.relationsNamed(names).catch((error: unknown) => {
    throw isNoName(error) ? tableUnknown(names.join(', ')) : error
  })
  return found.map((one, at) => {
    if (one === null || !['r', 'm', 'p'].includes(one.kind)) throw tableUnknown(names[at] ?? '')
    return one.sql
  })
}

/**
 * The same, of relations with `pg_class` as c. Those that an extension brought are its maker's to look after; those that are
 * held are left out; a check of its own tells of them.
 */
export const PEOPLES_RELATION = `${PEOPLES_SCHEMA} AND c.relpersistence <> 't' AND c.oid <> ALL (ARRAY(${HELD}))
  AND NOT EXISTS (
  SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')`

/** Longest list of things of one kind that a check names; more would be noise. */
export const MOST_TOLD = 10
