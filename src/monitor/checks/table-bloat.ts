import { formatBytes, quoteLiteral, type Queryable } from '../../core/index.ts'
import { PEOPLES_RELATION } from '../relations.ts'
import type { Check } from '../finding.ts'

/** Below that it is no matter, and an estimate is off by a fifth. */
const WARNING_PERCENT = 40
const WARNING_BYTES = 16 * 1_024 * 1_024
const MOST_TOLD = 5
/** What is confirmed by looking at the table itself must not take long. */
const MOST_CONFIRMED_BYTES = 2 * 1_024 ** 3

type Row = {
  readonly table: string
  readonly bytes: number
  readonly wasted: number
  readonly percent: number
}

/**
 * Room in tables that live rows do not need: pages as there are, beside those that as many rows of their mean width would fill. Only of
 * tables whose columns all have statistics: of others nothing can be known. A row is its header of 23 bytes and a bit for each column
 * where there are NULLs, both rounded up to 8, its columns rounded up to 8, and a pointer of 4; a page has a header of 24.
 * Source: pg_class, pg_stats.
 */
const ESTIMATE = `
  WITH widths AS (
    SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS "table", c.reltuples, c.relpages,
           coalesce((SELECT option_value::int FROM pg_options_to_table(c.reloptions) WHERE option_name = 'fillfactor'), 100) AS fill,
           count(*) AS columns, count(s.attname) AS known, coalesce(bool_or(s.null_frac > 0), false) AS nulls,
           sum((1 - s.null_frac) * s.avg_width) AS width
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname AND NOT s.inherited
     WHERE c.relkind IN ('r', 'm') AND c.reltuples >= 0 AND c.relpages > 1 AND ${PEOPLES_RELATION}
     GROUP BY c.oid, 2, n.nspname, c.relname, c.reltuples, c.relpages, c.reloptions
  ), block AS (SELECT current_setting('block_size')::float8 AS bytes), estimates AS (
    SELECT "table", relpages * bytes AS bytes,
           (relpages - ceil(reltuples * (4 + ceil((23 + CASE WHEN nulls THEN columns / 8.0 ELSE 0 END) / 8) * 8 + ceil(width / 8) * 8)
                            / ((bytes - 24) * fill / 100))) * bytes AS wasted
      FROM widths, block WHERE known = columns
  )
  SELECT "table", bytes::float8 AS bytes, wasted::float8 AS wasted, round((100 * wasted / bytes)::numeric, 1)::float8 AS percent
    FROM estimates WHERE wasted >= $1 AND wasted >= bytes * $2 / 100 ORDER BY wasted DESC LIMIT $3`

/** Tables that are much bigger than what they hold. */
export const tableBloat: Check = {
  id: 'table-bloat',
  category: 'storage',
  good: 'no table is much bigger than what it holds',
  why: 'Empty room is read, kept in memory and backed up with the rest.',
  run: async ({ db }) => {
    const { rows } = await db.query<Row>(ESTIMATE, [WARNING_BYTES, WARNING_PERCENT, MOST_TOLD])
    const schema = rows.length === 0 ? undefined : await schemaOfExtension(db, 'pgstattuple')
    const found = []
    for (const { table, bytes, wasted, percent } of rows) {
      const measured = bytes > MOST_CONFIRMED_BYTES ? undefined : await measure(db, schema, table)
      if (measured && (measured.bytes < WARNING_BYTES || measured.percent < WARNING_PERCENT)) continue
      const [freeBytes, freePercent] = measured ? [measured.bytes, measured.percent] : [wasted, percent]
      found.push({
        severity: 'warning' as const,
        confidence: measured ? ('certain' as const) : ('estimate' as const),
        subject: table,
        message: `${measured ? '' : 'About '}${formatBytes(freeBytes)} of ${table} are empty, ${Math.round(freePercent)}% of ${formatBytes(bytes)}.`,
        evidence: {
          bytes,
          wasted_bytes: Math.round(freeBytes),
          percent: freePercent,
          measured: measured !== undefined,
        },
        action: measured
          ? 'New rows fill it. To give it back at once the table has to be written anew, which locks it: in a quiet hour.'
          : 'An estimate from statistics; CREATE EXTENSION pgstattuple lets it be measured. To give the room back, in a quiet hour:',
        sql: `VACUUM (FULL, ANALYZE) ${table};`,
      })
    }
    return found
  },
}

/** What the table itself says; undefined where it may not be asked, or not in time. */
async function measure(
  db: Queryable,
  schema: string | undefined,
  table: string,
): Promise<{ bytes: number; percent: number } | undefined> {
  if (schema === undefined) return undefined
  try {
    const { rows } = await db.query<{ bytes: number; percent: number }>(
      `SELECT (approx_free_space + dead_tuple_len)::float8 AS bytes, (approx_free_percent + dead_tuple_percent)::float8 AS percent
         FROM ${schema}.pgstattuple_approx(${quoteLiteral(table)}::regclass)`,
    )
    return rows[0]
  } catch {
    return undefined // the estimate stands
  }
}

/** Where an extension is, quoted; undefined where it is not. */
export async function schemaOfExtension(db: Queryable, name: string): Promise<string | undefined> {
  const { rows } = await db.query<{ schema: string }>(
    `SELECT quote_ident(n.nspname) AS schema FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
      WHERE e.extname = $1`,
    [name],
  )
  return rows[0]?.schema
}
