import type { Clock } from '../../core/index.ts'

/** A batch that takes longer keeps others from its rows for as long. */
const WANTED_MS = 100
const LEAST_ROWS = 200
const MOST_ROWS = 5_000
/** The rate of the last so many batches. */
const REMEMBERED = 20

/** How many rows a batch takes, from how long the last ones took; and how long the rest will take. */
export class CopyPace {
  readonly #clock: Clock
  readonly #batches: { readonly at: number; readonly rows: number }[] = []
  #rows = 1_000

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get rows(): number {
    return this.#rows
  }

  took(rows: number, ms: number): void {
    this.#batches.push({ at: this.#clock.monotonicMs(), rows })
    if (this.#batches.length > REMEMBERED) this.#batches.shift()
    // Not by leaps: one slow moment of the disk is no new pace.
    const wanted = (rows / Math.max(ms, 1)) * WANTED_MS
    this.#rows = Math.round(
      Math.min(MOST_ROWS, Math.max(LEAST_ROWS, Math.min(this.#rows * 2, (this.#rows + wanted) / 2))),
    )
  }

  outlook(rest: number): { perSecond?: number; remainingMs?: number } {
    const [first] = this.#batches
    if (!first || this.#batches.length < 2) return {}
    const rows = this.#batches.slice(1).reduce((sum, one) => sum + one.rows, 0)
    const perSecond = Math.round((rows / Math.max(this.#clock.monotonicMs() - first.at, 1)) * 1_000)
    return perSecond === 0 ? {} : { perSecond, remainingMs: Math.round((rest / perSecond) * 1_000) }
  }
}
