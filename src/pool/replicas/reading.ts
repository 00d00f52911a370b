import type { Clock } from '../../core/index.ts'
import type { HolderPicture } from '../errors.ts'
import type { PoolConfig, ResolvedPoolConfig } from '../options.ts'
import type { PoolQueryConfig } from '../query.ts'
import type { TransactionOptions } from '../transaction.ts'
import { writesThrough } from './read-your-writes.ts'
import { Replica, type ReplicaPicture, type ReplicaPool } from './replica.ts'
import { type ReadNeeds, Replicas } from './replicas.ts'
import { ASK_POSITION, bytesOf, later, type WalPosition } from './wal-position.ts'
import { Watcher } from './watcher.ts'

/** What the pool does for its replicas. */
export interface ReadingPort<Pool> {
  /** Makes the pool of one replica. */
  make(config: PoolConfig): Pool
  /** One is not read from any more, or is again. */
  changed(picture: ReplicaPicture): void
  /** There will be no replicas: their configuration is wrong. */
  failed(): void
}

/** Everything about a pool's replicas: where its reads go, and what they must see. */
export class Reading<Pool extends ReplicaPool> {
  readonly #primary: Pool
  readonly #watcher: Watcher
  readonly #replicas: Replicas<Pool>

  /** @throws HF_OPTION_INVALID for the configuration of a replica; nothing is left open then */
  constructor(
    primary: Pool,
    { replicas, options }: ResolvedPoolConfig,
    clock: Clock,
    { make, changed, failed }: ReadingPort<Pool>,
  ) {
    this.#primary = primary
    const pools: Pool[] = []
    try {
      for (const config of replicas) pools.push(make(config))
    } catch (error) {
      for (const pool of pools) void pool.end({ timeoutMs: 0 })
      failed()
      throw error
    }
    const all = pools.map((pool) => new Replica(pool, clock, options.maxLagBytes))
    this.#watcher = new Watcher(primary, clock)
    const { replicaCheckMs: checkMs, replicaWaitMs: waitMs } = options
    this.#replicas = new Replicas(primary, all, clock, {
      checkMs,
      waitMs,
      position: () => this.#position(),
      changed,
    })
  }

  /** Runs one statement: on a replica if it says that it reads. */
  query<T>(query: unknown, send: (pool: Pool) => Promise<T>): Promise<T> {
    const { intent, after, signal } = (query ?? {}) as Partial<PoolQueryConfig>
    if (intent !== 'read') return this.#write(() => send(this.#primary))
    return this.#read(send, { after, signal })
  }

  /** Runs a transaction: on a replica if it only reads. A standby knows no serializable snapshots. */
  transaction<Work extends (transaction: never) => Promise<unknown>>(
    work: Work,
    { readOnly, isolation, after, signal }: TransactionOptions,
    run: (pool: Pool, work: Work) => ReturnType<Work>,
  ): ReturnType<Work> {
    if (!readOnly || isolation === 'serializable')
      return this.#write(() => run(this.#primary, work)) as ReturnType<Work>
    let hasBegun = false
    const begin = ((transaction: never) => {
      hasBegun = true
      return work(transaction)
    }) as Work
    const needs = { after, signal, hasBegun: () => hasBegun }
    return this.#read((pool) => run(pool, begin), needs) as ReturnType<Work>
  }

  /**
   * Runs a read where it is best.
   * @throws HF_OPTION_INVALID when `after` is no position
   */
  async #read<T>(run: (pool: Pool) => Promise<T>, needs: ReadNeeds): Promise<T> {
    if (needs.after !== undefined) bytesOf(needs.after)
    let own: WalPosition | undefined
    try {
      own = await writesThrough(this.#primary)?.position(() => this.#position())
    } catch {
      return run(this.#primary) // what must be seen cannot be told: it is certain to be there
    }
    return this.#replicas.read(run, { ...needs, after: later(own, needs.after) })
  }

  /** Work that may write: reads in the same scope, later, will see it. */
  async #write<T>(work: () => Promise<T>): Promise<T> {
    const writes = writesThrough(this.#primary)
    if (!writes) return work()
    try {
      return await work()
    } finally {
      writes.note()
    }
  }

  /** A connection is in the hands of a caller, who may write on it at any time. */
  noteHolder(): void {
    writesThrough(this.#primary)?.noteHolder()
  }

  pictures(): ReplicaPicture[] {
    return this.#replicas.pictures()
  }

  drain(timeoutMs: number): Promise<HolderPicture[]> {
    return this.#replicas.drain(timeoutMs)
  }

  resume(): void {
    this.#replicas.resume()
  }

  async end(timeoutMs: number): Promise<void> {
    await Promise.all([this.#watcher.end(), this.#replicas.end(timeoutMs)])
  }

  async #position(): Promise<WalPosition> {
    return ((await this.#watcher.ask(ASK_POSITION)) as { position: WalPosition }).position
  }
}
