import { type Depth, type Examination, examine } from '../examination.ts'
import { type Bloat, readTableBloat } from '../bloat.ts'
import type { ProcessPicture } from '../collect/process.ts'
import { type CacheStats, readCacheStats } from '../cache-stats.ts'
import { type Category, type CheckContext, DEFAULT_LIMITS, type Finding, type Severity } from '../finding.ts'
import { CHECKS } from '../checks.ts'
import { type Forecast, forecastAsJson, readCapacity } from '../forecast/capacity.ts'
import { indexesOf } from '../indexes.ts'
import { readConnections, readDatabaseSize, readLargestTables, type TableSize } from '../queries.ts'
import { readStatements } from '../statements/reading.ts'
import { totalsByStatement } from '../statements/metrics.ts'
import { findStatementSource } from '../statements/source.ts'
import { StatementTexts } from '../statements/texts.ts'

/** How much of each list a report has. */
const MOST_LISTED = 20
/** Below that bloat is an estimate's error. */
const BLOAT = { leastBytes: 1_024 * 1_024, leastPercent: 20, most: MOST_LISTED }

/** One thing to do. */
export interface Recommendation {
  readonly category: Category
  readonly severity: Severity
  readonly message: string
  /** In words, with the statement that does it. */
  readonly action: string
}

/** Everything that is known of a database, in one piece. */
export interface Report {
  readonly timestamp: string
  /** Null where no pool of this process is looked at. */
  readonly connection_pool: {
    readonly pool_size: number
    readonly max_overflow: number
    readonly checked_out_connections: number
    readonly checked_in_connections: number
    readonly total_connections: number
    readonly waiting_callers: number
    readonly pool_utilization_percent: number
  } | null
  readonly database: {
    readonly name: string
    readonly server_version: string
    readonly address: string | null
    readonly role: 'primary' | 'standby'
    readonly started_at: string
    /** Bytes; null where the role may not ask. */
    readonly database_size: number | null
    readonly active_connections: number
    readonly total_connections: number
    readonly max_connections: number
    readonly connections_by_state: Readonly<Record<string, number>>
    readonly largest_tables: readonly TableSize[]
  }
  readonly cache_hit_ratio: CacheStats
  readonly index_usage: readonly IndexUse[]
  readonly table_bloat: readonly {
    table: string
    bytes: number
    wasted_bytes: number
    wasted_percent: number
  }[]
  /** Of the service's host, not the database's; null where no process is looked at. */
  readonly system_metrics: ProcessPicture | null
  /** Since the statistics were last reset; empty where there are none. */
  readonly slow_queries: readonly SlowQuery[]
  readonly checks: Pick<Examination, 'score' | 'good' | 'findings'>
  /** What reaches its limit when, going by the history; empty where there is too little of it. */
  readonly capacity: readonly ReturnType<typeof forecastAsJson>[]
  /** What to do, worst first. */
  readonly recommendations: readonly Recommendation[]
}

/** One index and how it is used. */
export interface IndexUse {
  readonly index: string
  readonly table: string
  readonly bytes: number
  readonly scans: number
  /** Null before PostgreSQL 16, or never. */
  readonly last_scan_at: string | null
  readonly is_unique: boolean
  readonly is_valid: boolean
}

interface SlowQuery {
  readonly id: string
  readonly query: string | null
  readonly calls: number
  readonly mean_ms: number
  readonly total_ms: number
}

/** Looks at everything. @param process what is known of this process; left out where it is not the service */
export async function makeReport(
  context: CheckContext,
  depth: Depth = {},
  process: ProcessPicture | null = null,
): Promise<Report> {
  const { db, identity, pool, limits = DEFAULT_LIMITS } = context
  const examination = await examine(context, depth)
  const connections = await readConnections(db)
  return {
    timestamp: new Date().toISOString(),
    connection_pool: pool
      ? {
          pool_size: pool.size,
          max_overflow: pool.overflow,
          checked_out_connections: pool.busy,
          checked_in_connections: pool.idle,
          total_connections: pool.total,
          waiting_callers: pool.waiting,
          pool_utilization_percent: round((100 * pool.busy) / (pool.size + pool.overflow)),
        }
      : null,
    database: {
      name: identity.database,
      server_version: identity.version,
      address: identity.address,
      role: identity.isStandby ? 'standby' : 'primary',
      started_at: identity.startedAt.toISOString(),
      database_size: await readDatabaseSize(db),
      active_connections: connections.by_state.active ?? 0,
      total_connections: connections.total,
      max_connections: connections.max,
      connections_by_state: connections.by_state,
      largest_tables: await readLargestTables(db, 10),
    },
    cache_hit_ratio: await readCacheStats(db, limits),
    index_usage: (await readIndexUsage(context)).slice(0, MOST_LISTED),
    table_bloat: (await readTableBloat(db, BLOAT)).map(bloatAsJson),
    system_metrics: process,
    slow_queries: await readSlowest(context),
    checks: { score: examination.score, good: examination.good, findings: examination.findings },
    capacity: (await forecasts(context)).map(forecastAsJson),
    recommendations: examination.findings.map(recommend),
  }
}

const forecasts = async ({ history, limits, clock }: CheckContext): Promise<Forecast[]> =>
  history ? readCapacity(history, { diskBytes: limits?.diskBytes }, clock?.now() ?? Date.now()) : []

/** Every index by size. */
export async function readIndexUsage(context: Pick<CheckContext, 'db' | 'identity'>): Promise<IndexUse[]> {
  const indexes = await indexesOf(context)
  return indexes
    .toSorted((a, b) => b.bytes - a.bytes || a.name.localeCompare(b.name))
    .map(({ name, table, bytes, scans, lastScanAt, isUnique, isUsable }) => ({
      index: name,
      table,
      bytes,
      scans,
      last_scan_at: lastScanAt?.toISOString() ?? null,
      is_unique: isUnique,
      is_valid: isUsable,
    }))
}

export const bloatAsJson = ({ name, bytes, wasted, percent }: Bloat) => ({
  table: name,
  bytes,
  wasted_bytes: Math.round(wasted),
  wasted_percent: percent,
})

const CATEGORIES = new Map(CHECKS.map(({ id, category }) => [id, category]))

function recommend({ check, severity, message, action, sql }: Finding): Recommendation {
  return {
    category: CATEGORIES.get(check) ?? 'configuration',
    severity,
    message,
    action: sql === null ? action : `${action} ${sql}`,
  }
}

async function readSlowest({ db }: CheckContext): Promise<SlowQuery[]> {
  const source = await findStatementSource(db)
  if (source.state !== 'collecting') return []
  const { entries } = await readStatements(db, source)
  const slowest = totalsByStatement(entries.values())
    .flatMap((one) => (one.id === null ? [] : [{ ...one, id: one.id }]))
    .slice(0, 10)
  const texts = await new StatementTexts().read(
    db,
    source.schema,
    slowest.map(({ id }) => id),
  )
  return slowest.map(({ id, calls, totalMs }) => ({
    id,
    query: texts.get(id) ?? null,
    calls,
    mean_ms: round(totalMs / Math.max(1, calls)),
    total_ms: round(totalMs),
  }))
}

const round = (value: number): number => Math.round(value * 100) / 100
