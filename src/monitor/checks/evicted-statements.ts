import { SQLSTATE, sqlstateOf, systemClock } from '../../core/index.ts'
import { findStatementSource } from '../statements/source.ts'
import type { Check } from '../finding.ts'

/** Now and then is no matter. */
const WARNING_PER_HOUR = 1

/** pg_stat_statements forgets statements because there are too many. */
export const evictedStatements: Check = {
  id: 'evicted-statements',
  category: 'statements',
  good: 'statement statistics hold every statement',
  why: 'What was forgotten is missing from every sum, and what is slow may be among it.',
  run: async ({ db, clock = systemClock }) => {
    const source = await findStatementSource(db)
    if (source.state !== 'collecting') return null
    // It came with version 1.9; before, a relation of that name is somebody's.
    const info = source.version >= 109 ? await readEvictions(db, source.schema) : undefined
    if (!info) return null
    const hours = Math.max(1, (clock.now() - info.since.getTime()) / 3_600_000)
    const perHour = info.evictions / hours
    if (perHour < WARNING_PER_HOUR) return []
    return [
      {
        severity: 'warning',
        subject: 'pg_stat_statements.max',
        message: `Statistics of statements are forgotten ${Math.round(perHour * 10) / 10} times an hour: there are more than ${info.most} different ones.`,
        evidence: { evictions: info.evictions, per_hour: perHour, max: info.most },
        action:
          'Bind values instead of writing them into the text, and lists as one array; or raise it (needs a restart), as a superuser:',
        sql: `ALTER SYSTEM SET pg_stat_statements.max = ${info.most * 2};`,
      },
    ]
  },
}

interface Evictions {
  readonly evictions: number
  readonly since: Date
  readonly most: number
}

async function readEvictions(
  db: Parameters<Check['run']>[0]['db'],
  schema: string,
): Promise<Evictions | undefined> {
  try {
    const { rows } = await db.query<{ evictions: number; since: Date; most: number }>(
      `SELECT dealloc::float8 AS evictions, stats_reset AS since, current_setting('pg_stat_statements.max')::int AS most
         FROM ${schema}.pg_stat_statements_info`,
    )
    return rows[0]
  } catch (error) {
    if (sqlstateOf(error) === SQLSTATE.undefinedTable) return undefined // it came with version 1.9
    throw error
  }
}
