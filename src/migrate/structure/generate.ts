import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, messageOf, systemClock } from '../../core/index.ts'
import { type Catalog, type ChangePlan, compareCatalogs, planChanges } from '../../schema/index.ts'
import { withUsersPath } from '../../pool/index.ts'
import { readMigrations } from '../format/folder.ts'
import { withClient } from '../running/session.ts'
import { buildFromMigrations, buildFromScript, catalogAt } from './build.ts'
import { changeUnproven, changeUnsupported, fileMissing, renameQuestion } from './errors.ts'
import { likelyRenames, type RenameAnswers, renameSql } from './renames.ts'
import { type Scratch, type ScratchOptions, withScratch } from './scratch.ts'

/** What is generated from what. */
export interface GenerateOptions extends ScratchOptions, Partial<RenameAnswers> {
  /** Folder of the migrations. */
  readonly directory: string
  /** The script that says the structure that is wanted. */
  readonly schemaFile: string
  /** Words for the new folder: small letters, digits, underscores. */
  readonly name: string
  /** Only say what would be written. Default false. */
  readonly isDryRun?: boolean | undefined
  readonly clock?: Clock | undefined
}

/** One migration as it was worked out and proven. */
export interface GeneratedMigration {
  readonly id: string
  readonly up: string
  /** Undefined: there is no way back, and up.sql says why. */
  readonly down: string | undefined
}

/** What came of it. */
export interface Generated {
  /** Empty when the migrations build what is wanted already. */
  readonly migrations: readonly GeneratedMigration[]
  /** Rows and values that going up loses. */
  readonly losses: readonly string[]
  readonly notCompared: readonly string[]
}

/**
 * Works out the migrations that lead from what a folder builds to what a script says. Both are built on scratch
 * databases; the statements are run there, up and down, and written only when each came out exactly.
 *
 * @throws HF_STRUCTURE_FILE, HF_STRUCTURE_SCRIPT, HF_GENERATE_RENAME when something looks renamed and nobody said so,
 *   HF_GENERATE_RENAME_UNKNOWN, HF_GENERATE_UNSUPPORTED, HF_GENERATE_UNPROVEN
 */
export async function generate(options: GenerateOptions): Promise<Generated> {
  const { schemaFile, directory, isDryRun = false } = options
  if (!existsSync(schemaFile))
    throw fileMissing(schemaFile, 'It says the structure that is wanted, as CREATE statements.')
  const generated = await withScratch(options, (scratch) => workOut(scratch, options))
  if (!isDryRun) for (const migration of generated.migrations) write(directory, migration)
  return generated
}

async function workOut(scratch: Scratch, options: GenerateOptions): Promise<Generated> {
  const { directory, schemaFile, renames = new Map<string, string>(), areAll = false } = options
  const base = await buildFromMigrations(scratch, directory)
  const wanted = await catalogAt(await buildFromScript(scratch, schemaFile, readFileSync(schemaFile, 'utf8')))
  const before = await catalogAt(base)
  const rename = renameSql({ renames, areAll }, before, wanted)
  const asked = likelyRenames(before, wanted).filter(
    ({ from, to }) => !renames.has(from) && ![...renames.values()].includes(to),
  )
  if (asked.length > 0 && !areAll) throw renameQuestion(asked)
  await run(base, rename.up)
  const renamed = await catalogAt(base)
  const plan = planChanges(renamed, wanted)
  if (plan.unsupported.length > 0) throw changeUnsupported(plan.unsupported)
  const batches = plan.batches.map((batch) => ({ ...batch }))
  if (rename.up.length > 0) batches.unshift({ inTransaction: true, statements: [] })
  const states: Catalog[] = [renamed]
  for (const { statements } of batches) {
    await run(base, statements)
    states.push(await catalogAt(base))
  }
  requireSame('going up', wanted, states.at(-1) as Catalog)
  const downs = await proveDowns(base, states)
  const ids = newIds(options, batches.length)
  const migrations = batches.map((batch, at): GeneratedMigration => {
    const down = downs[at] as ChangePlan | undefined
    const isFirst = at === 0
    return {
      id: ids[at] as string,
      up: upText(batch, isFirst ? rename.up : [], down === undefined),
      down: down && downText(down, isFirst ? rename.down : []),
    }
  })
  return { migrations, losses: plan.losses, notCompared: wanted.notCompared }
}

