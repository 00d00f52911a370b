/** How long the partitions of a table are: a part of the calendar in UTC, or so many of a whole number. */
export type Every = 'hour' | 'day' | 'month' | 'year' | bigint

/**
 * A place on a partition key: of time keys the milliseconds since 1970 in UTC, of integer keys the integer itself.
 */
export type Position = bigint

/** What one partition holds: from the first, up to and without the second. */
export interface Period {
  readonly from: Position
  readonly to: Position
}

const CALENDAR = ['hour', 'day', 'month', 'year'] as const

/** Reads `month`, `day`, `hour`, `year`, or a whole number from 1; undefined for anything else. */
export function parseEvery(text: string): Every | undefined {
  const unit = CALENDAR.find((one) => one === text)
  if (unit) return unit
  return /^[1-9]\d{0,18}$/.test(text) ? BigInt(text) : undefined
}

/** The period that holds a position. */
export function periodAt(every: Every, at: Position): Period {
  if (typeof every === 'bigint') {
    const from = at - positiveRest(at, every)
    return { from, to: from + every }
  }
  const from = startOf(every, at)
  return { from, to: shifted(every, from, 1) }
}

/** The period so many after (or before) another. */
export function periodAfter(every: Every, { from }: Period, count: number): Period {
  if (typeof every === 'bigint') {
    const start = from + every * BigInt(count)
    return { from: start, to: start + every }
  }
  return { from: shifted(every, from, count), to: shifted(every, from, count + 1) }
}

/** The periods that cover all from one position up to another, in order. Refuses to count for ever. */
export function periodsBetween(every: Every, from: Position, to: Position, most: number): Period[] {
  const periods: Period[] = []
  for (let period = periodAt(every, from); period.from < to; period = periodAfter(every, period, 1)) {
    if (periods.length === most) return periods
    periods.push(period)
  }
  return periods
}

const LENGTH_MS = { hour: 3_600_000n, day: 86_400_000n } as const

/** UTC knows no summer time: hours and days have one length, months and years have not. */
function startOf(unit: (typeof CALENDAR)[number], at: Position): Position {
  if (unit === 'hour' || unit === 'day') return at - positiveRest(at, LENGTH_MS[unit])
  const date = new Date(Number(at))
  return monthStart(date.getUTCFullYear(), unit === 'month' ? date.getUTCMonth() : 0)
}

function shifted(unit: (typeof CALENDAR)[number], from: Position, count: number): Position {
  if (unit === 'hour' || unit === 'day') return from + LENGTH_MS[unit] * BigInt(count)
  const date = new Date(Number(from))
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  return unit === 'year' ? monthStart(year + count, 0) : monthStart(year, month + count)
}

/** Months may be below 0 or above 11. Date.UTC would take years below 100 for those of the last century. */
function monthStart(year: number, month: number): Position {
  return BigInt(new Date(0).setUTCFullYear(year, month, 1))
}

function positiveRest(value: bigint, by: bigint): bigint {
  return ((value % by) + by) % by
}
