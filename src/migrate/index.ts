/**
 * SQL-first migrations: a folder each, one transaction each, the history row within it. Runs the user's folder,
 * and installs Holdfast's own schema under a history of its own.
 */
export { type Directives } from './directives.ts'
export { checksumOf, type Migration, readMigrations } from './folder.ts'
export type { HistoryEntry, HistoryTable } from './history.ts'
export { OperationRecorder } from './operation-recorder.ts'
export { MIGRATE_OPTIONS, type MigrateOptions } from './options.ts'
export { inspectSchema, installSchema, type OwnSchemaState, removeSchema, userHistory } from './own-schema.ts'
export {
  migrateStatus,
  type MigrateProgress,
  type MigrateTarget,
  migrateUp,
  type MigrationStatus,
  type UpOptions,
} from './runner.ts'
export { splitStatements, type Statement } from './statements.ts'
