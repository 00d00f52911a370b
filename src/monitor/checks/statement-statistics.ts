import type { Check } from '../finding.ts'
import { findStatementSource } from '../statements/source.ts'

/** pg_stat_statements must be loaded at server start and made in the database. */
export const statementStatistics: Check = {
  id: 'statement-statistics',
  category: 'statements',
  good: 'pg_stat_statements collects statement statistics',
  why: 'Without them nobody can say which statement takes the time.',
  run: async ({ db, identity }) => {
    const source = await findStatementSource(db)
    // Its schema is closed to this role: it collects all the same.
    if (source.state === 'collecting' || source.state === 'not readable') return []
    const { state, action, sql } = source
    return [
      {
        severity: 'warning',
        subject: identity.database,
        message: 'Slow statements cannot be named: pg_stat_statements does not collect.',
        evidence: { state },
        action,
        sql,
      },
    ]
  },
}
