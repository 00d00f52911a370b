import { EventEmitter } from 'node:events'
import { Readable } from 'node:stream'
import type pg from 'pg'

/** The driver's node-style callback. */
export type Callback = (error: Error, result: pg.QueryResult) => void

/** What is known of a query object that has ended. */
export interface QueryEnd {
  readonly rowCount: number
  readonly error: unknown
}

/**
 * When a query object of the driver's needs its connection no longer: its callback was called, or it ended, failed or
 * was closed.
 */
export function endOf(
  query: pg.Submittable,
  callback: Callback | undefined,
): { ended: Promise<QueryEnd>; callback: Callback | undefined } {
  const { promise: ended, resolve: end } = Promise.withResolvers<QueryEnd>()
  const succeeds = (result?: unknown): void => end({ rowCount: rowCountOf(result), error: undefined })
  const fails = (error: unknown): void => end({ rowCount: 0, error })
  if (query instanceof EventEmitter) {
    for (const event of ['end', 'close']) query.once(event, succeeds)
    query.once('error', fails)
  }
  const own = (query as { callback?: Callback }).callback ?? callback
  const wrapped: Callback | undefined =
    own &&
    ((error, result) => {
      if (error) fails(error)
      else succeeds(result)
      own(error, result)
    })
  if (wrapped && (query as { callback?: Callback }).callback) Object.assign(query, { callback: wrapped })
  return { ended, callback: wrapped }
}

/** Tells a query object that there is no connection for it. */
export function failSubmittable(query: pg.Submittable, callback: Callback | undefined, error: Error): void {
  const own = (query as { callback?: Callback }).callback ?? callback
  const { handleError } = query as { handleError?: (error: Error) => void }
  if (own) own(error, undefined as never)
  else if (query instanceof Readable) query.destroy(error)
  // A cursor tells whoever reads from it, also later; as an event nobody would listen to it.
  else if (typeof handleError === 'function') handleError.call(query, error)
  else if (query instanceof EventEmitter) query.emit('error', error)
}

const rowCountOf = (result: unknown): number =>
  (result as { rowCount?: number | null } | undefined)?.rowCount ?? 0
