import { type Clock, messageOf, within } from '../../core/index.ts'
import { markConnectionError } from '../outcome.ts'
import type { PoolStats } from '../stats.ts'
import { bytesOf, type WalPosition } from './wal-position.ts'

/** The pool of one replica, as far as reading from it needs it. */
export interface ReplicaPool {
  query(query: { text: string; query_timeout?: number }): Promise<{ rows: unknown[] }>
  stats(): PoolStats
  servers(): readonly { readonly name: string }[]
  drain(options: { timeoutMs: number }): Promise<unknown>
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

const POSITION = 'SELECT pg_is_in_recovery() AS standby, pg_last_wal_replay_lsn()::text AS replayed'
/** A replica that does not answer within this is not worth reading from. */
const LOOK_LIMIT_MS = 2_000
const silent = (): Error => new Error(`no answer within ${LOOK_LIMIT_MS} ms`)
/** How much the latest measurement counts. */
const SMOOTHING = 0.3

/** One replica: what it has replayed, how far behind and how quick it is. */
export class Replica<Pool extends ReplicaPool> {
  readonly name: string
  readonly pool: Pool
  readonly #clock: Clock
  readonly #maxLagBytes: number
  /** Reads that are on their way to it; each can be told that it will not answer. */
  readonly #reads = new Set<(error: unknown) => void>()
  #replayed: bigint | undefined
  #lagBytes: number | undefined
  #latencyMs: number | undefined
  #problem: string | undefined = 'not looked at yet'

  constructor(pool: Pool, clock: Clock, maxLagBytes: number) {
    this.name = pool
      .servers()
      .map(({ name }) => name)
      .join(',')
    this.pool = pool
    this.#clock = clock
    this.#maxLagBytes = maxLagBytes
  }

  get isUsed(): boolean {
    return this.#problem === undefined
  }

  /** What a read would have to wait for: the smaller the better. */
  get cost(): number {
    return (this.#latencyMs ?? 0) * (this.#reads.size + 1)
  }

  hasReplayed(position: WalPosition): boolean {
    return this.#replayed !== undefined && this.#replayed >= bytesOf(position)
  }

  /** Asks how far it is. @param written the primary's position before; undefined when that is not known. */
  async look(written: bigint | undefined): Promise<void> {
    const since = this.#clock.monotonicMs()
    try {
      const asked = this.pool.query({ text: POSITION, query_timeout: LOOK_LIMIT_MS })
      const { rows } = await within(this.#clock, LOOK_LIMIT_MS, asked, silent) // the wait for a connection included
      const took = this.#clock.monotonicMs() - since
      this.#latencyMs =
        this.#latencyMs === undefined ? took : this.#latencyMs + SMOOTHING * (took - this.#latencyMs)
      this.#read(rows[0] as { standby: boolean; replayed: string | null }, written)
    } catch (error) {
      this.fail(error)
    }
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

  /** Nothing is read from it before the next look finds it well. */
  fail(error: unknown): void {
    this.#problem = messageOf(error)
    const gone = new Error(`the replica ${this.name} is gone: ${this.#problem}`, { cause: error })
    markConnectionError(gone)
    for (const leave of this.#reads) leave(gone)
  }

  picture(): ReplicaPicture {
    const { name, isUsed } = this
    const [lagBytes, latencyMs] = [this.#lagBytes, this.#latencyMs]
    return { name, isUsed, reason: this.#problem, lagBytes, latencyMs, stats: this.pool.stats() }
  }

  #read(
    { standby, replayed }: { standby: boolean; replayed: string | null },
    written: bigint | undefined,
  ): void {
    if (!standby || replayed === null) {
      this.#problem = 'it is no standby: it was promoted, or never followed'
      return
    }
    this.#replayed = bytesOf(replayed)
    if (written !== undefined) this.#lagBytes = Math.max(0, Number(written - this.#replayed))
    this.#problem =
      this.#lagBytes !== undefined && this.#lagBytes > this.#maxLagBytes
        ? `it is ${this.#lagBytes} bytes behind, more than maxLagBytes ${this.#maxLagBytes}`
        : undefined
  }
}
