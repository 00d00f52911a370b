import type pg from 'pg'
import {
  type Clock,
  endsSession,
  isHoldfastError,
  messageOf,
  quoteIdentifier,
  resolveOptions,
  SQLSTATE,
  sqlstateOf,
  systemClock,
  wait,
} from '../core/index.ts'
import { connectFailure, openClient } from '../pool/index.ts'
import {
  checksumChanged,
  commitUnknown,
  lockTimeout,
  notAllowed,
  outOfOrder,
  schemaMissing,
  searchPathHitsOurs,
  statementFailed,
  unknownTarget,
} from './errors.ts'
import { type Migration, readMigrations } from './folder.ts'
import { appliedEntries, type Attempt, hasHistory, type HistoryEntry, type HistoryTable, readHistory, recordAttempt, type StatementRecord } from './history.ts' // prettier-ignore
import { MIGRATE_OPTIONS, type MigrateOptions } from './options.ts'
import { withRunnerLock } from './runner-lock.ts'
import { splitStatements, type Statement } from './statements.ts'

/** Where migrations come from, where they go, where they are remembered. */
export interface MigrateTarget {
  /** A direct way to the server: a transaction pooler breaks the runner's lock. */
  readonly url: string
  readonly directory: string
  readonly history: HistoryTable
  /** Set as `search_path` of each migration: for Holdfast's own schema, whose name is an option. */
  readonly searchPath?: string
}

/** What a run tells while it works. */
export type MigrateProgress =
  | { readonly kind: 'started'; readonly id: string; readonly index: number; readonly count: number }
  | { readonly kind: 'retrying'; readonly id: string; readonly line: number; readonly attempt: number }
  | { readonly kind: 'applied'; readonly id: string; readonly durationMs: number }

/** How one run of `up` is done. */
export interface UpOptions extends Partial<Omit<MigrateOptions, 'directory'>> {
  /** Stop after this migration. */
  readonly to?: string | undefined
  /** Run a migration that is older than one that ran. Default false. */
  readonly allowOutOfOrder?: boolean | undefined
  /** Only say what would run. Default false. */
  readonly isDryRun?: boolean | undefined
  readonly onProgress?: ((progress: MigrateProgress) => void) | undefined
}

const DEFAULTS = resolveOptions('migrate', MIGRATE_OPTIONS, []).values

/** {@link UpOptions} with the defaults filled in. */
type Resolved = UpOptions & MigrateOptions

/** One migration as `status` shows it. */
export interface MigrationStatus {
  readonly id: string
  /** `missing`: it ran, and its folder is gone; `changed`: its up.sql is not what ran. */
  readonly state: 'applied' | 'pending' | 'missing' | 'changed'
  readonly appliedAt: Date | null
  readonly durationMs: number | null
  readonly appliedBy: string | null
  /** Why the last attempt failed, while it is pending. */
  readonly lastError: string | null
}

/**
 * Runs what is pending, each migration in one transaction together with its history row.
 *
 * @returns the ids that ran (or would run), oldest first.
 * @throws HF_MIGRATE_FOLDER, HF_MIGRATE_DIRECTIVE, HF_MIGRATE_SYNTAX, HF_MIGRATE_TRANSACTION_COMMAND before
 *   anything ran; HF_MIGRATE_CHECKSUM, HF_MIGRATE_OUT_OF_ORDER, HF_MIGRATE_LOCK_HELD, HF_MIGRATE_LOCK_TIMEOUT,
 *   HF_MIGRATE_FAILED, HF_MIGRATE_COMMIT_UNKNOWN, HF_MIGRATE_SEARCH_PATH, HF_SCHEMA_MISSING
 */
