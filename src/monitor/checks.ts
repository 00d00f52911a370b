import { blockedStatements } from './checks/blocked-statements.ts'
import { connectionBudget } from './checks/connection-budget.ts'
import { connectionsUsed } from './checks/connections-used.ts'
import { idleInTransaction } from './checks/idle-in-transaction.ts'
import { ownSchema } from './checks/own-schema.ts'
import { partitions } from './checks/partitions.ts'
import { pendingMigrations } from './checks/pending-migrations.ts'
import { poolUse } from './checks/pool-use.ts'
import { rights } from './checks/rights.ts'
import { serverVersion } from './checks/server-version.ts'
import { statementStatistics } from './checks/statement-statistics.ts'
import type { Check } from './finding.ts'

/** Every check, in the order of a report. */
export const CHECKS: readonly Check[] = [
  serverVersion,
  connectionBudget,
  connectionsUsed,
  poolUse,
  blockedStatements,
  idleInTransaction,
  statementStatistics,
  rights,
  ownSchema,
  pendingMigrations,
  partitions,
]
