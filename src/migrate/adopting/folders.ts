import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isHoldfastError } from '../../core/index.ts'
import type { Migration } from '../format/folder.ts'
import { specialKindOf } from '../format/special-statements.ts'
import { refuseTransactionCommands, splitStatements } from '../format/statements.ts'
import { readHistory } from '../history/history.ts'
import { type MigrateTarget, withReader } from '../running/session.ts'
import { type BaselineOptions, writeBaseline } from '../structure/squash.ts'
import { folderHoldsOthers, importedElsewhere } from './errors.ts'
import type { OldMigration } from './old-tool.ts'

/** An old migration with its id here. */
export interface Named extends OldMigration {
  readonly id: string
}

/** Ids in the order of the migrations: the time is the old one's, a second later where that is taken. */
export function withIds(migrations: readonly OldMigration[]): Named[] {
  let last = 0
  return migrations.map((migration) => {
    last = Math.max(Math.floor(migration.writtenAt.getTime() / 1_000), last + 1)
    const stamp = new Date(last * 1_000).toISOString().replaceAll(/[-:]|\.\d+/g, '')
    const words = migration.name
      .replace(/^\d{13,17}[_-]/, '')
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '_')
      .replaceAll(/^_+|_+$/g, '')
    return { ...migration, id: `${stamp}_${words || 'migration'}`.slice(0, 120) }
  })
}

/** Whatever is there must be one of them, or come after them. */
function refuseOthers(directory: string, there: readonly Migration[], old: readonly Named[]): void {
  const ids = new Set(old.map(({ id }) => id))
  const last = old.at(-1)?.id ?? ''
  const other = there.find(({ id }) => !ids.has(id) && id < last)
  if (other) throw folderHoldsOthers(directory, other.id)
}

/** Folders that were written, and what is to be told of them. */
export interface Written {
  readonly ids: string[]
  readonly notes: string[]
}

/** Each old migration as one of ours. */
export async function writeAll(
  directory: string,
  old: readonly Named[],
  there: readonly Migration[],
  isDryRun: boolean,
): Promise<Written> {
  refuseOthers(directory, there, old)
  const known = new Set(there.map(({ id }) => id))
  const notes: string[] = []
  const missing = old.filter(({ id }) => !known.has(id))
  for (const { id, up = '', down } of missing) {
    const upHead = await headOf(up, id, notes)
    const head = [...upHead, ...(down === undefined ? ['irreversible'] : [])]
    const downHead = down === undefined ? [] : await headOf(down, `${id}, its way back`, notes)
    if (isDryRun) continue
    // Whole or not at all: what is there counts as written. Folders that begin with a dot are no migrations.
    const draft = join(directory, `.${id}`)
    rmSync(draft, { recursive: true, force: true })
    mkdirSync(draft, { recursive: true })
    writeFileSync(join(draft, 'up.sql'), withHead(head, up))
    if (down !== undefined) writeFileSync(join(draft, 'down.sql'), withHead(downHead, down))
    renameSync(draft, join(directory, id))
  }
  return { ids: missing.map(({ id }) => id), notes }
}

const withHead = (directives: readonly string[], sql: string): string =>
  `${directives.map((one) => `-- holdfast: ${one}\n`).join('')}${sql.trimEnd()}\n`

/** What a script needs to run here. What would stop it is told, not refused: it ran already, elsewhere it may not. */
async function headOf(sql: string, id: string, notes: string[]): Promise<string[]> {
  try {
    const statements = await splitStatements({ text: sql, path: id })
    refuseTransactionCommands(statements, id)
    return statements.some(({ node }) => specialKindOf(node) !== undefined) ? ['transaction=off'] : []
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    notes.push(`A new database cannot be built from ${id} as it is: ${error.message}`)
    return []
  }
}

/** The migration that stands for all of them, where it is there. */
export const baselineOf = (there: readonly Migration[], old: readonly Named[]): Migration | undefined =>
  there.find(({ directives }) => old.every(({ id }) => directives.replaces.includes(id)))

/** What programs have built, as one migration in their place. */
export async function writeOne(
  target: MigrateTarget,
  old: readonly Named[],
  there: readonly Migration[],
  options: BaselineOptions,
): Promise<Written> {
  if (baselineOf(there, old)) return { ids: [], notes: [] }
  const [other] = there
  if (other) throw folderHoldsOthers(target.directory, other.id)
  await refuseSecondBaseline(target, old)
  const replaces = old.map(({ id }) => id)
  const { id, isProven } = await writeBaseline(target, { ...options, replaces })
  const note = `${id} was not proven on a scratch database: that one is of another version of PostgreSQL.`
  return { ids: [id], notes: isProven ? [] : [note] }
}

/** Written from another working copy, and not here: two baselines of one database would be two histories. */
async function refuseSecondBaseline({ url, history }: MigrateTarget, old: readonly Named[]): Promise<void> {
  const entries = await withReader(url, (client) => readHistory(client, history))
  const into = entries.find(
    ({ method, direction, migrationId }) =>
      method === 'squash' && direction === 'down' && old.some(({ id }) => id === migrationId),
  )
  if (into) throw importedElsewhere(into.reason?.replace('squashed into ', '') ?? 'another baseline')
}
