import { type HistogramCounts, percentile } from '../core/index.ts'
import type { Pool, PoolStats } from '../pool/index.ts'
import { MetricHistory, type Resolution, UP_TO_A_WEEK } from './metric-history.ts'

/** What is kept of a pool over time. Counts are means over the step. */
export const POOL_SERIES = [
  'checked_out',
  'checked_in',
  'waiting',
  'statements_per_second',
  'statement_p50_ms',
  'statement_p99_ms',
  'wait_p99_ms',
  'hold_p99_ms',
] as const

export type PoolSeries = (typeof POOL_SERIES)[number]

/** Before that, a quarter of an hour by the second. */
const RESOLUTIONS: readonly Resolution[] = [{ stepMs: 1_000, steps: 15 * 60 + 5 }, ...UP_TO_A_WEEK]

/** Running totals: counts of connections as milliseconds that they were so, summed. */
interface PoolTotals {
  readonly atMs: number
  readonly busyMs: number
  readonly idleMs: number
  readonly waitingMs: number
  readonly statements: HistogramCounts
  readonly statementTotal: number
  readonly waits: HistogramCounts
  readonly holds: HistogramCounts
}

/** Samples one pool and remembers: the last second in numbers, and a week in ever coarser steps. */
export class PoolMetrics {
  readonly history = new MetricHistory<PoolSeries, PoolTotals>(POOL_SERIES, RESOLUTIONS, derive)
  readonly #pool: Pool
  #last: PoolTotals | undefined

  constructor(pool: Pool) {
    this.#pool = pool
  }

  /**
   * Takes a sample.
   * @param atMs monotonic milliseconds. @param nowMs milliseconds since 1970.
   * @returns what the pool is, and its series since the sample before; null before there are two.
   */
  sample(atMs: number, nowMs: number): { stats: PoolStats; series: Record<PoolSeries, number | null> } {
    const stats = this.#pool.stats()
    const { waits, holds, statements } = this.#pool.timings
    const last = this.#last
    const elapsedMs = last === undefined ? 0 : atMs - last.atMs
    const totals: PoolTotals = {
      atMs,
      busyMs: (last?.busyMs ?? 0) + stats.busy * elapsedMs,
      idleMs: (last?.idleMs ?? 0) + stats.idle * elapsedMs,
      waitingMs: (last?.waitingMs ?? 0) + stats.waiting * elapsedMs,
      statements: statements.copy(),
      statementTotal: statements.total,
      waits: waits.copy(),
      holds: holds.copy(),
    }
    this.#last = totals
    this.history.record(nowMs, totals)
    const values = last && elapsedMs > 0 ? derive(last, totals) : []
    return {
      stats,
      series: Object.fromEntries(POOL_SERIES.map((name, index) => [name, values[index] ?? null])) as Record<
        PoolSeries,
        number | null
      >,
    }
  }
}

/** In the order of {@link POOL_SERIES}. */
function derive(before: PoolTotals, after: PoolTotals): (number | null)[] {
  const elapsedMs = Math.max(1, after.atMs - before.atMs)
  const mean = (sum: (totals: PoolTotals) => number): number =>
    rounded((sum(after) - sum(before)) / elapsedMs, 100)
  return [
    mean(({ busyMs }) => busyMs),
    mean(({ idleMs }) => idleMs),
    mean(({ waitingMs }) => waitingMs),
    rounded(((after.statementTotal - before.statementTotal) / elapsedMs) * 1_000, 100),
    percentile(before.statements, after.statements, 0.5),
    percentile(before.statements, after.statements, 0.99),
    percentile(before.waits, after.waits, 0.99),
    percentile(before.holds, after.holds, 0.99),
  ]
}

const rounded = (value: number, parts: number): number => Math.round(value * parts) / parts
