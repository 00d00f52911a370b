import { formatBytes, type Queryable, quoteLiteral } from '../../core/index.ts'
import { readIndexBloat } from '../bloat.ts'
import { schemaOfExtension } from '../extension-schema.ts'
import type { Check } from '../finding.ts'

/** A tree that was filled at random is two thirds full; below that it is no matter. */
const WARNING_PERCENT = 50
const WARNING_BYTES = 16 * 1_024 * 1_024
const LIMITS = { leastBytes: WARNING_BYTES, leastPercent: WARNING_PERCENT, most: 5 }
const MOST_CONFIRMED_BYTES = 1_024 ** 3

/** Indexes that are much bigger than what they hold. */
export const indexBloat: Check = {
  id: 'index-bloat',
  category: 'indexes',
  good: 'no index is much bigger than what it holds',
  why: 'Empty pages are kept in memory with the rest, and each search reads more of them.',
  run: async ({ db }) => {
    const rows = await readIndexBloat(db, LIMITS)
    const schema = rows.length === 0 ? undefined : await schemaOfExtension(db, 'pgstattuple')
    const found = []
    for (const { name: index, table, bytes, wasted } of rows) {
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
