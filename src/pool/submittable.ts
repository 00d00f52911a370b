import { EventEmitter } from 'node:events'
import type pg from 'pg'

/** The driver's node-style callback. */
export type Callback = (error: Error, result: pg.QueryResult) => void

/**
 * When a query object of the driver's needs its connection no longer: its callback was called, or it ended, failed or
 * was closed.
 */
export function endOf(
  query: pg.Submittable,
  callback: Callback | undefined,
): { ended: Promise<void>; callback: Callback | undefined } {
  let end = (): void => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  if (query instanceof EventEmitter) for (const event of ['end', 'error', 'close']) query.once(event, end)
  const own = (query as { callback?: Callback }).callback ?? callback
  const wrapped: Callback | undefined = own && ((error, result) => (end(), own(error, result)))
  if (wrapped && (query as { callback?: Callback }).callback) Object.assign(query, { callback: wrapped })
  return { ended, callback: wrapped }
}

/** Tells a query object that there is no connection for it. */
export function failSubmittable(query: pg.Submittable, callback: Callback | undefined, error: Error): void {
  const own = (query as { callback?: Callback }).callback ?? callback
  if (own) own(error, undefined as never)
  else if (query instanceof EventEmitter) query.emit('error', error)
}
