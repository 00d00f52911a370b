import type pg from 'pg'
import { resolveOptions, systemClock } from '../../core/index.ts'
import {
  indexUnnamed,
  interrupted,
  lockGivenUp,
  needsTransactionOff,
  searchPathHitsOurs,
  stepChanged,
  unknownTarget,
} from '../errors.ts'
import { backfillUnfinished } from '../backfill/errors.ts'
import { BackfillRecords } from '../backfill/records.ts'
import { type BackfillTask, loadBackfill, runBackfill } from '../backfill/worker.ts'
import { type Migration, readMigrations } from '../format/folder.ts'
import type { Script } from '../format/script.ts'
import { givesUpLocks, specialKindOf } from '../format/special-statements.ts'
import { refuseTransactionCommands, splitStatements, type Statement } from '../format/statements.ts'
import type { Direction } from '../history/history.ts'
import { readSteps } from '../history/steps.ts'
import { MIGRATE_OPTIONS, type MigrateOptions } from '../options.ts'
import type { Job, Run } from './job.ts'
import { findPending, type Pending } from './pending.ts'
import type { OnProgress } from './progress.ts'
import { withRunnerLock } from './runner-lock.ts'
import { type MigrateTarget, refuseTransactionPooler, withClient } from './session.ts'
import { runStepwise } from './stepwise.ts'
import { runInTransaction } from './transactional.ts'
import { RunnerWatch } from './watch.ts'

/** How any run is done. */
export interface RunOptions extends Partial<Omit<MigrateOptions, 'directory' | 'snapshot'>> {
  readonly onProgress?: OnProgress | undefined
}

/** How one run of `up` is done. */
export interface UpOptions extends RunOptions {
  /** Stop after this migration. */
  readonly to?: string | undefined
  /** Run a migration that is older than one that ran. Default false. */
  readonly allowOutOfOrder?: boolean | undefined
  /** Only say what would run. Default false. */
  readonly isDryRun?: boolean | undefined
  /** Leave backfills for `holdfast backfill run`. Default false. */
  readonly skipsBackfills?: boolean | undefined
}

const DEFAULTS = resolveOptions('migrate', MIGRATE_OPTIONS, []).values

/**
 * Runs what is pending: each migration in one transaction together with its history row, or, with
 * `transaction=off`, statement by statement. Goes on where an interrupted run stopped.
 *
 * @returns the ids that ran (or would run), in the order in which they ran.
 * @throws HF_MIGRATE_FOLDER, HF_MIGRATE_DUPLICATE_ID, HF_MIGRATE_ENCODING, HF_MIGRATE_DIRECTIVE, HF_MIGRATE_SYNTAX,
 *   HF_MIGRATE_TRANSACTION_COMMAND, HF_MIGRATE_NEEDS_TRANSACTION_OFF, HF_MIGRATE_INDEX_UNNAMED, HF_MIGRATE_CHECKSUM,
 *   HF_MIGRATE_OUT_OF_ORDER, HF_MIGRATE_AFTER, HF_MIGRATE_REPLACES, HF_MIGRATE_POOLER, HF_MIGRATE_SEARCH_PATH,
 *   HF_SCHEMA_MISSING, HF_SCHEMA_OUTDATED before anything ran; HF_MIGRATE_LOCK_HELD; and while it runs
 *   HF_MIGRATE_LOCK_TIMEOUT, HF_MIGRATE_FAILED, HF_MIGRATE_VALIDATION, HF_MIGRATE_MODULE, HF_MIGRATE_INDEX_INVALID,
 *   HF_MIGRATE_STEP_UNKNOWN, HF_MIGRATE_STEP_CHANGED, HF_MIGRATE_COMMIT_UNKNOWN, HF_MIGRATE_CONTRACT_EARLY, HF_BACKFILL_*
 */
export async function migrateUp(target: MigrateTarget, options: UpOptions = {}): Promise<string[]> {
  const migrations = readMigrations(target.directory)
  if (options.to !== undefined && !migrations.some(({ id }) => id === options.to)) {
    throw unknownTarget(
      options.to,
      migrations.map(({ id }) => id),
    )
  }
  return asRunner(target, options, async (run) => {
    const pending: Pending = await findPending(run.client, target.history, migrations, options)
    // Parsed before anything runs: a mistake in the last one is found before the first is applied.
    const jobs: Job[] = []
    for (const migration of pending.migrations) jobs.push(await upJob(migration, target.history.schema))
    const ids = jobs.map(({ id }) => id)
    await refuseInterrupted(run, 'up', jobs)
    if (options.isDryRun) return ids
    for (const id of pending.missing)
      run.onProgress({ kind: 'said', id, text: 'ran here, and its folder is gone' })
    const tasks = new Map(migrations.flatMap((migration) => taskOf(migration)))
    if (!options.skipsBackfills) await runUnfinished(run, tasks)
    for (const [index, job] of jobs.entries()) {
      if (job.script.directives.phase === 'contract') await refuseUnfinished(run, job.id)
      await runJob(run, job, index, jobs.length)
      if (!options.skipsBackfills) await runUnfinished(run, tasks)
    }
    return ids
  })
}

