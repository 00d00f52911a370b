import type { Queryable } from '../core/index.ts'
import type { Limits } from './finding.ts'

/** What a share of blocks found in memory is called. */
export type Assessment = 'excellent' | 'good' | 'fair' | 'poor'

export function assessCacheHit(
  percent: number,
  { excellent, good, fair }: Limits['cacheHitPercent'],
): Assessment {
  return percent >= excellent ? 'excellent' : percent >= good ? 'good' : percent >= fair ? 'fair' : 'poor'
}

/** How much was found in shared buffers since the statistics were reset. Null where nothing was read. */
export interface CacheStats {
  readonly cache_hit_ratio_percent: number | null
  readonly tables_percent: number | null
  readonly indexes_percent: number | null
  readonly performance_assessment: Assessment | null
  readonly blocks_hit: number
  readonly blocks_read: number
}

/** Source: pg_statio_user_tables, pg_statio_user_indexes. */
export async function readCacheStats(
  db: Queryable,
  { cacheHitPercent }: Pick<Limits, 'cacheHitPercent'>,
): Promise<CacheStats> {
  const { rows } = await db.query<Record<'heapHit' | 'heapRead' | 'indexHit' | 'indexRead', number>>(`
    SELECT t.hit AS "heapHit", t.read AS "heapRead", i.hit AS "indexHit", i.read AS "indexRead"
      FROM (SELECT coalesce(sum(heap_blks_hit), 0)::float8 AS hit, coalesce(sum(heap_blks_read), 0)::float8 AS read
              FROM pg_catalog.pg_statio_user_tables) t,
           (SELECT coalesce(sum(idx_blks_hit), 0)::float8 AS hit, coalesce(sum(idx_blks_read), 0)::float8 AS read
              FROM pg_catalog.pg_statio_user_indexes) i`)
  const { heapHit = 0, heapRead = 0, indexHit = 0, indexRead = 0 } = rows[0] ?? {}
  const all = share(heapHit + indexHit, heapRead + indexRead)
  return {
    cache_hit_ratio_percent: all,
    tables_percent: share(heapHit, heapRead),
    indexes_percent: share(indexHit, indexRead),
    performance_assessment: all === null ? null : assessCacheHit(all, cacheHitPercent),
    blocks_hit: heapHit + indexHit,
    blocks_read: heapRead + indexRead,
  }
}

const share = (hit: number, read: number): number | null =>
  hit + read === 0 ? null : Math.round((10_000 * hit) / (hit + read)) / 100
