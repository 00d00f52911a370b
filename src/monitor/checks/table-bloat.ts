import { formatBytes, quoteLiteral, type Queryable } from '../../core/index.ts'
import { readTableBloat } from '../bloat.ts'
import { schemaOfExtension } from '../extension-schema.ts'
import type { Check } from '../finding.ts'

/** Below that it is no matter, and an estimate is off by a fifth. */
const WARNING_PERCENT = 40
const WARNING_BYTES = 16 * 1_024 * 1_024
const LIMITS = { leastBytes: WARNING_BYTES, leastPercent: WARNING_PERCENT, most: 5 }
/** What is confirmed by looking at the table itself must not take long. */
const MOST_CONFIRMED_BYTES = 2 * 1_024 ** 3

/** Tables that are much bigger than what they hold. */
export const tableBloat: Check = {
  id: 'table-bloat',
  category: 'storage',
  good: 'no table is much bigger than what it holds',
  why: 'Empty room is read, kept in memory and backed up with the rest.',
  run: async ({ db }) => {
    const rows = await readTableBloat(db, LIMITS)
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
