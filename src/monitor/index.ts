/**
 * What the database is and how it does: the numbers behind the API, and the checks of `holdfast doctor`.
 * Reads only, and waits for no lock.
 */
import { connectionBudget } from './checks/connection-budget.ts'
import { ownSchema } from './checks/own-schema.ts'
import { pendingMigrations } from './checks/pending-migrations.ts'
import { rights } from './checks/rights.ts'
import { serverVersion } from './checks/server-version.ts'
import { statementStatistics } from './checks/statement-statistics.ts'
import type { Check } from './finding.ts'

export type { Check, CheckContext, Finding, Severity } from './finding.ts'
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

/** Every check, in the order of a report. */
export const CHECKS: readonly Check[] = [
  serverVersion,
  connectionBudget,
  statementStatistics,
  rights,
  ownSchema,
  pendingMigrations,
]
