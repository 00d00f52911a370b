import type { Queryable } from '../core/index.ts'

/** What one statement did: since its first run, or within a window. */
export interface StatementTotals {
  readonly calls: number
  readonly totalMs: number
  readonly rows: number
}

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
  readonly stepMs: number
  readonly all: StatementTotals
  readonly statements: readonly StatementUse[]
}

interface Step {
  readonly atMs: number
  readonly uses: ReadonlyMap<string | null, StatementTotals>
  readonly all: StatementTotals
}

export const STATEMENT_STEP_MS = 30_000
const STEPS = 30
/** Statements remembered by name in each step; what the others took is in the step's sum. */
const NAMED_PER_STEP = 200
const NOTHING: StatementTotals = { calls: 0, totalMs: 0, rows: 0 }

/**
 * Running totals by statement of this database. Instance-wide statistics, all of them: a limit would make
 * differences between two readings wrong. Without texts.
 */
export async function readStatementTotals(
  db: Queryable,
  schema: string,
): Promise<Map<string | null, StatementTotals>> {
  const { rows } = await db.query<{ id: string | null; calls: number; totalMs: number; rows: number }>(`
    SELECT queryid::text AS id, sum(calls)::float8 AS calls, sum(total_exec_time)::float8 AS "totalMs", sum(rows)::float8 AS rows
      FROM ${schema}.pg_stat_statements(false)
     WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
     GROUP BY queryid`)
  return new Map(rows.map(({ id, calls, totalMs, rows: count }) => [id, { calls, totalMs, rows: count }]))
}

/** When the statistics were last reset, in milliseconds since 1970; null where the extension does not tell. */
export async function readStatementReset(db: Queryable, schema: string): Promise<number | null> {
  const { rows } = await db.query<{ at: Date | null }>(
    `SELECT stats_reset AS at FROM ${schema}.pg_stat_statements_info`,
  )
  return rows[0]?.at?.getTime() ?? null
}

/** The last quarter of an hour of statements in steps of 30 s, in memory of a bounded size. */
export class StatementMetrics {
  #steps: readonly Step[] = []
  #last: { readonly atMs: number; readonly totals: ReadonlyMap<string | null, StatementTotals> } | undefined

  /** Whether there is anything to take a difference from. */
  get hasBegun(): boolean {
    return this.#last !== undefined
  }

  /** Takes the running totals at `atMs`: what came since the last time is one step. */
  record(atMs: number, totals: ReadonlyMap<string | null, StatementTotals>): void {
    if (this.#last) {
      const step = stepBetween(this.#last.totals, totals, atMs)
      this.#steps = [...this.#steps.slice(1 - STEPS), { ...step, uses: mostExpensive(step.uses) }]
    }
    this.#last = { atMs, totals }
  }

  /** What ran from `fromMs` on, as far back as is known, up to the totals given. */
  window(fromMs: number, atMs: number, totals: ReadonlyMap<string | null, StatementTotals>): StatementWindow {
    const last = this.#last ?? { atMs, totals }
    const known = this.#steps.filter((step) => step.atMs > fromMs)
    const steps = [...known, stepBetween(last.totals, totals, atMs)]
    const ids = new Set(steps.flatMap(({ uses }) => [...uses.keys()]))
    const statements = [...ids].map((id) => ({
      id,
      ...steps.reduce((sum, { uses }) => plus(sum, uses.get(id) ?? NOTHING), NOTHING),
      trend: known.map(({ uses }) => uses.get(id)?.totalMs ?? 0),
    }))
    const oldest = known[0]
    return {
      sinceMs: oldest === undefined ? last.atMs : oldest.atMs - STATEMENT_STEP_MS,
      stepMs: STATEMENT_STEP_MS,
      all: steps.reduce((sum, { all }) => plus(sum, all), NOTHING),
      statements: statements.toSorted((a, b) => b.totalMs - a.totalMs),
    }
  }
}

function stepBetween(
  before: ReadonlyMap<string | null, StatementTotals>,
  after: ReadonlyMap<string | null, StatementTotals>,
  atMs: number,
): Step {
  const uses = new Map<string | null, StatementTotals>()
  let all = NOTHING
  for (const [id, totals] of after) {
    const use = minus(totals, before.get(id) ?? NOTHING)
    if (use.calls === 0) continue
    uses.set(id, use)
    all = plus(all, use)
  }
  return { atMs, uses, all }
}

function mostExpensive(
  uses: ReadonlyMap<string | null, StatementTotals>,
): ReadonlyMap<string | null, StatementTotals> {
  if (uses.size <= NAMED_PER_STEP) return uses
  const sorted = [...uses].toSorted(([, a], [, b]) => b.totalMs - a.totalMs)
  return new Map(sorted.slice(0, NAMED_PER_STEP))
}

function plus(a: StatementTotals, b: StatementTotals): StatementTotals {
  return { calls: a.calls + b.calls, totalMs: a.totalMs + b.totalMs, rows: a.rows + b.rows }
}

/** A count that went back was reset, or the statement was evicted and came back: it began at nothing. */
function minus(now: StatementTotals, before: StatementTotals): StatementTotals {
  if (now.calls < before.calls) return now
  return {
    calls: now.calls - before.calls,
    totalMs: now.totalMs - before.totalMs,
    rows: now.rows - before.rows,
  }
}
