import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { folderInvalid } from './errors.ts'
import { type Directives, parseDirectives } from './directives.ts'

/** One migration as its folder states it. */
export interface Migration {
  /** The folder's name: UTC timestamp and words. */
  readonly id: string
  /** Where its SQL is, for messages. */
  readonly path: string
  readonly sql: string
  /** SHA-256 of the bytes with line ends as LF, in hexadecimal. */
  readonly checksum: string
  readonly directives: Directives
  readonly hasDown: boolean
}

const ID = /^\d{8}T\d{6}Z_[a-z0-9][a-z0-9_]*$/
/** Parts of the format that this version does not run: silently leaving them out would be worse than refusing. */
const NOT_RUN = ['up.ts', 'backfill.ts', 'validate.ts'] as const

/**
 * Reads a folder of migrations, oldest first.
 * @throws HF_MIGRATE_FOLDER, HF_MIGRATE_DIRECTIVE
 */
export function readMigrations(directory: string): Migration[] {
  if (!existsSync(directory)) return []
  const entries = readdirSync(directory, { withFileTypes: true })
  const stray = entries.find((entry) => entry.isFile() && entry.name.endsWith('.sql'))
  if (stray) {
    throw folderInvalid(
      join(directory, stray.name),
      'it lies beside the migrations, where nothing would run it',
      'Put it into a folder of its own: 20261120T101500Z_words/up.sql.',
    )
  }
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => readMigration(directory, entry.name))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

/** SHA-256 that does not depend on how the file's lines end. */
export function checksumOf(sql: string): string {
  return createHash('sha256').update(sql.replaceAll('\r\n', '\n')).digest('hex')
}

function readMigration(directory: string, id: string): Migration {
  const folder = join(directory, id)
  const path = join(folder, 'up.sql')
  if (!ID.test(id)) {
    throw folderInvalid(
      folder,
      'a migration is named by UTC time and words',
      'Rename it like 20261120T101500Z_add_depot.',
    )
  }
  for (const name of NOT_RUN) {
    if (existsSync(join(folder, name))) {
      throw folderInvalid(
        join(folder, name),
        'this version runs SQL migrations only',
        'Say it in up.sql, or upgrade Holdfast.',
      )
    }
  }
  if (!existsSync(path)) throw folderInvalid(folder, 'it holds no up.sql', 'Write one, or remove the folder.')
  const content = readFileSync(path, 'utf8')
  const sql = content.replace(/^\uFEFF/, '') // some editors begin a file with a byte order mark
  const directives = parseDirectives(sql, path)
  const hasDown = existsSync(join(folder, 'down.sql'))
  if (!hasDown && !directives.isIrreversible) {
    throw folderInvalid(
      folder,
      'it holds no down.sql',
      'Write one, or put "-- holdfast: irreversible" at the top of up.sql.',
    )
  }
  return { id, path, sql, checksum: checksumOf(content), directives, hasDown }
}
