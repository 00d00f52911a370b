import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type pg from 'pg'
import { HoldfastError, isHoldfastError, SQLSTATE, sqlstateOf } from '../../core/index.ts'
import { type Migration, readMigrations } from '../format/folder.ts'
import { specialKindOf } from '../format/special-statements.ts'
import { refuseTransactionCommands, splitStatements } from '../format/statements.ts'
import { readHistory, recordAttempt } from '../history/history.ts'
import { adoptSquashed } from '../running/pending.ts'
import { asRunner, type RunOptions } from '../running/runner.ts'
import { type MigrateTarget, withClient } from '../running/session.ts'
import type { ScratchOptions } from '../structure/scratch.ts'
import { writeBaseline } from '../structure/squash.ts'
import { alembic } from './alembic.ts'
import { drizzle } from './drizzle.ts'
import {
  folderHoldsOthers,
  importedElsewhere,
  nothingToImport,
  oldMigrationsPending,
  oldMigrationUnknown,
  oldTableMissing,
} from './errors.ts'
import { nodePgMigrate } from './node-pg-migrate.ts'
import type { OldMigration, OldTable, OldTool, RanBefore } from './old-tool.ts'
import { prisma } from './prisma.ts'

const TOOLS = { alembic, drizzle, 'node-pg-migrate': nodePgMigrate, prisma } as const satisfies Record<
  string,
  OldTool
>

/** Tools whose histories can be imported. */
export const OLD_TOOLS = Object.keys(TOOLS) as (keyof typeof TOOLS)[]

/** How a history is imported. */
export interface ImportOptions extends RunOptions, ScratchOptions {
  readonly tool: keyof typeof TOOLS
  /** Folder of the tool's migrations. Default: where they usually are. */
  readonly from?: string | undefined
  /** Table in which the tool remembers what ran. Default: its usual one. */
  readonly table?: OldTable | undefined
  readonly ownSchema?: string | undefined
  /** What ran and has no file any more is left out, as after squashing with the old tool. Default false: it is refused. */
  readonly ignoresMissing?: boolean | undefined
  readonly isDryRun?: boolean | undefined
}

/** What came of it. */
export interface Imported {
  /** Migrations whose folders were written now. */
  readonly written: readonly string[]
  /** Written down as run: by the tool, before. */
  readonly imported: readonly string[]
  /** Not run yet; `up` will. */
  readonly pending: readonly string[]
  /** The one that stands for all of them, where they are programs. */
  readonly baseline: string | null
  readonly notes: readonly string[]
}

/** An old migration with its id here. */
interface Named extends OldMigration {
  readonly id: string
}

/**
 * Takes over the migrations of another tool, and what it ran on this database. Migrations in SQL become migrations
 * here, one for one; where some are programs, the structure that they built becomes a baseline which stands for all.
 * To be repeated on each database: folders are written once, the history of each database is its own. Runs nothing.
 *
 * @throws HF_IMPORT_*, HF_GENERATE_UNPROVEN, HF_MIGRATE_LOCK_HELD, HF_SCHEMA_MISSING
 */
export async function importHistory(target: MigrateTarget, options: ImportOptions): Promise<Imported> {
  const tool: OldTool = TOOLS[options.tool]
  const from = resolve(options.from ?? tool.directory)
  const old = withIds(tool.readFiles(from))
  if (old.length === 0) throw nothingToImport(options.tool, from)
  const ran = await readRan(target, tool, options, old)
  const byName = new Map(old.map((one) => [one.name, one]))
  const unknown = ran.filter(({ name }) => !byName.has(name)).map(({ name }) => name)
  if (unknown.length > 0 && !options.ignoresMissing) throw oldMigrationUnknown(options.tool, unknown, from)
  const done = new Set(ran.map(({ name }) => name))
  const pending = old.filter(({ name }) => !done.has(name))
  const there = readMigrations(target.directory)
  const isOfPrograms = old.some(({ up }) => up === undefined)
  if (isOfPrograms && pending.length > 0)
    throw oldMigrationsPending(
      options.tool,
      pending.map(({ name }) => name),
    )
  const { ids: written, notes } = isOfPrograms
    ? await writeOne(target, old, there, options)
    : await writeAll(target.directory, old, there, options)
  const imported = await writeDown(target, old, ran, options)
  const last = isOfPrograms ? baselineOf(readMigrations(target.directory), old) : undefined
  return {
    written,
    imported,
    pending: pending.map(({ id }) => id),
    baseline: last?.id ?? (isOfPrograms ? (written[0] ?? null) : null),
    notes: [
      ...notes,
      ...unknown.map((name) => `${name} ran here, and has no file any more: left out.`),
      ...ran
        .filter(({ isChanged }) => isChanged)
        .map(({ name }) => `${name} changed after ${options.tool} ran it.`),
    ],
  }
}

