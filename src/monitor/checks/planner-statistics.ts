import { MOST_TOLD, PEOPLES_RELATION } from '../relations.ts'
import type { Check } from '../finding.ts'

/** Smaller tables are read as a whole, whatever the statistics say. */
const FEWEST_ROWS = 10_000

type Row = {
  readonly table: string
  readonly rows: number
  readonly changed: number
  readonly last: Date | null
}

/** Tables that the planner knows nothing of, or nothing of what became of them. */
export const plannerStatistics: Check = {
  id: 'planner-statistics',
  category: 'statements',
  good: 'the planner knows every table',
  why: 'Plans made for another table are slow: the planner guesses how many rows there are.',
  run: async ({ db }) => {
    const { rows } = await db.query<Row>(
      `SELECT * FROM (
         SELECT format('%I.%I', n.nspname, c.relname) AS "table", pg_stat_get_live_tuples(c.oid)::float8 AS rows,
                pg_stat_get_mod_since_analyze(c.oid)::float8 AS changed, c.reltuples,
                greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) AS last
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 'm') AND ${PEOPLES_RELATION}) t
        WHERE rows >= $1 AND (last IS NULL AND reltuples = -1 OR changed > 2 * rows) ORDER BY rows DESC LIMIT $2`,
      [FEWEST_ROWS, MOST_TOLD],
    )
    return rows.map(({ table, rows: count, changed, last }) => ({
      severity: 'warning' as const,
      subject: table,
      message: `Plans for ${table} are guesses: ${last === null ? 'it was never analyzed' : `${Math.round(changed)} of its rows changed since it was analyzed`}.`,
      evidence: { live_rows: count, changed_since: changed, last_analyze: last?.toISOString() ?? null },
      action: 'Let PostgreSQL look at it:',
      sql: `ANALYZE ${table};`,
    }))
  },
}
