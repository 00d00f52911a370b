import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Node } from '@pgsql/types'
import { compareCatalogs } from '../../schema/index.ts'
import { unknownTarget } from '../errors.ts'
import { type Migration, readMigrations } from '../format/folder.ts'
import { splitStatements } from '../format/statements.ts'
import { type RunOptions } from '../running/runner.ts'
import { stamp } from '../running/books.ts'
import type { MigrateTarget } from '../running/session.ts'
import { buildFromMigrations, buildFromScript, catalogAt } from './build.ts'
import { baselineNotFirst, changeUnproven, nothingToSquash, squashLosesRows } from './errors.ts'
import { newIds } from './generate.ts'
import { type ScratchOptions, withScratch } from './scratch.ts'
import { wholeSql } from './whole.ts'

/** How migrations are squashed. */
export interface SquashOptions extends ScratchOptions {
  /** The last one that is squashed. Default: all. */
  readonly to?: string | undefined
  /** Statements that change rows, and steps in TypeScript, are left out. Default false: they are refused. */
  readonly leavesRowsOut?: boolean | undefined
  readonly isDryRun?: boolean | undefined
}

/** What came of it. */
export interface Squashed {
  readonly id: string
  readonly replaced: readonly string[]
}

/**
 * Puts one migration in the place of many: it says the structure that they build together. Where they ran it counts
 * as run; a new database runs it alone.
 *
 * @throws HF_SQUASH_NOTHING, HF_SQUASH_ROWS, HF_MIGRATE_UNKNOWN_ID, HF_GENERATE_UNPROVEN
 */
export async function squash(directory: string, options: SquashOptions = {}): Promise<Squashed> {
  const all = readMigrations(directory)
  const { to = all.at(-1)?.id } = options
  const chosen = all.filter(({ id }) => id <= (to ?? ''))
  if (to !== undefined && !chosen.some(({ id }) => id === to)) {
    throw unknownTarget(
      to,
      all.map(({ id }) => id),
    )
  }
  const last = chosen.at(-1)
  if (chosen.length < 2 || !last) throw nothingToSquash()
  if (!options.leavesRowsOut) await refuseRows(chosen)
  const sql = await withScratch(options, async (scratch) => {
    const built = await catalogAt(await buildFromMigrations(scratch, directory, { to: last.id }))
    const text = wholeSql(built)
    const again = await catalogAt(await buildFromScript(scratch, 'the squashed migration', text))
    const differences = compareCatalogs(built, again).map(({ words }) => words)
    if (differences.length > 0) throw changeUnproven('squashing', differences)
    return text
  })
  const replaced = chosen.flatMap(({ id, directives }) => [...directives.replaces, id])
  const id = `${last.id.slice(0, 16)}_squashed`
  if (!options.isDryRun) {
    for (const { folder } of chosen) rmSync(folder, { recursive: true })
    writeWhole(directory, id, replaced, sql)
  }
  return { id, replaced }
}

const ROW_KINDS = new Set([
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
  'CopyStmt',
  'DoStmt',
  'CallStmt',
  'SelectStmt',
  'ExplainStmt',
  'CreateRoleStmt',
  'AlterRoleStmt',
  'AlterRoleSetStmt',
  'AlterDatabaseSetStmt',
  'GrantRoleStmt',
])

/** CREATE TABLE AS, which makes the rows with the table. */
const isFilledTable = (node: Node): boolean =>
  'CreateTableAsStmt' in node && node.CreateTableAsStmt.objtype === 'OBJECT_TABLE'

async function refuseRows(migrations: readonly Migration[]): Promise<void> {
  const found: string[] = []
  for (const { id, up, backfill } of migrations) {
    if (up.language === 'typescript' || backfill !== undefined) found.push(`${id}: a step in TypeScript`)
    else
      for (const { node, line } of await splitStatements(up))
        if (ROW_KINDS.has(Object.keys(node as Node)[0] as string) || isFilledTable(node))
          found.push(`${id}:${line}`)
  }
  if (found.length > 0) throw squashLosesRows(found)
}

/** How a database is adopted. */
export interface BaselineOptions extends RunOptions, ScratchOptions {
  /** Holdfast's own, which is left out. */
  readonly ownSchema?: string | undefined
  readonly isDryRun?: boolean | undefined
}

/** What came of it. */
export interface Baseline {
  readonly id: string
  /** It was built on a scratch database, and came out the same. False: the scratch server is of another version. */
  readonly isProven: boolean
  readonly notCompared: readonly string[]
}

/**
 * Adopts a database that is there: its structure becomes the first migration, which counts as run. It is built on a
 * scratch database first, so that a new one will be the same.
 *
 * @throws HF_BASELINE_NOT_FIRST when the folder holds migrations, HF_GENERATE_UNPROVEN
 */
export async function baseline(target: MigrateTarget, options: BaselineOptions = {}): Promise<Baseline> {
  const written = await writeBaseline(target, options)
  const reason = 'the database was there before'
  if (!options.isDryRun) await stamp(target, written.id, { ...options, method: 'baseline', reason })
  return written
}

/** The same without counting it as run. @param options with the ids that it stands for */
export async function writeBaseline(
  { url, directory }: MigrateTarget,
  { replaces = [], ...options }: BaselineOptions & { readonly replaces?: readonly string[] },
): Promise<Baseline> {
  if (readMigrations(directory).length > 0) throw baselineNotFirst(directory)
  const actual = await catalogAt(url, options.ownSchema)
  const sql = wholeSql(actual)
  const built = await withScratch(options, async (scratch) =>
    catalogAt(await buildFromScript(scratch, 'the baseline', sql)),
  )
  const isProven = built.serverVersion === actual.serverVersion
  const differences = isProven ? compareCatalogs(actual, built).map(({ words }) => words) : []
  if (differences.length > 0) throw changeUnproven('the baseline', differences)
  const [id] = newIds({ directory, name: 'baseline' }, 1) as [string]
  if (!options.isDryRun) writeWhole(directory, id, replaces, sql)
  return { id, isProven, notCompared: actual.notCompared }
}

/** A migration that builds all there is, in the place of others. */
function writeWhole(directory: string, id: string, replaces: readonly string[], sql: string): void {
  const head = ['-- holdfast: irreversible', ...replaces.map((one) => `-- holdfast: replaces=${one}`)]
  mkdirSync(join(directory, id), { recursive: true })
  writeFileSync(join(directory, id, 'up.sql'), `${head.join('\n')}\n${sql}`)
}
