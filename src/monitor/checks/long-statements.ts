import type { Queryable } from '../../core/index.ts'
import { formatDuration } from '../../core/index.ts'
import { OTHER_SESSION } from '../client-sessions.ts'
import type { Check, Found } from '../finding.ts'

const WARNING_SECONDS = 300
const ERROR_SECONDS = 1_800
const MOST_TOLD = 5

/** A statement that has been running for long. */
export type LongStatement = {
  readonly pid: number
  readonly user: string
  readonly application: string
  readonly seconds: number
  readonly waitsFor: string | null
}

/** Statements of this database that have run for so long, the longest first. Without their texts, which hold values. */
export async function readLongStatements(db: Queryable, seconds: number): Promise<LongStatement[]> {
  const { rows } = await db.query<LongStatement>(
    `SELECT pid, coalesce(usename, '') AS "user", coalesce(application_name, '') AS application,
            extract(epoch FROM clock_timestamp() - query_start)::float8 AS seconds, wait_event_type || ': ' || wait_event AS "waitsFor"
       FROM pg_catalog.pg_stat_activity a
      WHERE ${OTHER_SESSION} AND state = 'active'
        AND query_start < clock_timestamp() - make_interval(secs => $1)
      ORDER BY query_start LIMIT $2`,
    [seconds, MOST_TOLD],
  )
  return rows
}

/** Somebody's statement does not come to an end. */
export const longStatements: Check = {
  id: 'long-statements',
  category: 'statements',
  good: 'no statement has run for minutes',
  why: 'It holds its locks and a connection, and keeps VACUUM from cleaning up what has died since.',
  run: async ({ db, identity }) =>
    // Others' state is hidden: the check of rights tells.
    identity.seesSessions ? (await readLongStatements(db, WARNING_SECONDS)).map(describeLong) : null,
}

export function describeLong({ pid, user, application, seconds, waitsFor }: LongStatement): Found {
  return {
    severity: seconds < ERROR_SECONDS ? 'warning' : 'error',
    subject: `pid ${pid}`,
    message: `${application || `Session ${pid}`} has been running one statement for ${formatDuration(seconds * 1_000)}.`,
    evidence: { pid, user, application, seconds: Math.round(seconds), waits_for: waitsFor },
    action: 'Let it finish, or cancel it:',
    sql: `SELECT pg_cancel_backend(${pid});`,
  }
}
