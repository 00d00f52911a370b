import { indexesOf } from '../indexes.ts'
import type { Check, Found } from '../finding.ts'

/** An index that was not built to its end: CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY that failed. */
export const invalidIndexes: Check = {
  id: 'invalid-indexes',
  category: 'indexes',
  good: 'every index was built to its end',
  why: 'It is written with each change and no query may use it; a unique one does not keep doubles out.',
  run: async (context) => {
    const { db } = context
    const building = await db.query<{ name: string }>(
      `SELECT format('%I.%I', n.nspname, i.relname) AS name FROM pg_catalog.pg_stat_progress_create_index p
         JOIN pg_catalog.pg_class i ON i.oid = p.index_relid JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace
        WHERE p.datname = current_database()`,
    )
    const busy = new Set(building.rows.map(({ name }) => name))
    const indexes = await indexesOf(context)
    return indexes
      .filter(({ isUsable, name }) => !isUsable && !busy.has(name))
      .map(({ name, table, isUnique, bytes, isPartitioned }) =>
        isPartitioned
          ? incomplete(name, table)
          : {
              severity: 'warning' as const,
              subject: name,
              message: `No query uses ${name} and every change of ${table} pays for it: building it failed.`,
              evidence: { table, unique: isUnique, bytes },
              action: 'Build it again, or drop it. To build it without stopping writers:',
              sql: /_ccnew\d*"?$/.test(name)
                ? `DROP INDEX CONCURRENTLY ${name};`
                : `REINDEX INDEX CONCURRENTLY ${name};`,
            },
      )
  },
}

/** CREATE INDEX ON ONLY makes one that is valid once every partition has its own attached to it. */
const incomplete = (name: string, table: string): Found => ({
  severity: 'warning',
  subject: name,
  message: `Not every partition of ${table} has index ${name}: it is not complete.`,
  evidence: { table, partitioned: true },
  action:
    'Build it on the partitions that lack it, with CONCURRENTLY, and attach each: ALTER INDEX ... ATTACH PARTITION ...',
  sql: null,
})
