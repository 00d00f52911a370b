import type { Check } from '../finding.ts'

/** Settings that were changed and wait for a restart. */
export const pendingRestart: Check = {
  id: 'pending-restart',
  category: 'configuration',
  good: 'no setting waits for a restart',
  why: 'What is in the file is not what the server does, until a restart that nobody expects to change anything.',
  run: async ({ db }) => {
    // Whoever starts the server with -c overrules its files, after a restart, too.
    const { rows } = await db.query<{ names: string[] | null }>(
      `SELECT array_agg(name ORDER BY name) AS names FROM pg_catalog.pg_settings WHERE pending_restart AND source <> 'command line'`,
    )
    const names = rows[0]?.names ?? []
    if (names.length === 0) return []
    return [
      {
        severity: 'info',
        subject: names[0] as string,
        message: `The server does not do what its files say until it is restarted: ${names.join(', ')}.`,
        evidence: { settings: names },
        action: 'Restart it at a time of your choice.',
        sql: null,
      },
    ]
  },
}
