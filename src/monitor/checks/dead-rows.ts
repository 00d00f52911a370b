import { MOST_TOLD, PEOPLES_RELATION } from '../relations.ts'
import type { Check } from '../finding.ts'

/** Fewer are cleaned up in a blink. */
const FEWEST = 10_000
/** Autovacuum comes at the first; past so many times that it does not keep up. */
const TIMES_LATE = 2

type Row = {
  readonly table: string
  readonly dead: number
  readonly live: number
  readonly due: number
  readonly last: Date | null
  readonly running: boolean
}

/** Tables with many more dead rows than those at which autovacuum is to come. */
export const deadRows: Check = {
  id: 'dead-rows',
  category: 'storage',
  good: 'autovacuum keeps up',
  why: 'Dead rows are read with the others: queries slow down and the table grows.',
  run: async ({ db }) => {
    const { rows } = await db.query<Row>(
      `SELECT * FROM (
         SELECT format('%I.%I', n.nspname, c.relname) AS "table", pg_stat_get_dead_tuples(c.oid)::float8 AS dead,
                pg_stat_get_live_tuples(c.oid)::float8 AS live,
                least(nullif(current_setting('autovacuum_vacuum_max_threshold', true)::float8, -1),
                 coalesce(o.options ->> 'autovacuum_vacuum_threshold', current_setting('autovacuum_vacuum_threshold'))::float8
                 + coalesce(o.options ->> 'autovacuum_vacuum_scale_factor', current_setting('autovacuum_vacuum_scale_factor'))::float8
                 * greatest(c.reltuples, 0)) AS due,
                greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)) AS last,
                EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum p WHERE p.relid = c.oid) AS running
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN LATERAL (SELECT jsonb_object_agg(option_name, option_value) AS options FROM pg_options_to_table(c.reloptions)) o ON true
          WHERE c.relkind IN ('r', 'm') AND ${PEOPLES_RELATION}) t
        WHERE dead >= $1 AND dead >= $2 * due ORDER BY dead DESC LIMIT $3`,
      [FEWEST, TIMES_LATE, MOST_TOLD],
    )
    return rows.map(({ table, dead, live, due, last, running }) => ({
      severity: running ? ('info' as const) : ('warning' as const),
      subject: table,
      message: `Queries read ${Math.round(dead)} dead rows of ${table} beside ${Math.round(live)} live ones: autovacuum was due at ${Math.round(due)}${running ? ', and is at it now' : ''}.`,
      evidence: {
        dead_rows: dead,
        live_rows: live,
        due_at: Math.round(due),
        last_vacuum: last?.toISOString() ?? null,
        running,
      },
      action: running
        ? 'Let it finish.'
        : 'Clean it up now, and have autovacuum come earlier there (autovacuum_vacuum_scale_factor).',
      sql: running ? null : `VACUUM (ANALYZE) ${table};`,
    }))
  },
}
