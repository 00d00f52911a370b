import {
  findStatementSource,
  readStatementReset,
  readStatementTotals,
  STATEMENT_STEP_MS,
  type StatementMetrics,
  StatementTexts,
  type StatementWindow,
} from '../monitor/index.ts'
import type { Pool } from '../pool/index.ts'

/** `recent`: the last quarter of an hour. `reset`: since the statistics were last reset. */
export type StatementSpan = 'recent' | 'reset'

const RECENT_MS = 15 * 60_000

/** The statements that took the most time, in the API's names. */
export class SlowStatements {
  readonly #pool: Pool
  readonly #metrics: StatementMetrics
  readonly #texts = new StatementTexts()

  constructor(pool: Pool, metrics: StatementMetrics) {
    this.#pool = pool
    this.#metrics = metrics
  }

  async read(span: StatementSpan, limit: number, nowMs: number) {
    const source = await findStatementSource(this.#pool)
    const nothing = { since: null, step_seconds: STATEMENT_STEP_MS / 1_000, total_ms: 0, calls: 0, data: [] }
    if (source.state !== 'collecting')
      return { ...nothing, state: source.state, remedy: { action: source.action, sql: source.sql } }
    const totals = await readStatementTotals(this.#pool, source.schema)
    // The extension was made a moment ago: from here on there is a difference.
    if (!this.#metrics.hasBegun) this.#metrics.record(nowMs, totals)
    const window =
      span === 'recent'
        ? this.#metrics.window(nowMs - RECENT_MS, nowMs, totals)
        : await this.#sinceReset(source.schema, totals)
    const shown = window.statements.slice(0, limit)
    const ids = shown.flatMap(({ id }) => (id === null ? [] : [id]))
    const texts = await this.#texts.read(this.#pool, source.schema, ids)
    const minutes = Math.max((nowMs - window.sinceMs) / 60_000, 1 / 60)
    return {
      state: source.state,
      remedy: null,
      since: Number.isFinite(window.sinceMs) ? new Date(window.sinceMs).toISOString() : null,
      step_seconds: window.stepMs / 1_000,
      total_ms: rounded(window.all.totalMs),
      calls: window.all.calls,
      data: shown.map(({ id, calls, totalMs, rows, trend }) => ({
        id,
        query: id === null ? null : (texts.get(id) ?? null),
        calls,
        calls_per_minute: rounded(calls / minutes),
        mean_ms: rounded(totalMs / Math.max(1, calls)),
        total_ms: rounded(totalMs),
        share_percent: rounded((totalMs / Math.max(window.all.totalMs, Number.EPSILON)) * 100),
        rows_per_call: rounded(rows / Math.max(1, calls)),
        trend_ms: trend.map(rounded),
      })),
    }
  }

  async #sinceReset(
    schema: string,
    totals: Awaited<ReturnType<typeof readStatementTotals>>,
  ): Promise<StatementWindow> {
    const all = [...totals.values()]
    const sum = (of: 'calls' | 'totalMs' | 'rows'): number => all.reduce((total, use) => total + use[of], 0)
    return {
      sinceMs: (await readStatementReset(this.#pool, schema)) ?? Number.NEGATIVE_INFINITY,
      stepMs: STATEMENT_STEP_MS,
      all: { calls: sum('calls'), totalMs: sum('totalMs'), rows: sum('rows') },
      statements: [...totals]
        .map(([id, use]) => ({ id, ...use, trend: [] }))
        .toSorted((a, b) => b.totalMs - a.totalMs),
    }
  }
}

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000
