import { afterEach, expect } from 'vitest'
import { Pool, type PoolConfig } from '../../src/pool/index.ts'

/** Makes pools for the tests of a file, ends each after its test, and sees that nothing is left of it. */
export function usePools(
  database: { readonly url: string },
  defaults: PoolConfig = {},
): (config?: PoolConfig) => Pool {
  const pools: Pool[] = []
  afterEach(async () => {
    for (const pool of pools.splice(0)) {
      await pool.end({ timeoutMs: 0 })
      expect(pool.stats()).toMatchObject({ total: 0, waiting: 0 })
    }
  })
  return (config = {}) => {
    const pool = new Pool({ connectionString: database.url, ...defaults, ...config })
    pools.push(pool)
    return pool
  }
}
