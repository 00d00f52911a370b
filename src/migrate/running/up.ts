import type pg from 'pg'
import { BackfillRecords } from '../backfill/records.ts'
import { type BackfillTask, loadBackfill, runBackfill } from '../backfill/worker.ts'
import { refuseEarly } from '../contract/contract.ts'
import { forgetUses } from '../contract/uses.ts'
import { emptyMigration, unknownTarget } from '../errors.ts'
import { type Migration, readMigrations } from '../format/folder.ts'
import type { Job, Run } from './job.ts'
import { findPending } from './pending.ts'
import { readStatements, refuseInterrupted, runJob } from './run-job.ts'
import { asRunner, type RunOptions } from './runner.ts'
import type { MigrateTarget } from './session.ts'

/** How one run of `up` is done. */
export interface UpOptions extends RunOptions {
  /** Stop after this migration. */
  readonly to?: string | undefined
  /** Take the folder to hold these alone. Default: all. */
  readonly only?: ReadonlySet<string> | undefined
  /** Run a migration that is older than one that ran. Default false. */
  readonly allowOutOfOrder?: boolean | undefined
  /** Only say what would run. Default false. */
  readonly isDryRun?: boolean | undefined
  /** Leave backfills for `holdfast backfill run`. Default false. */
  readonly skipsBackfills?: boolean | undefined
}

/**
 * Runs what is pending: each migration in one transaction together with its history row, or, with
 * `transaction=off`, statement by statement. Goes on where an interrupted run stopped.
 *
 * @returns the ids that ran (or would run), in the order in which they ran.
 * @throws HF_MIGRATE_FOLDER, HF_MIGRATE_DUPLICATE_ID, HF_MIGRATE_ENCODING, HF_MIGRATE_DIRECTIVE, HF_MIGRATE_SYNTAX,
 *   HF_MIGRATE_TRANSACTION_COMMAND, HF_MIGRATE_EMPTY, HF_MIGRATE_NEEDS_TRANSACTION_OFF, HF_MIGRATE_INDEX_UNNAMED, HF_MIGRATE_CHECKSUM,
 *   HF_MIGRATE_OUT_OF_ORDER, HF_MIGRATE_AFTER, HF_MIGRATE_REPLACES, HF_CONNECT_POOLER, HF_MIGRATE_SEARCH_PATH,
 *   HF_SCHEMA_MISSING, HF_SCHEMA_OUTDATED before anything ran; HF_MIGRATE_LOCK_HELD; and while it runs
 *   HF_MIGRATE_LOCK_TIMEOUT, HF_MIGRATE_FAILED, HF_MIGRATE_VALIDATION, HF_MIGRATE_MODULE, HF_MIGRATE_INDEX_INVALID,
 *   HF_MIGRATE_STEP_UNKNOWN, HF_MIGRATE_STEP_CHANGED, HF_MIGRATE_COMMIT_UNKNOWN, HF_MIGRATE_CONTRACT_EARLY,
 *   HF_MIGRATE_CONTRACT_IN_USE, HF_BACKFILL_*
 */
export async function migrateUp(target: MigrateTarget, options: UpOptions = {}): Promise<string[]> {
  const { only } = options
  const migrations = readMigrations(target.directory).filter(({ id }) => only?.has(id) ?? true)
  if (options.to !== undefined && !migrations.some(({ id }) => id === options.to)) {
    throw unknownTarget(
      options.to,
      migrations.map(({ id }) => id),
    )
  }
  return asRunner(target, options, async (run) => {
    const pending = await findPending(run.client, target.history, migrations, options)
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
      const isContract = job.script.directives.phase === 'contract'
      if (isContract) await refuseEarly(run, job, migrations)
      await runJob(run, job, index, jobs.length)
      if (isContract) await forgetUses(run.client, target.history.schema, job.id)
      if (!options.skipsBackfills) await runUnfinished(run, tasks)
    }
    return ids
  })
}

async function upJob(migration: Migration, schema: string): Promise<Job> {
  const { id, checksum, up, validate, backfill: path } = migration
  const statements = await readStatements(up)
  const isEmpty = up.language === 'sql' && statements.length === 0 && (path ?? validate) === undefined
  if (isEmpty && !up.directives.isIrreversible) throw emptyMigration(up.path)
  const job = { id, direction: 'up', script: up, checksum, statements } as const
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
