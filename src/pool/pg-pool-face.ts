import type pg from 'pg'

/** pg's node-style callbacks. */
export type ConnectCallback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (destroy?: Error | boolean) => void,
) => void
export type QueryCallback<Row extends pg.QueryResultRow = any> = (
  error: Error,
  result: pg.QueryResult<Row>,
) => void

export function isSubmittable(query: unknown): query is pg.Submittable {
  return typeof (query as { submit?: unknown } | null)?.submit === 'function'
}

/** pg.Pool's events, as its types have them: what expects a pg.Pool listens in these words. */
export type PgPoolEvent = 'error' | 'release' | 'connect' | 'acquire' | 'remove'
export type PgPoolListener<Name extends PgPoolEvent> = Name extends 'error' | 'release'
  ? (error: Error, client: pg.PoolClient) => void
  : (client: pg.PoolClient) => void

/** As pg.Pool's `error` event has it. Not to be printed with the error: a client has its configuration, and that a password. */
export const withClient = (error: Error, client: pg.Client): Error =>
  Object.defineProperty(error, 'client', { value: client, configurable: true, writable: true })

/** As pg.Pool does: a function has a name, and would be taken for a statement. */
export function refuseFunction(query: unknown): void {
  const error = new TypeError('Passing a function as the first parameter to pool.query is not supported')
  process.nextTick(query as (error: Error) => void, error)
}
