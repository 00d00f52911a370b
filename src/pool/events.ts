import type pg from 'pg'
import type { HolderPicture, PoolPicture } from './errors.ts'
import type { Fit } from './sizing/capacity.ts'
import type { SlowQuery } from './recorder.ts'
import type { ReplicaPicture } from './replicas/replica.ts'

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
  'pool:dirty-release': [{ kept: boolean } & HolderPicture]
  /** A checkout is held for longer than `leakThresholdMs`, and no statement of it is running. Told once. */
  'pool:leak': [HolderPicture]
  /** A checkout that was reported as a leak came back after all. */
  'pool:leak-returned': [HolderPicture]
  /** Somebody holds a connection and asks for another while there is none: if all do so, nobody goes on. */
  'pool:nested-checkout': [{ outer: HolderPicture; stack: string | undefined }]
  /** A client was used after it had been released. */
  'pool:used-after-release': [{ text: string; stack: string | undefined }]
  /** The first statement of a lane is running for longer than `laneStallMs`: the lane gets no new ones meanwhile. */
  'lane:stalled': [{ depth: number; sinceMs: number }]
  /** Four fifths, or nine tenths, of the connections are checked out; told when it is reached, with who holds them. */
  'pool:utilization': [{ level: number } & PoolPicture]
  /** All connections are busy and a caller has to wait; told at the beginning, with who holds them. */
  'pool:exhausted': [PoolPicture]
  /** One statement took longer than `slowQueryMs`, waiting included. */
  'pool:slow-query': [SlowQuery]
  /** All processes together may want more connections than the server gives; told once, after the first connection. */
  'pool:too-large': [Fit]
  /** A replica is not read from any more, or is again; `reason` says why. */
  'pool:replica-changed': [ReplicaPicture]
  /** A connection could not be opened. */
  'pool:connect-failed': [{ error: unknown; server: string }]
  /** Several sessions to one server were lost within seconds: what else was connected to it is given up, too. */
  'pool:server-evicted': [{ server: string }]
  /** `end` had to destroy checkouts that were not given back in time. */
  'pool:leaked-at-end': [{ count: number; holders: readonly HolderPicture[] }]
}
