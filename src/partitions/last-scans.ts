import type { Queryable } from '../core/index.ts'
import type { Layout } from './layout.ts'

/** The server tells it from PostgreSQL 16 on; read as JSON, so that one statement does for all versions. */
const QUERY = `
  SELECT s.oid::int8::float8 AS oid,
         greatest((s.scans ->> 'last_seq_scan')::timestamptz, (s.scans ->> 'last_idx_scan')::timestamptz) AS at
    FROM (SELECT t.relid AS oid, to_jsonb(t) AS scans FROM pg_catalog.pg_stat_all_tables t
           WHERE t.relid = ANY ($1::int8[]::oid[])) s`

/** When each partition was last read by a query, by its oid. */
export async function readLastScans(
  db: Queryable,
  layouts: readonly Pick<Layout, 'partitions'>[],
): Promise<Map<number, Date>> {
  const oids = layouts.flatMap(({ partitions }) => partitions.map(({ oid }) => oid))
  const { rows } = await db.query<{ oid: number; at: Date | null }>(QUERY, [oids])
  return new Map(rows.flatMap(({ oid, at }) => (at === null ? [] : [[oid, at] as const])))
}
