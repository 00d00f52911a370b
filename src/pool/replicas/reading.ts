import type { Clock } from '../../core/index.ts'
import type { PoolConfig, PoolOptions } from '../options.ts'
import { writesThrough } from './read-your-writes.ts'
import { Replica, type ReplicaPicture, type ReplicaPool } from './replica.ts'
import { Replicas } from './replicas.ts'
import { later, type WalPosition } from './wal-position.ts'

/** What reading needs of the pool that the replicas belong to. */
export interface Primary extends ReplicaPool {
  position(): Promise<WalPosition>
}

/** What the pool does for its replicas. */
export interface ReadingPort<Pool> {
  /** Makes the pool of one replica. */
  make(config: PoolConfig): Pool
  /** One is not read from any more, or is again. */
  changed(picture: ReplicaPicture): void
}

/** Everything about a pool's replicas: where its reads go, and what they must see. */
export class Reading<Pool extends Primary> {
  readonly #primary: Pool
  readonly #replicas: Replicas<Pool>

  constructor(
    primary: Pool,
    configs: readonly PoolConfig[],
    options: PoolOptions,
    clock: Clock,
    { make, changed }: ReadingPort<Pool>,
  ) {
    this.#primary = primary
    const all = configs.map((config) => new Replica(make(config), clock, options.maxLagBytes))
    const { replicaCheckMs: checkMs, replicaWaitMs: waitMs } = options
    this.#replicas = new Replicas(primary, all, clock, {
      checkMs,
      waitMs,
      position: () => primary.position(),
      changed,
    })
  }

  /** Runs a read where it is best. @param hasBegun see {@link Replicas.read}. */
  async read<T>(
    run: (pool: Pool) => Promise<T>,
    after: WalPosition | undefined,
    hasBegun?: () => boolean,
  ): Promise<T> {
    const own = await writesThrough(this.#primary)?.position(() => this.#primary.position())
    return this.#replicas.read(run, later(own, after), hasBegun)
  }

  /** Work that may write: reads in the same scope, later, will see it. */
  async write<T>(work: () => Promise<T>): Promise<T> {
    const writes = writesThrough(this.#primary)
    if (!writes) return work()
    try {
      return await work()
    } finally {
      writes.note()
    }
  }

  /** A connection is given to a caller, who may write on it at any time. */
  noteHolder(): void {
    writesThrough(this.#primary)?.noteHolder()
  }

  pictures(): ReplicaPicture[] {
    return this.#replicas.pictures()
  }

  drain(timeoutMs: number): Promise<void> {
    return this.#replicas.drain(timeoutMs)
  }

  resume(): void {
    this.#replicas.resume()
  }

  end(timeoutMs: number): Promise<void> {
    return this.#replicas.end(timeoutMs)
  }
}
