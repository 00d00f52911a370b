import { resolve } from 'node:path'
import { ownersHand, type Queryable, type QueryResultRow, quoteQualified } from '../../core/index.ts'
import { readMigrations } from '../format/folder.ts'
import type { RunOptions } from '../running/runner.ts'
import { type MigrateTarget, withClient } from '../running/session.ts'
import type { ScratchOptions } from '../structure/scratch.ts'
import { alembic } from './alembic.ts'
import { drizzle } from './drizzle.ts'
import { nothingToImport, oldMigrationsPending, oldMigrationUnknown, oldTableMissing } from './errors.ts'
import { baselineOf, type Named, withIds, writeAll, writeOne } from './folders.ts'
import { nodePgMigrate } from './node-pg-migrate.ts'
import type { OldTable, OldTool, RanBefore } from './old-tool.ts'
import { prisma } from './prisma.ts'
import { writeDown } from './record.ts'

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
    : await writeAll(target.directory, old, there, options.isDryRun ?? false)
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
  const place = quoteQualified(table.schema, table.name)
  return withClient(target.url, async (client) => {
    // Whoever may make something there could have made it to be read by us: it has to be a table, and is read as its owner.
    const { rows: kinds } = await client.query(
      `SELECT FROM pg_catalog.pg_class WHERE oid = to_regclass($1) AND relkind IN ('r', 'p')`,
      [place],
    )
    if (kinds.length === 0) throw oldTableMissing(name, `${table.schema}.${table.name}`)
    const hand = await ownersHand(client, [place])
    const reading: Queryable = {
      async query<Row extends QueryResultRow>(text: string) {
        const rows = (await hand?.rows<Row>(text)) ?? []
        return { rows, rowCount: rows.length }
      },
    }
    return tool.readRan(reading, table, old)
  })
}
