import { inOneLine, type Queryable } from '../core/index.ts'
import type { Pool } from '../pool/index.ts'
import {
  findStatementSource,
  readingBusy,
  STATEMENT_STEP_MS,
  type StatementFeed,
  type StatementMetrics,
  type StatementReading,
  type StatementWindow,
  sortedBy,
  type StatementOrder,
  sumOfStatements,
  totalsAsJson,
  totalsByStatement,
} from '../monitor/index.ts'

/** `recent`: the last quarter of an hour. `reset`: since the statistics were last reset. */
export type StatementSpan = 'recent' | 'reset'

const RECENT_MS = 15 * 60_000
const STEP_SECONDS = STATEMENT_STEP_MS / 1_000

/** The statements that took the most time, in the API's names. */
export class SlowStatements {
  readonly #db: Queryable
  readonly #metrics: StatementMetrics
  readonly #feed: StatementFeed
  readonly #pools: readonly Pool[]

  /** @param pools of this process: only they know which code a statement comes from */
  constructor(db: Queryable, feed: StatementFeed, metrics: StatementMetrics, pools: readonly Pool[]) {
    this.#db = db
    this.#pools = pools
    this.#feed = feed
    this.#metrics = metrics
  }

  /** By the text of the statement in one line. */
  #callSites(): Map<string, string> {
    const known = this.#pools.flatMap((pool) => pool.statements())
    return new Map(
      known.flatMap(({ text, callSite }) => (callSite === null ? [] : [[inOneLine(text), callSite]])),
    )
  }

  async read(span: StatementSpan, order: StatementOrder, limit: number, nowMs: number) {
    const source = await findStatementSource(this.#db)
    const nothing = { since: null, step_seconds: STEP_SECONDS, total_ms: 0, calls: 0, data: [] }
    if (source.state !== 'collecting')
      return { ...nothing, state: source.state, remedy: { action: source.action, sql: source.sql } }
    const fed = await this.#feed.read(0)
    if (!fed) throw readingBusy('the statistics went away while they were looked for')
    const { reading } = fed
    // The extension was made a moment ago: from here on there is a difference.
    if (!this.#metrics.hasBegun) this.#metrics.record(nowMs, reading)
    const window =
      span === 'recent' ? this.#metrics.window(nowMs - RECENT_MS, nowMs, reading) : sinceReset(reading)
    const shown = sortedBy(order, window.statements).slice(0, limit)
    const ids = shown.flatMap(({ id }) => (id === null ? [] : [id]))
    const texts = await this.#feed.readTexts(fed, ids)
    const callSites = this.#callSites()
    const minutes = Math.max((nowMs - window.sinceMs) / 60_000, 1 / 60)
    return {
      state: source.state,
      remedy: null,
      since: Number.isFinite(window.sinceMs) ? new Date(window.sinceMs).toISOString() : null,
      step_seconds: STEP_SECONDS,
      total_ms: rounded(window.all.totalMs),
      calls: window.all.calls,
      data: shown.map(({ id, trend, ...totals }) => ({
        id,
        query: id === null ? null : (texts.get(id) ?? null),
        call_site: callSites.get(inOneLine(texts.get(id ?? '') ?? '')) ?? null,
        ...totalsAsJson(totals, window.all.totalMs),
        calls_per_minute: rounded(totals.calls / minutes),
        trend_ms: trend.map(rounded),
      })),
    }
  }
}

function sinceReset({ resetAtMs, entries }: StatementReading): StatementWindow {
  const statements = totalsByStatement(entries.values())
  return {
    sinceMs: resetAtMs ?? Number.NEGATIVE_INFINITY,
    all: sumOfStatements(statements),
    statements: statements.map((use) => ({ ...use, trend: [] })),
  }
}

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000
