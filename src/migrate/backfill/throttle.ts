import type pg from 'pg'
import type { Clock } from '../../core/index.ts'
import type { Backfill } from './define.ts'

const DEFAULT_LAG_MS = 5_000

/** Why a backfill should wait before its next batch. */
export class Throttle {
  readonly #options: Pick<Backfill, 'maxLagMs' | 'throttle'>
  readonly #clock: Clock
  readonly #beganMs: number
  #rows = 0

  constructor(options: Pick<Backfill, 'maxLagMs' | 'throttle'>, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#beganMs = clock.monotonicMs()
  }

  /** To be told after each batch. */
  count(rows: number): void {
    this.#rows += rows
  }

  /** Milliseconds until its own limit lets the next batch go. */
  get pauseMs(): number {
    const most = this.#options.throttle?.maxRowsPerSecond
    if (most === undefined) return 0
    return Math.max(0, (this.#rows / most) * 1_000 - (this.#clock.monotonicMs() - this.#beganMs))
  }

  /** What others suffer from, in words; undefined when there is nothing. A role that may not look sees nothing. */
  async reason(client: pg.Client): Promise<string | undefined> {
    const { maxLagMs = DEFAULT_LAG_MS, throttle } = this.#options
    const { rows } = await client.query<{ lag: number | null; active: number }>(
      `SELECT (SELECT max(extract(epoch FROM replay_lag)) * 1000 FROM pg_catalog.pg_stat_replication)::float8 AS lag,
              (SELECT count(*) FROM pg_catalog.pg_stat_activity
                WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid())::int AS active`,
    )
    const { lag = null, active = 0 } = rows[0] ?? {}
    if (lag !== null && lag > maxLagMs) return `a replica is ${Math.round(lag)} ms behind`
    const most = throttle?.maxActiveSessions
    return most !== undefined && active > most ? `${active} sessions are busy` : undefined
  }
}
