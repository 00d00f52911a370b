import type { Queryable } from '../../core/index.ts'
import type { Check, Found } from '../finding.ts'

const WARNING_MINUTES = 5
const ERROR_MINUTES = 15
const MOST_TOLD = 5

/** A session that idles. */
export type Idle = {
  readonly pid: number
  readonly user: string
  readonly application: string
  readonly minutes: number
}

/** Sessions of this database that have idled inside a transaction for so many minutes, the longest first. */
export async function readIdleInTransaction(db: Queryable, minutes: number): Promise<Idle[]> {
  const { rows } = await db.query<Idle>(
    `SELECT pid, coalesce(usename, '') AS "user", coalesce(application_name, '') AS application,
            floor(extract(epoch FROM clock_timestamp() - state_change) / 60)::int AS minutes
       FROM pg_catalog.pg_stat_activity
      WHERE datname = current_database() AND state LIKE 'idle in transaction%'
        AND state_change < clock_timestamp() - make_interval(mins => $1)
      ORDER BY state_change LIMIT $2`,
    [minutes, MOST_TOLD],
  )
  return rows
}

/** A session that idles inside a transaction keeps its locks, and keeps VACUUM from cleaning up anywhere. */
export const idleInTransaction: Check = {
  id: 'idle-in-transaction',
  category: 'locks',
  good: 'no session idles inside a transaction',
  why: 'Locks stay, and no VACUUM cleans up what is younger than the oldest transaction.',
  run: async ({ db, identity }) =>
    // Others' state is hidden: the check of rights tells.
    identity.seesSessions ? (await readIdleInTransaction(db, WARNING_MINUTES)).map(describeIdle) : null,
}

export function describeIdle({ pid, user, application, minutes }: Idle): Found {
  return {
    severity: minutes < ERROR_MINUTES ? 'warning' : 'error',
    subject: `pid ${pid}`,
    message: `Its locks stay and dead rows pile up: ${application || `session ${pid}`} has done nothing inside a transaction for ${minutes} minutes.`,
    evidence: { pid, user, application, minutes },
    action: 'Find the code that leaves the transaction open. To end this session now:',
    sql: `SELECT pg_terminate_backend(${pid});`,
  }
}
