import { formatBytes, systemClock } from '../../core/index.ts'
import { dropIndex, indexesOf } from '../indexes.ts'
import { MOST_TOLD } from '../relations.ts'
import { readStatisticsAge } from '../statistics-age.ts'
import type { Check } from '../finding.ts'

/** What runs once a month has run by then. */
const FEWEST_DAYS = 30
/** Smaller ones cost little. */
const SMALLEST_BYTES = 1_024 * 1_024

/** An index that no query has used for a month, as far as the statistics reach. */
export const unusedIndexes: Check = {
  id: 'unused-indexes',
  category: 'indexes',
  good: 'every index is used',
  why: 'Each change of the table is written into it, and it takes room in memory, on disk and in each backup.',
  run: async (context) => {
    const { db, identity, clock = systemClock } = context
    // What a replica's queries use is counted there.
    const replicas = await db.query('SELECT FROM pg_catalog.pg_stat_replication LIMIT 1')
    if (identity.isStandby || replicas.rows.length > 0) return null
    const days = await readStatisticsAge(db, clock)
    if (days === undefined || days < FEWEST_DAYS) return null
    const since = clock.now() - FEWEST_DAYS * 86_400_000
    const indexes = await indexesOf(context)
    return indexes
      .filter(({ isUsable, isUnique, isNeeded }) => isUsable && !isUnique && !isNeeded)
      .filter(({ scans, lastScanAt }) => scans === 0 || (lastScanAt !== null && lastScanAt.getTime() < since))
      .filter(({ bytes }) => bytes >= SMALLEST_BYTES)
      .toSorted((a, b) => b.bytes - a.bytes)
      .slice(0, MOST_TOLD)
      .map(({ name, table, bytes, scans, lastScanAt, isPartitioned }) => ({
        severity: 'warning' as const,
        confidence: 'likely' as const,
        subject: name,
        message: `${formatBytes(bytes)} are kept up to date for nobody: no query used ${name} in ${scans === 0 ? Math.floor(days) : FEWEST_DAYS} days.`,
        evidence: {
          table,
          bytes,
          scans,
          last_scan_at: lastScanAt?.toISOString() ?? null,
          statistics_days: Math.floor(days),
        },
        action: 'Unless it was made lately or serves a yearly report, drop it:',
        sql: dropIndex(name, isPartitioned),
      }))
  },
}
