import { systemClock } from '../../core/index.ts'
import { readStatisticsAge } from '../statistics-age.ts'
import type { Check } from '../finding.ts'

/** Transactions that wait for each other, so that one has to be cancelled. */
export const deadlocks: Check = {
  id: 'deadlocks',
  category: 'locks',
  good: 'no deadlocks',
  why: 'One of the two transactions is cancelled, after deadlock_timeout has gone by.',
  run: async ({ db, identity, clock = systemClock }) => {
    const { rows } = await db.query<{ deadlocks: number }>(
      'SELECT deadlocks::float8 AS deadlocks FROM pg_catalog.pg_stat_database WHERE datname = current_database()',
    )
    const count = rows[0]?.deadlocks ?? 0
    const days = Math.max(1, (await readStatisticsAge(db, clock)) ?? 1)
    if (count / days < 1) return []
    return [
      {
        severity: 'warning',
        subject: identity.database,
        message: `Transactions are cancelled because they wait for each other: ${count} deadlocks, ${Math.round((count / days) * 10) / 10} a day.`,
        evidence: { deadlocks: count, days: Math.round(days * 10) / 10 },
        action:
          'Have all of them lock rows in one order (ORDER BY before FOR UPDATE). The log of the server names the statements.',
        sql: null,
      },
    ]
  },
}
