import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, quoteQualified } from '../../core/index.ts'
import { readText } from '../format/script.ts'
import { oldFileUnreadable } from './errors.ts'
import { hashOfFile, type OldMigration, type OldTool, type RanBefore } from './old-tool.ts'
import { readFolders } from './prisma.ts'

/**
 * Files that meta/_journal.json lists, or a folder each in newer versions. The table holds the SHA-256 of the file
 * and the time at which it was written, not when it ran.
 */
export const drizzle: OldTool = {
  directory: 'drizzle',
  table: { schema: 'drizzle', name: '__drizzle_migrations' },
  readFiles: (directory) =>
    existsSync(journalOf(directory)) ? readJournal(directory) : readFolders(directory),
  async readRan(db, table, migrations) {
    const { rows } = await db.query<{ hash: string; createdAt: string | null }>(
      `SELECT hash, created_at::text AS "createdAt" FROM ${quoteQualified(table.schema, table.name)} ORDER BY id`,
    )
    const left = new Set(migrations)
    const take = (fits: (one: OldMigration) => boolean): OldMigration | undefined => {
      const found = [...left].find(fits)
      if (found) left.delete(found)
      return found
    }
    const isAt = (one: OldMigration, createdAt: string | null): boolean =>
      String(one.writtenAt.getTime()) === createdAt
    // Two files may hold the same: what fits in both goes first.
    const exact = rows.map(({ hash, createdAt }) =>
      take((one) => one.fileHash === hash && isAt(one, createdAt)),
    )
    return rows.map(({ hash, createdAt }, index): RanBefore => {
      const found =
        exact[index] ?? take((one) => isAt(one, createdAt)) ?? take((one) => one.fileHash === hash)
      const name = found?.name ?? `what was written at ${createdAt ?? 'an unknown time'}`
      return { name, at: null, isChanged: found !== undefined && found.fileHash !== hash }
    })
  },
}

const journalOf = (directory: string): string => join(directory, 'meta/_journal.json')

function readJournal(directory: string): OldMigration[] {
  const path = journalOf(directory)
  try {
    const { entries } = JSON.parse(readFileSync(path, 'utf8')) as { entries: { tag: string; when: number }[] }
    return entries.map(({ tag, when }) => {
      const file = join(directory, `${tag}.sql`)
      return {
        name: tag,
        writtenAt: new Date(when),
        up: readText(file),
        down: undefined,
        fileHash: hashOfFile(file),
      }
    })
  } catch (error) {
    throw oldFileUnreadable(path, `it is not the journal of Drizzle (${messageOf(error)})`)
  }
}