export async function migrateUp(target: MigrateTarget, upOptions: UpOptions = {}): Promise<string[]> {
  const options: Resolved = { ...DEFAULTS, ...upOptions }
  const migrations = readMigrations(target.directory)
  if (options.to !== undefined && !migrations.some(({ id }) => id === options.to)) {
    throw unknownTarget(
      options.to,
      migrations.map(({ id }) => id),
    )
  }
  return withClient(target.url, (client) =>
    withRunnerLock(
      client,
      `${target.history.schema}.${target.history.table}`,
      options.runnerWaitMs,
      async () => {
        const pending = await findPending(client, target, migrations, options)
        if (target.searchPath === undefined) await refuseOurSchema(client, target.history.schema)
        // Parsed before anything runs: a mistake in the last one is found before the first is applied.
        const prepared: Prepared[] = []
        for (const migration of pending)
          prepared.push({ migration, statements: await splitStatements(migration) })
        if (options.isDryRun) return pending.map(({ id }) => id)
        for (const [index, item] of prepared.entries()) {
          options.onProgress?.({ kind: 'started', id: item.migration.id, index, count: prepared.length })
          const durationMs = await runOne(client, target, item, options, systemClock)
          options.onProgress?.({ kind: 'applied', id: item.migration.id, durationMs })
        }
        return pending.map(({ id }) => id)
      },
    ),
  )
}

/**
 * What ran and what is pending, oldest first. Needs no more than reading.
 * @throws HF_SCHEMA_MISSING, HF_MIGRATE_FOLDER, HF_MIGRATE_DIRECTIVE
 */
export async function migrateStatus(target: MigrateTarget): Promise<MigrationStatus[]> {
  const migrations = readMigrations(target.directory)
  const entries = await withClient(target.url, (client) => historyOf(client, target.history))
  const applied = appliedEntries(entries)
  const known = new Map(migrations.map((migration) => [migration.id, migration]))
  const ids = [...new Set([...known.keys(), ...applied.keys()])].toSorted()
  return ids.map((id) => {
    const entry = applied.get(id)
    const migration = known.get(id)
    return {
      id,
      state: !entry
        ? 'pending'
        : !migration
          ? 'missing'
          : migration.checksum === entry.checksum
            ? 'applied'
            : 'changed',
      appliedAt: entry?.startedAt ?? null,
      durationMs: entry?.durationMs ?? null,
      appliedBy: entry ? `${entry.databaseUser} (${entry.osUser}@${entry.host})` : null,
      lastError: entry ? null : (entries.findLast(({ migrationId }) => migrationId === id)?.error ?? null),
    }
  })
}

interface Prepared {
  readonly migration: Migration
  readonly statements: readonly Statement[]
}

/** Opens one direct connection for `work` and closes it. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const config = { application_name: 'holdfast migrate', connectionTimeoutMillis: 10_000, keepAlive: true }
  const client = await openClient({ connectionString: url, ...config }).catch((error: unknown) => {
    throw connectFailure(error, url)
  })
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}

/** By default a role that is named like our schema would make the user's tables in it. */
async function refuseOurSchema(client: pg.Client, schema: string): Promise<void> {
  const { rows } = await client.query<{ schema: string | null; role: string }>(
    'SELECT current_schema() AS schema, current_user AS role',
  )
  if (rows[0]?.schema === schema) throw searchPathHitsOurs(schema, rows[0].role)
}

async function historyOf(client: pg.Client, history: HistoryTable): Promise<HistoryEntry[]> {
  if (!(await hasHistory(client, history))) throw schemaMissing(history.schema)
  try {
    return await readHistory(client, history)
  } catch (error) {
    if (sqlstateOf(error) !== SQLSTATE.insufficientPrivilege) throw error
    const { rows } = await client.query<{ grant: string }>(
      `SELECT format('GRANT USAGE ON SCHEMA %1$I TO %2$I; GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA %1$I TO %2$I;',
                     $1::text, current_user) AS "grant"`,
      [history.schema],
    )
    throw notAllowed('The history of migrations could not be read', rows[0]?.grant ?? '', error)
  }
}

async function findPending(
  client: pg.Client,
  target: MigrateTarget,
  migrations: readonly Migration[],
  options: Resolved,
): Promise<Migration[]> {
  const applied = appliedEntries(await historyOf(client, target.history))
  const changed = migrations.flatMap(({ id, checksum }) => {
    const entry = applied.get(id)
    return entry && entry.checksum !== checksum ? [{ id, appliedAt: entry.startedAt }] : []
  })
  if (changed.length > 0) throw checksumChanged(changed)
  const { to } = options
  const pending = migrations.filter(({ id }) => !applied.has(id) && (to === undefined || id <= to))
  const lastApplied = [...applied.keys()].toSorted().at(-1) ?? ''
  const late = pending.filter(({ id }) => id < lastApplied).map(({ id }) => id)
  if (late.length > 0 && !options.allowOutOfOrder) throw outOfOrder(late, lastApplied)
  return pending
}

