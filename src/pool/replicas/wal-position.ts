import { positionInvalid } from '../errors.ts'

/**
 * A position in the write-ahead log, as PostgreSQL prints it (`16/B374D848`): what was committed before it was taken
 * lies before it.
 */
export type WalPosition = string

/**
 * Where a server's log ends. What is inserted, not only what is written: with `synchronous_commit = off` a commit is
 * acknowledged before.
 */
export const ASK_POSITION = `
  SELECT (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_insert_lsn() END)::text AS position`

/** @throws HF_OPTION_INVALID for what is no position */
export function assertPosition(position: unknown): void {
  bytesOf(position as WalPosition)
}

/** The position in bytes. @throws HF_OPTION_INVALID for what is none. */
export function bytesOf(position: WalPosition): bigint {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(position) ?? []
  if (high === undefined || low === undefined) throw positionInvalid(position)
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`)
}

/** The later of two. */
export function later(a: WalPosition | undefined, b: WalPosition | undefined): WalPosition | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return bytesOf(a) >= bytesOf(b) ? a : b
}

/** What one read must see. */
export interface ReadOptions {
  /** Everything that was committed before this position, from `pool.position()`. */
  readonly after?: WalPosition | undefined
}
