import { type Clock, EventChannel, Scheduler } from '../core/index.ts'
import {
  DatabaseMetrics,
  PoolMetrics,
  Reader,
  readConnections,
  readCounters,
  STATEMENT_STEP_MS,
  type StatementFeed,
  StatementMetrics,
} from '../monitor/index.ts'
import type { Pool, PoolHealth } from '../pool/index.ts'
import type { DatabaseEvent, HealthEvent, PoolEvent } from './live-events.ts'
import { describePool } from './pool-description.ts'

const POOL_INTERVAL_MS = 1_000
const DATABASE_INTERVAL_MS = 5_000
const PROBE_DEADLINE_MS = 2_000

/** The two words that a structured log has for this. */
export interface LiveLog {
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/**
 * The live picture: samples the pool every second, the database every five and its statements every thirty;
 * remembers, and tells everyone who listens. Events: `pool` (as pool-stats, with what the last second brought),
 * `database` (counters and their rates), `health` (when it changes).
 */
export class LivePicture {
  readonly channel: EventChannel
  readonly poolMetrics: PoolMetrics
  readonly databaseMetrics = new DatabaseMetrics()
  readonly statementMetrics = new StatementMetrics()
  readonly #pool: Pool
  readonly #reader: Reader
  readonly #feed: StatementFeed
  readonly #clock: Clock
  readonly #scheduler: Scheduler
  #log: LiveLog = { warn() {}, error() {} }
  #isHealthy: boolean | undefined
  #reason: string | null = null
  #since: number
  #probe: Promise<PoolHealth> | undefined
  #poolProbe: Promise<PoolHealth> | undefined

  /** @param feed of the statements of the same database */
  constructor(pool: Pool, reader: Reader, feed: StatementFeed, clock: Clock) {
    this.#pool = pool
    this.#reader = reader
    this.#feed = feed
    this.#clock = clock
    this.#since = clock.now()
    this.poolMetrics = new PoolMetrics(pool)
    this.channel = new EventChannel(() => clock.now())
    this.#scheduler = new Scheduler((name, err) => this.#log.error({ err }, `${name} failed`), clock)
  }

  /** @param log is told when the database goes and when it is back. */
  start(log: LiveLog): void {
    this.#log = log
    this.#scheduler.every('pool sample', POOL_INTERVAL_MS, () => this.#samplePool())
    this.#scheduler.every('database sample', DATABASE_INTERVAL_MS, () => this.#sampleDatabase())
    this.#scheduler.every('statement sample', STATEMENT_STEP_MS, () => this.#sampleStatements())
  }

  /** Takes the first samples now: once somebody can ask. */
  look(): void {
    this.#scheduler.soon('first look', async () => {
      await this.#sampleDatabase()
      await this.#sampleStatements()
    })
  }

  stop(): Promise<void> {
    return this.#scheduler.stop(PROBE_DEADLINE_MS + 1_000)
  }

  /** Whether the database answers. Those who ask at the same time share one question to it. */
  probe(): Promise<PoolHealth> {
    this.#probe ??= this.#reader.probe(PROBE_DEADLINE_MS).finally(() => {
      this.#probe = undefined
    })
    return this.#probe
  }

  /** Since when the database answers, or does not, in milliseconds since 1970. */
  get healthSince(): number {
    return this.#since
  }

  /** Why the pool gives nobody a connection, while the database answers; undefined when it does give one. */
  async probePool(): Promise<string | undefined> {
    const { waiting } = this.#pool.stats()
    if (waiting === 0) return undefined
    this.#poolProbe ??= this.#pool.health(PROBE_DEADLINE_MS).finally(() => {
      this.#poolProbe = undefined
    })
    if ((await this.#poolProbe).ok) return undefined
    const { busy, size, overflow, waiting: now } = this.#pool.stats()
    return `The pool gave no connection within ${PROBE_DEADLINE_MS / 1_000} s: ${busy} of ${size + overflow} are in use, ${now} callers wait.`
  }

  #samplePool(): void {
    const { stats, series } = this.poolMetrics.sample(this.#clock.monotonicMs(), this.#clock.now())
    const { checked_in: _in, checked_out: _out, waiting: _waiting, ...rates } = series
    this.#tell('pool', { ...describePool(stats), ...rates })
  }

  async #sampleDatabase(): Promise<void> {
    const health = await this.probe()
    this.#tellHealth(health.ok, health.reason ?? null, health.latencyMs)
    if (!health.ok) return this.databaseMetrics.interrupt()
    try {
      await this.#publishCounters()
    } catch {
      // It went away between the probe and this, or is too busy to be read: asked again, it tells which.
      const again = await this.probe()
      this.#tellHealth(again.ok, again.reason ?? null, again.latencyMs)
      this.databaseMetrics.interrupt()
    }
  }

  async #sampleStatements(): Promise<void> {
    if (!(await this.probe()).ok) return // the database sample tells
    const fed = await this.#feed.read(0)
    if (fed) this.statementMetrics.record(fed.atMs, fed.reading) // where there are none, asking for them says why
  }

  /** Per change, of the reason too: in the stream for those who look, in the log for those who look later. */
  #tellHealth(isHealthy: boolean, reason: string | null, latencyMs: number | null): void {
    if (isHealthy === this.#isHealthy && reason === this.#reason) return
    if (!isHealthy) this.#log.warn({ reason }, 'the database does not answer')
    else if (this.#isHealthy === false) this.#log.warn({}, 'the database answers again')
    if (isHealthy !== this.#isHealthy) this.#since = this.#clock.now()
    this.#isHealthy = isHealthy
    this.#reason = reason
    const rounded = latencyMs === null ? null : Math.round(latencyMs * 1_000) / 1_000
    this.#tell('health', {
      healthy: isHealthy,
      since: new Date(this.#since).toISOString(),
      reason,
      latency_ms: rounded,
    })
  }

  async #publishCounters(): Promise<void> {
    const [counters, connections] = [await readCounters(this.#reader), await readConnections(this.#reader)]
    const series = this.databaseMetrics.record(
      { counters, connectionsByState: connections.by_state },
      this.#clock.monotonicMs(),
      this.#clock.now(),
    )
    this.#tell('database', {
      connections: counters.connections,
      connections_max: connections.max,
      cache_hit_ratio_percent: counters.cacheHitPercent,
      ...series,
    })
  }

  #tell(type: 'pool', event: PoolEvent): void
  #tell(type: 'database', event: DatabaseEvent): void
  #tell(type: 'health', event: HealthEvent): void
  #tell(type: string, event: object): void {
    this.channel.publish(type, event)
  }
}
