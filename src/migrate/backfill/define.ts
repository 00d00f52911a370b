import type { MigrationContext } from '../format/define.ts'

/** What a batch in TypeScript works with. */
export interface BackfillBatch extends Pick<MigrationContext, 'query'> {
  /** Keys of the rows of this batch, in order. */
  readonly keys: readonly string[]
}

/** How the rows of a large table get what a migration brought. */
export interface Backfill {
  /** The table that is gone through; `schema.table` or `table`. */
  readonly table: string
  /** A column that is unique and NOT NULL, and indexed: the rows are gone through in its order. */
  readonly key: string
  /** Which rows need it, as SQL: `slug IS NULL`. Default: all. */
  readonly where?: string
  /** What is done with a batch: a statement with `$1` for its keys, or a function. In a transaction of its own. */
  readonly batch: string | ((batch: BackfillBatch) => Promise<unknown>)
  /** Rows in a batch. Default 1000. */
  readonly batchRows?: number
  /** It waits while a replica is further behind, in milliseconds. Default 5000. */
  readonly maxLagMs?: number
  /** How it makes room for others. */
  readonly throttle?: {
    /** Rows per second at most. Default: no limit. */
    readonly maxRowsPerSecond?: number
    /** It waits while more sessions than this are busy. Default: no limit. */
    readonly maxActiveSessions?: number
  }
}

/**
 * Types a backfill: the default export of `backfill.ts`. It runs after its migration, batch by batch, each in a
 * transaction with the note how far it is: killed at any moment, it goes on behind the last batch.
 * @example
 * ```ts
 * // backfill.ts
 * import { defineBackfill } from 'holdfast/migrate'
 * export default defineBackfill({
 *   table: 'users',
 *   key: 'id',
 *   where: 'slug IS NULL',
 *   batch: 'UPDATE users SET slug = lower(name) WHERE id = ANY ($1)',
 *   throttle: { maxRowsPerSecond: 5_000 },
 * })
 * ```
 */
export function defineBackfill(backfill: Backfill): Backfill {
  return backfill
}
