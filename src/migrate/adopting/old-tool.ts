import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Queryable } from '../../core/index.ts'

/** One migration of the tool that is left behind. */
export interface OldMigration {
  /** As the tool names it. */
  readonly name: string
  /** When it was written, as its name or file says. */
  readonly writtenAt: Date
  /** What it does; undefined: it is a program, which only its tool can run. */
  readonly up: string | undefined
  readonly down: string | undefined
  /** SHA-256, hexadecimal, of the file's bytes as they lie on disk. */
  readonly fileHash: string
}

/** One migration that the tool ran on a database. */
export interface RanBefore {
  readonly name: string
  /** Null where the tool does not write it down. */
  readonly at: Date | null
  /** The file is not what ran, as far as the tool's checksum tells. */
  readonly isChanged?: boolean
}

/** Where a tool remembers what ran. */
export interface OldTable {
  readonly schema: string
  readonly name: string
}

/** How one tool keeps its migrations and its history. */
export interface OldTool {
  /** Where its migrations usually are. */
  readonly directory: string
  readonly table: OldTable
  /** In the order in which they run. @throws HF_IMPORT_UNREADABLE */
  readonly readFiles: (directory: string) => OldMigration[]
  /** @throws HF_IMPORT_UNFINISHED, HF_IMPORT_UNKNOWN */
  readonly readRan: (
    db: Queryable,
    table: OldTable,
    migrations: readonly OldMigration[],
  ) => Promise<RanBefore[]>
}

/** `20230131120059` as a date; undefined where it is none. */
export function timeOfDigits(digits: string): Date | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{3})?$/.exec(digits)
  if (!match) return undefined
  const [, year, month, day, hour, minute, second, ms = '000'] = match
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`)
  return Number.isNaN(time.getTime()) ? undefined : time
}

/** As {@link OldMigration.fileHash}. */
export const hashOfFile = (path: string): string =>
  createHash('sha256').update(readFileSync(path)).digest('hex')

/** An instant as text that every reader takes: rows may come as JSON. */
export const instantText = (column: string): string =>
  `to_char(${column}::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
