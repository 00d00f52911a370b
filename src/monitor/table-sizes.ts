/**
 * Pages of every table with those of its indexes and of its large values, as a CTE `sizes`. As of the last VACUUM, ANALYZE or index build:
 * asking for exact sizes would wait behind whoever holds ACCESS EXCLUSIVE on any table. Source: pg_class.relpages.
 */
export const SIZES = `
  index_sizes AS (
    SELECT x.indrelid AS oid, sum(i.relpages)::bigint AS pages FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid GROUP BY 1
  ), sizes AS (
    SELECT c.oid, c.relpages::bigint AS table_pages, coalesce(i.pages, 0) AS index_pages, coalesce(t.relpages, 0) + coalesce(ti.pages, 0) AS toast_pages
      FROM pg_catalog.pg_class c LEFT JOIN index_sizes i ON i.oid = c.oid
      LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid LEFT JOIN index_sizes ti ON ti.oid = t.oid
     WHERE c.relkind IN ('r', 'm')
  )`
