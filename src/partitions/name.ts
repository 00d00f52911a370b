import { createHash } from 'node:crypto'
import type { Every, Position } from './period.ts'

/** PostgreSQL cuts off longer names, silently. */
const LONGEST_BYTES = 63
const HASH_DIGITS = 8

/**
 * Name of a partition: the table's and where it begins, `activity_logs_2026_11`. Where that is too long, the table's
 * part is cut and a hash of it added, so that two tables do not get the same.
 */
export function partitionName(table: string, every: Every, from: Position): string {
  return shortened(table, suffixOf(every, from))
}

/** A name with an end of its own, within what PostgreSQL takes. */
export function shortened(table: string, suffix: string): string {
  const whole = `${table}_${suffix}`
  if (Buffer.byteLength(whole) <= LONGEST_BYTES) return whole
  const hash = createHash('sha256').update(table).digest('hex').slice(0, HASH_DIGITS)
  const end = `_${hash}_${suffix}`
  let head = table
  while (Buffer.byteLength(head + end) > LONGEST_BYTES) head = [...head].slice(0, -1).join('')
  return head + end
}

function suffixOf(every: Every, from: Position): string {
  if (typeof every === 'bigint') return from < 0n ? `m${-from}` : String(from)
  const parts = /^([+-]?\d+)-(\d\d)-(\d\d)T(\d\d)/.exec(new Date(Number(from)).toISOString())?.slice(1) ?? []
  const kept = { year: 1, month: 2, day: 3, hour: 4 }[every]
  return parts.slice(0, kept).join('_').replaceAll(/[+-]/g, '')
}

/** Two pieces of one period are told apart by a number. */
export function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let count = 2, free = name; ; count += 1) {
    if (!taken.has(free)) return free
    free = shortened(name, String(count))
  }
}
