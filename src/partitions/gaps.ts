import type { Layout, Partition } from './layout.ts'
import { freeName, partitionName } from './name.ts'
import { type Every, type Period, periodAfter, periodAt, periodsBetween, type Position } from './period.ts'
import type { Policy } from './policy.ts'

/** In one run; the next makes more. */
const MOST_MADE = 1_000
const MOST_LOOKED_AT = 1_000_000
/** Periods without a partition that are a gap, and not another beginning. */
const LONGEST_GAP = 12

/** With fewer ready, the next period may come before somebody has looked. */
export const FEWEST_AHEAD = 3

/** A partition that is to be made. */
export interface Missing {
  readonly name: string
  readonly period: Period
}

/** What has to be made so that there is no gap from the first partition on, and enough ahead. Pure. */
export function missingPartitions(
  layout: Layout,
  { every, premake, keep }: Pick<Policy, 'every' | 'premake' | 'keep'>,
  now: Position,
  /** Names that are taken in the table's schema, by whatever. */
  names: ReadonlySet<string> = new Set(),
): { readonly missing: readonly Missing[]; readonly notes: readonly string[] } {
  const current = periodAt(every, now)
  const end = periodAfter(every, current, premake).to
  const covered = layout.partitions.filter(({ isDefault }) => !isDefault)
  const notes: string[] = []
  if (layout.partitions.some(({ isDefault, rows }) => isDefault && rows > 0))
    notes.push(
      'it has a default partition, which every new one has to be checked against: rows in it keep new ones from being made',
    )
  const unclear = covered.filter(({ from, to }) => from === null || to === null)
  if (unclear.length > 0)
    notes.push(
      `${unclear.map(({ name }) => name).join(', ')} begins or ends at no place that can be counted from: beside it no gap is filled`,
    )
  const first = startOf(covered, every, current)
  // What retention takes away is no gap.
  const kept = keep === null ? first : periodAfter(every, current, -keep).from
  const start = first > kept ? first : kept
  const taken = new Set([...names, ...layout.partitions.map(({ name }) => name)])
  const missing: Missing[] = []
  for (const period of periodsBetween(every, start, end, MOST_LOOKED_AT))
    for (const piece of uncovered(period, covered)) {
      if (missing.length === MOST_MADE)
        return { missing, notes: [...notes, 'there is more to make: the next run goes on'] }
      const name = freeName(partitionName(layout.name, every, period.from), taken)
      taken.add(name)
      missing.push({ name, period: piece })
    }
  return { missing, notes }
}

/**
 * Where gaps are filled from: the first partition that is not alone. What lies behind a gap of more than a year of months, or as many
 * other periods, was put there for itself, an old row's own partition, say.
 */
function startOf(covered: readonly Partition[], every: Every, current: Period): Position {
  let start = current.from
  const ends = covered.flatMap(({ from, to }) =>
    typeof to === 'bigint' ? [{ from: typeof from === 'bigint' ? from : to, to }] : [],
  )
  for (const { from, to } of ends.toSorted((a, b) => (a.to < b.to ? 1 : -1))) {
    if (from >= start) continue
    if (to < periodAfter(every, periodAt(every, start), -LONGEST_GAP).from) break
    start = from
  }
  return start
}

/** What of a period no partition holds. */
function uncovered(period: Period, partitions: readonly Partition[]): Period[] {
  let pieces: Period[] = [period]
  for (const { from, to } of partitions) {
    if (from === null || to === null) continue
    pieces = pieces.flatMap((piece) => {
      if ((from !== 'open' && from >= piece.to) || (to !== 'open' && to <= piece.from)) return [piece]
      const before = from !== 'open' && from > piece.from ? [{ from: piece.from, to: from }] : []
      const behind = to !== 'open' && to < piece.to ? [{ from: to, to: piece.to }] : []
      return [...before, ...behind]
    })
  }
  return pieces
}

/** How many whole periods behind the current one have their partition, without a gap. */
export function countAhead({ partitions }: Layout, every: Every, now: Position): number {
  const covered = partitions.filter(({ isDefault, isDetaching }) => !isDefault && !isDetaching)
  let period = periodAt(every, now)
  for (let count = 0; count < MOST_MADE; count += 1) {
    period = periodAfter(every, period, 1)
    if (uncovered(period, covered).length > 0) return count
  }
  return MOST_MADE
}