/** The way back of each batch, run from the last to the first. Undefined where it does not lead back exactly. */
async function proveDowns(url: string, states: readonly Catalog[]): Promise<(ChangePlan | undefined)[]> {
  const downs: (ChangePlan | undefined)[] = Array.from({ length: states.length - 1 })
  for (let at = states.length - 1; at > 0; at -= 1) {
    const [after, before] = [states[at], states[at - 1]] as [Catalog, Catalog]
    const plan = planChanges(after, before)
    if (plan.unsupported.length > 0) return downs
    try {
      for (const { statements } of plan.batches) await run(url, statements)
    } catch {
      return downs // no way back from here, nor from anything before
    }
    if (compareCatalogs(before, await catalogAt(url)).length > 0) return downs
    downs[at - 1] = plan
  }
  return downs
}

function requireSame(stage: string, wanted: Catalog, found: Catalog): void {
  const differences = compareCatalogs(wanted, found).map(({ words }) => words)
  if (differences.length > 0) throw changeUnproven(stage, differences)
}

async function run(url: string, statements: readonly string[]): Promise<void> {
  if (statements.length === 0) return
  await withClient(url, (client) =>
    withUsersPath(client, async () => {
      for (const statement of statements)
        await client.query(statement).catch((error: unknown) => {
          throw changeUnproven('running them', [`${messageOf(error)} in: ${statement}`])
        })
    }),
  )
}

const CHECKS_OFF = 'SET LOCAL check_function_bodies = off'

function upText(
  { inTransaction, statements }: { inTransaction: boolean; statements: readonly string[] },
  renames: readonly string[],
  isIrreversible: boolean,
): string {
  const head = [
    ...(inTransaction ? [] : ['-- holdfast: transaction=off']),
    ...(isIrreversible ? ['-- holdfast: irreversible'] : []),
  ]
  return render(head, [...renames, ...statements])
}

function downText({ batches, losses }: ChangePlan, renames: readonly string[]): string {
  // Some of it may have to stand alone: then each statement does.
  const isAlone = batches.some(({ inTransaction }) => !inTransaction)
  const head = [
    ...(isAlone ? ['-- holdfast: transaction=off'] : []),
    ...losses.map((loss) => `-- loses ${loss}`),
  ]
  return render(head, [...batches.flatMap(({ statements }) => statements), ...renames])
}

function render(head: readonly string[], statements: readonly string[]): string {
  const needsChecksOff =
    statements.some((one) => /^CREATE (OR REPLACE )?(FUNCTION|PROCEDURE)/.test(one)) &&
    !head.includes('-- holdfast: transaction=off')
  const all = needsChecksOff ? [CHECKS_OFF, ...statements] : statements
  return `${[...head, ...all.map((one) => `${one};`)].join('\n')}\n`
}

/** Ids behind all that are there, a second apart. */
export function newIds(
  { directory, name, clock = systemClock }: Pick<GenerateOptions, 'directory' | 'name' | 'clock'>,
  count: number,
): string[] {
  const last = readMigrations(directory).at(-1)?.id.slice(0, 16)
  const lastMs =
    last === undefined
      ? 0
      : Date.parse(last.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  const first = Math.max(clock.now(), (Number.isNaN(lastMs) ? 0 : lastMs) + 1_000)
  return Array.from({ length: count }, (_, at) => {
    const stamp = new Date(first + at * 1_000).toISOString().replaceAll(/[-:]|\.\d+/g, '')
    return `${stamp}_${name}${count > 1 ? `_${at + 1}` : ''}`
  })
}

function write(directory: string, { id, up, down }: GeneratedMigration): void {
  const folder = join(directory, id)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'up.sql'), up)
  if (down !== undefined) writeFileSync(join(folder, 'down.sql'), down)
}
