import { EventEmitter } from 'node:events'
import pg from 'pg'
import { type Clock, type Queryable, systemClock } from '../core/index.ts'
import type { PoolActivity } from './activity.ts'
import type { PooledClient } from './checkout.ts'
import { changeableOptions, type ChangedOptions } from './changing-options.ts'
import { Engine } from './engine.ts'
import type { HolderPicture } from './errors.ts'
import { textOf } from './gate.ts'
import { askHealth } from './health.ts'
import { currentLabel } from './label.ts'
import type { PoolEvents } from './events.ts'
import { type PoolConfig, type PoolOptions, resolvePoolConfig } from './options.ts'
import {
  type ConnectCallback,
  isSubmittable,
  type PgPoolEvent,
  type PgPoolListener,
  type QueryCallback,
  refuseFunction,
} from './pg-pool-face.ts'
import type { PoolQueryConfig } from './query.ts'
import type { LabelFigures } from './recorder.ts'
import { Reading } from './replicas/reading.ts'
import type { ReplicaPicture } from './replicas/replica.ts'
import { ASK_POSITION, assertPosition, type ReadOptions, type WalPosition } from './replicas/wal-position.ts'
import { adviseSize, type SizeAdvice } from './sizing/advice.ts'
import { askCapacity, fitOf } from './sizing/capacity.ts'
import { retry, type RetryOptions } from './retry.ts'
import type { ServerPicture } from './servers/servers.ts'
import type { StatementFigures } from './statements.ts'
import type { PoolHealth, PoolStats, PoolTimings } from './stats.ts'
import { traced } from './tracing.ts'
import type { Transaction, TransactionOptions } from './transaction.ts'

/** How one checkout is asked for. */
export interface ConnectOptions {
  /** Gives up waiting as soon as it aborts; rejects with its reason. */
  readonly signal?: AbortSignal | undefined
}

/** How a pool is ended. */
export interface EndOptions {
  /** Checkouts that are not given back within this time are destroyed; default 10 s. */
  readonly timeoutMs?: number
}

const DEFAULT_END_TIMEOUT_MS = 10_000
const BRIEFLY_MS = 2_000

/**
 * A pool of PostgreSQL connections with the face of `pg.Pool`: promises and callbacks, counters, events.
 * How connections are handed out and statements are run is the {@link Engine}'s.
 *
 * @example
 * import { Pool } from 'holdfast/pool'
 * const pool = new Pool({ connectionString: process.env.DATABASE_URL, size: 10, overflow: 20 })
 * const { rows } = await pool.query('SELECT now() AS now')
 * console.log(rows[0].now)
 * await pool.end()
 */
export class Pool extends EventEmitter<PoolEvents> {
  /** What tells it apart from the other pools of the process; `default` unless it was named. */
  readonly name: string
  /** The options in force. Not enumerable: printing a pool must not print its password. */
  declare readonly options: PoolOptions & pg.PoolOptions

  static {
    // What asks `instanceof pg.Pool` (Prisma's adapter, Drizzle) gets a yes; pg-pool's constructor never runs, and
    // everything of its face is ours.
    Object.setPrototypeOf(Pool.prototype, pg.Pool.prototype)
  }

  readonly #config: PoolConfig
  readonly #clock: Clock
  /** What new connections are opened with since it was changed; its siblings' as well. */
  readonly #changed: ChangedOptions
  readonly #engine: Engine
  /** Undefined without replicas. */
  readonly #reading: Reading<Pool> | undefined
  #ending: Promise<void> | undefined
  #hasEnded = false

