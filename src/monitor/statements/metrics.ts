import {
  growthOf,
  NOTHING,
  plus,
  type StatementEntry,
  type StatementReading,
  type StatementTotals,
  sumOfStatements,
} from './reading.ts'

/** One statement within a window. */
export interface StatementUse extends StatementTotals {
  /** PostgreSQL's queryid; null stands for all that this role may not tell apart. */
  readonly id: string | null
  /** Milliseconds in each whole step of the window, the oldest first. */
  readonly trend: readonly number[]
}

/** What statements did within a window, the most expensive first. */
export interface StatementWindow {
  readonly sinceMs: number
  readonly all: StatementTotals
  readonly statements: readonly StatementUse[]
}

interface Recorded {
  readonly atMs: number
  readonly reading: StatementReading
}

interface Step {
  readonly fromMs: number
  readonly atMs: number
  readonly uses: ReadonlyMap<string | null, StatementTotals>
  readonly all: StatementTotals
}

export const STATEMENT_STEP_MS = 30_000
const STEPS = 30
/** Statements remembered by name in each step; what the others took is in the step's sum. */
const NAMED_PER_STEP = 200

/** The entries of each statement added up, the most expensive first. */
export function totalsByStatement(
  entries: Iterable<StatementEntry>,
): (StatementTotals & { readonly id: string | null })[] {
  const sums = new Map<string | null, StatementTotals>()
  for (const entry of entries) sums.set(entry.id, plus(sums.get(entry.id) ?? NOTHING, entry))
  return [...sums].map(([id, sum]) => ({ id, ...sum })).toSorted((one, other) => other.totalMs - one.totalMs)
}

/** By what statements are put in order: the greatest first. */
export const STATEMENT_ORDERS = ['time', 'calls', 'mean', 'rows', 'reads', 'temp', 'wal', 'io'] as const
export type StatementOrder = (typeof STATEMENT_ORDERS)[number]

const WEIGHTS: Readonly<Record<StatementOrder, (use: StatementTotals) => number>> = {
  time: ({ totalMs }) => totalMs,
  calls: ({ calls }) => calls,
  mean: ({ totalMs, calls }) => totalMs / Math.max(1, calls),
  rows: ({ rows }) => rows,
  reads: ({ blocksRead }) => blocksRead,
  temp: ({ tempBlocks }) => tempBlocks,
  wal: ({ walBytes }) => walBytes,
  io: ({ ioMs }) => ioMs,
}

export function sortedBy<Use extends StatementTotals>(order: StatementOrder, uses: readonly Use[]): Use[] {
  const weight = WEIGHTS[order]
  return uses.toSorted((a, b) => weight(b) - weight(a))
}

/** The last quarter of an hour of statements in steps of 30 s, in memory of a bounded size. */
export class StatementMetrics {
  #steps: readonly Step[] = []
  #last: Recorded | undefined

  /** Whether there is anything to take a difference from. */
  get hasBegun(): boolean {
    return this.#last !== undefined
  }

  /** Takes the running totals at `atMs`: what came since the last time is one step. */
  record(atMs: number, reading: StatementReading): void {
    if (this.#last) {
      const step = stepBetween(this.#last, { atMs, reading })
      this.#steps = [...this.#steps.slice(1 - STEPS), { ...step, uses: mostExpensive(step.uses) }]
    }
    this.#last = { atMs, reading }
  }

  /** What ran from `fromMs` on, as far back as is known, up to the reading given. */
  window(fromMs: number, atMs: number, reading: StatementReading): StatementWindow {
    const last = this.#last ?? { atMs, reading }
    const known = this.#steps.filter((step) => step.atMs > fromMs)
    const steps = [...known, stepBetween(last, { atMs, reading })]
    const ids = new Set(steps.flatMap(({ uses }) => [...uses.keys()]))
    const statements = [...ids].map((id) => ({
      id,
      ...steps.reduce((sum, { uses }) => plus(sum, uses.get(id) ?? NOTHING), NOTHING),
      trend: known.map(({ uses }) => uses.get(id)?.totalMs ?? 0),
    }))
    return {
      sinceMs: known[0]?.fromMs ?? last.atMs,
      all: steps.reduce((sum, { all }) => plus(sum, all), NOTHING),
      statements: statements.toSorted((a, b) => b.totalMs - a.totalMs),
    }
  }
}

function stepBetween(before: Recorded, after: Recorded): Step {
  const uses = growthOf(before.reading, after.reading)
  const all = sumOfStatements(uses.values())
  return { fromMs: before.atMs, atMs: after.atMs, uses, all }
}

function mostExpensive(
  uses: ReadonlyMap<string | null, StatementTotals>,
): ReadonlyMap<string | null, StatementTotals> {
  if (uses.size <= NAMED_PER_STEP) return uses
  const sorted = [...uses].toSorted(([, a], [, b]) => b.totalMs - a.totalMs)
  return new Map(sorted.slice(0, NAMED_PER_STEP))
}
