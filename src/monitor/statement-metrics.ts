import { type Queryable, SQLSTATE, sqlstateOf } from '../core/index.ts'

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
  readonly all: StatementTotals
  readonly statements: readonly StatementUse[]
}

/** Running totals at one moment, by entry: one statement has one for each user, and for being nested or not. */
export interface StatementReading {
  /** When the statistics were last reset, in milliseconds since 1970; null where the extension does not tell. */
  readonly resetAtMs: number | null
  readonly entries: ReadonlyMap<string, StatementEntry>
}

/** One row of pg_stat_statements. */
export interface StatementEntry extends StatementTotals {
  /** PostgreSQL's queryid; null where this role may not know. */
  readonly id: string | null
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
const NOTHING: StatementTotals = { calls: 0, totalMs: 0, rows: 0 }

/**
 * Running totals of this database's statements, all of them: a limit would make differences between two readings
 * wrong. Without texts, which lie in a file whose reading is the real cost.
 */
export async function readStatements(db: Queryable, schema: string): Promise<StatementReading> {
  const resetAtMs = await readReset(db, schema)
  const { rows } = await db.query<
    { key: string; id: string | null } & Record<keyof StatementTotals, number>
  >(`
    SELECT concat_ws('/', coalesce(queryid::text, '?'), userid, to_jsonb(s) ->> 'toplevel') AS key,
           max(queryid::text) AS id, sum(calls)::float8 AS calls, sum(total_exec_time)::float8 AS "totalMs",
           sum(rows)::float8 AS rows
      FROM ${schema}.pg_stat_statements(false) s
     WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
     GROUP BY key`)
  return { resetAtMs, entries: new Map(rows.map(({ key, ...entry }) => [key, entry])) }
}

async function readReset(db: Queryable, schema: string): Promise<number | null> {
  try {
    const { rows } = await db.query<{ at: Date | null }>(
      `SELECT stats_reset AS at FROM ${schema}.pg_stat_statements_info`,
    )
    return rows[0]?.at?.getTime() ?? null
  } catch (error) {
    if (sqlstateOf(error) === SQLSTATE.undefinedTable) return null // it came with version 1.9
    throw error
  }
}

/** The entries of each statement added up, the most expensive first. */
export function totalsByStatement(
  entries: Iterable<StatementEntry>,
): (StatementTotals & { readonly id: string | null })[] {
  const sums = new Map<string | null, StatementTotals>()
  for (const entry of entries) sums.set(entry.id, plus(sums.get(entry.id) ?? NOTHING, entry))
  return [...sums].map(([id, sum]) => ({ id, ...sum })).toSorted((one, other) => other.totalMs - one.totalMs)
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
  const uses = new Map<string | null, StatementTotals>()
  const wasReset = after.reading.resetAtMs !== before.reading.resetAtMs
  let all = NOTHING
  for (const [key, entry] of after.reading.entries) {
    const use = grownBy(entry, wasReset ? undefined : before.reading.entries.get(key))
    if (use.calls === 0) continue
    uses.set(entry.id, plus(uses.get(entry.id) ?? NOTHING, use))
    all = plus(all, use)
  }
  return { fromMs: before.atMs, atMs: after.atMs, uses, all }
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

/**
 * An entry that went back was evicted or reset, and came back: it began at nothing. What this role may not tell
 * apart is many entries in one, of which some may have gone: how much the others grew is not known then.
 */
function grownBy(now: StatementEntry, before: StatementTotals | undefined): StatementTotals {
  if (!before) return now
  const hasGoneBack = now.calls < before.calls || now.totalMs < before.totalMs || now.rows < before.rows
  if (hasGoneBack) return now.id === null ? NOTHING : now
  return {
    calls: now.calls - before.calls,
    totalMs: now.totalMs - before.totalMs,
    rows: now.rows - before.rows,
  }
}
