import { archiving } from './checks/archiving.ts'
import { autovacuum } from './checks/autovacuum.ts'
import { backups } from './checks/backups.ts'
import { blockedStatements } from './checks/blocked-statements.ts'
import { capacity } from './checks/capacity.ts'
import { cacheHit } from './checks/cache-hit.ts'
import { checkpoints } from './checks/checkpoints.ts'
import { connectionBudget } from './checks/connection-budget.ts'
import { connectionsUsed } from './checks/connections-used.ts'
import { constraints } from './checks/constraints.ts'
import { corruption } from './checks/corruption.ts'
import { deadRows } from './checks/dead-rows.ts'
import { deadlocks } from './checks/deadlocks.ts'
import { duplicateIndexes } from './checks/duplicate-indexes.ts'
import { durability } from './checks/durability.ts'
import { encryptionKeys } from './checks/encryption-keys.ts'
import { evictedStatements } from './checks/evicted-statements.ts'
import { extensions } from './checks/extensions.ts'
import { foreignKeyIndexes } from './checks/foreign-key-indexes.ts'
import { heldTables } from './checks/held-tables.ts'
import { idleInTransaction } from './checks/idle-in-transaction.ts'
import { indexBloat } from './checks/index-bloat.ts'
import { indexIntegrity } from './checks/index-integrity.ts'
import { invalidIndexes } from './checks/invalid-indexes.ts'
import { longStatements } from './checks/long-statements.ts'
import { orphanRows } from './checks/orphan-rows.ts'
import { ownSchema } from './checks/own-schema.ts'
import { partitions } from './checks/partitions.ts'
import { pendingMigrations } from './checks/pending-migrations.ts'
import { pendingRestart } from './checks/pending-restart.ts'
import { plannerStatistics } from './checks/planner-statistics.ts'
import { poolLeaks } from './checks/pool-leaks.ts'
import { poolUse } from './checks/pool-use.ts'
import { preparedTransactions } from './checks/prepared-transactions.ts'
import { primaryKeys } from './checks/primary-keys.ts'
import { redundantIndexes } from './checks/redundant-indexes.ts'
import { replicaIdentity } from './checks/replica-identity.ts'
import { replicationLag } from './checks/replication-lag.ts'
import { replicationSlots } from './checks/replication-slots.ts'
import { rights } from './checks/rights.ts'
import { rollbacks } from './checks/rollbacks.ts'
import { security } from './checks/security.ts'
import { sequences } from './checks/sequences.ts'
import { sequentialScans } from './checks/sequential-scans.ts'
import { serverVersion } from './checks/server-version.ts'
import { settings } from './checks/settings.ts'
import { slowStatements } from './checks/slow-statements.ts'
import { statementRegressions } from './checks/statement-regressions.ts'
import { statementStatistics } from './checks/statement-statistics.ts'
import { tableBloat } from './checks/table-bloat.ts'
import { tempFiles } from './checks/temp-files.ts'
import { unusedIndexes } from './checks/unused-indexes.ts'
import { wraparound } from './checks/wraparound.ts'
import type { Check } from './finding.ts'

/** Every check, in the order of a report. */
export const CHECKS: readonly Check[] = [
  serverVersion,
  rights,
  connectionBudget,
  connectionsUsed,
  poolUse,
  poolLeaks,
  blockedStatements,
  heldTables,
  idleInTransaction,
  preparedTransactions,
  longStatements,
  deadlocks,
  statementStatistics,
  evictedStatements,
  slowStatements,
  statementRegressions,
  rollbacks,
  tempFiles,
  cacheHit,
  plannerStatistics,
  sequentialScans,
  invalidIndexes,
  duplicateIndexes,
  redundantIndexes,
  unusedIndexes,
  foreignKeyIndexes,
  indexBloat,
  primaryKeys,
  constraints,
  sequences,
  partitions,
  tableBloat,
  deadRows,
  autovacuum,
  wraparound,
  capacity,
  corruption,
  replicationLag,
  replicationSlots,
  replicaIdentity,
  archiving,
  backups,
  checkpoints,
  pendingRestart,
  extensions,
  ownSchema,
  pendingMigrations,
  security,
  encryptionKeys,
  durability,
  settings,
  orphanRows,
  indexIntegrity,
]
