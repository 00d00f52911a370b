import { readMigrations } from '../format/folder.ts'
import { type MigrateTarget, withReader } from '../running/session.ts'
import { asRunner, type RunOptions } from '../running/runner.ts'
import { type BackfillRecord, BackfillRecords } from './records.ts'
import { runBackfill } from './worker.ts'

/** How far every backfill is, the latest migration first. */
export function backfillStatus({
  url,
  history,
}: Pick<MigrateTarget, 'url' | 'history'>): Promise<BackfillRecord[]> {
  return withReader(url, (client) => new BackfillRecords(client, history.schema).list())
}

/** Makes whoever runs a backfill wait from the next batch on. @throws HF_BACKFILL_UNKNOWN */
export function pauseBackfill(
  { url, history }: Pick<MigrateTarget, 'url' | 'history'>,
  id: string,
): Promise<BackfillRecord> {
  return withReader(url, (client) => new BackfillRecords(client, history.schema).pause(id))
}

/** Lets it go on. @throws HF_BACKFILL_UNKNOWN */
export function resumeBackfill(
  { url, history }: Pick<MigrateTarget, 'url' | 'history'>,
  id: string,
): Promise<BackfillRecord> {
  return withReader(url, (client) => new BackfillRecords(client, history.schema).resume(id))
}

/**
 * Runs one backfill, or all that are not done, to their end.
 * @returns the ids of their migrations
 * @throws HF_BACKFILL_UNKNOWN, HF_BACKFILL_BUSY, HF_BACKFILL_PAUSED, HF_BACKFILL_FAILED, HF_MIGRATE_VALIDATION
 */
export async function runBackfills(
  target: MigrateTarget,
  { id, ...options }: RunOptions & { readonly id?: string | undefined } = {},
): Promise<string[]> {
  const migrations = new Map(readMigrations(target.directory).map((migration) => [migration.id, migration]))
  return asRunner(target, options, async (run) => {
    const records = new BackfillRecords(run.client, target.history.schema)
    const waiting = id === undefined ? await records.unfinished() : [await records.get(id)]
    const ran: string[] = []
    for (const { migrationId, state } of waiting) {
      const migration = migrations.get(migrationId)
      if (state === 'done' || migration?.backfill === undefined) continue
      await runBackfill(run, { id: migrationId, path: migration.backfill, validate: migration.validate })
      ran.push(migrationId)
    }
    return ran
  })
}
