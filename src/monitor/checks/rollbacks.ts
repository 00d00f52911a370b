import type { Check } from '../finding.ts'

const WARNING_PERCENT = 10
/** Fewer say nothing. */
const FEWEST = 1_000

/** Work that is done and thrown away. */
export const rollbacks: Check = {
  id: 'rollbacks',
  category: 'statements',
  good: 'transactions commit',
  why: 'What is rolled back was worked for, and mostly an error that somebody saw.',
  run: async ({ db, identity }) => {
    const { rows } = await db.query<{ commits: number; rollbacks: number }>(
      `SELECT xact_commit::float8 AS commits, xact_rollback::float8 AS rollbacks FROM pg_catalog.pg_stat_database
        WHERE datname = current_database()`,
    )
    const { commits = 0, rollbacks: count = 0 } = rows[0] ?? {}
    const percent = Math.round((1_000 * count) / Math.max(1, commits + count)) / 10
    if (commits + count < FEWEST || percent < WARNING_PERCENT) return []
    return [
      {
        severity: 'info',
        confidence: 'likely',
        subject: identity.database,
        message: `${percent}% of the transactions are rolled back: ${count} of ${commits + count}.`,
        evidence: { rollbacks: count, commits, percent },
        action: 'See the errors in the log of the service and of the server.',
        sql: null,
      },
    ]
  },
}
