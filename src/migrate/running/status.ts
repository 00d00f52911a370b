import { type Migration, readMigrations } from '../format/folder.ts'
import { appliedEntries, type HistoryEntry, readHistory } from '../history/history.ts'
import { readSteps } from '../history/steps.ts'
import { type MigrateTarget, withReader } from './session.ts'

/** One migration as `status` shows it. */
export interface MigrationStatus {
  readonly id: string
  /**
   * `interrupted`: some of its statements are applied and it is not through; `missing`: it ran, and its folder is
   * gone; `changed`: its up.sql is not what ran.
   */
  readonly state: 'applied' | 'pending' | 'interrupted' | 'missing' | 'changed'
  readonly appliedAt: Date | null
  readonly durationMs: number | null
  readonly appliedBy: string | null
  /** `run`, or how else it came into the history: `stamp`, `baseline`, `squash`, `repair`, `import`. */
  readonly method: HistoryEntry['method'] | null
  readonly hasDown: boolean
  readonly phase: 'expand' | 'contract' | null
  /** Why the last attempt failed, while it is not applied. */
  readonly lastError: string | null
}

/**
 * What ran and what is pending, oldest first. Needs no more than reading.
 * @throws HF_SCHEMA_MISSING, HF_SCHEMA_OUTDATED, HF_MIGRATE_FOLDER, HF_MIGRATE_DIRECTIVE
 */
export async function migrateStatus(target: MigrateTarget): Promise<MigrationStatus[]> {
  const migrations = readMigrations(target.directory)
  const { entries, steps } = await withReader(target.url, async (client) => ({
    entries: await readHistory(client, target.history),
    steps: await readSteps(client, target.history),
  }))
  const applied = appliedEntries(entries)
  const known = new Map(migrations.map((migration) => [migration.id, migration]))
  const begun = new Set(steps.map(({ migrationId }) => migrationId))
  const ids = [...new Set([...known.keys(), ...applied.keys()])].toSorted()
  return ids.map((id) => {
    const entry = applied.get(id)
    const migration = known.get(id)
    return {
      id,
      state: begun.has(id) ? 'interrupted' : stateOf(entry, migration),
      appliedAt: entry?.startedAt ?? null,
      durationMs: entry?.durationMs ?? null,
      appliedBy: entry ? `${entry.databaseUser} (${entry.osUser}@${entry.host})` : null,
      method: entry?.method ?? null,
      hasDown: migration?.down !== undefined,
      phase: migration?.directives.phase ?? null,
      lastError: entry ? null : (entries.findLast(({ migrationId }) => migrationId === id)?.error ?? null),
    }
  })
}

function stateOf(
  entry: HistoryEntry | undefined,
  migration: Migration | undefined,
): MigrationStatus['state'] {
  if (!entry) return 'pending'
  if (!migration) return 'missing'
  return migration.checksum === entry.checksum ? 'applied' : 'changed'
}

/**
 * Every attempt that was made, the latest first: who, when, how long, what failed.
 * @throws HF_SCHEMA_MISSING, HF_SCHEMA_OUTDATED
 */
export async function migrateHistory(
  target: Pick<MigrateTarget, 'url' | 'history'>,
): Promise<HistoryEntry[]> {
  return withReader(target.url, async (client) => (await readHistory(client, target.history)).toReversed())
}