async function readRan(
  target: MigrateTarget,
  tool: OldTool,
  { tool: name, table = tool.table }: ImportOptions,
  old: readonly Named[],
): Promise<RanBefore[]> {
  return withClient(target.url, (client) =>
    tool.readRan(client, table, old).catch((error: unknown) => {
      if (sqlstateOf(error) === SQLSTATE.undefinedTable)
        throw oldTableMissing(name, `${table.schema}.${table.name}`)
      throw error
    }),
  )
}

/** Ids in the order of the migrations: the time is the old one's, a second later where that is taken. */
function withIds(migrations: readonly OldMigration[]): Named[] {
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

interface Written {
  readonly ids: string[]
  readonly notes: string[]
}

/** Each old migration as one of ours. */
async function writeAll(
  directory: string,
  old: readonly Named[],
  there: readonly Migration[],
  { isDryRun }: ImportOptions,
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
    notes.push(`A new database cannot be built from ${id} as it is: ${(error as HoldfastError).message}`)
    return []
  }
}

const baselineOf = (there: readonly Migration[], old: readonly Named[]): Migration | undefined =>
  there.find(({ directives }) => old.every(({ id }) => directives.replaces.includes(id)))

/** What programs have built, as one migration in their place. */
async function writeOne(
  target: MigrateTarget,
  old: readonly Named[],
  there: readonly Migration[],
  options: ImportOptions,
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
  const entries = await withClient(url, (client) => readHistory(client, history))
  const into = entries.find(
    ({ method, direction, migrationId }) =>
      method === 'squash' && direction === 'down' && old.some(({ id }) => id === migrationId),
  )
  if (into) throw importedElsewhere(into.reason?.replace('squashed into ', '') ?? 'another baseline')
}

/** The history of this database. */
async function writeDown(
  target: MigrateTarget,
  old: readonly Named[],
  ran: readonly RanBefore[],
  options: ImportOptions,
): Promise<string[]> {
  const byName = new Map(ran.map((one) => [one.name, one]))
  const migrations = options.isDryRun ? [] : readMigrations(target.directory)
  const checksums = new Map(migrations.map(({ id, checksum }) => [id, checksum]))
  return asRunner(target, options, async ({ client }) => {
    const entries = await readHistory(client, target.history)
    // What was taken back or squashed since must not come back.
    const known = new Set(
      entries.filter(({ status }) => status === 'applied').map(({ migrationId }) => migrationId),
    )
    const news = old.filter(({ id, name }) => byName.has(name) && !known.has(id))
    if (options.isDryRun) return news.map(({ id }) => id)
    await client.query('BEGIN')
    for (const { id, name, fileHash } of news)
      await recordImport(
        client,
        target,
        id,
        checksums.get(id) ?? fileHash,
        byName.get(name) as RanBefore,
        options.tool,
      )
    await client.query('COMMIT')
    const last = baselineOf(migrations, old)
    if (last && !known.has(last.id)) await adoptSquashed(client, target.history, last)
    return news.map(({ id }) => id)
  })
}

async function recordImport(
  client: pg.Client,
  { history }: MigrateTarget,
  id: string,
  checksum: string,
  { name, at, isChanged }: RanBefore,
  tool: string,
): Promise<void> {
  const time = at ?? new Date()
  const when = at === null ? `, at a time that ${tool} does not write down` : ''
  await recordAttempt(client, history, {
    id,
    checksum,
    direction: 'up',
    method: 'import',
    reason: `${tool} ran it as "${name}"${when}${isChanged ? '; the file has changed since' : ''}`,
    startedAt: time,
    finishedAt: time,
    statements: [],
    retries: 0,
  })
}
