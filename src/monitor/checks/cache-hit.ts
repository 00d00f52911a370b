import { formatBytes } from '../../core/index.ts'
import { assessCacheHit, readCacheStats } from '../cache-stats.ts'
import { type Check, DEFAULT_LIMITS, type Found } from '../finding.ts'

/** Fewer blocks read are a server that was started a moment ago. */
const FEWEST_BLOCKS = 50_000

/** Blocks of tables and indexes are found in shared buffers. */
export const cacheHit: Check = {
  id: 'cache-hit',
  category: 'configuration',
  good: 'what is read is found in memory',
  why: 'A block that is not in shared buffers is asked of the operating system, and maybe of the disk: a hundred times slower.',
  run: async ({ db, limits = DEFAULT_LIMITS }) => {
    const stats = await readCacheStats(db, limits)
    const parts = [
      ['tables', stats.tables_percent],
      ['indexes', stats.indexes_percent],
    ] as const
    const found = parts.flatMap(([what, percent]): Found[] => {
      const assessment = percent === null ? 'excellent' : assessCacheHit(percent, limits.cacheHitPercent)
      if (assessment === 'excellent' || assessment === 'good') return []
      return [
        {
          severity: assessment === 'fair' ? 'info' : 'warning',
          confidence: 'likely',
          subject: what,
          message: `Reading ${what} waits for the operating system: ${percent}% of their blocks were found in shared buffers, which is ${assessment}.`,
          evidence: {
            hit_percent: percent,
            blocks_hit: stats.blocks_hit,
            blocks_read: stats.blocks_read,
            assessment,
          },
          action: `Find the statements that read most (holdfast query top --by reads); where they are as they have to be, give shared_buffers more: about a quarter of the memory. ${formatBytes(stats.blocks_read * 8_192)} were read so far.`,
          sql: null,
        },
      ]
    })
    // Too little to say so.
    return found.length > 0 && stats.blocks_read < FEWEST_BLOCKS ? null : found
  },
}
