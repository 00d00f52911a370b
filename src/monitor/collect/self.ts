import type { Clock } from '../../core/index.ts'
import type { Pool, PoolStats } from '../../pool/index.ts'
import type { Frame } from '../history/frame.ts'
import { PoolMetrics } from '../pool-metrics.ts'
import { ProcessWatch } from './process.ts'

/** Looks at this process and its pool, again and again; what is counted is counted since the look before. */
export class SelfWatch {
  readonly #pool: Pool
  readonly #clock: Clock
  readonly #metrics: PoolMetrics
  readonly #process = new ProcessWatch()
  #last: PoolStats | undefined

  constructor(pool: Pool, clock: Clock) {
    this.#pool = pool
    this.#clock = clock
    this.#metrics = new PoolMetrics(pool)
  }

  /** @param isReachable whether the database answers */
  look(atMs: number, isReachable: boolean): Frame {
    const { stats, series } = this.#metrics.sample(this.#clock.monotonicMs(), this.#clock.now())
    const { host, pid, cores: _cores, ...own } = this.#process.look()
    const before = this.#last
    this.#last = stats
    const values = {
      ...series,
      ...own,
      database_reachable: isReachable ? 1 : 0,
      pool_used_percent: usedPercent(this.#pool, stats),
      leaks: before ? stats.leaks - before.leaks : null,
      acquire_timeouts: before ? stats.acquireTimeouts - before.acquireTimeouts : null,
    }
    const known = Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== null)
    const figures = known.map(([, value]) => value)
    return {
      kind: 'process',
      instance: `${host}:${pid}`,
      atMs,
      keys: known.map(([name]) => name),
      figures: { 'value:mean': figures, 'value:max': figures },
    }
  }

  close(): void {
    this.#process.close()
  }
}

function usedPercent({ options }: Pool, { busy }: PoolStats): number {
  const most = options.size + options.overflow
  return Math.round((1_000 * busy) / Math.max(1, most)) / 10
}
