import { existsSync, readdirSync } from 'node:fs'
import { extname, join } from 'node:path'
import { quoteQualified } from '../../core/index.ts'
import { readText } from '../format/script.ts'
import { oldFileUnreadable } from './errors.ts'
import { instantText, hashOfFile, type OldMigration, type OldTool, timeOfDigits } from './old-tool.ts'

/** As the tool orders files of one number. */
const COLLATOR = new Intl.Collator(undefined, {
  usage: 'sort',
  numeric: true,
  sensitivity: 'variant',
  ignorePunctuation: true,
})

/** Files by number: milliseconds since 1970, 17 digits of UTC, or any. SQL has its two ways in one file or in two. */
export const nodePgMigrate: OldTool = {
  directory: 'migrations',
  table: { schema: 'public', name: 'pgmigrations' },
  readFiles(directory) {
    if (!existsSync(directory)) return []
    const names = readdirSync(directory, { withFileTypes: true })
      .filter(
        (entry) =>
          !entry.isDirectory() &&
          /^\d+.*\.(sql|[cm]?[jt]s)$/.test(entry.name) &&
          !/\.d\.[cm]?ts$/.test(entry.name),
      )
      .map(({ name }) => name)
    return names
      .filter((name) => !name.endsWith('.down.sql'))
      .map((name) => readOne(directory, name))
      .toSorted((a, b) => a.order - b.order || COLLATOR.compare(a.migration.name, b.migration.name))
      .map(({ migration }) => migration)
  },
  async readRan(db, table) {
    const { rows } = await db.query<{ name: string; at: string }>(
      `SELECT name, ${instantText('run_on')} AS at FROM ${quoteQualified(table.schema, table.name)} ORDER BY run_on, id`,
    )
    return rows.map(({ name, at }) => ({ name, at: new Date(at) }))
  },
}

function readOne(directory: string, file: string): { order: number; migration: OldMigration } {
  const path = join(directory, file)
  const digits = /^\d+/.exec(file)?.[0] ?? ''
  const time = timeOfDigits(digits) ?? new Date(Number(digits))
  if (Number.isNaN(time.getTime()) || time.getUTCFullYear() > 9_999)
    throw oldFileUnreadable(path, 'its number is not a time')
  const isPair = file.endsWith('.up.sql')
  const name = isPair ? file.slice(0, -'.up.sql'.length) : file.slice(0, -extname(file).length)
  const base = { name, writtenAt: time, fileHash: hashOfFile(path) }
  // The tool takes seventeen digits for a time, and all others as they are.
  const order = digits.length === 17 ? time.getTime() : Number(digits)
  if (isPair) {
    const down = join(directory, `${name}.down.sql`)
    return {
      order,
      migration: { ...base, up: readText(path), down: existsSync(down) ? readText(down) : undefined },
    }
  }
  if (!file.endsWith('.sql')) return { order, migration: { ...base, up: undefined, down: undefined } }
  return { order, migration: { ...base, ...twoWays(readText(path)) } }
}

/** What stands behind the comments "Up Migration" and "Down Migration"; without them all of it goes up. */
function twoWays(text: string): { up: string; down: string | undefined } {
  const startOf = (way: string): number => text.search(new RegExp(`^\\s*--[\\s-]*${way}\\s+migration`, 'im'))
  const [up, down] = [startOf('up'), startOf('down')]
  const part = (from: number, other: number): string =>
    text.slice(from, other > from ? other : undefined).trim()
  return { up: up < 0 ? text : part(up, down), down: down < 0 ? undefined : part(down, up) }
}
