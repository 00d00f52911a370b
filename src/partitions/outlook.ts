import { missingPartitions } from './gaps.ts'
import type { Layout, Partition } from './layout.ts'
import { type Every, periodAfter, periodAt, type Position } from './period.ts'
import type { Policy } from './policy.ts'
import { expiredPartitions } from './retain.ts'

/** What upkeep is going to do. */
export interface NextAction {
  /** Where the key has to be for it: an instant, or an integer; null for now. */
  readonly at: Position | null
  readonly action: 'make' | 'finish detaching' | 'drain' | Policy['retention']
  readonly partitions: readonly string[]
}

/** How big the next period's partition is going to be. */
export interface Forecast {
  readonly from: Position
  readonly to: Position
  readonly rows: number
  readonly bytes: number
  /** From how many partitions that is drawn. */
  readonly basis: number
}

/** What lies before a table: what will be done, and how it grows. Pure. */
export interface Outlook {
  readonly next: readonly NextAction[]
  /** Null while no partition is complete. */
  readonly forecast: Forecast | null
}

/** @param now where the key is @param kept names of partitions that retention leaves alone */
export function outlookOf(layout: Layout, policy: Policy, now: Position, kept: ReadonlySet<string>): Outlook {
  return {
    next: nextActions(layout, policy, now, kept),
    forecast: forecastOf(layout, policy.every, now),
  }
}

/** From where on, from `now` on, a row finds no partition; null where there is no end, or a default partition takes it. */
export function endOf({ partitions }: Pick<Layout, 'partitions'>, now: Position): Position | null {
  if (partitions.some(({ isDefault }) => isDefault)) return null
  let end = now
  for (const { from, to } of partitions) {
    if (from === null || to === null || (from !== 'open' && from > end)) continue
    if (to === 'open') return null
    if (to > end) end = to
  }
  return end
}

function nextActions(layout: Layout, policy: Policy, now: Position, kept: ReadonlySet<string>): NextAction[] {
  const following = periodAfter(policy.every, periodAt(policy.every, now), 1).from
  const detaching = layout.partitions.filter(({ isDetaching }) => isDetaching).map(({ name }) => name)
  const stray = layout.partitions.filter(({ isDefault, rows }) => isDefault && rows > 0)
  const due = dueAt(layout, policy, now, kept)
  const later = dueAt(layout, policy, following, kept)
  const actions: NextAction[] = [
    { at: null, action: 'finish detaching', partitions: detaching },
    { at: null, action: 'drain', partitions: stray.map(({ name }) => name) },
    { at: null, action: 'make', partitions: due.made },
    { at: null, action: policy.retention, partitions: due.expired },
    { at: following, action: 'make', partitions: later.made.filter((name) => !due.made.includes(name)) },
    {
      at: following,
      action: policy.retention,
      partitions: later.expired.filter((name) => !due.expired.includes(name)),
    },
  ]
  return actions.filter(({ partitions }) => partitions.length > 0)
}

function dueAt(layout: Layout, policy: Policy, now: Position, kept: ReadonlySet<string>) {
  return {
    made: missingPartitions(layout, policy, now).missing.map(({ name }) => name),
    expired: expiredPartitions(layout, policy, now)
      .map(({ name }) => name)
      .filter((name) => !kept.has(name)),
  }
}

/** So many of the last complete partitions tell how a table grows. */
const MOST_BASIS = 6

/** The period behind the current one, by the trend of the last complete ones. Pure. */
export function forecastOf(layout: Layout, every: Every, now: Position): Forecast | null {
  const complete = layout.partitions.filter((one) => isWhole(one, every) && (one.to as Position) <= now)
  const basis = complete.slice(-MOST_BASIS)
  const first = basis[0]
  if (!first) return null
  const next = periodAfter(every, periodAt(every, now), 1)
  // Bigints of today are beyond what is exact as a number: what counts is how far they are apart.
  const place = ({ from }: Pick<Partition, 'from'>): number =>
    Number((from as Position) - (first.from as Position))
  const trend = (figure: 'rows' | 'bytes'): number =>
    Math.max(
      0,
      Math.round(
        trendAt(
          basis.map((one) => [place(one), one[figure]]),
          place(next),
        ),
      ),
    )
  return { ...next, rows: trend('rows'), bytes: trend('bytes'), basis: basis.length }
}

function isWhole({ from, to, isDetaching }: Partition, every: Every): boolean {
  if (typeof from !== 'bigint' || typeof to !== 'bigint' || isDetaching) return false
  const period = periodAt(every, from)
  return period.from === from && period.to === to
}

/** The line through the points by the median of the slopes of all pairs, so that one odd period does not bend it. */
function trendAt(points: readonly (readonly [x: number, y: number])[], at: number): number {
  const slopes = points.flatMap(([x, y], index) =>
    points.slice(index + 1).map(([otherX, otherY]) => (otherY - y) / (otherX - x)),
  )
  const slope = slopes.length === 0 ? 0 : median(slopes)
  return median(points.map(([x, y]) => y - slope * x)) + slope * at
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}
