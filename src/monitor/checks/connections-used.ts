import type { Check } from '../finding.ts'
import { CLIENT_SESSION } from '../client-sessions.ts'

/** Shares of max_connections; the usual thresholds of operators. */
const WARNING_PERCENT = 80
const ERROR_PERCENT = 90

/** The server, with all its databases, must have room for more connections. */
export const connectionsUsed: Check = {
  id: 'connections-used',
  category: 'availability',
  good: 'the server has connections to spare',
  why: 'A server without a free connection refuses everybody, also the person who wants to help.',
  run: async ({ db, identity }) => {
    const { rows } = await db.query<{ used: number; max: number; reserved: number }>(`
      SELECT (SELECT count(*)::int FROM pg_catalog.pg_stat_activity a WHERE ${CLIENT_SESSION}) AS used,
             current_setting('max_connections')::int AS max,
             current_setting('superuser_reserved_connections')::int AS reserved`)
    const { used, max, reserved } = rows[0] as { used: number; max: number; reserved: number }
    const percent = Math.round((used / (max - reserved)) * 100)
    if (percent < WARNING_PERCENT) return []
    return [
      {
        severity: percent < ERROR_PERCENT ? 'warning' : 'error',
        subject: identity.database,
        message: `Connecting fails soon: ${used} of the server's ${max - reserved} connections are in use (${percent}%).`,
        evidence: { used, max_connections: max, reserved, percent },
        action: 'Find who holds them, lower pool sizes, or raise max_connections.',
        sql: 'SELECT usename, application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3 ORDER BY 4 DESC;',
      },
    ]
  },
}
