import { DEFAULT_LIMITS, type Check, type Limits } from '../finding.ts'

/** Fewer blocks read are a server that was started a moment ago. */
const FEWEST_BLOCKS = 50_000

/** What a share of blocks found in memory is called. */
export type Assessment = 'excellent' | 'good' | 'fair' | 'poor'

export function assessCacheHit(
  percent: number,
  { excellent, good, fair }: Limits['cacheHitPercent'],
): Assessment {
  return percent >= excellent ? 'excellent' : percent >= good ? 'good' : percent >= fair ? 'fair' : 'poor'
}

type Row = { readonly what: string; readonly hit: number; readonly read: number }

/** Blocks of tables and indexes are found in shared buffers. */
export const cacheHit: Check = {
  id: 'cache-hit',
  category: 'configuration',
  good: 'what is read is found in memory',
  why: 'A block that is not in shared buffers is asked of the operating system, and maybe of the disk: a hundred times slower.',
  run: async ({ db, limits = DEFAULT_LIMITS }) => {
    const { rows } = await db.query<Row>(`
      SELECT 'tables' AS what, coalesce(sum(heap_blks_hit), 0)::float8 AS hit, coalesce(sum(heap_blks_read), 0)::float8 AS read FROM pg_catalog.pg_statio_user_tables
      UNION ALL
      SELECT 'indexes', coalesce(sum(idx_blks_hit), 0)::float8, coalesce(sum(idx_blks_read), 0)::float8 FROM pg_catalog.pg_statio_user_indexes`)
    return rows.flatMap(({ what, hit, read }) => {
      const percent = Math.round((10_000 * hit) / Math.max(1, hit + read)) / 100
      const assessment = assessCacheHit(percent, limits.cacheHitPercent)
      if (read < FEWEST_BLOCKS || assessment === 'excellent' || assessment === 'good') return []
      return [
        {
          severity: assessment === 'fair' ? ('info' as const) : ('warning' as const),
          confidence: 'likely' as const,
          subject: what,
          message: `Reading ${what} waits for the operating system: ${percent}% of their blocks were found in shared buffers, which is ${assessment}.`,
          evidence: { hit_percent: percent, blocks_hit: hit, blocks_read: read, assessment },
          action:
            'Find the statements that read most (holdfast query top --by reads); where they are as they have to be, give shared_buffers more: about a quarter of the memory.',
          sql: null,
        },
      ]
    })
  },
}