  /**
   * @param changed options that were changed in a pool that this one belongs to
   * @throws HF_OPTION_INVALID
   */
  constructor(config: PoolConfig = {}, clock: Clock = systemClock, changed: ChangedOptions = {}) {
    super()
    const resolved = resolvePoolConfig(config, changed)
    const shown = changeableOptions(resolved, () => this.#engine.resized())
    Object.defineProperty(this, 'options', { value: shown, enumerable: false })
    this.name = resolved.name
    this.#config = config
    this.#changed = resolved.changed
    this.#clock = clock
    this.#engine = new Engine(resolved, clock, this, {
      runInstead: (args) => (this.query as (...all: unknown[]) => unknown)(...args),
      connected: () => {
        if (this.listenerCount('pool:too-large') > 0) void this.#checkFit()
      },
      holderSends: () => this.#reading?.noteHolder(),
    })
    if (resolved.replicas.length > 0)
      this.#reading = new Reading<Pool>(this, resolved, clock, {
        make: (its) => new Pool(its, clock),
        changed: (picture) => this.#engine.tell('pool:replica-changed', picture),
        failed: () => void this.#engine.end(0), // it may be opening connections already
      })
  }

  /** Calls `listener` with every event of this name: pg.Pool's, and the pool's own ({@link PoolEvents}). */
  override on<Name extends PgPoolEvent>(event: Name, listener: PgPoolListener<Name>): this
  override on<Name extends keyof PoolEvents>(event: Name, listener: (...args: PoolEvents[Name]) => void): this
  override on(event: string, listener: (...args: any[]) => void): this {
    return super.on(event as keyof PoolEvents, listener as never)
  }

  get totalCount(): number {
    const { total, closing } = this.stats()
    return total - closing
  }

  get idleCount(): number {
    return this.stats().idle
  }

  get waitingCount(): number {
    return this.stats().waiting
  }

  /** Connections that are out and will be replaced when they come back. */
  get expiredCount(): number {
    return this.#engine.expired()
  }

  get ending(): boolean {
    return this.#ending !== undefined
  }

  get ended(): boolean {
    return this.#hasEnded
  }

  /**
   * Takes a connection out for exclusive use; give it back with its `release()`.
   * @throws HF_POOL_ACQUIRE_TIMEOUT, HF_POOL_QUEUE_FULL, HF_POOL_ENDED; the driver's own error when connecting
   *   failed; the signal's reason when it aborted.
   */
  connect(options?: ConnectOptions): Promise<PooledClient>
  connect(callback: ConnectCallback): void
  connect(argument?: ConnectOptions | ConnectCallback): Promise<PooledClient> | void {
    const { checkouts } = this.#engine
    this.#reading?.noteHolder()
    if (typeof argument !== 'function')
      return checkouts.connect(argument?.signal, this.connect as () => unknown)
    checkouts.connect(undefined, this.connect as () => unknown).then(
      // Out of the promise: what a callback throws is the application's, and not a rejection nobody handles.
      (client) => process.nextTick(argument, undefined, client, (destroy?: Error) => client.release(destroy)),
      (error: Error) => process.nextTick(argument, error, undefined, () => {}),
    )
  }

  /**
   * Runs one statement. Quick ones share connections with those of other callers (lanes); everything else gets a
   * connection of its own for as long as it takes. A failed statement does not cost the connection.
   */
  query<Row extends pg.QueryResultRow = any>(
    query: string | PoolQueryConfig,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>>
  query<Row extends unknown[] = any[]>(
    query: pg.QueryArrayConfig,
    values?: unknown[],
  ): Promise<pg.QueryArrayResult<Row>>
  /** Runs a query object of the driver's, a cursor or a stream on a connection of its own, until it ends or is closed. */
  query<Query extends pg.Submittable>(query: Query): Query
  query<Row extends pg.QueryResultRow = any>(
    query: string | PoolQueryConfig,
    callback: QueryCallback<Row>,
  ): void
  query<Row extends pg.QueryResultRow = any>(
    query: string | PoolQueryConfig,
    values: any,
    callback: QueryCallback<Row>,
  ): void
  query(
    query: string | PoolQueryConfig | pg.Submittable,
    values?: unknown[] | QueryCallback,
    callback?: QueryCallback,
  ): Promise<pg.QueryResult> | pg.Submittable | void {
    const whenDone = typeof values === 'function' ? values : callback
    if (typeof query === 'function') return refuseFunction(query)
    if (isSubmittable(query)) {
      this.#reading?.noteHolder()
      return this.#engine.queries.submit(query, whenDone)
    }
    const bound = typeof values === 'function' ? undefined : values
    const outcome = this.#reading
      ? this.#reading.query(query, (pool) => pool.#send(query, bound))
      : this.#send(query, bound)
    if (!whenDone) return outcome
    outcome.then(
      (result) => process.nextTick(whenDone, undefined, result),
      (error: Error) => process.nextTick(whenDone, error),
    )
  }

  /**
   * Runs one statement that only reads, on a replica if one is near enough; else, and without replicas, like
   * {@link query}. It is not checked that it only reads: a standby refuses writes, the primary does not.
   *
   * @param options `after` is what the read must see, from {@link position}; inside {@link readYourWrites} it is known.
   */
  async read<Row extends pg.QueryResultRow = any>(
    query: string | PoolQueryConfig,
    values?: unknown[],
    options: ReadOptions = {},
  ): Promise<pg.QueryResult<Row>> {
    if (options.after !== undefined) assertPosition(options.after)
    const config = typeof query === 'string' ? { text: query } : query
    return this.query<Row>({ ...config, ...options, intent: 'read' }, values)
  }

  /** Where the server's log ends now: whatever was committed before lies before it. A token for reads. */
  async position(): Promise<WalPosition> {
    const { rows } = await this.#send(ASK_POSITION, undefined)
    return (rows[0] as { position: WalPosition }).position
  }

  /**
   * Runs `work` in a transaction: commits when it returns, rolls back when it throws. BEGIN leaves with the first
   * statement. A failure after COMMIT was sent is HF_COMMIT_UNKNOWN and never tried again.
   *
   * @example
   * await pool.transaction(async (tx) => {
   *   await tx.query('UPDATE accounts SET balance = balance - $1 WHERE id = $2', [100, 1])
   *   await tx.query('UPDATE accounts SET balance = balance + $1 WHERE id = $2', [100, 2])
   * })
   *
   * @throws HF_COMMIT_UNKNOWN, HF_TRANSACTION_ABORTED, what `connect` throws, what `work` throws
   */
  transaction<T>(
    work: (transaction: Transaction) => Promise<T>,
    options: TransactionOptions & {
      /** Does it again after failures that may pass; `{}` for serialization failures and deadlocks. */
      readonly retry?: RetryOptions
    } = {},
  ): Promise<T> {
    const { retry: again, ...how } = options
    if (!again) return this.#transact(work, how)
    return retry(() => this.#transact(work, how), { clock: this.#clock, signal: options.signal, ...again })
  }

  /** The pool in numbers. */
  stats(): PoolStats {
    return this.#engine.stats()
  }

  /**
   * Another pool to the same server, with other options: for work that must not wait for this one's, or take from
   * it. Whoever makes it ends it.
   * @throws HF_OPTION_INVALID
   */
  sibling(options: Partial<PoolOptions> & Pick<PoolConfig, 'allowExitOnIdle'>): Pool {
    const own = { warm: false, max: undefined, connectionTimeoutMillis: undefined, echo: undefined }
    const alone = { replicas: undefined, budget: undefined, name: undefined }
    return new Pool({ ...this.#config, ...own, ...alone, ...options }, this.#clock, this.#changed)
  }

  /** Who waits, who holds what, what the lanes carry, what leaked. @param limit how many of each are named. */
  activity(limit = 20): PoolActivity {
    return this.#engine.activity(limit)
  }

  /**
   * What its size should be, from what was wanted since it was made and what the server gives; and why.
   * @param db who is asked for the server's limits: another connection where this pool has none to spare.
   */
  async advise(db: Queryable = this.#briefly): Promise<SizeAdvice> {
    return adviseSize(this.#engine.experience(), await askCapacity(db).catch(() => undefined))
  }

  /** The servers that the pool knows, and what stands against them. */
  servers(): ServerPicture[] {
    return this.#engine.servers()
  }

  /** The replicas as they were last seen. */
  replicas(): ReplicaPicture[] {
    return this.#reading?.pictures() ?? []
  }

  /** How long waits, holds and statements took, as histograms that only grow. */
  get timings(): PoolTimings {
    return this.#engine.recorder.timings
  }

  /** What each statement text did, the most expensive first; as many as `statementLimit`. */
  statements(): StatementFigures[] {
    return this.#engine.recorder.statementFigures()
  }

  /** What the statements under each label did, the most expensive first. */
  labels(): LabelFigures[] {
    return this.#engine.recorder.labelFigures()
  }

  /** Whether a connection is open. Whether the server answers now, {@link health} asks. */
  get isConnected(): boolean {
    const { idle, busy } = this.#engine.stats()
    return idle + busy > 0
  }

  /** Asks the server for one answer, within `timeoutMs` altogether (default 2 s). Never rejects. */
  health(timeoutMs = 2_000): Promise<PoolHealth> {
    return askHealth(
      this.#clock,
      timeoutMs,
      (signal, work) => this.#engine.checkouts.with(signal, this.health as () => unknown, work),
      () => this.#engine.outage(),
    )
  }

  /**
   * For a maintenance window: closes every connection as it comes back and gives out none, so that callers wait
   * (for as long as `acquireTimeoutMs` allows) until {@link resume}.
   *
   * @returns who still held a connection after `timeoutMs` (default 10 s); empty when all are closed.
   */
  async drain({ timeoutMs = DEFAULT_END_TIMEOUT_MS }: EndOptions = {}): Promise<readonly HolderPicture[]> {
    const all = await Promise.all([this.#engine.drain(timeoutMs), this.#reading?.drain(timeoutMs) ?? []])
    return all.flat()
  }

  /** Goes on after {@link drain}: whoever waits is served. */
  resume(): void {
    this.#engine.resume()
    this.#reading?.resume()
  }

  /**
   * Takes no more callers, serves those that already wait, closes everything. Resolves when all sockets are
   * closed; checkouts that had to be destroyed are reported by `pool:leaked-at-end`.
   */
  end(options?: EndOptions): Promise<void>
  end(callback: () => void): void
  end(argument?: EndOptions | (() => void)): Promise<void> | void {
    const timeoutMs =
      (typeof argument === 'object' ? argument.timeoutMs : undefined) ?? DEFAULT_END_TIMEOUT_MS
    this.#ending ??= Promise.all([this.#engine.end(timeoutMs), this.#reading?.end(timeoutMs)]).then(() => {
      this.#hasEnded = true
    })
    if (typeof argument !== 'function') return this.#ending
    void this.#ending.then(argument)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }

  #send(query: string | PoolQueryConfig, values: unknown[] | undefined): Promise<pg.QueryResult> {
    return traced(
      () => ({ text: textOf(query), label: currentLabel() }),
      () => this.#engine.queries.run(query, values, this.query as () => unknown),
    )
  }

  #transact<T>(work: (transaction: Transaction) => Promise<T>, options: TransactionOptions): Promise<T> {
    const run = (pool: Pool, its: typeof work): Promise<T> =>
      pool.#engine.transaction(its, options, this.transaction as () => unknown)
    return this.#reading ? this.#reading.transaction(work, options, run) : run(this, work)
  }

  /** Asks through this pool, but waits for it no longer than advice is worth: it may be drained, or used up. */
  get #briefly(): Queryable {
    const query = (text: string): Promise<pg.QueryResult> =>
      this.#send({ text, signal: AbortSignal.timeout(BRIEFLY_MS) }, undefined)
    return { query }
  }

  /** Once, when the first connection is there: may all processes together want more than the server gives? */
  async #checkFit(): Promise<void> {
    const capacity = await askCapacity(this.#briefly).catch(() => undefined) // who cannot ask is told by its own statements
    const fit = capacity && fitOf(this.options, capacity)
    if (fit && !fit.fits) this.#engine.tell('pool:too-large', fit)
  }
}
