import type pg from 'pg'
import { checksumChanged, outOfOrder, replacedInPart } from '../errors.ts'
import type { Migration } from '../format/folder.ts'
import { splitStatements } from '../format/statements.ts'
import { relationsTouched } from '../format/touched.ts'
import { describeDifference } from '../history/difference.ts'
import { appliedEntries, type HistoryEntry, readHistory, recordAttempt } from '../history/history.ts'
import type { HistoryTable } from '../history/tables.ts'
import { inRunningOrder } from './order.ts'

/** What there is to run, and what was found on the way. */
export interface Pending {
  readonly migrations: readonly Migration[]
  /** Ran, and their folders are gone. */
  readonly missing: readonly string[]
}

/**
 * What has not run yet, in running order.
 * @throws HF_MIGRATE_CHECKSUM, HF_MIGRATE_OUT_OF_ORDER, HF_MIGRATE_AFTER, HF_MIGRATE_REPLACES, HF_SCHEMA_*
 */
export async function findPending(
  client: pg.Client,
  history: HistoryTable,
  migrations: readonly Migration[],
  options: {
    readonly to?: string | undefined
    readonly allowOutOfOrder?: boolean | undefined
    readonly isDryRun?: boolean | undefined
  },
): Promise<Pending> {
  const entries = await readHistory(client, history)
  const applied = appliedEntries(entries)
  const squashed = new Set(
    entries
      .filter(({ method, direction }) => method === 'squash' && direction === 'down')
      .map(({ migrationId }) => migrationId),
  )
  await refuseChanged(migrations, applied)
  const known = new Set(migrations.map(({ id }) => id))
  const { to } = options
  const candidates: Migration[] = []
  for (const migration of migrations) {
    if (applied.has(migration.id) || (to !== undefined && migration.id > to)) continue
    if (standsForApplied(migration, applied, squashed)) {
      if (!options.isDryRun) await adoptSquashed(client, history, migration)
      applied.set(migration.id, [...applied.values()].at(-1) as HistoryEntry)
    } else candidates.push(migration)
  }
  await refuseLate(migrations, candidates, applied, options.allowOutOfOrder ?? false)
  const replaced = new Set(migrations.flatMap(({ directives }) => directives.replaces))
  return {
    migrations: inRunningOrder(
      candidates.map((one) => named(one, migrations)),
      known,
      new Set(applied.keys()),
    ),
    missing: [...applied.keys()].filter((id) => !known.has(id) && !replaced.has(id)),
  }
}

async function refuseChanged(
  migrations: readonly Migration[],
  applied: ReadonlyMap<string, HistoryEntry>,
): Promise<void> {
  const changed: { id: string; appliedAt: Date; difference: string }[] = []
  for (const { id, checksum, up } of migrations) {
    const entry = applied.get(id)
    if (!entry || entry.checksum === checksum) continue
    // What can no longer be parsed has changed all the same.
    const now = up.language === 'sql' ? await splitStatements(up).catch(() => []) : []
    changed.push({ id, appliedAt: entry.startedAt, difference: describeDifference(entry, now) })
  }
  if (changed.length > 0) throw checksumChanged(changed)
}

/** A squashed migration is in force where all those that it stands for are. */
function standsForApplied(
  { id, directives }: Migration,
  applied: ReadonlyMap<string, unknown>,
  squashed: ReadonlySet<string>,
): boolean {
  const { replaces } = directives
  // What was squashed before ran as a part of what it was squashed into, which is named as well.
  const missing = replaces.filter((one) => !applied.has(one) && !squashed.has(one))
  if (replaces.length === 0 || !replaces.some((one) => applied.has(one))) return false
  if (missing.length > 0) throw replacedInPart(id, missing)
  return true
}

/** Its `after`, with what was squashed under the name that it has now. */
function named(migration: Migration, all: readonly Migration[]): Migration {
  const after = migration.directives.after.map(
    (one) => all.find(({ id, directives }) => id !== one && directives.replaces.includes(one))?.id ?? one,
  )
  return { ...migration, directives: { ...migration.directives, after } }
}

/** A squashed migration counts as run, and those that it stands for no more. */
export async function adoptSquashed(
  client: pg.Client,
  history: HistoryTable,
  migration: Migration,
): Promise<void> {
  const now = new Date()
  const entry = { startedAt: now, finishedAt: now, statements: [], retries: 0, method: 'squash' } as const
  const { id, checksum, directives } = migration
  await client.query('BEGIN')
  const reason = `stands for ${directives.replaces.length} migrations that ran`
  await recordAttempt(client, history, { ...entry, id, checksum, direction: 'up', reason })
  const inForce = appliedEntries(await readHistory(client, history))
  for (const old of directives.replaces.filter((one) => inForce.has(one)))
    await recordAttempt(client, history, {
      ...entry,
      id: old,
      checksum,
      direction: 'down',
      reason: `squashed into ${id}`,
    })
  await client.query('COMMIT')
}

async function refuseLate(
  all: readonly Migration[],
  pending: readonly Migration[],
  applied: ReadonlyMap<string, HistoryEntry>,
  isAllowed: boolean,
): Promise<void> {
  const lastApplied = [...applied.keys()].toSorted().at(-1) ?? ''
  // Whoever says that it runs after a later one is late on purpose.
  const isMeant = ({ directives }: Migration): boolean => directives.after.some((after) => applied.has(after))
  const late = pending.filter((migration) => migration.id < lastApplied && !isMeant(migration))
  if (late.length === 0 || isAllowed) return
  const described: { id: string; relation: string }[] = []
  for (const migration of late) {
    const touched = await touchedBy(migration)
    const shared: string[] = []
    for (const other of all.filter(({ id }) => id > migration.id && applied.has(id)))
      for (const name of await touchedBy(other)) if (touched.has(name)) shared.push(`${name} (${other.id})`)
    const relation =
      migration.up.language === 'typescript'
        ? 'a step in TypeScript: nobody can say what it touches'
        : shared.length === 0
          ? 'touches nothing that those after it touched'
          : `touches what those after it touched, too: ${[...new Set(shared)].join(', ')}`
    described.push({ id: migration.id, relation })
  }
  throw outOfOrder(described, lastApplied)
}

async function touchedBy({ up }: Migration): Promise<Set<string>> {
  if (up.language === 'typescript') return new Set()
  const statements = await splitStatements(up).catch(() => [])
  return new Set(statements.flatMap(({ node }) => relationsTouched(node)))
}
