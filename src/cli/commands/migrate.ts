import type { Command } from 'commander'
import type { Finish } from '../command.ts'
import { addMigrateBooks } from './migrate-books.ts'
import { addMigrateImport } from './migrate-import.ts'
import { addMigrateLint } from './migrate-lint.ts'
import { addMigrateRunning } from './migrate-running.ts'
import { addMigrateWriting } from './migrate-writing.ts'

const EXAMPLES = `Examples:
  holdfast migrate new add_depot       begin a migration
  holdfast migrate lint                what would stop traffic, before it does
  holdfast migrate up                  run what is pending
  holdfast migrate generate -m depots  work a migration out from db/schema.sql
`

export function addMigrate(program: Command, finish: Finish): void {
  const migrate = program.command('migrate').description('your migrations').addHelpText('before', EXAMPLES)
  addMigrateRunning(migrate, finish)
  addMigrateLint(migrate, finish)
  addMigrateWriting(migrate, finish)
  addMigrateImport(migrate, finish)
  addMigrateBooks(migrate, finish)
}
