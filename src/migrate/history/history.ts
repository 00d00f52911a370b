import { type Queryable, quoteQualified, SQLSTATE, sqlstateOf, toolVersion } from '../../core/index.ts'
import { schemaChanged } from '../../pool/index.ts'
import { notAllowed, schemaMissing, schemaOutdated } from '../errors.ts'
import { type HistoryTable, historyState } from './tables.ts'
import { whoRuns } from './who.ts'

/** How one statement of a migration went. */
export interface StatementRecord {
  readonly line: number
  /** {@link Statement.hash}: tells later what changed in the file. Absent in records of older versions. */
  readonly hash?: string
  readonly durationMs: number
  readonly rows: number | null
}

/** Which way a migration goes. */
export type Direction = 'up' | 'down'

/** How an entry came to be; only `run` ran anything. */
export type Method = 'run' | 'stamp' | 'baseline' | 'squash' | 'repair' | 'import'

/** One attempt to run one migration. */
export interface HistoryEntry {
  readonly migrationId: string
  readonly checksum: string
  readonly direction: Direction
  readonly status: 'applied' | 'failed'
  readonly method: Method
  readonly reason: string | null
  readonly startedAt: Date
  readonly finishedAt: Date
  readonly durationMs: number
  readonly databaseUser: string
  readonly osUser: string
  readonly host: string
  readonly toolVersion: string
  readonly gitCommit: string | null
  readonly statements: readonly StatementRecord[]
  readonly retries: number
  readonly error: string | null
  readonly failedLine: number | null
  readonly failedStatement: string | null
}

/**
 * Every attempt, oldest first.
 * @throws HF_SCHEMA_MISSING, HF_SCHEMA_OUTDATED, HF_MIGRATE_NOT_ALLOWED
 */
export async function readHistory(db: Queryable, history: HistoryTable): Promise<HistoryEntry[]> {
  const state = await historyState(db, history)
  if (state === 'missing') throw schemaMissing(history.schema)
  if (state === 'outdated') throw schemaOutdated(history.schema)
  try {
    const { rows } = await db.query(
      `SELECT migration_id AS "migrationId", checksum, direction, status, method, reason, started_at AS "startedAt",
              finished_at AS "finishedAt", duration_ms AS "durationMs", database_user AS "databaseUser",
              os_user AS "osUser", host, tool_version AS "toolVersion", git_commit AS "gitCommit", statements, retries,
              error, failed_line AS "failedLine", failed_statement AS "failedStatement"
         FROM ${quoteQualified(history.schema, history.table)} ORDER BY seq`,
    )
    return rows as unknown as HistoryEntry[]
  } catch (error) {
    throw await explainDenied(db, history, error)
  }
}

/** Where a right is missing, the error that names what to grant; any other error as it is. */
export async function explainDenied(
  db: Queryable,
  { schema, table }: HistoryTable,
  error: unknown,
): Promise<unknown> {
  if (sqlstateOf(error) !== SQLSTATE.insufficientPrivilege) return error
  const { rows } = await db.query<{ grant: string }>(
    `SELECT format('GRANT USAGE ON SCHEMA %1$I TO %2$I; GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA %1$I TO %2$I; '
                   'GRANT UPDATE, DELETE ON %1$I.%3$I, %1$I.backfills TO %2$I;', $1::text, current_user, $2::text) AS "grant"`,
    [schema, `${table}_steps`],
  )
  return notAllowed('The history of migrations could not be read', rows[0]?.grant ?? '', error)
}

/** What is in force: the last successful attempt of each migration, where that was upwards. */
export function appliedEntries(entries: readonly HistoryEntry[]): Map<string, HistoryEntry> {
  const applied = new Map<string, HistoryEntry>()
  for (const entry of entries) {
    if (entry.status !== 'applied') continue
    if (entry.direction === 'up') applied.set(entry.migrationId, entry)
    else applied.delete(entry.migrationId)
  }
  return applied
}

/** What an attempt leaves behind. */
export interface Attempt {
  readonly id: string
  readonly checksum: string
  readonly direction: Direction
  /** Default `run`. */
  readonly method?: Method
  readonly reason?: string | undefined
  readonly startedAt: Date
  readonly finishedAt: Date
  readonly statements: readonly StatementRecord[]
  readonly retries: number
  readonly failure?: { readonly message: string; readonly line: number; readonly statement: string | null }
}

/** Writes one attempt down; within the migration's own transaction when it succeeded. */
export async function recordAttempt(db: Queryable, history: HistoryTable, attempt: Attempt): Promise<void> {
  const { startedAt, finishedAt, failure } = attempt
  const who = whoRuns()
  await db.query(
    `INSERT INTO ${quoteQualified(history.schema, history.table)}
       (migration_id, checksum, direction, status, method, reason, started_at, finished_at, duration_ms, os_user, host,
        tool_version, git_commit, statements, retries, error, failed_line, failed_statement, database_user)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, session_user)`,
    [
      attempt.id,
      attempt.checksum,
      attempt.direction,
      failure ? 'failed' : 'applied',
      attempt.method ?? 'run',
      attempt.reason ?? null,
      startedAt,
      finishedAt,
      finishedAt.getTime() - startedAt.getTime(),
      who.osUser,
      who.host,
      toolVersion(),
      who.gitCommit,
      JSON.stringify(attempt.statements),
      attempt.retries,
      failure?.message ?? null,
      failure?.line ?? null,
      failure?.statement ?? null,
    ],
  )
  // Whoever runs statements prepared before it prepares them afresh; what is still to be committed, the end of the run tells again.
  schemaChanged()
}
