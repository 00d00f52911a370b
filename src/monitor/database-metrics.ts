import { MetricHistory, UP_TO_A_WEEK } from './metric-history.ts'
import type { Counters } from './queries.ts'

/** What is kept of a database over time. */
export const DATABASE_SERIES = [
  'connections_active',
  'connections_idle_in_transaction',
  'connections_idle',
  'connections_other',
  'transactions_per_second',
  'rollbacks_per_second',
  'rows_per_second',
  'cache_hit_percent',
] as const

export type DatabaseSeries = (typeof DATABASE_SERIES)[number]

/** What one look at the database found. */
export interface DatabaseSample {
  readonly counters: Counters
  readonly connectionsByState: Readonly<Record<string, number>>
}

/** Running totals: counts of connections as milliseconds that they were so, summed. */
interface DatabaseTotals {
  readonly atMs: number
  readonly stateMs: readonly [active: number, idleInTransaction: number, idle: number, other: number]
  readonly counters: Counters
}

/** Remembers samples of one database: a week in ever coarser steps. */
export class DatabaseMetrics {
  readonly history = new MetricHistory<DatabaseSeries, DatabaseTotals>(DATABASE_SERIES, UP_TO_A_WEEK, derive)
  #last: DatabaseTotals | undefined

  /**
   * Takes a sample.
   * @param atMs monotonic milliseconds. @param nowMs milliseconds since 1970.
   * @returns the series since the sample before; null before there are two.
   */
  record(sample: DatabaseSample, atMs: number, nowMs: number): Record<DatabaseSeries, number | null> {
    const last = this.#last
    const elapsedMs = last === undefined ? 0 : atMs - last.atMs
    const states = groupStates(sample.connectionsByState)
    const sum = (index: 0 | 1 | 2 | 3): number => (last?.stateMs[index] ?? 0) + states[index] * elapsedMs
    const totals: DatabaseTotals = {
      atMs,
      stateMs: [sum(0), sum(1), sum(2), sum(3)],
      counters: sample.counters,
    }
    this.#last = totals
    this.history.record(nowMs, totals)
    const values = last && elapsedMs > 0 ? derive(last, totals) : states
    return Object.fromEntries(DATABASE_SERIES.map((name, index) => [name, values[index] ?? null])) as Record<
      DatabaseSeries,
      number | null
    >
  }

  /** The database could not be asked: nothing is known until the next sample. */
  interrupt(): void {
    this.#last = undefined
    this.history.interrupt()
  }
}

/** pg_stat_activity's states in four: both kinds of idle in transaction are one. */
function groupStates(byState: Readonly<Record<string, number>>): [number, number, number, number] {
  const active = byState.active ?? 0
  const inTransaction =
    (byState['idle in transaction'] ?? 0) + (byState['idle in transaction (aborted)'] ?? 0)
  const idle = byState.idle ?? 0
  const all = Object.values(byState).reduce((sum, count) => sum + count, 0)
  return [active, inTransaction, idle, all - active - inTransaction - idle]
}

/** In the order of {@link DATABASE_SERIES}. A counter that went back was reset: its rate is not known. */
function derive(before: DatabaseTotals, after: DatabaseTotals): (number | null)[] {
  const elapsedMs = Math.max(1, after.atMs - before.atMs)
  const grown = (name: 'commits' | 'rollbacks' | 'rows' | 'blocksHit' | 'blocksRead'): number | null => {
    const growth = after.counters[name] - before.counters[name]
    return growth < 0 ? null : growth
  }
  const rate = (growth: number | null): number | null =>
    growth === null ? null : Math.round((growth / elapsedMs) * 10_000) / 10
  const mean = (index: 0 | 1 | 2 | 3): number =>
    Math.round(((after.stateMs[index] - before.stateMs[index]) / elapsedMs) * 100) / 100
  const [commits, rollbacks] = [grown('commits'), grown('rollbacks')]
  const [hit, read] = [grown('blocksHit'), grown('blocksRead')]
  return [
    mean(0),
    mean(1),
    mean(2),
    mean(3),
    rate(commits === null || rollbacks === null ? null : commits + rollbacks),
    rate(rollbacks),
    rate(grown('rows')),
    hit === null || read === null || hit + read === 0
      ? null
      : Math.round((hit / (hit + read)) * 10_000) / 100,
  ]
}
