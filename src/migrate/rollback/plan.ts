import { createHash } from 'node:crypto'
import type pg from 'pg'
import { isHoldfastError, ownersParts, quoteIdentifier, SQLSTATE, sqlstateOf } from '../../core/index.ts'
import { type Catalog, readCatalog } from '../../schema/index.ts'
import { type Migration, readMigrations } from '../format/folder.ts'
import { checksumOf } from '../format/script.ts'
import { splitStatements } from '../format/statements.ts'
import { readHistory } from '../history/history.ts'
import { Linter, type Doing } from '../lint/lint.ts'
import { chooseDown, type DownTarget } from '../running/down.ts'
import { type MigrateTarget, withReader } from '../running/session.ts'
import { dependentsOf } from './dependents.ts'
import { type Loss, lossesOf } from './losses.ts'

/** Whether a way back can be taken. */
export type RollbackVerdict = 'safe' | 'lossy' | 'blocked'

/** What would be lost of one object. */
export interface AtRisk extends Pick<Loss, 'object' | 'kind'> {
  readonly rows: number
  /** Counting took too long: an estimate of the last VACUUM or ANALYZE. */
  readonly isEstimate: boolean
}

/** One migration of a way back. */
export interface RollbackStep {
  readonly id: string
  readonly hasDown: boolean
  readonly statements: readonly (Doing & { readonly line: number })[]
  readonly atRisk: readonly AtRisk[]
  /** What is built on what goes. */
  readonly dependents: readonly string[]
  readonly verdict: RollbackVerdict
  /** Why it is not safe, in words. */
  readonly reasons: readonly string[]
}

/** A way back as it was looked at: run only as it was shown. */
export interface RollbackPlan {
  /** The last that ran first. */
  readonly steps: readonly RollbackStep[]
  readonly verdict: RollbackVerdict
  /** Rows and values that would be lost now. */
  readonly rowsAtRisk: number
  /** So many may be lost when it is run: writing goes on meanwhile. */
  readonly rowLimit: number
  /** Names this plan: its migrations, scripts, objects, locks, verdict and limit. */
  readonly hash: string
}

/** A plan with what its running needs. */
export interface CountedPlan extends RollbackPlan {
  readonly structure: string
  readonly losses: ReadonlyMap<string, readonly Loss[]>
}

const COUNT_LIMIT_MS = 5_000

/**
 * What taking migrations back would do: per migration whether there is a way back, what it locks, what would be lost,
 * what is built on it. Runs nothing.
 *
 * @throws HF_MIGRATE_UNKNOWN_ID, HF_SCHEMA_MISSING, HF_SCHEMA_OUTDATED
 */
export async function planRollback(
  target: MigrateTarget,
  scope: DownTarget = {},
  ownSchema = 'holdfast',
): Promise<RollbackPlan> {
  const {
    structure: _,
    losses: __,
    ...plan
  } = await withReader(target.url, (client) => countPlan(client, target, scope, ownSchema))
  return plan
}

/** The same on a session that is there already. */
export async function countPlan(
  client: pg.Client,
  target: MigrateTarget,
  scope: DownTarget,
  ownSchema: string,
): Promise<CountedPlan> {
  const ids = chooseDown(await readHistory(client, target.history), scope)
  const migrations = new Map(readMigrations(target.directory).map((migration) => [migration.id, migration]))
  const catalog = await readCatalog(client, { exclude: [ownSchema] })
  const linter = await Linter.create({ catalog, version: catalog.serverVersion })
  const losses = new Map<string, readonly Loss[]>()
  const gone = new Set<string>()
  const steps: RollbackStep[] = []
  for (const id of ids) {
    const looked = await lookAt(id, migrations.get(id), linter, catalog, gone)
    losses.set(id, looked.losses)
    const atRisk: AtRisk[] = []
    const uncounted: string[] = []
    for (const loss of looked.losses) {
      const counted = await countOf(client, loss)
      if (counted) atRisk.push({ object: loss.object, kind: loss.kind, ...counted })
      else
        uncounted.push(
          `how many ${loss.kind} of ${loss.object} are lost is not known: counting took too long, or the table, its schema and its partitions have several owners`,
        )
    }
    steps.push(judged({ ...looked, lossy: [...looked.lossy, ...uncounted] }, atRisk))
  }
  const rowsAtRisk = steps.flatMap(({ atRisk }) => atRisk).reduce((sum, { rows }) => sum + rows, 0)
  const verdict = worst(steps.map((step) => step.verdict))
  const structure = JSON.stringify([verdict, steps.map((step) => shapeOf(step, migrations.get(step.id)))])
  const rowLimit = limitFor(rowsAtRisk)
  return { steps, verdict, rowsAtRisk, rowLimit, hash: hashOf(structure, rowLimit), structure, losses }
}

interface Looked {
  readonly id: string
  readonly hasDown: boolean
  readonly statements: RollbackStep['statements']
  readonly losses: readonly Loss[]
  readonly dependents: readonly string[]
  readonly lossy: readonly string[]
  readonly blocked: readonly string[]
}

