import { formatBytes } from '../../core/index.ts'
import { MOST_TOLD, PEOPLES_RELATION } from '../relations.ts'
import type { Check } from '../finding.ts'

/** Reading a smaller table as a whole is as fast. */
const WARNING_ROWS = 1_000

type Row = {
  readonly table: string
  readonly name: string
  readonly columns: string[]
  readonly list: string
  readonly referenced: string
  readonly rows: number | null
  readonly bytes: number
  readonly isPartitioned: boolean
}

/**
 * Foreign keys whose columns are the first ones, in any order, of no index that is valid and holds all rows that matter: a partial one
 * does where it leaves out nothing but NULL, which refers to nobody. Those of periods are left out: their keys need another index.
 */
const uncovered = (version: number): string => `
  SELECT format('%I.%I', n.nspname, c.relname) AS "table", k.conname AS name, k.columns,
         (SELECT string_agg(quote_ident(u.name), ', ' ORDER BY u.place) FROM unnest(k.columns) WITH ORDINALITY u (name, place)) AS list,
         (SELECT format('%I.%I', fn.nspname, fc.relname) FROM pg_catalog.pg_class fc JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace
           WHERE fc.oid = k.confrelid) AS referenced, nullif(c.reltuples, -1)::float8 AS rows,
         (greatest(c.relpages, 0)::bigint * current_setting('block_size')::bigint)::float8 AS bytes, c.relkind = 'p' AS "isPartitioned"
    FROM (SELECT o.*, (SELECT array_agg(a.attname::text ORDER BY u.place) FROM unnest(o.conkey) WITH ORDINALITY u (number, place)
                        JOIN pg_catalog.pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = u.number) AS columns
            FROM pg_catalog.pg_constraint o WHERE o.contype = 'f' AND o.conparentid = 0${version >= 180_000 ? ' AND NOT o.conperiod' : ''}) k
    JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE ${PEOPLES_RELATION} AND NOT EXISTS (
     SELECT FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid JOIN pg_catalog.pg_am m ON m.oid = i.relam
      WHERE x.indrelid = k.conrelid AND x.indisvalid AND x.indisready AND x.indislive
        AND (m.amname = 'btree' OR m.amname = 'hash' AND cardinality(k.conkey) = 1)
        AND x.indnkeyatts >= cardinality(k.conkey)
        AND (x.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey AND (x.indkey::int2[])[0:cardinality(k.conkey) - 1] <@ k.conkey
        AND (x.indpred IS NULL OR cardinality(k.columns) = 1
                                  AND pg_get_expr(x.indpred, x.indrelid) = format('(%I IS NOT NULL)', k.columns[1])))
   ORDER BY c.reltuples DESC, 1, 2 LIMIT ${MOST_TOLD}`

/** Whoever deletes a referenced row makes PostgreSQL look for rows that refer to it. */
export const foreignKeyIndexes: Check = {
  id: 'foreign-key-indexes',
  category: 'indexes',
  good: 'every foreign key has an index',
  why: 'Each deletion of a referenced row, and each change of its key, reads the whole referring table.',
  run: async ({ db, identity }) => {
    const { rows } = await db.query<Row>(uncovered(identity.versionNumber))
    return rows.map(({ table, name, columns, list, referenced, rows: count, bytes, isPartitioned }) => ({
      severity: count !== null && count < WARNING_ROWS ? ('info' as const) : ('warning' as const),
      subject: table,
      message: `Deleting from ${referenced} reads all of ${table} (${formatBytes(bytes)}) for each row: its foreign key ${name} has no index.`,
      evidence: { constraint: name, columns, referenced, estimated_rows: count, bytes },
      action: isPartitioned
        ? 'Make an index for it; writers wait meanwhile, unless each partition gets its own first, with CONCURRENTLY:'
        : 'Make an index for it:',
      sql: `CREATE INDEX ${isPartitioned ? '' : 'CONCURRENTLY '}ON ${table} (${list});`,
    }))
  },
}
