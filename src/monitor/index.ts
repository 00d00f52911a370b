/**
 * What the database is and how it does: the numbers behind the API, and the checks of `holdfast doctor`.
 * Reads only, and waits for no lock.
 */
export {
  DATABASE_SERIES,
  DatabaseMetrics,
  type DatabaseSample,
  type DatabaseSeries,
} from './database-metrics.ts'
export { type Examination, examine, scoreOf } from './examination.ts'
export { readingBusy } from './errors.ts'
export type { Check, CheckContext, Finding, Severity } from './finding.ts'
export { MetricHistory, type MetricWindow, type Resolution } from './metric-history.ts'
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
export {
  readStatements,
  STATEMENT_STEP_MS,
  StatementMetrics,
  type StatementEntry,
  type StatementReading,
  type StatementTotals,
  type StatementUse,
  type StatementWindow,
  totalsByStatement,
} from './statement-metrics.ts'
export { findStatementSource, type StatementSource, type StatementsUnavailable } from './statement-source.ts'
export { StatementTexts } from './statement-texts.ts'
