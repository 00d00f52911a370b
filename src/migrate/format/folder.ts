import { type Dirent, existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { duplicateTime, folderInvalid } from './errors.ts'
import type { Directives } from './directives.ts'
import { checksumOf, readScript, readText, type Script } from './script.ts'

/** One migration as its folder states it. */
export interface Migration {
  /** The folder's name: UTC timestamp and words. */
  readonly id: string
  readonly folder: string
  readonly up: Script
  /** How it is taken back; undefined when it is irreversible. */
  readonly down: Script | undefined
  /** Path of `backfill.ts`, if there is one. */
  readonly backfill: string | undefined
  /** Path of `validate.ts`, if there is one. */
  readonly validate: string | undefined
  /** SHA-256, hexadecimal, of what it does going up: of `up.sql` alone, or of the list of its files' checksums. */
  readonly checksum: string
  /** Those of {@link Migration.up}. */
  readonly directives: Directives
}

const ID = /^\d{8}T\d{6}Z_[a-z0-9][a-z0-9_]*$/
const KNOWN_FILES = new Set(['up.sql', 'up.ts', 'down.sql', 'down.ts', 'backfill.ts', 'validate.ts'])

/**
 * Reads a folder of migrations, oldest first.
 * @throws HF_MIGRATE_FOLDER, HF_MIGRATE_DUPLICATE_ID, HF_MIGRATE_DIRECTIVE, HF_MIGRATE_ENCODING
 */
export function readMigrations(directory: string): Migration[] {
  if (!existsSync(directory)) return []
  const entries = readdirSync(directory, { withFileTypes: true })
  const stray = entries.find((entry) => entry.isFile() && /\.(sql|ts)$/.test(entry.name))
  if (stray) {
    throw folderInvalid(
      join(directory, stray.name),
      'it lies beside the migrations, where nothing would run it',
      'Put it into a folder of its own: 20261120T101500Z_words/up.sql.',
    )
  }
  const ids = entries
    .filter((entry) => !entry.name.startsWith('.') && isFolder(directory, entry))
    .map(({ name }) => name)
    .toSorted()
  for (const [index, id] of ids.entries()) {
    const before = ids[index - 1]
    if (before !== undefined && timeOf(before) === timeOf(id)) throw duplicateTime(directory, before, id)
  }
  return ids.map((id) => readMigration(directory, id))
}

/** A link to a folder is one, too. */
function isFolder(directory: string, entry: Dirent): boolean {
  return (
    entry.isDirectory() || (entry.isSymbolicLink() && statSync(join(directory, entry.name)).isDirectory())
  )
}

/** The first part of an id: it alone says what runs before what. */
const timeOf = (id: string): string => id.slice(0, 16)

/**
 * Reads one migration.
 * @throws HF_MIGRATE_FOLDER, HF_MIGRATE_DIRECTIVE, HF_MIGRATE_ENCODING
 */
export function readMigration(directory: string, id: string): Migration {
  const folder = join(directory, id)
  if (!ID.test(id)) {
    throw folderInvalid(
      folder,
      'a migration is named by UTC time and words',
      'Rename it like 20261120T101500Z_add_depot.',
    )
  }
  const strange = readdirSync(folder).find((name) => /\.(sql|ts)$/.test(name) && !KNOWN_FILES.has(name))
  if (strange !== undefined) {
    throw folderInvalid(
      join(folder, strange),
      'nothing would run it',
      `A migration is made of ${[...KNOWN_FILES].join(', ')}.`,
    )
  }
  const file = (name: string): string | undefined =>
    existsSync(join(folder, name)) ? join(folder, name) : undefined
  const up = oneOfTwo(folder, file('up.sql'), file('up.ts'))
  if (up === undefined) throw folderInvalid(folder, 'it holds no up.sql', 'Write one, or remove the folder.')
  const down = oneOfTwo(folder, file('down.sql'), file('down.ts'))
  const script = readScript(up)
  if (down === undefined && !script.directives.isIrreversible) {
    throw folderInvalid(
      folder,
      'it holds no down.sql',
      'Write one, or put "-- holdfast: irreversible" at the top of up.sql.',
    )
  }
  const backfill = file('backfill.ts')
  const validate = file('validate.ts')
  return {
    id,
    folder,
    up: script,
    down: down === undefined ? undefined : readScript(down),
    backfill,
    validate,
    checksum: checksumOfAll(script, backfill, validate),
    directives: script.directives,
  }
}

function oneOfTwo(folder: string, sql: string | undefined, typescript: string | undefined) {
  if (sql !== undefined && typescript !== undefined) {
    throw folderInvalid(folder, 'it says the same step in SQL and in TypeScript', 'Keep one of the two.')
  }
  return sql ?? typescript
}

function checksumOfAll(up: Script, backfill: string | undefined, validate: string | undefined): string {
  const own = checksumOf(up.text)
  const others = [backfill, validate].filter((path) => path !== undefined)
  if (others.length === 0) return own
  return checksumOf([own, ...others.map((path) => checksumOf(readText(path)))].join('\n'))
}
