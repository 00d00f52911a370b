import { afterEach, expect } from 'vitest'
import type { Clock } from '../../src/core/index.ts'
import { Pool, type PoolConfig } from '../../src/pool/index.ts'

/**
 * Makes pools for the tests of a file, ends each after its test, and sees that nothing is left of it. A pool with a
 * clock that stands still takes every statement for a quick one, however busy the machine is.
 */
export function usePools(
  database: { readonly url: string },
  defaults: PoolConfig = {},
): (config?: PoolConfig, clock?: Clock) => Pool {
  const pools: Pool[] = []
  afterEach(async () => {
    for (const pool of pools.splice(0)) {
      await pool.end({ timeoutMs: 0 })
      expect(pool.stats()).toMatchObject({ total: 0, waiting: 0 })
    }
  })
  return (config = {}, clock) => {
    const pool = new Pool({ connectionString: database.url, ...defaults, ...config }, clock)
    pools.push(pool)
    return pool
  }
}
