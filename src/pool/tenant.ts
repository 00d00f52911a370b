import type { Connection } from './connection.ts'
import type { PoolPicture } from './errors.ts'

/** How a connection comes back. */
export interface HandBack {
  /** Anything truthy: it must not be used again. */
  readonly destroy?: unknown
  /** Monotonic milliseconds, where they are known already. */
  readonly now?: number
  /** Everything that a session can hold is put back. */
  readonly mustReset?: boolean
  /** It came back in a transaction, or with something on its way; told whether it could be kept. */
  readonly onDirty?: (kept: boolean) => void
}

/** What else lives on the pool's connections, and hears of what happens to them. */
export interface Tenant {
  /** A connection is about to be opened: nobody has its client yet. */
  began(connection: Connection): void
  /** A connection is there; nobody has used it yet. */
  opened(connection: Connection): void
  /**
   * A caller waits, since then, and no connection can be had: give one back if that is possible.
   * @param othersOut connections are out that will come back soon.
   */
  yieldOne(since: number, othersOut: boolean): void
  /** A connection is lost. */
  lost(connection: Connection, error: Error): void
  /** Handles its own deadlines up to `now`; returns the next. */
  sweep(now: number): number
  /** What the pool looks like, for messages. */
  picture(): PoolPicture
}
