import { type ChannelEvent, type Clock, EventChannel, messageOf, Scheduler } from '../core/index.ts'
import type { Pool, PoolHealth } from '../pool/index.ts'
import { describePool } from './pool-description.ts'
import { readCounters } from '../monitor/index.ts'

const POOL_INTERVAL_MS = 1_000
const DATABASE_INTERVAL_MS = 5_000
const PROBE_DEADLINE_MS = 2_000

/** The two words that a structured log has for this. */
export interface LiveLog {
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/**
 * The live picture: samples the pool every second and the database every five, and tells everyone who listens.
 * Events: `pool` (as pool-stats), `database` (counters and their rates), `health` (when it changes).
 */
export class LivePicture {
  readonly channel: EventChannel
  readonly #pool: Pool
  readonly #clock: Clock
  readonly #scheduler: Scheduler
  #log: LiveLog = { warn() {}, error() {} }
  #lastCounters: { at: number; commits: number; rollbacks: number; rows: number } | undefined
  #isHealthy: boolean | undefined
  #probe: Promise<PoolHealth> | undefined

  constructor(pool: Pool, clock: Clock) {
    this.#pool = pool
    this.#clock = clock
    this.channel = new EventChannel(() => clock.now())
    this.#scheduler = new Scheduler((name, err) => this.#log.error({ err }, `${name} failed`), clock)
  }

  /** @param log is told when the database goes and when it is back. */
  start(log: LiveLog): void {
    this.#log = log
    this.#scheduler.every('pool sample', POOL_INTERVAL_MS, () => void this.#samplePool())
    this.#scheduler.every('database sample', DATABASE_INTERVAL_MS, () => this.#sampleDatabase())
  }

  stop(): Promise<void> {
    return this.#scheduler.stop(PROBE_DEADLINE_MS + 1_000)
  }

  /** Whether the database answers. Those who ask at the same time share one question to it. */
  probe(): Promise<PoolHealth> {
    this.#probe ??= this.#pool.health(PROBE_DEADLINE_MS).finally(() => {
      this.#probe = undefined
    })
    return this.#probe
  }

  #samplePool(): ChannelEvent {
    return this.channel.publish('pool', describePool(this.#pool.stats()))
  }

  async #sampleDatabase(): Promise<void> {
    const health = await this.probe()
    this.#tellHealth(health.ok, health.reason ?? null, health.latencyMs)
    if (!health.ok) return
    try {
      await this.#publishCounters()
    } catch (error) {
      // It went away between the probe and this: the next sample tells.
      this.#tellHealth(false, messageOf(error), null)
    }
  }

  /** Once per change: in the stream for those who look, in the log for those who look later. */
  #tellHealth(isHealthy: boolean, reason: string | null, latencyMs: number | null): void {
    if (isHealthy === this.#isHealthy) return
    if (!isHealthy) this.#log.warn({ reason }, 'the database does not answer')
    else if (this.#isHealthy === false) this.#log.warn({}, 'the database answers again')
    this.#isHealthy = isHealthy
    const rounded = latencyMs === null ? null : Math.round(latencyMs * 1_000) / 1_000
    this.channel.publish('health', { healthy: isHealthy, reason, latency_ms: rounded })
  }

  async #publishCounters(): Promise<void> {
    const counters = await readCounters(this.#pool)
    const at = this.#clock.monotonicMs()
    const last = this.#lastCounters
    this.#lastCounters = { at, commits: counters.commits, rollbacks: counters.rollbacks, rows: counters.rows }
    const seconds = last ? (at - last.at) / 1_000 : 0
    const rate = (now: number, before: number | undefined): number | null =>
      before === undefined || seconds === 0 || now < before
        ? null
        : Math.round(((now - before) / seconds) * 10) / 10
    this.channel.publish('database', {
      connections: counters.connections,
      cache_hit_ratio_percent: counters.cacheHitPercent,
      transactions_per_second: rate(
        counters.commits + counters.rollbacks,
        last && last.commits + last.rollbacks,
      ),
      rollbacks_per_second: rate(counters.rollbacks, last?.rollbacks),
      rows_per_second: rate(counters.rows, last?.rows),
    })
  }
}
