import { Histogram } from '../core/index.ts'

/** A pool in numbers at one moment. Counters count since the pool was made. */
export interface PoolStats extends FamiliarStats {
  /** Connections that are kept; the option. */
  readonly size: number
  /** Connections allowed above it; the option. */
  readonly overflow: number
  /** Connections above the size right now. */
  readonly overflowInUse: number
  /** All connections, those connecting and closing included. */
  readonly total: number
  readonly idle: number
  /** Checked out, or being cleaned up after a careless release. */
  readonly busy: number
  /** Being opened, or being checked before they are given out. */
  readonly connecting: number
  readonly closing: number
  /** Callers that wait for a connection, or for room on a lane. */
  readonly waiting: number
  /** Connections that carry statements of many callers. */
  readonly lanes: number
  /** Statements on their way on each lane. */
  readonly laneDepths: readonly number[]
  readonly acquired: number
  readonly created: number
  readonly closed: number
  readonly recycled: number
  readonly connectFailures: number
  readonly pingFailures: number
  readonly acquireTimeouts: number
  /** How often all connections were busy and a caller had to wait; each time until nobody waited any more. */
  readonly exhaustions: number
  readonly dirtyReleases: number
  /** Checkouts that were reported as held for too long. */
  readonly leaks: number
  /** Statements that shared a connection with others. */
  readonly rides: number
  /** Statements that met a lock on a lane and ran again on a connection of their own. */
  readonly rideLockWaits: number
  /** Milliseconds that callers waited for a connection, summed; divide by `acquired` for the mean. */
  readonly waitMsTotal: number
  /** Milliseconds that connections were held, summed over finished checkouts. */
  readonly holdMsTotal: number
}

/** The numbers that operators know from other stacks, under the names that they have there. */
export interface FamiliarStats {
  /** `size`. */
  readonly pool_size: number
  /** `overflow`: what is allowed above it. What is above it now is `overflowInUse`. */
  readonly max_overflow: number
  /** `idle`. */
  readonly checked_in: number
  /** `busy`. */
  readonly checked_out: number
}

/** The counters of {@link PoolStats}. */
export type PoolCounters = {
  -readonly [
    Name in
      | 'acquired'
      | 'created'
      | 'closed'
      | 'recycled'
      | 'connectFailures'
      | 'pingFailures'
      | 'acquireTimeouts'
      | 'dirtyReleases'
      | 'leaks'
      | 'rides'
      | 'rideLockWaits'
      | 'waitMsTotal'
      | 'holdMsTotal'
  ]: number
}

export function zeroCounters(): PoolCounters {
  return {
    acquired: 0,
    created: 0,
    closed: 0,
    recycled: 0,
    connectFailures: 0,
    pingFailures: 0,
    acquireTimeouts: 0,
    dirtyReleases: 0,
    leaks: 0,
    rides: 0,
    rideLockWaits: 0,
    waitMsTotal: 0,
    holdMsTotal: 0,
  }
}

/** How long things took, since the pool was made; the difference of two copies tells a window's percentiles. */
export interface PoolTimings {
  /** From asking for a connection to having it. */
  readonly waits: Histogram
  /** From having a connection to giving it back. */
  readonly holds: Histogram
  /**
   * Each statement, from asking for it to its result, failures included; on a connection that is held, without
   * the wait for the connection; cursors and streams until they end.
   */
  readonly statements: Histogram
}

export function emptyTimings(): PoolTimings {
  return { waits: new Histogram(), holds: new Histogram(), statements: new Histogram() }
}

/** Whether a pool can serve, as one probe found. */
export interface PoolHealth {
  readonly ok: boolean
  /** Milliseconds from asking for a connection to the answer of `SELECT 1`. */
  readonly latencyMs: number
  /** Why not; undefined when ok. */
  readonly reason: string | undefined
  readonly error: unknown
}

/** One statement as it went by: its text and time, never its values. */
export interface EchoedQuery {
  readonly text: string
  readonly durationMs: number
  readonly failed: boolean
  /** What the caller named its work. */
  readonly label: string | undefined
}
