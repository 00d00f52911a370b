/** Eight buckets for each doubling: a value is told within an eighth, 12.5%. */
const BUCKETS_PER_DOUBLING_BITS = 3
const PER_DOUBLING = 1 << BUCKETS_PER_DOUBLING_BITS
/** From 1 microsecond to 2^31 of them, 36 minutes; what is longer counts as that. */
const LONGEST_US = 0x7f_ff_ff_ff
const BUCKETS = (31 - BUCKETS_PER_DOUBLING_BITS + 1) * PER_DOUBLING

/** How many durations fell into each bucket; what {@link Histogram} keeps. */
export type HistogramCounts = Float64Array

/**
 * Durations in buckets of constant relative width (the log-linear layout of HdrHistogram). Recording is a few
 * machine instructions and keeps nothing per value. Counts only grow: the difference of two copies is what
 * happened between them.
 */
export class Histogram {
  readonly counts: HistogramCounts = new Float64Array(BUCKETS)
  #total = 0

  /** How many durations were recorded. */
  get total(): number {
    return this.#total
  }

  record(durationMs: number): void {
    this.#total += 1
    const index = bucketOf(durationMs)
    this.counts[index] = (this.counts[index] as number) + 1
  }

  /** The counts as they are now; later recordings leave the copy alone. */
  copy(): HistogramCounts {
    return this.counts.slice()
  }
}

/**
 * The duration in milliseconds that a share of what was recorded between two copies did not exceed; null when
 * nothing was.
 *
 * @param share 0.5 for the median, 0.99 for p99.
 */
export function percentile(before: HistogramCounts, after: HistogramCounts, share: number): number | null {
  let total = 0
  for (let index = 0; index < BUCKETS; index += 1)
    total += (after[index] as number) - (before[index] as number)
  if (total <= 0) return null
  let rest = Math.max(1, Math.ceil(total * share))
  for (let index = 0; index < BUCKETS; index += 1) {
    rest -= (after[index] as number) - (before[index] as number)
    if (rest <= 0) return middleOf(index)
  }
  return middleOf(BUCKETS - 1)
}

/**
 * How many durations were at most as long as each bound, as near as the buckets tell (12.5%).
 * @param boundsMs ascending
 */
export function cumulativeCounts(counts: HistogramCounts, boundsMs: readonly number[]): number[] {
  let index = 0
  let sum = 0
  return boundsMs.map((bound) => {
    for (; index < BUCKETS && middleOf(index) <= bound; index += 1) sum += counts[index] as number
    return sum
  })
}

/** All durations together, in milliseconds, as near as the buckets tell. */
export function sumOf(counts: HistogramCounts): number {
  let sum = 0
  for (let index = 0; index < BUCKETS; index += 1) sum += (counts[index] as number) * middleOf(index)
  return sum
}

function bucketOf(durationMs: number): number {
  const us = Math.min(Math.max(Math.round(durationMs * 1_000), 0), LONGEST_US)
  if (us < PER_DOUBLING) return us
  const doubling = 31 - Math.clz32(us)
  const within = (us >>> (doubling - BUCKETS_PER_DOUBLING_BITS)) & (PER_DOUBLING - 1)
  return (doubling - BUCKETS_PER_DOUBLING_BITS + 1) * PER_DOUBLING + within
}

/** The middle of a bucket, in milliseconds. */
function middleOf(index: number): number {
  if (index < PER_DOUBLING) return index / 1_000
  const width = 2 ** (Math.floor(index / PER_DOUBLING) - 1)
  const lowest = (PER_DOUBLING + (index % PER_DOUBLING)) * width
  return (lowest + (width - 1) / 2) / 1_000
}
