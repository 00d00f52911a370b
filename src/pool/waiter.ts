import type { Connection } from './connection.ts'
import type { Queued } from './queue.ts'

/** Somebody who waits for a connection. Settles once: served, timed out, aborted or refused. */
export interface Waiter extends Queued {
  /** Monotonic milliseconds. */
  readonly since: number
  /** Monotonic milliseconds; infinity waits for ever. */
  readonly deadline: number
  /** What the connection is for; a lane is the pool's own errand, and no caller. */
  readonly purpose: 'busy' | 'lane'
  /** What the caller named its work. */
  readonly label?: string | undefined
  /** The statement that it waits with; undefined for whole connections. */
  readonly text?: string | undefined
  readonly serve: (connection: Connection) => void
  readonly refuse: (error: unknown) => void
}

/**
 * Gives a waiter its connection. False when it cannot take what it asked for: it has the error then, and the
 * connection is not the worse for it.
 */
export function takes(waiter: Waiter, connection: Connection): boolean {
  try {
    waiter.serve(connection)
    return true
  } catch (error) {
    waiter.refuse(error)
    return false
  }
}

/** Until when somebody who asks at `since` waits, in monotonic milliseconds; a timeout of 0 is none. */
export function deadlineFrom(since: number, acquireTimeoutMs: number): number {
  return acquireTimeoutMs === 0 ? Number.POSITIVE_INFINITY : since + acquireTimeoutMs
}
