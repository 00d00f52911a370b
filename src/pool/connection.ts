import { once } from 'node:events'
import pg from 'pg'
import { type Clock, type Histogram, within } from '../core/index.ts'
import { observeQueries } from './observe.ts'
import type { ResolvedPoolConfig } from './options.ts'

/**
 * Where a connection stands. It is in exactly one of these, and the pool's books ({@link Slots}) move it:
 *
 * connecting -> ready for a waiter (busy) or idle; idle -> checking (asked whether it still works) -> busy or
 * idle; busy -> cleaning (its holder left it in a transaction) -> idle; anything -> closing -> gone. It counts
 * against the limit until its socket is closed.
 */
export type ConnectionState = 'connecting' | 'idle' | 'checking' | 'busy' | 'cleaning' | 'closing'

/** A live server answers within a round trip; longer than this is as good as dead to whoever waits. */
const PING_DEADLINE_MS = 2_000

/** The parts of pg's client that its types leave out. */
interface ClientInternals {
  readonly connection: { readonly stream: { destroy(): void } }
  readonly readyForQuery: boolean
  getTransactionStatus(): 'I' | 'T' | 'E' | null
  ref(): void
  unref(): void
}

/** One connection to the server: a `pg.Client` and what the pool knows about it. */
export class Connection {
  readonly client: pg.Client
  state: ConnectionState = 'connecting'
  /** Monotonic milliseconds from which on it is replaced when nobody holds it. */
  expiresAt = Number.POSITIVE_INFINITY
  idleSince = 0
  busySince = 0
  uses = 0
  /** Set once the socket or the session is gone: never given out again. */
  isBroken = false
  readonly closed: Promise<void>
  readonly #config: ResolvedPoolConfig
  readonly #clock: Clock

  /** @param durations is told how long each statement took. */
  constructor(config: ResolvedPoolConfig, clock: Clock, durations: Histogram) {
    this.#config = config
    this.#clock = clock
    const Client = config.Client ?? pg.Client
    this.client = new Client({ ...config.client, connectionTimeoutMillis: config.options.connectTimeoutMs })
    observeQueries(this.client, clock, durations, config.echo)
    this.closed = new Promise((resolve) => this.client.once('end', resolve))
  }

  /** Connects and prepares the session. Rejects with the driver's error. */
  async open(random: () => number): Promise<void> {
    const { recycleMs, connectTimeoutMs } = this.#config.options
    await within(this.#clock, connectTimeoutMs, this.#prepare(), () => new Error('timeout while connecting'))
    if (recycleMs > 0) this.expiresAt = this.#clock.monotonicMs() + recycleMs * (1 - random() / 10)
  }

  async #prepare(): Promise<void> {
    await this.client.connect()
    await this.#config.onConnect?.(this.client)
  }

  /** True when the session is outside a transaction and nothing is on its way. */
  get isClean(): boolean {
    return this.#internals.readyForQuery && this.#internals.getTransactionStatus() === 'I'
  }

  isExpired(now: number): boolean {
    return now >= this.expiresAt || this.uses >= this.#config.maxUses
  }

  needsPing(now: number): boolean {
    const { prePingAfterIdleMs } = this.#config.options
    return prePingAfterIdleMs !== false && now - this.idleSince >= prePingAfterIdleMs
  }

  /** Asks the server for an answer, within two seconds or the clean-up deadline if that is shorter. */
  ping(): Promise<boolean> {
    const limitMs = Math.min(PING_DEADLINE_MS, this.#config.options.cleanupTimeoutMs)
    return within(
      this.#clock,
      limitMs,
      this.client.query('SELECT 1'),
      () => new Error('no answer in time'),
    ).then(
      () => !this.isBroken,
      () => false,
    )
  }

  /**
   * Makes a carelessly released session clean: waits for what is on its way, then ends the transaction if there
   * is one. False when that failed or took longer than the clean-up deadline.
   */
  async cleanUp(): Promise<boolean> {
    try {
      if (!this.#internals.readyForQuery) await this.#within(once(this.client, 'drain'))
      if (!this.isClean) await this.#within(this.client.query('ROLLBACK'))
    } catch {
      return false // whatever the reason: it is closed for it
    }
    return this.isClean && !this.isBroken
  }

  /** Closes in good order; destroys the socket when that takes longer than the clean-up deadline. */
  async close(): Promise<void> {
    if (this.isBroken || !this.#internals.readyForQuery) return this.destroy()
    await this.#within(this.client.end()).catch(() => this.destroy())
  }

  async destroy(): Promise<void> {
    this.#internals.connection.stream.destroy()
    // A client that never connected, or already ended, emits no further `end`.
    await this.#within(this.closed).catch(() => {})
  }

  /** Whether this connection alone keeps the process alive. */
  keepAlive(should: boolean): void {
    if (should) this.#internals.ref()
    else this.#internals.unref()
  }

  get #internals(): ClientInternals {
    return this.client as unknown as ClientInternals
  }

  #within<T>(work: Promise<T>): Promise<T> {
    return within(
      this.#clock,
      this.#config.options.cleanupTimeoutMs,
      work,
      () => new Error('no answer in time'),
    )
  }
}
