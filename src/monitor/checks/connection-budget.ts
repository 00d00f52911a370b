import type { Check } from '../finding.ts'

/** One process of this configuration must not be able to use up the server's connections. */
export const connectionBudget: Check = {
  id: 'connection-budget',
  category: 'availability',
  good: 'the pool fits into max_connections',
  why: 'Under load a process that may open more connections than the server gives fails at connecting, not at waiting.',
  run: async ({ db, identity, connectionLimit }) => {
    const { rows } = await db.query<{ max: number; reserved: number }>(
      `SELECT current_setting('max_connections')::int AS max, current_setting('superuser_reserved_connections')::int AS reserved`,
    )
    const { max, reserved } = rows[0] as { max: number; reserved: number }
    if (connectionLimit <= max - reserved) return []
    return [
      {
        severity: 'warning',
        subject: identity.database,
        message:
          `Under load connecting will fail: one process may open ${connectionLimit} connections (size + overflow), ` +
          `the server allows ${max - reserved} (max_connections ${max} less ${reserved} reserved).`,
        evidence: { size_plus_overflow: connectionLimit, max_connections: max, reserved },
        action: 'Lower DB_POOL_SIZE and DB_MAX_OVERFLOW, or raise max_connections.',
        sql: null,
      },
    ]
  },
}
