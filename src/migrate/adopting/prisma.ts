import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { quoteQualified } from '../../core/index.ts'
import { readText } from '../format/script.ts'
import { oldMigrationUnfinished } from './errors.ts'
import {
  instantText,
  hashOfFile,
  type OldMigration,
  type OldTool,
  type RanBefore,
  timeOfDigits,
} from './old-tool.ts'

const fileOf = (directory: string, name: string): string => join(directory, name, 'migration.sql')

/** Folders `<14 digits>_<words>` with a migration.sql; the table holds its SHA-256 as the file lies on disk. */
export const prisma: OldTool = {
  directory: 'prisma/migrations',
  table: { schema: 'public', name: '_prisma_migrations' },
  readFiles: readFolders,
  async readRan(db, table, migrations) {
    const { rows } = await db.query<{
      name: string
      at: string | null
      undone: boolean
      checksum: string
    }>(
      `SELECT migration_name AS name, ${instantText('finished_at')} AS at, rolled_back_at IS NOT NULL AS undone, checksum
         FROM ${quoteQualified(table.schema, table.name)} ORDER BY started_at`,
    )
    const kept = rows.filter(({ undone }) => !undone)
    const unfinished = kept.filter(({ at }) => at === null).map(({ name }) => name)
    if (unfinished.length > 0) throw oldMigrationUnfinished('Prisma', unfinished)
    const files = new Map(migrations.map((one) => [one.name, one]))
    return kept.map(({ name, at, checksum }): RanBefore => {
      const file = files.get(name)
      return {
        name,
        at: at === null ? null : new Date(at),
        isChanged: file !== undefined && file.fileHash !== checksum,
      }
    })
  },
}

/** Folders with one migration.sql each, as Prisma and newer versions of Drizzle write them. */
export function readFolders(directory: string): OldMigration[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(fileOf(directory, entry.name)))
    .map(({ name }) => name)
    .toSorted()
    .map((name) => {
      const path = fileOf(directory, name)
      // `0_init`, as Prisma calls what was there before it: before all others.
      const writtenAt = timeOfDigits(name.split('_')[0] ?? '') ?? new Date(0)
      return { name, writtenAt, up: readText(path), down: undefined, fileHash: hashOfFile(path) }
    })
}
