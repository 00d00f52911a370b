import type { Queryable } from '../core/index.ts'
import type { CheckContext } from './finding.ts'
import { PEOPLES_RELATION } from './relations.ts'

/** One index, as far as it matters for what it can stand in for. */
export interface IndexPicture {
  /** Schema-qualified, quoted where it has to be. */
  readonly name: string
  readonly table: string
  readonly bytes: number
  readonly method: string
  readonly isUnique: boolean
  readonly isPrimary: boolean
  /** Valid, ready, and not being dropped. */
  readonly isUsable: boolean
  /** Belongs to a constraint, or is the table's replica identity: it is there for more than speed. */
  readonly isNeeded: boolean
  /** What it is sorted by: column or expression, operator class, collation, direction of each. */
  readonly keys: readonly string[]
  /** Further columns that it carries. */
  readonly included: readonly string[]
  /** Of a partial index. */
  readonly predicate: string | null
  /** Of a partitioned table: it is that of all partitions. */
  readonly isPartitioned: boolean
  /** `NULLS NOT DISTINCT` and the like make two of them different. */
  readonly manner: string
  readonly scans: number
  /** When it was used last; null before PostgreSQL 16, or never. */
  readonly lastScanAt: Date | null
}

/** PostgreSQL takes no CONCURRENTLY for what all partitions have. */
export const dropIndex = (name: string, isPartitioned: boolean): string =>
  `DROP INDEX ${isPartitioned ? '' : 'CONCURRENTLY '}${name};`

const read = new WeakMap<object, Promise<IndexPicture[]>>()

/** Every index, read once for all checks of an examination. */
export function indexesOf(context: Pick<CheckContext, 'db' | 'identity'>): Promise<IndexPicture[]> {
  const known = read.get(context)
  if (known) return known
  const reading = readIndexes(context.db, context.identity.versionNumber)
  read.set(context, reading)
  return reading
}

/** Every index of the people's tables; those of partitions are their parents'. Source: pg_index, pg_stat_all_indexes' functions. */
async function readIndexes(db: Queryable, version: number): Promise<IndexPicture[]> {
  const lastScan = version >= 160_000 ? 'pg_stat_get_lastscan(x.indexrelid)' : 'NULL::timestamptz'
  // How a tree is filled makes no difference to what it finds; what a BRIN index sums up does.
  const options = `CASE WHEN a.amname = 'btree' THEN '' ELSE coalesce(i.reloptions::text, '') END`
  const manner = version >= 150_000 ? `x.indnullsnotdistinct::text || ${options}` : options
  const { rows } = await db.query(`
    SELECT format('%I.%I', n.nspname, i.relname) AS name, format('%I.%I', n.nspname, c.relname) AS "table",
           (greatest(i.relpages, 0)::bigint * current_setting('block_size')::bigint)::float8 AS bytes, a.amname AS method,
           x.indisunique AS "isUnique", x.indisprimary AS "isPrimary", x.indisvalid AND x.indisready AND x.indislive AS "isUsable",
           x.indisreplident OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = x.indexrelid) AS "isNeeded",
           (SELECT array_agg(concat_ws(' ', pg_get_indexdef(x.indexrelid, k, true), x.indclass[k - 1], x.indcollation[k - 1], x.indoption[k - 1],
                                       (SELECT o.attoptions::text FROM pg_catalog.pg_attribute o WHERE o.attrelid = i.oid AND o.attnum = k))
                             ORDER BY k) FROM generate_series(1, x.indnkeyatts) k) AS keys,
           coalesce((SELECT array_agg(pg_get_indexdef(x.indexrelid, k, true) ORDER BY k) FROM generate_series(x.indnkeyatts + 1, x.indnatts) k),
                    '{}') AS included,
           i.relkind = 'I' AS "isPartitioned", pg_get_expr(x.indpred, x.indrelid) AS predicate, ${manner} AS manner,
           pg_stat_get_numscans(x.indexrelid)::float8 AS scans, ${lastScan} AS "lastScanAt"
      FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_am a ON a.oid = i.relam
     WHERE NOT i.relispartition AND ${PEOPLES_RELATION}
     ORDER BY 1`)
  return rows as unknown as IndexPicture[]
}
