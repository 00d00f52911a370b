import type pg from 'pg'
import { nothingToRepair, noRunner, unknownTarget } from '../errors.ts'
import { type Migration, readMigrations } from '../format/folder.ts'
import { splitStatements } from '../format/statements.ts'
import {
  appliedEntries,
  type Direction,
  type Method,
  readHistory,
  recordAttempt,
  type StatementRecord,
} from '../history/history.ts'
import { forgetStep, forgetSteps, readSteps, recordDone } from '../history/steps.ts'
import { OperationRecorder } from '../operation-recorder.ts'
import { advisoryKeyOf, holderOf } from './runner-lock.ts'
import { type MigrateTarget, withClient } from './session.ts'
import { asRunner, type RunOptions } from './runner.ts'

/** Something to write down without running anything. */
export interface BookEntry {
  readonly reason: string
}

/**
 * Writes down that migrations ran, without running them: for a database that came to their state another way.
 *
 * @param id the last one; those before it that are pending are stamped too
 * @returns the ids that were stamped, oldest first
 * @throws HF_MIGRATE_UNKNOWN_ID
 */
export async function stamp(
  target: MigrateTarget,
  id: string,
  { reason, method = 'stamp', ...options }: BookEntry & RunOptions & { method?: Method },
): Promise<string[]> {
  const migrations = readMigrations(target.directory)
  requireKnown(id, migrations)
  return asRunner(target, options, async ({ client }) => {
    const applied = appliedEntries(await readHistory(client, target.history))
    const pending = migrations.filter((one) => one.id <= id && !applied.has(one.id))
    await client.query('BEGIN')
    for (const migration of pending) {
      await writeDown(client, target, migration, 'up', method, reason)
      // It counts as run now, however far an earlier attempt had come.
      await forgetSteps(client, target.history, migration.id, 'up')
    }
    await client.query('COMMIT')
    return pending.map((one) => one.id)
  })
}

/**
 * Writes down that a migration is not in force, without taking anything back: `up` will run it.
 * @throws HF_MIGRATE_NOTHING_TO_REPAIR when it is not in force
 */
export async function unstamp(
  target: MigrateTarget,
  id: string,
  { reason, ...options }: BookEntry & RunOptions,
): Promise<void> {
  const migration = readMigrations(target.directory).find((one) => one.id === id)
  await asRunner(target, options, async ({ client }) => {
    const entry = appliedEntries(await readHistory(client, target.history)).get(id)
    if (!entry) throw nothingToRepair(id, 'it is not in force')
    const checksum = migration?.checksum ?? entry.checksum
    const now = new Date()
    const base = { id, checksum, startedAt: now, finishedAt: now, statements: [], retries: 0 }
    await recordAttempt(client, target.history, { ...base, direction: 'down', method: 'stamp', reason })
  })
}

/** What a repair says. */
export interface Repair extends BookEntry, RunOptions {
  /** The statement in question, counted from 1. Without it: the file as it is now is what ran. */
  readonly step?: number | undefined
  /** `done`: it took effect; `pending`: it had none. */
  readonly mark?: 'done' | 'pending' | undefined
}

/**
 * Sets the history right, and says why: that a changed file is what ran after all, or what became of a statement
 * that an interrupted run had begun. With a step, further `up` goes on behind it or with it.
 *
 * @throws HF_MIGRATE_UNKNOWN_ID, HF_MIGRATE_NOTHING_TO_REPAIR
 */
export async function repair(target: MigrateTarget, id: string, options: Repair): Promise<void> {
  const migrations = readMigrations(target.directory)
  const migration = requireKnown(id, migrations)
  const { step, mark = 'done', reason } = options
  await asRunner(target, options, async ({ client }) => {
    if (step !== undefined) return repairStep(client, target, id, step, mark, reason)
    const entry = appliedEntries(await readHistory(client, target.history)).get(id)
    if (!entry) throw nothingToRepair(id, 'it is not in force, so nothing of it can have changed since')
    if (entry.checksum === migration.checksum) throw nothingToRepair(id, 'its file is what ran')
    await writeDown(client, target, migration, 'up', 'repair', reason)
  })
}

async function repairStep(
  client: pg.Client,
  { history }: MigrateTarget,
  id: string,
  step: number,
  mark: 'done' | 'pending',
  reason: string,
): Promise<void> {
  const found = (await readSteps(client, history, id)).find((one) => one.step === step)
  if (found?.state !== 'begun') throw nothingToRepair(id, `there is no question about its statement ${step}`)
  await client.query('BEGIN')
  if (mark === 'done') await recordDone(client, history, found, null, null)
  else await forgetStep(client, history, found)
  const details = { step, line: found.line, mark, reason }
  await new OperationRecorder(client, history.schema).record({
    action: 'migrations.repair',
    subject: id,
    details,
  })
  await client.query('COMMIT')
}

/**
 * Gives up an interrupted migration: what its statements did was undone by hand.
 * @throws HF_MIGRATE_NOTHING_TO_REPAIR when nothing of it is on its way
 */
export async function abandon(
  target: MigrateTarget,
  id: string,
  { reason, ...options }: BookEntry & RunOptions,
): Promise<void> {
  await asRunner(target, options, async ({ client }) => {
    const steps = await readSteps(client, target.history, id)
    const [first] = steps
    if (!first) throw nothingToRepair(id, 'nothing of it is on its way')
    const now = new Date()
    const failure = { message: `given up: ${reason}`, line: first.line, statement: null }
    const base = { id, checksum: '', startedAt: first.beganAt, finishedAt: now, statements: [], retries: 0 }
    await client.query('BEGIN')
    await recordAttempt(client, target.history, {
      ...base,
      direction: first.direction,
      method: 'repair',
      reason,
      failure,
    })
    await forgetSteps(client, target.history, id, first.direction)
    await client.query('COMMIT')
  })
}

/**
 * Ends the session that holds the runner's lock: for one whose machine is gone while the server has not noticed.
 * @returns who it was
 * @throws HF_MIGRATE_NO_RUNNER when nobody holds it
 */
export async function unlock(
  target: Pick<MigrateTarget, 'url' | 'history'>,
  isDryRun = false,
): Promise<string> {
  return withClient(target.url, async (client) => {
    const holder = await holderOf(client, advisoryKeyOf(target.history))
    if (!holder) throw noRunner()
    if (!isDryRun) await client.query('SELECT pg_terminate_backend($1)', [holder.pid])
    return holder.words
  })
}

async function writeDown(
  client: pg.Client,
  target: MigrateTarget,
  migration: Migration,
  direction: Direction,
  method: Method,
  reason: string,
): Promise<void> {
  const now = new Date()
  await recordAttempt(client, target.history, {
    id: migration.id,
    checksum: migration.checksum,
    direction,
    method,
    reason,
    startedAt: now,
    finishedAt: now,
    statements: await recordsOf(migration),
    retries: 0,
  })
}

/** So that a later change of the file can be told in words. */
async function recordsOf({ up }: Migration): Promise<StatementRecord[]> {
  if (up.language === 'typescript') return []
  const statements = await splitStatements(up)
  return statements.map(({ line, hash }) => ({ line, hash, durationMs: 0, rows: null }))
}

function requireKnown(id: string, migrations: readonly Migration[]): Migration {
  const found = migrations.find((one) => one.id === id)
  if (!found)
    throw unknownTarget(
      id,
      migrations.map((one) => one.id),
    )
  return found
}
