import type { Queryable } from '../core/index.ts'
import { PEOPLES_RELATION } from './relations.ts'

/** Room that is taken and not needed, as statistics have it. */
export type Bloat = {
  /** Schema-qualified, of the table or index. */
  readonly name: string
  readonly table: string
  readonly bytes: number
  readonly wasted: number
  readonly percent: number
}

/** From where on it is worth telling. */
export interface BloatLimits {
  readonly leastBytes: number
  readonly leastPercent: number
  readonly most: number
}

/**
 * Room in tables that live rows do not need: pages as there are, beside those that as many rows of their mean width would fill. Only of
 * tables whose columns all have statistics: of others nothing can be known. A column ends where the next may begin, by its alignment. A row is its header of 23 bytes and a bit for each column
 * where there are NULLs, both rounded up to 8, its columns rounded up to 8, and a pointer of 4; a page has a header of 24.
 * Source: pg_class, pg_stats.
 */
const TABLES = `
  WITH widths AS (
    SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS "table", c.reltuples, c.relpages,
           coalesce((SELECT option_value::int FROM pg_options_to_table(c.reloptions) WHERE option_name = 'fillfactor'), 100) AS fill,
           count(*) AS columns, count(s.attname) AS known, coalesce(bool_or(s.null_frac > 0), false) AS nulls,
           sum((1 - s.null_frac) * (s.avg_width + CASE WHEN a.attlen > 0 THEN mod(a.step - mod(s.avg_width, a.step), a.step)
                                                        ELSE (a.step - 1) / 2.0 END)) AS width
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN (SELECT attrelid, attnum, attname, attlen, attisdropped,
                   CASE lead(attalign) OVER (PARTITION BY attrelid ORDER BY attnum) WHEN 'd' THEN 8 WHEN 'i' THEN 4 WHEN 's' THEN 2 ELSE 1 END AS step
              FROM pg_catalog.pg_attribute WHERE attnum > 0) a ON a.attrelid = c.oid AND NOT a.attisdropped
      LEFT JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname AND NOT s.inherited
     WHERE c.relkind IN ('r', 'm') AND c.reltuples >= 0 AND c.relpages > 1 AND c.relpages * current_setting('block_size')::float8 >= $1::float8 AND ${PEOPLES_RELATION}
     GROUP BY c.oid, 2, n.nspname, c.relname, c.reltuples, c.relpages, c.reloptions
  ), block AS (SELECT current_setting('block_size')::float8 AS bytes), estimates AS (
    SELECT "table", relpages * bytes AS bytes,
           (relpages - ceil(reltuples * (4 + ceil((23 + CASE WHEN nulls THEN columns / 8.0 ELSE 0 END) / 8) * 8 + ceil(width / 8) * 8)
                            / ((bytes - 24) * fill / 100))) * bytes AS wasted
      FROM widths, block WHERE known = columns
  )
  SELECT "table" AS name, "table", bytes::float8 AS bytes, wasted::float8 AS wasted, round((100 * wasted / bytes)::numeric, 1)::float8 AS percent
    FROM estimates WHERE wasted >= $1 AND wasted >= bytes * $2 / 100 ORDER BY wasted DESC LIMIT $3`

/**
 * Room in trees that their entries do not need, as if no two entries shared one: those that share make it less, so that what is told
 * is too little rather than too much. An entry is a header of 8 bytes, its columns rounded up to 8, and a pointer of 4; a page has 40
 * bytes of its own and is filled to its fillfactor. Only of indexes on columns that have statistics. Source: pg_class, pg_stats.
 */
const INDEXES = `
  WITH entries AS (
    SELECT format('%I.%I', n.nspname, i.relname) AS index, format('%I.%I', n.nspname, c.relname) AS "table", i.relpages, i.reltuples,
           coalesce((SELECT option_value::int FROM pg_options_to_table(i.reloptions) WHERE option_name = 'fillfactor'), 90) AS fill,
           count(*) AS columns, count(s.attname) AS known, sum((1 - s.null_frac) * s.avg_width) AS width
      FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_am m ON m.oid = i.relam
     CROSS JOIN LATERAL unnest(x.indkey::int2[]) k (number)
      LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
      LEFT JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname AND NOT s.inherited
     WHERE m.amname = 'btree' AND i.relkind = 'i' AND x.indisvalid AND x.indexprs IS NULL AND i.reltuples >= 0 AND i.relpages > 1
       AND i.relpages * current_setting('block_size')::float8 >= $1::float8
       AND ${PEOPLES_RELATION}
     GROUP BY 1, 2, i.relpages, i.reltuples, i.reloptions
  ), block AS (SELECT current_setting('block_size')::float8 AS bytes), estimates AS (
    SELECT index, "table", relpages * bytes AS bytes,
           (relpages - 1 - ceil(reltuples * (12 + ceil(width / 8) * 8) / ((bytes - 40) * fill / 100))) * bytes AS wasted
      FROM entries, block WHERE known = columns
  )
  SELECT index AS name, "table", bytes::float8 AS bytes, wasted::float8 AS wasted, round((100 * wasted / bytes)::numeric, 1)::float8 AS percent
    FROM estimates
   WHERE wasted >= $1 AND wasted >= bytes * $2 / 100 ORDER BY wasted DESC LIMIT $3`

/** Tables that are bigger than what they hold, those first that waste most. */
export const readTableBloat = (db: Queryable, limits: BloatLimits): Promise<Bloat[]> =>
  read(db, TABLES, limits)

/** The same of indexes. */
export const readIndexBloat = (db: Queryable, limits: BloatLimits): Promise<Bloat[]> =>
  read(db, INDEXES, limits)

async function read(
  db: Queryable,
  estimate: string,
  { leastBytes, leastPercent, most }: BloatLimits,
): Promise<Bloat[]> {
  const { rows } = await db.query<Bloat>(estimate, [leastBytes, leastPercent, most])
  return rows
}