/** Holds the runner's lock on a session of its own while `work` runs. */
export async function asRunner<T>(
  target: MigrateTarget,
  options: RunOptions,
  work: (run: Run) => Promise<T>,
): Promise<T> {
  const resolved = { ...DEFAULTS, ...options }
  return withClient(target.url, async (client) => {
    await refuseTransactionPooler(client, target.url)
    return withRunnerLock(client, target.history, resolved.runnerWaitMs, async () => {
      if (target.searchPath === undefined) await refuseOurSchema(client, target.history.schema)
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      const watch = new RunnerWatch(target.url, rows[0]?.pid ?? 0)
      try {
        const onProgress = options.onProgress ?? (() => {})
        return await work({ client, target, options: resolved, clock: systemClock, watch, onProgress })
      } finally {
        await watch.close()
      }
    })
  })
}

/**
 * What stopped midway has to be finished in the way it was begun, before anything else is done about it.
 * @throws HF_MIGRATE_INTERRUPTED, HF_MIGRATE_STEP_CHANGED
 */
export async function refuseInterrupted(
  { client, target }: Run,
  going: Direction,
  jobs: readonly Job[],
): Promise<void> {
  for (const { migrationId, direction, line } of await readSteps(client, target.history)) {
    const job = jobs.find(({ id }) => id === migrationId)
    // One that waits for its turn upwards is in nobody's way upwards.
    if (!job && direction === 'up' && going === 'up') continue
    if (job?.direction !== direction) throw interrupted(migrationId, direction)
    if (job.script.directives.inTransaction) throw stepChanged(migrationId, line)
  }
}

/** Runs one job in the way that its directives ask for. */
export async function runJob(run: Run, job: Job, index: number, count: number): Promise<void> {
  const { id, direction } = job
  run.onProgress({ kind: 'started', id, direction, index, count })
  const durationMs = job.script.directives.inTransaction
    ? await runInTransaction(run, job)
    : await runStepwise(run, job)
  run.onProgress({ kind: 'applied', id, direction, durationMs })
}

async function upJob(migration: Migration, schema: string): Promise<Job> {
  const { id, checksum, up, validate, backfill: path } = migration
  const job = { id, direction: 'up', script: up, checksum, statements: await readStatements(up) } as const
  if (path === undefined) return { ...job, validate }
  const { table, key } = await loadBackfill(path)
  // The check is due when the backfill is through; that there is one is written with the history row.
  const alsoRecord = (client: pg.Client): Promise<void> =>
    new BackfillRecords(client, schema).add(id, table, key)
  return { ...job, validate: undefined, alsoRecord }
}

function taskOf({ id, backfill, validate }: Migration): [string, BackfillTask][] {
  return backfill === undefined ? [] : [[id, { id, path: backfill, validate }]]
}

/** Backfills of migrations that ran, in their order. */
async function runUnfinished(run: Run, tasks: ReadonlyMap<string, BackfillTask>): Promise<void> {
  // Nothing to look up, and on an older schema nowhere to look.
  if (tasks.size === 0) return
  for (const { migrationId } of await new BackfillRecords(
    run.client,
    run.target.history.schema,
  ).unfinished()) {
    const task = tasks.get(migrationId)
    if (task) await runBackfill(run, task)
  }
}

async function refuseUnfinished(run: Run, id: string): Promise<void> {
  const waiting = await new BackfillRecords(run.client, run.target.history.schema).unfinished()
  if (waiting.length > 0)
    throw backfillUnfinished(
      id,
      waiting.map(({ migrationId }) => migrationId),
    )
}

/**
 * The statements of a script, having seen that it can run the way it asks for.
 * @throws HF_MIGRATE_SYNTAX, HF_MIGRATE_TRANSACTION_COMMAND, HF_MIGRATE_NEEDS_TRANSACTION_OFF, HF_MIGRATE_INDEX_UNNAMED
 */
export async function readStatements(script: Script): Promise<Statement[]> {
  if (script.language === 'typescript') return []
  const statements = await splitStatements(script)
  refuseTransactionCommands(statements, script.path)
  for (const { node, line } of statements) {
    const kind = specialKindOf(node)
    if (kind !== undefined && script.directives.inTransaction)
      throw needsTransactionOff(script.path, line, kind)
    if (givesUpLocks(node)) throw lockGivenUp(script.path, line)
    if ('IndexStmt' in node && node.IndexStmt.concurrent && !node.IndexStmt.idxname)
      throw indexUnnamed(script.path, line)
  }
  return statements
}

/** By default a role that is named like our schema would make the user's tables in it. */
async function refuseOurSchema(client: pg.Client, schema: string): Promise<void> {
  const { rows } = await client.query<{ schema: string | null; role: string }>(
    'SELECT current_schema() AS schema, current_user AS role',
  )
  if (rows[0]?.schema === schema) throw searchPathHitsOurs(schema, rows[0].role)
}
