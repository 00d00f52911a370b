/**
 * What the database is and how it does: the numbers behind the API, the checks of `holdfast doctor`, and a history of what was seen.
 * Looking reads only and waits for no lock; what changes something (`optimize`, `signalSession`, `resetStatements`) says so.
 */
export { explanationAsJson, sessionAsJson, storyAsJson, totalsAsJson } from './as-json.ts'
export { linesOf, type LockLine, type LockNode, readLockTree } from './activity/lock-tree.ts'
export { readSessions, type SessionPicture } from './activity/sessions.ts'
export { type SessionSignal, signalSession, type SignalTarget } from './activity/signal.ts'
export {
  Collector,
  type CollectorInput,
  type CollectorStatus,
  type Seen,
  type Skipped,
} from './collect/collector.ts'
export {
  METRICS,
  type MetricMeaning,
  type MetricName,
  PROCESS_METRICS,
  type ProcessMetricName,
} from './collect/metrics.ts'
export { type BackupTrace, readBackupTrace } from './backups.ts'
export { CHECKS } from './checks.ts'
export { Checkup } from './checkup.ts'
export { type ProcessPicture, ProcessWatch } from './collect/process.ts'
export {
  DATABASE_SERIES,
  DatabaseMetrics,
  type DatabaseSample,
  type DatabaseSeries,
} from './database-metrics.ts'
export { type ExplainInput, type Explanation, explain } from './explain/explain.ts'
export type { PlanNode } from './explain/plan.ts'
export { type Depth, type Examination, examine, scoreOf } from './examination.ts'
export { readingBusy } from './errors.ts'
export { type Middle, ratesBetween, readMiddle, readNow, type Values } from './collect/readings.ts'
export {
  CAPACITIES,
  type Forecast,
  type ForecastMetric,
  forecastAsJson,
  forecastInWords,
  forecastOf,
  readCapacity,
} from './forecast/capacity.ts'
export { type Point, type Trend, trendOf } from './forecast/trend.ts'
export { type Digest, digestAsJson, digestInWords, makeDigest, periodsUpTo } from './digest/digest.ts'
export { type Period, PERIODS, TASKS } from './digest/tasks.ts'
export { type Frame, type FrameKind, OTHERS } from './history/frame.ts'
export { readWindow } from './history/window.ts'
export {
  findHistory,
  HistoryStore,
  type KeptAt,
  type Level,
  levelFor,
  LEVELS,
  readHistorySize,
  readSource,
} from './history/store.ts'
export {
  type Category,
  type Check,
  type CheckContext,
  type Confidence,
  DEFAULT_LIMITS,
  type Finding,
  type Found,
  type Limits,
  type Severity,
} from './finding.ts'
export { MetricHistory, type MetricWindow, type Resolution } from './metric-history.ts'
export { limitsFrom, MONITOR_OPTIONS, type MonitorOptions } from './options.ts'
export {
  optimize,
  type OptimizeOptions,
  type OptimizeOutcome,
  type OptimizeProgress,
  type OptimizeStep,
  planOptimize,
} from './optimize/optimize.ts'
export { POOL_SERIES, PoolMetrics, type PoolSeries } from './pool-metrics.ts'
export {
  type Counters,
  type Hidden,
  readConnections,
  readCounters,
  readDatabaseSize,
  readHidden,
  readIdentity,
  readLargestTables,
  readReadiness,
  type ServerIdentity,
  type TableSize,
} from './queries.ts'
export { Reader } from './reader.ts'
export { readHeld, resolveTables } from './relations.ts'
export { readReplication, type ReplicationPicture } from './replication.ts'
export { readServerSettings, type ServerSetting } from './server-settings.ts'
export { type BloatLimits, readTableBloat } from './bloat.ts'
export { type CacheStats, readCacheStats } from './cache-stats.ts'
export { bloatAsJson, type IndexUse, makeReport, readIndexUsage, type Report } from './report/report.ts'
export { REPORT_FORMATS, type ReportFormat, reportInWords } from './report/words.ts'
export {
  growthOf,
  readStatements,
  type StatementEntry,
  type StatementReading,
  type StatementTotals,
  sumOfStatements,
} from './statements/reading.ts'
export {
  sortedBy,
  STATEMENT_ORDERS,
  STATEMENT_STEP_MS,
  StatementMetrics,
  type StatementOrder,
  type StatementUse,
  type StatementWindow,
  totalsByStatement,
} from './statements/metrics.ts'
export { findStatementSource, type StatementSource, type StatementsUnavailable } from './statements/source.ts'
export { readStatement, type StatementHistory, type StatementStory } from './statements/story.ts'
export { resetStatements } from './statements/reset.ts'
export { type FedReading, StatementFeed } from './statements/feed.ts'
export { StatementTexts } from './statements/texts.ts'
