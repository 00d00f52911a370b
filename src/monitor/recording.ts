import { type Operation, type Recorder, SQLSTATE, sqlstateOf } from '../core/index.ts'

const NOWHERE: ReadonlySet<string | undefined> = new Set([
  SQLSTATE.undefinedTable,
  SQLSTATE.readOnlySqlTransaction,
  SQLSTATE.insufficientPrivilege,
])

/**
 * Writes an operation down. A replica, a database without Holdfast's schema, or a role that may not write there, has nowhere for it:
 * whoever is in need must not wait for that.
 */
export async function recordWherePossible(recorder: Recorder, operation: Operation): Promise<void> {
  try {
    await recorder.record(operation)
  } catch (error) {
    if (!NOWHERE.has(sqlstateOf(error))) throw error
  }
}
