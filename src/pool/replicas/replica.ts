import { type Clock, messageOf } from '../../core/index.ts'
import type { HolderPicture } from '../errors.ts'
import { markConnectionError } from '../outcome.ts'
import type { PoolStats } from '../stats.ts'
import { bytesOf, type WalPosition } from './wal-position.ts'
import { type WatchedPool, Watcher } from './watcher.ts'

/** The pool of one replica, as far as reading from it needs it. */
export interface ReplicaPool extends WatchedPool {
  stats(): PoolStats
  servers(): readonly { readonly name: string }[]
  drain(options: { timeoutMs: number }): Promise<readonly HolderPicture[]>
  resume(): void
  end(options: { timeoutMs: number }): Promise<void>
}

/** One replica as it was last seen. */
export interface ReplicaPicture {
  /** `host:port` */
  readonly name: string
  /** Reads are sent to it. */
  readonly isUsed: boolean
  /** Why not; undefined while it is used. */
  readonly reason: string | undefined
  /** WAL written on the primary that it has not replayed; undefined before the first look. */
  readonly lagBytes: number | undefined
  /** Milliseconds from asking to the answer, smoothed. */
  readonly latencyMs: number | undefined
  readonly stats: PoolStats
}

const POSITION =
  'SELECT pg_catalog.pg_is_in_recovery() AS standby, pg_catalog.pg_last_wal_replay_lsn()::text AS replayed'
/** How much the latest measurement counts. */
const SMOOTHING = 0.3

/** One replica: what it has replayed, how far behind and how quick it is. */
export class Replica<Pool extends ReplicaPool> {
  readonly name: string
  readonly pool: Pool
  readonly #watcher: Watcher
  readonly #clock: Clock
  readonly #maxLagBytes: number
  /** Reads that are on their way to it; each can be told that it will not answer. */
  readonly #reads = new Set<(error: unknown) => void>()
  #looking: Promise<void> | undefined
  #replayed: bigint | undefined
  #latencyMs: number | undefined
  /** What the primary had written, as last known. */
  #written: bigint | undefined
  /** Why it cannot be read from, however far it is. */
  #absence: string | undefined = 'not looked at yet'

  constructor(pool: Pool, clock: Clock, maxLagBytes: number) {
    this.name = pool
      .servers()
      .map(({ name }) => name)
      .join(',')
    this.pool = pool
    this.#watcher = new Watcher(pool, clock)
    this.#clock = clock
    this.#maxLagBytes = maxLagBytes
  }

  get isUsed(): boolean {
    return this.#problem === undefined
  }

  get #problem(): string | undefined {
    const behind = this.#lagBytes
    if (this.#absence !== undefined || behind === undefined || behind <= this.#maxLagBytes)
      return this.#absence
    return `it is ${behind} bytes behind, more than maxLagBytes ${this.#maxLagBytes}`
  }

  get #lagBytes(): number | undefined {
    if (this.#written === undefined || this.#replayed === undefined) return undefined
    return Math.max(0, Number(this.#written - this.#replayed))
  }

  /** What a read would have to wait for: the smaller the better. */
  get cost(): number {
    return (this.#latencyMs ?? 0) * (this.#reads.size + 1)
  }

  hasReplayed(position: WalPosition): boolean {
    return this.#replayed !== undefined && this.#replayed >= bytesOf(position)
  }

  /** Asks how far it is; those who want to know at the same time share the answer. */
  look(): Promise<void> {
    this.#looking ??= this.#lookNow().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  /** @param written the primary's position */
  compare(written: bigint): void {
    this.#written = written
  }

  /**
   * Runs a read on it. @param mayLeave the read may be given up, to be run elsewhere, once the replica is known to be
   * gone: it does not wait for a silent server.
   */
  read<T>(run: (pool: Pool) => Promise<T>, mayLeave: boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = mayLeave ? reject : (): void => {}
      this.#reads.add(leave)
      const over = (): void => void this.#reads.delete(leave)
      run(this.pool).then(resolve, reject).finally(over)
    })
  }

  picture(): ReplicaPicture {
    const { name, isUsed } = this
    const [lagBytes, latencyMs] = [this.#lagBytes, this.#latencyMs]
    return { name, isUsed, reason: this.#problem, lagBytes, latencyMs, stats: this.pool.stats() }
  }

  async end(timeoutMs: number): Promise<void> {
    await Promise.all([this.#watcher.end(), this.pool.end({ timeoutMs })])
  }

  async #lookNow(): Promise<void> {
    const since = this.#clock.monotonicMs()
    try {
      const row = await this.#watcher.ask(POSITION)
      const took = this.#clock.monotonicMs() - since
      this.#latencyMs =
        this.#latencyMs === undefined ? took : this.#latencyMs + SMOOTHING * (took - this.#latencyMs)
      const { standby, replayed } = row as { standby: boolean; replayed: string | null }
      const follows = standby && replayed !== null
      if (follows) this.#replayed = bytesOf(replayed)
      this.#absence = follows ? undefined : 'it is no standby: it was promoted, or never followed'
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Nothing is read from it before the next look finds it well. */
  #fail(error: unknown): void {
    this.#absence = messageOf(error)
    const gone = new Error(`the replica ${this.name} is gone: ${this.#absence}`, { cause: error })
    markConnectionError(gone)
    for (const leave of this.#reads) leave(gone)
  }
}
