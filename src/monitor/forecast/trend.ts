/** A value at a moment, in days since some moment. */
export interface Point {
  readonly day: number
  readonly value: number
}

/** A line through points, and how wrong such lines were. */
export interface Trend {
  /** The value now, as the line has it. */
  readonly level: number
  /** Growth in a day. */
  readonly perDay: number
  /** What a day's growth turned out to be in eight of ten cases, had one asked before: least and most. */
  readonly perDayRange: readonly [least: number, most: number]
  /** How often that was tried. */
  readonly backtests: number
}

/** With fewer there is no telling. */
const LEAST_POINTS = 8
/** More say little more, and cost their square. */
const MOST_POINTS = 60
/** Of what was tried, this share lies outside on each side. */
const TAIL = 0.1

/**
 * The trend of a series, the oldest first: a line through the median of all slopes (Theil and Sen), which a third of outliers does not
 * move. Its interval is what it would have been worth: from each point in the second half it is asked for all that followed.
 *
 * @returns undefined where there are too few points
 */
export function trendOf(series: readonly Point[]): Trend | undefined {
  const points = thinned(series.filter(({ value }) => Number.isFinite(value)))
  const last = points.at(-1)
  if (points.length < LEAST_POINTS || !last) return undefined
  const { perDay, at } = lineThrough(points)
  const errors = backtest(points)
  if (errors.length === 0) return undefined
  return {
    level: at(last.day),
    perDay,
    // Where all were wrong in one direction, the line itself is the other end.
    perDayRange: [
      perDay + Math.min(0, quantile(errors, TAIL)),
      perDay + Math.max(0, quantile(errors, 1 - TAIL)),
    ],
    backtests: errors.length,
  }
}

/** What growth in a day was really, less what the line before said; for each that could have asked. */
function backtest(points: readonly Point[]): number[] {
  const errors: number[] = []
  for (let known = Math.ceil(points.length / 2); known < points.length; known += 1) {
    const { at } = lineThrough(points.slice(0, known))
    const from = points[known - 1] as Point
    for (const to of points.slice(known)) {
      const days = to.day - from.day
      if (days > 0) errors.push((to.value - at(to.day)) / days)
    }
  }
  return errors.toSorted((a, b) => a - b)
}

function lineThrough(points: readonly Point[]): { perDay: number; at: (day: number) => number } {
  const slopes: number[] = []
  for (const [index, one] of points.entries())
    for (const other of points.slice(index + 1))
      if (other.day > one.day) slopes.push((other.value - one.value) / (other.day - one.day))
  const perDay = median(slopes)
  const begin = median(points.map(({ day, value }) => value - perDay * day))
  return { perDay, at: (day) => begin + perDay * day }
}

/** Evenly, the last one always kept. */
function thinned(points: readonly Point[]): readonly Point[] {
  const every = Math.ceil(points.length / MOST_POINTS)
  return every <= 1 ? points : points.filter((_, index) => (points.length - 1 - index) % every === 0)
}

const median = (values: readonly number[]): number =>
  quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  )

/** @param sorted rising */
function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share
  const [low, high] = [sorted[Math.floor(place)] ?? 0, sorted[Math.ceil(place)] ?? 0]
  return low + (high - low) * (place - Math.floor(place))
}