/** Runs one migration, again after a lock was not free. Returns its duration in milliseconds. */
async function runOne(
  client: pg.Client,
  target: MigrateTarget,
  { migration, statements }: Prepared,
  options: Resolved,
  clock: Clock,
): Promise<number> {
  const startedAt = new Date(clock.now())
  for (let retries = 0; ; retries += 1) {
    const progress: Progress = { line: 1, done: [] }
    const attempt = (): Attempt => ({
      migration,
      startedAt,
      finishedAt: new Date(clock.now()),
      statements: progress.done,
      retries,
    })
    try {
      await begin(client, target, migration, options)
      await runStatements(client, statements, progress)
      await recordAttempt(client, target.history, attempt())
      await commit(client, migration)
      return clock.now() - startedAt.getTime()
    } catch (error) {
      if (isHoldfastError(error)) throw error
      await client.query('ROLLBACK').catch(() => {}) // a lost connection has rolled back by itself
      if (sqlstateOf(error) === SQLSTATE.lockNotAvailable && retries < options.lockRetries) {
        options.onProgress?.({
          kind: 'retrying',
          id: migration.id,
          line: progress.line,
          attempt: retries + 2,
        })
        await wait(clock, jittered(retries))
        continue
      }
      const failure = { message: messageOf(error), line: progress.line }
      // Best effort: the failure itself matters more than its record.
      await recordAttempt(client, target.history, { ...attempt(), failure }).catch(() => {})
      if (sqlstateOf(error) === SQLSTATE.lockNotAvailable)
        throw lockTimeout(migration.id, progress.line, retries + 1, error)
      throw statementFailed(migration.id, progress.line, error, hintFor(error))
    }
  }
}

interface Progress {
  line: number
  readonly done: StatementRecord[]
}

async function begin(
  client: pg.Client,
  target: MigrateTarget,
  { directives }: Migration,
  options: Resolved,
): Promise<void> {
  // What the migration before SET for its session is not for this one. (DISCARD ALL would give up the runner's lock.)
  await client.query('RESET SESSION AUTHORIZATION')
  await client.query('RESET ALL')
  await client.query('BEGIN')
  await client.query(`SET LOCAL lock_timeout = ${directives.lockTimeoutMs ?? options.lockTimeoutMs}`)
  await client.query(`SET LOCAL statement_timeout = ${directives.statementTimeoutMs ?? 0}`)
  if (target.searchPath !== undefined)
    await client.query(`SET LOCAL search_path = ${quoteIdentifier(target.searchPath)}`)
}

async function runStatements(
  client: pg.Client,
  statements: readonly Statement[],
  progress: Progress,
): Promise<void> {
  for (const { text, line } of statements) {
    progress.line = line
    const began = systemClock.monotonicMs()
    const { rowCount } = await client.query(text)
    progress.done.push({ line, durationMs: Math.round(systemClock.monotonicMs() - began), rows: rowCount })
  }
  // The history is ours to write, whatever role the migration took on.
  await client.query('RESET SESSION AUTHORIZATION')
  await client.query('RESET ROLE')
}

async function commit(client: pg.Client, migration: Migration): Promise<void> {
  try {
    await client.query('COMMIT')
  } catch (error) {
    const state = sqlstateOf(error)
    // A deferred constraint that fails here is an answer. A session that ends here may have committed before it
    // did: a shutdown while it waits for a synchronous standby comes after the commit itself.
    if (state === undefined || endsSession(state)) throw commitUnknown(migration.id, error)
    throw error
  }
}

/** Half a second, doubling to ten, anywhere between half and the whole of it. */
function jittered(retries: number): number {
  return Math.min(10_000, 500 * 2 ** retries) * (0.5 + Math.random() / 2)
}

function hintFor(error: unknown): string {
  return sqlstateOf(error) === SQLSTATE.activeSqlTransaction
    ? ' This statement cannot run inside a transaction, and this version runs every migration in one.'
    : ''
}
