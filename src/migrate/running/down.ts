import type pg from 'pg'
import { BackfillRecords } from '../backfill/records.ts'
import { noWayBack, planChanged, unknownTarget } from '../errors.ts'
import { type Migration, readMigrations } from '../format/folder.ts'
import { checksumOf } from '../format/script.ts'
import { appliedEntries, type HistoryEntry, readHistory } from '../history/history.ts'
import type { Job } from './job.ts'
import type { MigrateTarget } from './session.ts'
import { asRunner, type RunOptions } from './runner.ts'
import { readStatements, refuseInterrupted, runJob } from './run-job.ts'

/** How far back. */
export interface DownTarget {
  /** Take back everything that ran after this migration, which stays. */
  readonly to?: string | undefined
  /** Take back so many, the last first. Default 1. */
  readonly count?: number | undefined
}

/** How one run of `down` is done. */
export interface DownOptions extends RunOptions, DownTarget {
  readonly isDryRun?: boolean | undefined
  /** Take back exactly these, as they were shown; where others would go, nothing is run. */
  readonly expected?: readonly string[] | undefined
}

/**
 * Takes migrations back with their `down.sql` or `down.ts`, the last that ran first.
 *
 * @returns the ids that were taken back, in that order.
 * @throws HF_MIGRATE_UNKNOWN_ID, HF_MIGRATE_NO_WAY_BACK, HF_MIGRATE_PLAN_CHANGED before anything ran; else as `migrateUp`
 */
export async function migrateDown(target: MigrateTarget, options: DownOptions = {}): Promise<string[]> {
  const migrations = readMigrations(target.directory)
  return asRunner(target, options, async (run) => {
    const ids = chooseDown(await readHistory(run.client, target.history), options)
    if (options.expected && options.expected.join() !== ids.join()) throw planChanged(ids)
    const jobs: Job[] = []
    for (const id of ids) jobs.push(await downJob(id, migrations, target.history.schema))
    await refuseInterrupted(run, 'down', jobs)
    if (options.isDryRun) return ids
    for (const [index, job] of jobs.entries()) await runJob(run, job, index, jobs.length)
    return ids
  })
}

/**
 * Which migrations go, the last that ran first.
 * @throws HF_MIGRATE_UNKNOWN_ID
 */
export function chooseDown(entries: readonly HistoryEntry[], { to, count }: DownTarget): string[] {
  // A map keeps the place of a key that is set again: what went down and up again stands where it ran last.
  const inForce = appliedEntries(entries)
  const order = entries
    .filter((entry) => inForce.get(entry.migrationId) === entry)
    .map((entry) => entry.migrationId)
  const latestFirst = order.toReversed()
  if (count !== undefined && !(Number.isInteger(count) && count > 0))
    throw new RangeError(`count must be a whole number from 1, not ${count}`)
  if (to === undefined) return latestFirst.slice(0, count ?? 1)
  const end = latestFirst.indexOf(to)
  if (end < 0) throw unknownTarget(to, order)
  return latestFirst.slice(0, end)
}

/** What taking a migration back takes. @throws HF_MIGRATE_NO_WAY_BACK, and what reading its script throws */
export async function downJob(id: string, migrations: readonly Migration[], schema: string): Promise<Job> {
  const migration = migrations.find((one) => one.id === id)
  if (!migration) throw noWayBack(id, 'its folder is gone')
  const { down } = migration
  if (!down) throw noWayBack(id, 'it says that it is irreversible')
  return {
    id,
    direction: 'down',
    script: down,
    checksum: checksumOf(down.text),
    statements: await readStatements(down),
    validate: undefined,
    ...(migration.backfill && {
      alsoRecord: (client: pg.Client) => new BackfillRecords(client, schema).remove(id),
    }),
  }
}
