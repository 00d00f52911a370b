/** One row as the driver returns it. */
export type QueryResultRow = Record<string, unknown>

/**
 * Work that must run on one process at a time. Implemented above core, on a PostgreSQL advisory lock held by
 * a direct connection.
 */
export interface Lease {
  /**
   * Runs `work` while holding the lease called `name`. Resolves to `{ held: false }` without running it when
   * another process holds the lease. `signal` of the work aborts as soon as the lease can no longer be
   * guaranteed; work must stop then.
   */
  run<T>(
    name: string,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<{ held: true; value: T } | { held: false }>
}

/** One action worth remembering because it changed or destroyed something. */
export interface Operation {
  /** What was done, as `noun.verb`: `schema.install`, `schema.reset`. */
  readonly action: string
  /** What it was done to: a schema-qualified name, a database name. */
  readonly subject: string
  /** Who: an OS user, a console role. Default: the OS user and host of this process. */
  readonly actor?: string
  /** Anything needed to understand it later. Never a secret. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** Where destructive actions are remembered. Append-only. */
export interface Recorder {
  /** Writes the operation down. Rejects rather than losing it. */
  record(operation: Operation): Promise<void>
}