async function lookAt(
  id: string,
  migration: Migration | undefined,
  linter: Linter,
  catalog: Catalog,
  gone: Set<string>,
): Promise<Looked> {
  const nothing = { id, hasDown: false, statements: [], losses: [], dependents: [], lossy: [] }
  if (!migration) return { ...nothing, blocked: ['its folder is gone'] }
  const { down } = migration
  if (!down) return { ...nothing, blocked: ['it says that it is irreversible'] }
  if (down.language === 'typescript')
    return { ...nothing, hasDown: true, lossy: ['its down.ts cannot be looked into'], blocked: [] }
  const losses: Loss[] = []
  const lossy: string[] = []
  const blocked: string[] = []
  const dependents = new Set<string>()
  for (const { node, line } of await splitStatements(down)) {
    const found = lossesOf(node, linter.world)
    losses.push(...found.losses)
    lossy.push(...found.uncountable.map((words) => `line ${line} ${words}`))
    const built = dependentsOf(node, linter.world, catalog, gone)
    for (const one of built.names) dependents.add(one)
    if (built.names.length > 0 && !built.isCascade)
      blocked.push(`line ${line} fails: ${built.names.join(', ')} is built on what goes`)
    if (built.names.length > 0 && built.isCascade)
      lossy.push(`line ${line} takes ${built.names.join(', ')} with it`)
  }
  const linted = await linter.lint(down)
  return {
    id,
    hasDown: true,
    statements: linted.map(({ statement, doing }) => ({ line: statement.line, ...doing })),
    losses,
    dependents: [...dependents],
    lossy,
    blocked,
  }
}

function judged(
  { id, hasDown, statements, dependents, lossy, blocked }: Looked,
  atRisk: readonly AtRisk[],
): RollbackStep {
  const full = atRisk
    .filter(({ rows }) => rows > 0)
    .map(({ object, kind, rows }) => `${rows} ${kind} of ${object} are lost`)
  const verdict = blocked.length > 0 ? 'blocked' : full.length + lossy.length > 0 ? 'lossy' : 'safe'
  return { id, hasDown, statements, atRisk, dependents, verdict, reasons: [...blocked, ...full, ...lossy] }
}

/** Rows of a table, or values of a column; an estimate where counting takes too long, undefined where there is not even that. */
async function countOf(
  client: pg.Client,
  { relation, column }: Loss,
): Promise<{ rows: number; isEstimate: boolean } | undefined> {
  const what = column === undefined ? '*' : quoteIdentifier(column)
  await client.query(`SET statement_timeout = ${COUNT_LIMIT_MS}`)
  try {
    let sum = 0
    // None where it is gone already: an earlier step of the plan made it, or IF EXISTS means just this.
    for (const { hand, from } of await ownersParts(client, relation)) {
      const [counted] = await hand.rows<{ rows: number }>(
        `SELECT pg_catalog.count(${what})::float8 AS rows FROM ${from}`,
      )
      sum += counted?.rows ?? 0
    }
    return { rows: sum, isEstimate: false }
  } catch (error) {
    // Whose code would run there is not sure.
    if (isHoldfastError(error)) return undefined
    const state = sqlstateOf(error)
    if (state === SQLSTATE.undefinedTable || state === SQLSTATE.undefinedColumn)
      return { rows: 0, isEstimate: false }
    if (state !== SQLSTATE.queryCanceled && state !== SQLSTATE.lockNotAvailable) throw error
    const { rows } = await client.query<{ rows: number }>(
      'SELECT reltuples::float8 AS rows FROM pg_catalog.pg_class WHERE oid = to_regclass($1)',
      [relation],
    )
    const estimate = rows[0]?.rows ?? 0
    // Nobody has looked at it yet, which is not the same as that there is nothing.
    return estimate < 0 ? undefined : { rows: estimate, isEstimate: true }
  } finally {
    await client.query('RESET statement_timeout')
  }
}

function worst(verdicts: readonly RollbackVerdict[]): RollbackVerdict {
  return verdicts.includes('blocked') ? 'blocked' : verdicts.includes('lossy') ? 'lossy' : 'safe'
}

/** What must be the same when the plan is run. */
function shapeOf(
  { id, statements, atRisk, dependents, verdict }: RollbackStep,
  migration: Migration | undefined,
): unknown {
  return [
    id,
    verdict,
    migration?.down && checksumOf(migration.down.text),
    statements.map(({ lock, blocks }) => [lock, blocks?.tables]),
    atRisk.map(({ object, kind }) => [object, kind]),
    dependents,
  ]
}

/** Steps of a ladder: 0, 100, 200, 500, 1000, ... so that the same plan has the same limit while writing goes on. */
export const LIMITS: readonly number[] = [
  0,
  ...Array.from({ length: 14 }, (_, power) => [1, 2, 5].map((one) => one * 10 ** (power + 2))).flat(),
]

/** The first step with room for a tenth more. */
function limitFor(rows: number): number {
  return LIMITS.find((limit) => limit >= (rows === 0 ? 0 : rows * 1.1)) ?? Number.MAX_SAFE_INTEGER
}

/** Names a plan. */
export function hashOf(structure: string, limit: number): string {
  return createHash('sha256').update(`${structure}\n${limit}`).digest('hex').slice(0, 16)
}

/** A plan as the command line and the API print it. */
export function planAsJson({ steps, verdict, rowsAtRisk, rowLimit, hash }: RollbackPlan) {
  return {
    plan: hash,
    verdict,
    rows_at_risk: rowsAtRisk,
    row_limit: rowLimit,
    steps: steps.map(({ id, hasDown, verdict: one, reasons, dependents, atRisk, statements }) => ({
      id,
      has_down: hasDown,
      verdict: one,
      reasons: [...reasons],
      dependents: [...dependents],
      at_risk: atRisk.map(({ object, kind, rows, isEstimate }) => ({
        object,
        kind,
        rows,
        is_estimate: isEstimate,
      })),
      statements: statements.map(({ line, lock, blocks, scans, rewrites }) => ({
        line,
        lock,
        blocks: blocks && { tables: [...blocks.tables], what: blocks.what },
        scans,
        rewrites,
      })),
    })),
  }
}
