import { hideLiterals, type Queryable } from '../../core/index.ts'
import { OTHER_SESSION } from '../client-sessions.ts'

/** One session of a client of this database. */
export interface SessionPicture {
  readonly pid: number
  /** Tells it from another one that gets the same pid later; null where this role may not see it. */
  readonly startedAt: Date | null
  readonly user: string
  readonly application: string
  readonly address: string | null
  /** `active`, `idle`, `idle in transaction` and the like; `hidden` where this role may not see it. */
  readonly state: string
  /** What it waits for, as PostgreSQL names it; null where it does not. */
  readonly waitsFor: string | null
  /** Seconds since it came into this state; null where that is hidden. */
  readonly stateSeconds: number | null
  /** Seconds since its transaction began; null where it is in none. */
  readonly transactionSeconds: number | null
  /** The statement that runs, or ran last, without what stands in its strings; null where this role may not see it. */
  readonly statement: string | null
}

type Row = Omit<SessionPicture, 'statement'> & { readonly query: string | null }

export const SESSION_COLUMNS = `
  a.pid, a.backend_start AS "startedAt", coalesce(a.usename, '') AS "user", coalesce(a.application_name, '') AS application,
  host(a.client_addr) AS address, coalesce(a.state, 'hidden') AS state,
  CASE WHEN a.state = 'active' THEN a.wait_event_type || ': ' || a.wait_event END AS "waitsFor",
  extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS "stateSeconds",
  extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS "transactionSeconds",
  left(a.query, 4000) AS query`

/** Sessions of clients of this database: those first that have been in a transaction for longest. Source: pg_stat_activity. */
export async function readSessions(db: Queryable, most: number): Promise<SessionPicture[]> {
  const { rows } = await db.query<Row & Record<string, unknown>>(
    `SELECT ${SESSION_COLUMNS} FROM pg_catalog.pg_stat_activity a
      WHERE ${OTHER_SESSION}
      ORDER BY a.xact_start NULLS LAST, a.state_change, a.pid LIMIT $1`,
    [most],
  )
  return rows.map(asSession)
}

export function asSession({ query, ...session }: Row): SessionPicture {
  return {
    ...session,
    statement: query === null || query === '<insufficient privilege>' ? null : hideLiterals(query),
  }
}
