import { type Queryable, SQLSTATE, sqlstateOf } from '../core/index.ts'
import { ownSchemaMissing, ownTablesDenied } from './errors.ts'

/** A row of Holdfast's own that nobody can go by: another form, or about something that is not what it says. */
export interface BrokenRecord {
  readonly table: string
  /** What kind of record, and which. */
  readonly record: string
  readonly why: string
}

/** Infinity is a time to PostgreSQL, and none to anybody else. */
export const faultOfTimes = (times: readonly unknown[]): string | undefined =>
  times.every((time) => time === null || time instanceof Date) ? undefined : 'one of its times is infinite'

export const isBroken = (row: object): row is BrokenRecord => 'why' in row

/**
 * Asks a table of Holdfast's own schema.
 * @throws HF_PARTITION_OWN_SCHEMA where it is not there, HF_PARTITION_OWN_RIGHTS where the role lacks a right on it
 */
export async function queryOwn<Row>(
  db: Queryable,
  schema: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  try {
    return (await db.query<Row & Record<string, unknown>>(text, values)).rows
  } catch (error) {
    const sqlstate = sqlstateOf(error)
    if (sqlstate === SQLSTATE.undefinedTable) throw ownSchemaMissing(schema)
    if (sqlstate === SQLSTATE.insufficientPrivilege)
      throw ownTablesDenied(await grantOf(db, schema, /^\s*SELECT/.test(text)), error)
    throw error
  }
}

/** The statement that gives the rights on the tables that belong to partitions. */
async function grantOf(db: Queryable, schema: string, isReading: boolean): Promise<string> {
  const rights = isReading ? 'SELECT' : 'SELECT, INSERT, UPDATE, DELETE'
  const { rows } = await db
    .query<{ grant: string }>(
      `SELECT format('GRANT USAGE ON SCHEMA %1$I TO %2$I; GRANT ${rights} ON %1$I.partitioned_tables, %1$I.partition_conversions, '
                     '%1$I.partition_removals TO %2$I;', $1::text, current_user) AS "grant"`,
      [schema],
    )
    .catch(() => ({ rows: [] })) // in a transaction that has failed nobody can be asked
  return rows[0]?.grant ?? `GRANT ${rights} on the tables of schema ${schema}`
}
