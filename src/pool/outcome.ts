import { endsSession, SQLSTATE, sqlstateOf } from '../core/index.ts'

/** What is known of an error besides what it says: the driver gives a lost connection no code. */
const connectionErrors = new WeakSet<object>()
const undone = new WeakSet<object>()

/** Notes that this error means: the connection could not be had, or is gone. */
export function markConnectionError(error: unknown): void {
  if (typeof error === 'object' && error !== null) connectionErrors.add(error)
}

/** Notes that nothing of the work that failed with this error was done: it was never sent, or never committed. */
export function markUndone(error: unknown): void {
  if (typeof error === 'object' && error !== null) undone.add(error)
}

/** Of a copy the same is known. */
export function markAlike(error: object, copy: object): void {
  if (connectionErrors.has(error)) connectionErrors.add(copy)
  if (undone.has(error)) undone.add(copy)
}

/** True when the connection could not be had, or was lost. */
export function isConnectionError(error: unknown): boolean {
  if (typeof error === 'object' && error !== null && connectionErrors.has(error)) return true
  const sqlstate = sqlstateOf(error)
  return sqlstate !== undefined && endsSession(sqlstate)
}

/** True when the server refused a prepared statement since what it returns has changed: nothing of it was run. */
export function isDefinitionChange(error: unknown): boolean {
  return (
    sqlstateOf(error) === SQLSTATE.featureNotSupported &&
    (error as { routine?: string }).routine === 'RevalidateCachedQuery'
  )
}

/** True when it is certain that nothing of the work was done. */
export function isUndone(error: unknown): boolean {
  if (typeof error === 'object' && error !== null && undone.has(error)) return true
  const sqlstate = sqlstateOf(error)
  return sqlstate === SQLSTATE.serializationFailure || sqlstate === SQLSTATE.deadlockDetected
}
