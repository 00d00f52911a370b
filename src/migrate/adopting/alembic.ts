import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { quoteQualified } from '../../core/index.ts'
import { readText } from '../format/script.ts'
import { oldFileUnreadable, oldMigrationUnknown } from './errors.ts'
import { hashOfFile, type OldMigration, type OldTool } from './old-tool.ts'

interface Revision extends OldMigration {
  readonly revision: string
  readonly parents: readonly string[]
}

/** Python files that name their parents. The table holds the last ones only: all that they stand on ran, too. */
export const alembic: OldTool = {
  directory: 'alembic/versions',
  table: { schema: 'public', name: 'alembic_version' },
  readFiles(directory) {
    if (!existsSync(directory)) return []
    const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    const revisions = files
      .filter((file) => file.endsWith('.py'))
      .toSorted()
      .map((file) => readRevision(join(directory, file)))
    return inOrder(
      revisions.filter((one) => one !== undefined),
      directory,
    )
  },
  async readRan(db, table, migrations) {
    const { rows } = await db.query<{ head: string }>(
      `SELECT version_num AS head FROM ${quoteQualified(table.schema, table.name)}`,
    )
    const revisions = new Map((migrations as readonly Revision[]).map((one) => [one.revision, one]))
    const ran = new Set<Revision>()
    const take = (revision: string): void => {
      const found = revisions.get(revision)
      if (!found) throw oldMigrationUnknown('Alembic', [revision], 'the folder')
      if (ran.has(found)) return
      ran.add(found)
      for (const parent of found.parents) take(parent)
    }
    for (const { head } of rows) take(head)
    return migrations.filter((one) => ran.has(one as Revision)).map(({ name }) => ({ name, at: null }))
  },
}

/** Undefined for a file that says neither: it is no revision. @throws HF_IMPORT_UNREADABLE */
function readRevision(path: string): Revision | undefined {
  const text = readText(path)
  // An apostrophe in a comment begins no string.
  const code = text.replaceAll(/#[^\n]*/g, '')
  const revision = /^revision(?:\s*:[^=\n]+)?\s*=\s*['"]([^'"]+)['"]/m.exec(code)?.[1]
  const parents = namesIn(code, 'down_revision')
  if (revision === undefined && parents === undefined) return undefined
  if (revision === undefined || parents === undefined)
    throw oldFileUnreadable(path, 'it does not say revision and down_revision as Alembic writes them')
  const date = /^\s*Create Date:\s*(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)/m.exec(text)
  const words = /^\s*(?:"""|''')\s*(.+)$/m.exec(text)?.[1]?.replace(/"""|'''/, '') ?? ''
  return {
    name: `${revision} ${words}`.trim(),
    revision,
    // What it depends on ran before it, too, and Alembic's table does not say so.
    parents: [...parents, ...(namesIn(code, 'depends_on') ?? [])],
    writtenAt: date ? new Date(`${date[1]}T${date[2]}Z`) : new Date(0),
    up: undefined,
    down: undefined,
    fileHash: hashOfFile(path),
  }
}

/** The revisions that a variable of a file names; undefined where it is not set. */
function namesIn(code: string, variable: string): string[] | undefined {
  const value = new RegExp(
    `^${variable}(?:\\s*:[^=\\n]+)?\\s*=\\s*(None|['"][^'"]*['"]|\\([^)]*\\)|\\[[^\\]]*\\])`,
    'm',
  ).exec(code)?.[1]
  return value === undefined
    ? undefined
    : [...value.matchAll(/['"]([^'"]+)['"]/g)].map((match) => match[1] as string)
}

/** Parents before their children, the older first. */
function inOrder(revisions: readonly Revision[], directory: string): Revision[] {
  const ordered: Revision[] = []
  const placed = new Set<string>()
  let rest = revisions.toSorted((a, b) => a.writtenAt.getTime() - b.writtenAt.getTime())
  while (rest.length > 0) {
    const next = rest.find(({ parents }) => parents.every((parent) => placed.has(parent)))
    if (!next)
      throw oldFileUnreadable(
        directory,
        `what ${rest[0]?.name} stands on is not there, or they stand on each other`,
      )
    ordered.push(next)
    placed.add(next.revision)
    rest = rest.filter((one) => one !== next)
  }
  return ordered
}
