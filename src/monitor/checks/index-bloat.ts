import { formatBytes, type Queryable, quoteLiteral } from '../../core/index.ts'
import { PEOPLES_RELATION } from '../relations.ts'
import type { Check } from '../finding.ts'
import { schemaOfExtension } from './table-bloat.ts'

/** A tree that was filled at random is two thirds full; below that it is no matter. */
const WARNING_PERCENT = 50
const WARNING_BYTES = 16 * 1_024 * 1_024
const MOST_TOLD = 5
const MOST_CONFIRMED_BYTES = 1_024 ** 3

type Row = { readonly index: string; readonly table: string; readonly bytes: number; readonly wasted: number }

/**
 * Room in trees that their entries do not need, as if no two entries shared one: those that share make it less, so that what is told
 * is too little rather than too much. An entry is a header of 8 bytes, its columns rounded up to 8, and a pointer of 4; a page has 40
 * bytes of its own and is filled to nine tenths. Only of indexes on columns that have statistics. Source: pg_class, pg_stats.
 */
const ESTIMATE = `
  WITH entries AS (
    SELECT format('%I.%I', n.nspname, i.relname) AS index, format('%I.%I', n.nspname, c.relname) AS "table", i.relpages, i.reltuples,
           count(*) AS columns, count(s.attname) AS known, sum((1 - s.null_frac) * s.avg_width) AS width
      FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_am m ON m.oid = i.relam
     CROSS JOIN LATERAL unnest(x.indkey::int2[]) k (number)
      LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
      LEFT JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname AND NOT s.inherited
     WHERE m.amname = 'btree' AND i.relkind = 'i' AND x.indisvalid AND x.indexprs IS NULL AND i.reltuples >= 0 AND i.relpages > 1
       AND ${PEOPLES_RELATION}
     GROUP BY 1, 2, i.relpages, i.reltuples
  ), block AS (SELECT current_setting('block_size')::float8 AS bytes), estimates AS (
    SELECT index, "table", relpages * bytes AS bytes,
           (relpages - 1 - ceil(reltuples * (12 + ceil(width / 8) * 8) / ((bytes - 40) * 0.9))) * bytes AS wasted
      FROM entries, block WHERE known = columns
  )
  SELECT index, "table", bytes::float8 AS bytes, wasted::float8 AS wasted FROM estimates
   WHERE wasted >= $1 AND wasted >= bytes * $2 / 100 ORDER BY wasted DESC LIMIT $3`

/** Indexes that are much bigger than what they hold. */
export const indexBloat: Check = {
  id: 'index-bloat',
  category: 'indexes',
  good: 'no index is much bigger than what it holds',
  why: 'Empty pages are kept in memory with the rest, and each search reads more of them.',
  run: async ({ db }) => {
    const { rows } = await db.query<Row>(ESTIMATE, [WARNING_BYTES, WARNING_PERCENT, MOST_TOLD])
    const schema = rows.length === 0 ? undefined : await schemaOfExtension(db, 'pgstattuple')
    const found = []
    for (const { index, table, bytes, wasted } of rows) {
      const density = bytes > MOST_CONFIRMED_BYTES ? undefined : await densityOf(db, schema, index)
      if (density !== undefined && density > 100 - WARNING_PERCENT) continue
      found.push({
        severity: 'warning' as const,
        confidence: density === undefined ? ('estimate' as const) : ('certain' as const),
        subject: index,
        message: `About ${formatBytes(wasted)} of ${index} are empty, ${Math.round((100 * wasted) / bytes)}% of ${formatBytes(bytes)}.`,
        evidence: { table, bytes, wasted_bytes: Math.round(wasted), leaf_density_percent: density ?? null },
        action: 'Build it anew without stopping writers, or all that need it: holdfast table optimize',
        sql: `REINDEX INDEX CONCURRENTLY ${index};`,
      })
    }
    return found
  },
}

/** How full its leaves are; undefined where it may not be asked, or not in time. */
async function densityOf(
  db: Queryable,
  schema: string | undefined,
  index: string,
): Promise<number | undefined> {
  if (schema === undefined) return undefined
  try {
    const { rows } = await db.query<{ density: number }>(
      `SELECT avg_leaf_density::float8 AS density FROM ${schema}.pgstatindex(${quoteLiteral(index)}::regclass)`,
    )
    return rows[0]?.density
  } catch {
    return undefined // the estimate stands
  }
}
