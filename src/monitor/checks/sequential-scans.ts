import { systemClock } from '../../core/index.ts'
import { MOST_TOLD, PEOPLES_RELATION } from '../relations.ts'
import { readStatisticsAge } from '../statistics-age.ts'
import type { Check } from '../finding.ts'

/** Smaller tables are read as a whole because that is fastest. */
const FEWEST_ROWS = 50_000
/** A report now and then is no matter. */
const FEWEST_PER_HOUR = 10
const FEWEST_SCANS = 50

type Row = { readonly table: string; readonly rows: number; readonly times: number; readonly byIndex: number }

/** Large tables that are read as a whole again and again. */
export const sequentialScans: Check = {
  id: 'sequential-scans',
  category: 'indexes',
  good: 'no large table is read as a whole again and again',
  why: 'Reading all of a table for a few rows takes longer with each row that is added.',
  run: async ({ db, clock = systemClock }) => {
    // By rows read: each worker of a parallel scan counts as a scan.
    const hours = Math.max(1, ((await readStatisticsAge(db, clock)) ?? 0) * 24)
    const { rows } = await db.query<Row>(
      `SELECT format('%I.%I', n.nspname, c.relname) AS "table", c.reltuples::float8 AS rows, t.times,
              coalesce((SELECT sum(pg_stat_get_numscans(indexrelid)) FROM pg_catalog.pg_index WHERE indrelid = c.oid), 0)::float8 AS "byIndex"
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
              LATERAL (SELECT pg_stat_get_tuples_returned(c.oid) / nullif(c.reltuples, 0)::float8 AS times) t
        WHERE c.relkind = 'r' AND c.reltuples >= $1 AND t.times >= $2 AND ${PEOPLES_RELATION}
        ORDER BY c.reltuples * t.times DESC LIMIT $3`,
      [FEWEST_ROWS, Math.max(FEWEST_SCANS, FEWEST_PER_HOUR * hours), MOST_TOLD],
    )
    return rows.map(({ table, rows: count, times, byIndex }) => ({
      severity: 'info' as const,
      confidence: 'likely' as const,
      subject: table,
      message: `All of the some ${Math.round(count)} rows of ${table} were read about ${Math.round(times)} times, ${Math.round(times / hours)} times an hour.`,
      evidence: {
        estimated_rows: count,
        times_read: Math.round(times * 10) / 10,
        index_scans: byIndex,
        hours: Math.round(hours * 10) / 10,
      },
      action:
        'Find the statements that do (holdfast query top --by reads), and see whether an index serves them.',
      sql: null,
    }))
  },
}
