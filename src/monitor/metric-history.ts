/** One resolution of a {@link MetricHistory}: so many steps of so long. */
export interface Resolution {
  readonly stepMs: number
  readonly steps: number
}

const MINUTE_MS = 60_000

/** An hour by five seconds, a day by two minutes, a week by a quarter of an hour; each a step more than asked for. */
export const UP_TO_A_WEEK: readonly Resolution[] = [
  { stepMs: 5_000, steps: 12 * 60 + 1 },
  { stepMs: 2 * MINUTE_MS, steps: 24 * 30 + 1 },
  { stepMs: 15 * MINUTE_MS, steps: 7 * 24 * 4 + 1 },
]

/** A window of a history. `series` has one list per name, all of one length; null where nothing is known. */
export interface MetricWindow<Name extends string> {
  /** Milliseconds since 1970 of the first value. */
  readonly fromMs: number
  readonly stepMs: number
  readonly series: Readonly<Record<Name, readonly (number | null)[]>>
}

/**
 * What the values of one step are made of: the running totals at its begin and at its end.
 * An average or a percentile is thus exact at every resolution: nothing is an average of averages.
 */
export type Derive<Totals> = (before: Totals, after: Totals) => readonly (number | null)[]

/**
 * Values over time at several resolutions, in memory of a fixed size. Fed with running totals; what a step's
 * values are is the difference of the totals at its two ends.
 */
export class MetricHistory<Name extends string, Totals> {
  readonly #names: readonly Name[]
  readonly #derive: Derive<Totals>
  readonly #rings: readonly Ring<Totals>[]

  constructor(names: readonly Name[], resolutions: readonly Resolution[], derive: Derive<Totals>) {
    this.#names = names
    this.#derive = derive
    this.#rings = resolutions.map((resolution) => new Ring(resolution, names.length))
  }

  /** Takes the running totals at `atMs` (milliseconds since 1970). */
  record(atMs: number, totals: Totals): void {
    for (const ring of this.#rings) ring.record(atMs, totals, this.#derive)
  }

  /** Nothing is known from here to the next record. */
  interrupt(): void {
    for (const ring of this.#rings) ring.interrupt()
  }

  /** The values from `fromMs` to `toMs`, at the finest resolution that reaches back so far. */
  window(fromMs: number, toMs: number, nowMs: number): MetricWindow<Name> {
    const reaches = ({ stepMs, steps }: Resolution): boolean => nowMs - stepMs * steps <= fromMs
    const ring = this.#rings.find(({ resolution }) => reaches(resolution)) ?? this.#rings.at(-1)
    if (!ring) throw new TypeError('a history has at least one resolution')
    const { stepMs } = ring.resolution
    const first = Math.floor(fromMs / stepMs)
    const last = Math.min(Math.floor(toMs / stepMs), ring.lastStep)
    const lists = this.#names.map((name, index) => [name, ring.values(index, first, last)] as const)
    return {
      fromMs: first * stepMs,
      stepMs,
      series: Object.fromEntries(lists) as Record<Name, (number | null)[]>,
    }
  }
}

/** One resolution's values, the oldest overwritten. NaN stands for null. */
class Ring<Totals> {
  readonly resolution: Resolution
  /** The last step whose values are known. */
  lastStep = -1
  readonly #width: number
  readonly #values: Float64Array
  #opened: { readonly step: number; readonly totals: Totals } | undefined

  constructor(resolution: Resolution, width: number) {
    this.resolution = resolution
    this.#width = width
    this.#values = new Float64Array(resolution.steps * width).fill(Number.NaN)
  }

  record(atMs: number, totals: Totals, derive: Derive<Totals>): void {
    const step = Math.floor(atMs / this.resolution.stepMs)
    // A machine's clock may be set back: begin anew there.
    if (this.#opened && step < this.#opened.step) this.interrupt()
    if (!this.#opened) {
      this.#opened = { step, totals }
    } else if (step > this.#opened.step) {
      // A difference that spans several steps is true for each of them.
      this.#write(this.#opened.step, step - 1, derive(this.#opened.totals, totals))
      this.#opened = { step, totals }
    }
  }

  interrupt(): void {
    this.#opened = undefined
  }

  values(index: number, first: number, last: number): (number | null)[] {
    const { steps } = this.resolution
    const oldest = this.lastStep - steps
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, offset) => {
      const step = first + offset
      const value = step > oldest ? this.#values[(step % steps) * this.#width + index] : undefined
      return value === undefined || Number.isNaN(value) ? null : value
    })
  }

  #write(first: number, last: number, values: readonly (number | null)[]): void {
    const { steps } = this.resolution
    const unknown = values.map(() => null)
    for (let step = Math.max(this.lastStep + 1, first - steps); step < first; step += 1)
      this.#put(step, unknown)
    for (let step = Math.max(first, last - steps + 1); step <= last; step += 1) this.#put(step, values)
    this.lastStep = last
  }

  #put(step: number, values: readonly (number | null)[]): void {
    const start = (step % this.resolution.steps) * this.#width
    for (const [index, value] of values.entries()) this.#values[start + index] = value ?? Number.NaN
  }
}
