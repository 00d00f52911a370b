import { MOST_TOLD, PEOPLES_RELATION } from '../relations.ts'
import type { Check } from '../finding.ts'

/** Tables without a primary key, and without a unique index that could be one. */
export const primaryKeys: Check = {
  id: 'primary-keys',
  category: 'schema',
  good: 'every table has a primary key',
  why: 'Rows cannot be told apart: doubles cannot be removed one by one, and logical replication cannot pass on changes.',
  run: async ({ db }) => {
    const { rows } = await db.query<{ table: string; rows: number | null; hasId: boolean }>(`
      SELECT format('%I.%I', n.nspname, c.relname) AS "table", nullif(c.reltuples, -1)::float8 AS rows,
             EXISTS (SELECT FROM pg_catalog.pg_attribute i WHERE i.attrelid = c.oid AND i.attname = 'id' AND NOT i.attisdropped) AS "hasId"
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND ${PEOPLES_RELATION} AND NOT EXISTS (
         SELECT FROM pg_catalog.pg_index x WHERE x.indrelid = c.oid AND (x.indisprimary
            OR x.indisunique AND x.indisvalid AND x.indpred IS NULL AND x.indexprs IS NULL AND NOT EXISTS (
               SELECT FROM unnest((x.indkey::int2[])[0:x.indnkeyatts - 1]) k JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k
                WHERE NOT a.attnotnull)))
       ORDER BY c.reltuples DESC, 1 LIMIT ${MOST_TOLD}`)
    return rows.map(({ table, rows: count, hasId }) => ({
      severity: 'warning' as const,
      subject: table,
      message: `Rows of ${table} cannot be told apart: it has no primary key.`,
      evidence: { estimated_rows: count },
      action: hasId
        ? 'Give it one: where id is unique and never NULL, after CREATE UNIQUE INDEX CONCURRENTLY on it, that index (ADD PRIMARY KEY USING INDEX). At once, while nobody writes:'
        : 'Give it one: columns that are unique already, or a new one, for which the table is written anew while nobody may use it:',
      sql: hasId
        ? `ALTER TABLE ${table} ADD PRIMARY KEY (id);`
        : `ALTER TABLE ${table} ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;`,
    }))
  },
}
