import { Histogram, percentile } from '../core/index.ts'

const NOTHING = new Histogram().counts

/** What one execution was like. */
export interface Execution {
  readonly durationMs: number
  readonly rowCount: number
  readonly hasFailed: boolean
  /** What the caller named its work. */
  readonly label: string | undefined
}

/** Running totals, and how long things took. */
export class Tally {
  calls = 0
  errors = 0
  rows = 0
  totalMs = 0
  readonly durations = new Histogram()

  add({ durationMs, rowCount, hasFailed }: Execution): void {
    this.calls += 1
    this.rows += rowCount
    if (hasFailed) this.errors += 1
    this.totalMs += durationMs
    this.durations.record(durationMs)
  }

  figures(): TallyFigures {
    const { calls, errors, rows, totalMs } = this
    return {
      calls,
      errors,
      rows,
      totalMs,
      meanMs: calls === 0 ? 0 : totalMs / calls,
      p50Ms: percentile(NOTHING, this.durations.counts, 0.5) ?? 0,
      p99Ms: percentile(NOTHING, this.durations.counts, 0.99) ?? 0,
    }
  }
}

/** A {@link Tally} in numbers. Durations are those that callers saw, waiting included. */
export interface TallyFigures {
  readonly calls: number
  readonly errors: number
  /** Rows returned or changed. */
  readonly rows: number
  readonly totalMs: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const OTHER = '(other)'

/** Tallies by name; what comes when there are enough of them counts as `(other)`. */
export class Tallies {
  readonly #byName = new Map<string, Tally>()
  readonly #limit: number

  /** @param limit how many names are remembered. */
  constructor(limit: number) {
    this.#limit = limit
  }

  of(name: string): Tally {
    const known = this.#byName.get(name)
    if (known) return known
    if (this.#byName.size >= this.#limit && name !== OTHER) return this.of(OTHER)
    const tally = new Tally()
    this.#byName.set(name, tally)
    return tally
  }

  /** The most expensive first. */
  figures(): ({ readonly name: string } & TallyFigures)[] {
    return [...this.#byName]
      .map(([name, tally]) => ({ name, ...tally.figures() }))
      .toSorted((a, b) => b.totalMs - a.totalMs)
  }
}
