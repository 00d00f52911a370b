/**
 * SQL-first migrations: a folder each, one transaction each, the history row within it; or statement by statement
 * where a statement cannot be in a transaction, and then safe against a crash. Runs the user's folder, and installs
 * Holdfast's own schema under a history of its own.
 */
export {
  defineMigration,
  defineValidation,
  type MigrationContext,
  type MigrationStep,
  type Validation,
} from './format/define.ts'
export { type Allowance, type Directives } from './format/directives.ts'
export { type Migration, readMigrations } from './format/folder.ts'
export { checksumOf, type Script } from './format/script.ts'
export { splitStatements, type Statement } from './format/statements.ts'
export type { Direction, HistoryEntry, Method, StatementRecord } from './history/history.ts'
export type { HistoryTable } from './history/tables.ts'
export { OperationRecorder } from './operation-recorder.ts'
export { MIGRATE_OPTIONS, type MigrateOptions } from './options.ts'
export { inspectSchema, installSchema, type OwnSchemaState, removeSchema, userHistory } from './own-schema.ts'
export { abandon, type BookEntry, repair, type Repair, stamp, unlock, unstamp } from './running/books.ts'
export { type DownOptions, type DownTarget, migrateDown } from './running/down.ts'
export type { MigrateProgress, OnProgress } from './running/progress.ts'
export type { MigrateTarget } from './running/session.ts'
export { migrateHistory, migrateStatus, type MigrationStatus } from './running/status.ts'
export { migrateUp, type RunOptions, type UpOptions } from './running/up.ts'
export type { Sight } from './running/watch.ts'
