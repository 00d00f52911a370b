import type pg from 'pg'

/** What a pool tells while it runs: pg.Pool's events, and its own. */
export interface PoolEvents {
  /** A connection was opened. */
  connect: [client: pg.PoolClient]
  /** A connection was given to a caller. */
  acquire: [client: pg.PoolClient]
  /** A caller gave a connection back, with the error it passed to `release`. */
  release: [error: Error | undefined, client: pg.PoolClient]
  /** A connection was closed. */
  remove: [client: pg.PoolClient]
  /** An idle connection was lost. Nobody has to listen: unlike with pg.Pool the process goes on. */
  error: [error: Error, client: pg.PoolClient]
  /** A checkout came back inside a transaction, or with a query on its way; `kept` tells whether a rollback saved the connection. */
  'pool:dirty-release': [{ kept: boolean; heldMs: number }]
  /** All connections are busy and a caller has to wait. */
  'pool:exhausted': [{ busy: number; waiting: number }]
  /** A connection could not be opened. */
  'pool:connect-failed': [{ error: unknown }]
  /** `end` had to destroy checkouts that were not given back in time. */
  'pool:leaked-at-end': [{ count: number; longestHoldMs: number }]
}
