import { type Queryable, SQLSTATE, sqlstateOf } from '../core/index.ts'
import { ownSchemaMissing } from './errors.ts'

/** Asks a table of Holdfast's own schema. @throws HF_PARTITION_OWN_SCHEMA where it is not there */
export async function queryOwn<Row>(
  db: Queryable,
  schema: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  try {
    return (await db.query<Row & Record<string, unknown>>(text, values)).rows
  } catch (error) {
    if (sqlstateOf(error) === SQLSTATE.undefinedTable) throw ownSchemaMissing(schema)
    throw error
  }
}
