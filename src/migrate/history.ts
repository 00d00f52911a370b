import { execFileSync } from 'node:child_process'
import { hostname, userInfo } from 'node:os'
import { type Queryable, quoteIdentifier, quoteLiteral, quoteQualified, toolVersion } from '../core/index.ts'
import type { Migration } from './folder.ts'

/** The table that remembers what ran. */
export interface HistoryTable {
  readonly schema: string
  readonly table: string
}

/** How one statement of a migration went. */
export interface StatementRecord {
  readonly line: number
  readonly durationMs: number
  readonly rows: number | null
}

/** One attempt to run one migration. */
export interface HistoryEntry {
  readonly migrationId: string
  readonly checksum: string
  readonly direction: 'up' | 'down'
  readonly status: 'applied' | 'failed'
  readonly startedAt: Date
  readonly durationMs: number
  readonly databaseUser: string
  readonly osUser: string
  readonly host: string
  readonly toolVersion: string
  readonly gitCommit: string | null
  readonly retries: number
  readonly error: string | null
  readonly failedLine: number | null
}

/** Column, definition, meaning: one place for the table and its comments. */
const COLUMNS = [
  ['seq', 'bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY', 'Order of the attempts'],
  ['migration_id', 'text NOT NULL', 'Name of the migration folder'],
  ['checksum', 'text NOT NULL', 'SHA-256 of up.sql with line ends as LF, hexadecimal'],
  ['direction', "text NOT NULL CHECK (direction IN ('up', 'down'))", 'up applies, down takes back'],
  ['status', "text NOT NULL CHECK (status IN ('applied', 'failed'))", 'How the attempt ended'],
  ['started_at', 'timestamptz NOT NULL', 'Begin of the first try'],
  ['finished_at', 'timestamptz NOT NULL', 'End of the last try'],
  ['duration_ms', 'double precision NOT NULL', 'Time from begin to end in milliseconds'],
  ['database_user', 'text NOT NULL DEFAULT current_user', 'Database role that ran it'],
  ['os_user', 'text NOT NULL', 'Operating system user, or the actor that CI names'],
  ['host', 'text NOT NULL', 'Machine that ran it'],
  ['tool_version', 'text NOT NULL', 'Version of Holdfast'],
  ['git_commit', 'text', 'Commit of the working copy, if it is one'],
  ['statements', "jsonb NOT NULL DEFAULT '[]'", 'Per statement: line, durationMs, rows'],
  ['retries', 'integer NOT NULL DEFAULT 0', 'Tries that gave way because a lock was not free'],
  ['error', 'text', 'Why it failed'],
  ['failed_line', 'integer', 'Line of the statement that failed'],
] as const

/** SQL that makes the history table. Takes no lock on anything that exists. */
export function createHistorySql(history: HistoryTable): string {
  const table = quoteQualified(history.schema, history.table)
  return [
    `CREATE TABLE IF NOT EXISTS ${table} (${COLUMNS.map(([name, definition]) => `${name} ${definition}`).join(', ')})`,
    `CREATE INDEX IF NOT EXISTS ${quoteIdentifier(`${history.table}_migration_id`)} ON ${table} (migration_id)`,
    `COMMENT ON TABLE ${table} IS 'Every attempt to run a migration; append-only'`,
    ...COLUMNS.map(([name, , meaning]) => `COMMENT ON COLUMN ${table}.${name} IS ${quoteLiteral(meaning)}`),
  ].join(';\n')
}

/** Whether the history table exists. */
export async function hasHistory(db: Queryable, history: HistoryTable): Promise<boolean> {
  const { rows } = await db.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')) AS found`,
    [history.schema, history.table],
  )
  return rows[0]?.found === true
}

/** Every attempt, oldest first. */
export async function readHistory(db: Queryable, history: HistoryTable): Promise<HistoryEntry[]> {
  const { rows } = await db.query(
    `SELECT migration_id AS "migrationId", checksum, direction, status, started_at AS "startedAt",
            duration_ms AS "durationMs", database_user AS "databaseUser", os_user AS "osUser", host,
            tool_version AS "toolVersion", git_commit AS "gitCommit", retries, error, failed_line AS "failedLine"
       FROM ${quoteQualified(history.schema, history.table)} ORDER BY seq`,
  )
  return rows as unknown as HistoryEntry[]
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
  readonly migration: Migration
  readonly startedAt: Date
  readonly finishedAt: Date
  readonly statements: readonly StatementRecord[]
  readonly retries: number
  readonly failure?: { readonly message: string; readonly line: number }
}

/** Writes one attempt down; within the migration's own transaction when it succeeded. */
export async function recordAttempt(db: Queryable, history: HistoryTable, attempt: Attempt): Promise<void> {
  const { migration, startedAt, finishedAt, failure } = attempt
  const who = whoRuns()
  await db.query(
    `INSERT INTO ${quoteQualified(history.schema, history.table)}
       (migration_id, checksum, direction, status, started_at, finished_at, duration_ms, os_user, host,
        tool_version, git_commit, statements, retries, error, failed_line)
     VALUES ($1, $2, 'up', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
    [
      migration.id,
      migration.checksum,
      failure ? 'failed' : 'applied',
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
    ],
  )
}

interface Who {
  readonly osUser: string
  readonly host: string
  readonly gitCommit: string | null
}

let cachedWho: Who | undefined

/** Who runs this: the actor that CI names (GitHub, GitLab), else the operating system's user. */
export function whoRuns(): Who {
  cachedWho ??= {
    osUser: process.env.GITHUB_ACTOR ?? process.env.GITLAB_USER_LOGIN ?? operatingSystemUser(),
    host: hostname(),
    gitCommit: gitCommit(),
  }
  return cachedWho
}

function operatingSystemUser(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}` // containers run under ids that have no name
  }
}

function gitCommit(): string | null {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return null // not a working copy, or no git here
  }
}
