/**
 * SQL-first migrations: a folder each, one transaction each, the history row within it; or statement by statement
 * where a statement cannot be in a transaction, and then safe against a crash. Runs the user's folder, and installs
 * Holdfast's own schema under a history of its own.
 */
export { importHistory, type Imported, type ImportOptions, OLD_TOOLS } from './adopting/import.ts'
export type { OldTable } from './adopting/old-tool.ts'
export { backfillStatus, pauseBackfill, resumeBackfill, runBackfills } from './backfill/commands.ts'
export { type Backfill, type BackfillBatch, defineBackfill } from './backfill/define.ts'
export { backfillAsJson, type BackfillRecord } from './backfill/records.ts'
export {
  defineMigration,
  defineValidation,
  type MigrationContext,
  type MigrationStep,
  type Validation,
} from './format/define.ts'
export { type Allowance, type Directives } from './format/directives.ts'
export { type Migration, readMigration, readMigrations } from './format/folder.ts'
export { checksumOf, readScript, type Script, sqlScript } from './format/script.ts'
export { splitStatements, type Statement } from './format/statements.ts'
export type { Direction, HistoryEntry, Method, StatementRecord } from './history/history.ts'
export type { HistoryTable } from './history/tables.ts'
export { OperationRecorder } from './operation-recorder.ts'
export { MIGRATE_OPTIONS, type MigrateOptions } from './options.ts'
export { inspectSchema, installSchema, type OwnSchemaState, removeSchema, userHistory } from './own-schema.ts'
export { type ApplyOptions, applyRollback } from './rollback/apply.ts'
export {
  type AtRisk,
  planAsJson,
  planRollback,
  type RollbackPlan,
  type RollbackStep,
  type RollbackVerdict,
} from './rollback/plan.ts'
export { abandon, type BookEntry, repair, type Repair, stamp, unlock, unstamp } from './running/books.ts'
export { type DownOptions, type DownTarget, migrateDown } from './running/down.ts'
export type { MigrateProgress, OnProgress } from './running/progress.ts'
export { progressInWords } from './running/progress-words.ts'
export type { MigrateTarget } from './running/session.ts'
export { migrateHistory, migrateStatus, type MigrationStatus } from './running/status.ts'
export { migrateUp, type UpOptions } from './running/up.ts'
export { type RunOptions } from './running/runner.ts'
export type { Sight } from './running/watch.ts'
export { catalogAt } from './structure/build.ts'
export { type Against, type Drift, findDrift, readSnapshot } from './structure/drift.ts'
export {
  generate,
  newIds,
  type Generated,
  type GeneratedMigration,
  type GenerateOptions,
} from './structure/generate.ts'
export type { LikelyRename, RenameAnswers } from './structure/renames.ts'
export { type Scratch, type ScratchOptions, withScratch } from './structure/scratch.ts'
export {
  baseline,
  type Baseline,
  type BaselineOptions,
  squash,
  type Squashed,
  type SquashOptions,
} from './structure/squash.ts'
export { wholeSql } from './structure/whole.ts'
export type { LintFinding, Severity } from './lint/finding.ts'
export { Linter, type LintOptions, lintScripts } from './lint/lint.ts'
export { knowDatabase, lintPending, type PendingMigration } from './lint/pending.ts'
export { lintMeasured, type MeasureOptions } from './lint/measured.ts'
export { LOCK_MODES, type LockMode } from './lint/locks.ts'
export { RULES as LINT_RULES } from './lint/rules.ts'
export { actorHere } from './history/who.ts'
