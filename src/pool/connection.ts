import { once } from 'node:events'
import pg from 'pg'
import { type Clock, SQLSTATE, sqlstateOf, within } from '../core/index.ts'
import { DriverLine } from './driver-line.ts'
import { type DriverClient, driverOf, hasOneReader, isOwnQuery } from './driver.ts'
import type { Holder } from './holder.ts'
import type { ResolvedPoolConfig } from './options.ts'
import { readRole, type Role, ROLE_COLUMNS } from './servers/role.ts'
import { type Server, type Servers, WrongRole } from './servers/servers.ts'
import type { StatementCall } from './wire/exchange.ts'
import type { Outbox } from './wire/outbox.ts'
import { Wire } from './wire/wire.ts'

/**
 * Where a connection stands. It is in exactly one of these, and the pool's books ({@link Slots}) move it:
 *
 * connecting -> ready for a waiter (busy, or lane) or idle; idle -> checking (asked whether it still works) ->
 * busy, lane or idle; lane -> ready for a waiter or idle; busy -> cleaning (its holder left it in a transaction)
 * -> idle; anything -> closing -> gone. It counts against the limit until its socket is closed.
 */
export type ConnectionState = 'connecting' | 'idle' | 'checking' | 'busy' | 'lane' | 'cleaning' | 'closing'

const WHO_IS_THERE: StatementCall = {
  text: `SELECT pg_catalog.pg_backend_pid() AS pid, pg_catalog.current_setting('default_transaction_isolation') AS isolation, ${ROLE_COLUMNS}`,
  values: [],
  isArrayMode: false,
  types: undefined,
  isNamed: false,
}

/** What DISCARD ALL does, but for the prepared statements. */
const RESET_SESSION =
  'CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; SELECT pg_catalog.pg_advisory_unlock_all(); ' +
  'DISCARD SEQUENCES; DISCARD TEMP'

/** Ends that say nothing about the server: whoever held the session sat idle for too long. */
const OWN_FAULT: ReadonlySet<string> = new Set([
  SQLSTATE.idleSessionTimeout,
  SQLSTATE.idleInTransactionSessionTimeout,
  SQLSTATE.transactionTimeout,
])

/** Everything that the driver's `query` takes. */
export type DriverQuery = (...args: unknown[]) => unknown

/** As it was when this was loaded, before any test replaced it. */
const { setImmediate: soon } = globalThis

/** A live server answers within a round trip; longer than this is as good as dead to whoever waits. */
const PING_DEADLINE_MS = 2_000

/** One connection to the server: a `pg.Client` and what the pool knows about it. */
export class Connection {
  readonly client: pg.Client
  readonly server: Server
  /** How it connects to the server: one of its ways. */
  readonly way: pg.ClientConfig
  /** Past the driver, for statements of `pool.query`; undefined where only the driver may be used. */
  wire: Wire | undefined
  readonly line = new DriverLine(this)
  state: ConnectionState = 'connecting'
  /** Who has it, while its client is given out. */
  holder: Holder | undefined
  /** What it runs for `pool.query`, while it does. */
  statementText: string | undefined
  /**
   * Its holder may have changed what names mean (SET, DDL): a prepared statement would fail, and with it the
   * transaction.
   */
  isAltered = false
  /** A statement was interrupted: settles when nothing of the interruption is on its way any more. */
  interrupted: Promise<unknown> | undefined
  /** Monotonic milliseconds since when it is busy. */
  busySince = 0
  /** Monotonic milliseconds from which on it is replaced when nobody holds it. */
  expiresAt = Number.POSITIVE_INFINITY
  idleSince = 0
  uses = 0
  /** Set once the socket or the session is gone: never given out again. */
  isBroken = false
  /** Why it is gone. */
  failure: Error | undefined
  readonly closed: Promise<void>
  /** The driver's own way to run a statement. What holders call is watched, see the gate. */
  readonly driverQuery: DriverQuery
  readonly #config: ResolvedPoolConfig
  readonly #clock: Clock
  readonly #outbox: Outbox
  readonly #servers: Servers
  readonly #mayUseWire: boolean
  /** The server's epoch when this was opened. */
  readonly #epoch: number
  readonly #openLimitMs: number
  #isLossTold = false
  /** The server said that it only follows another; undefined where nobody says so. */
  #isOnStandby = false
  /** The server itself is at the other end: no pooler that hands sessions around. Known once it is open. */
  isDirect = false
  /** The process may exit while it has nothing to do. */
  readonly mayExit: boolean
  /** How transactions run here that say nothing else; undefined where that is not known. */
  isolation: string | undefined
  /** How long its first answer took. */
  roundTripMs: number | undefined

  /** @param outbox where messages are written; shared by the connections of a pool. */
  constructor(config: ResolvedPoolConfig, clock: Clock, outbox: Outbox, servers: Servers) {
    this.#config = config
    this.#clock = clock
    this.#outbox = outbox
    this.#servers = servers
    this.server = servers.pick(clock.monotonicMs())
    this.way = this.server.nextWay()
    this.#epoch = this.server.epoch
    const { connectTimeoutMs, hostTimeoutMs } = config.options
    this.#openLimitMs = servers.isSingle ? connectTimeoutMs : Math.min(connectTimeoutMs, hostTimeoutMs)
    const Client = config.Client ?? pg.Client
    this.client = new Client({
      ...this.way,
      ...config.changed,
      connectionTimeoutMillis: 0, // ours to keep: it does not count the time for which this process was busy
      query_timeout: undefined, // ours to keep: the driver would leave the statement running
    })
    this.driverQuery = this.client.query.bind(this.client) as DriverQuery
    this.mayExit = config.allowExitOnIdle
    this.#mayUseWire = config.options.pipelining !== 'off' && isOwnQuery(this.client)
    this.closed = new Promise((resolve) => this.client.once('end', resolve))
    this.driver.connection.on?.('parameterStatus', ({ parameterName, parameterValue }) => {
      if (parameterName === 'in_hot_standby') this.#standbyIs(parameterValue === 'on')
    })
  }

  get driver(): DriverClient {
    return driverOf(this.client)
  }

  /** Connects and prepares the session. Rejects with the driver's error. */
  async open(random: () => number): Promise<void> {
    const { recycleMs } = this.#config.options
    const late = (): Error => new Error('timeout expired while connecting')
    await within(this.#clock, this.#openLimitMs, this.#prepare(), late)
    if (recycleMs > 0) this.expiresAt = this.#clock.monotonicMs() + recycleMs * (1 - random() / 10)
  }

  async #prepare(): Promise<void> {
    // Both ways: a class of the application's own may know only one.
    await new Promise<void>((resolve, reject) => {
      const answer: unknown = this.client.connect((error?: Error | null) =>
        error ? reject(error) : resolve(),
      )
      if (answer instanceof Promise) answer.then(() => resolve(), reject)
    })
    if (this.#mayUseWire && hasOneReader(this.client)) {
      const { preparedLimit, preparedAgeMs } = this.#config.options
      const kept = { limit: preparedLimit, mostAgeMs: preparedAgeMs || Number.POSITIVE_INFINITY }
      this.wire = new Wire(this.driver, this.#outbox, this.#clock, kept, (error) => this.noteFailure(error))
    }
    if (this.wire) await this.#meetServer(this.wire)
    else if (this.#servers.hasTarget) this.#acceptRole(await this.#askRole())
    await this.#config.onConnect?.(this.client)
  }

  /** Asks who is there. A pooler makes up a process id of its own for the client: what the server says differs. */
  async #meetServer(wire: Wire): Promise<void> {
    const since = this.#clock.monotonicMs()
    const { rows } = await wire.run(WHO_IS_THERE)
    this.roundTripMs = this.#clock.monotonicMs() - since
    const { pid, isolation } = rows[0] as { pid: number; isolation: string }
    this.isDirect = pid === this.driver.processID
    this.isolation = isolation
    this.#acceptRole(readRole(rows[0]))
  }

  async #askRole(): Promise<Role> {
    const { rows } = (await this.driverQuery(`SELECT ${ROLE_COLUMNS}`)) as pg.QueryResult
    return readRole(rows[0])
  }

  #acceptRole(role: Role): void {
    if (!this.#servers.accepts(this.server, role, this.#clock.monotonicMs()))
      throw new WrongRole(this.server, role)
  }

  /** A standby that is promoted says so; sessions that want to follow one have to go elsewhere. */
  #standbyIs(isOn: boolean): void {
    if (this.#isOnStandby && !isOn && this.#servers.mustFollow) this.expiresAt = 0
    this.#isOnStandby = isOn
  }

  /** The driver sends this text: what is known of the session may not be so any more. In doubt it is not. */
  heed(text: string): void {
    if (/\b(discard|deallocate)\b/i.test(text)) this.wire?.forgetPrepared()
    if (/\bisolation\b|default_transaction/i.test(text)) this.isolation = undefined
  }

  /** True when nothing is on its way, neither the driver's nor ours. */
  get isQuiet(): boolean {
    return this.driver.readyForQuery && !this.wire?.pending && !this.interrupted && this.line.isEmpty
  }

  /** True when the session is outside a transaction and nothing is on its way. */
  get isClean(): boolean {
    return this.isQuiet && this.client.getTransactionStatus() === 'I'
  }

  /** Somebody ended its client: it goes by itself, and nobody else gets it. */
  get isLeaving(): boolean {
    return this.isBroken || this.driver._ending === true
  }

  isExpired(now: number): boolean {
    return (
      this.isLeaving ||
      now >= this.expiresAt ||
      this.uses >= this.#config.maxUses ||
      this.#epoch !== this.server.epoch
    )
  }

  /**
   * The session, or the way to it, ended, for a reason that others to the same server may share. The first reason that
   * is told counts: the driver tells the loss of the socket as well.
   */
  tellLost(reason: unknown): void {
    if (this.#isLossTold) return
    this.#isLossTold = true
    if (!OWN_FAULT.has(sqlstateOf(reason) ?? ''))
      this.#servers.lost(this.server, this.#epoch, reason, this.#clock.monotonicMs())
  }

  /**
   * A statement failed. A write that a standby refuses tells that the primary is another by now: this connection is
   * not given out again. (An application that writes in a read-only transaction gets the same error on a primary.)
   */
  noteFailure(error: unknown): void {
    if (sqlstateOf(error) !== SQLSTATE.readOnlySqlTransaction) return
    if (!this.#isOnStandby || !this.#servers.mayExpectWrites) return
    this.expiresAt = 0
    this.tellLost(error)
  }

  /** Monotonic milliseconds until when it may stay idle. @param isExtra there are more than are to be kept. */
  restDeadline(isExtra: boolean): number {
    if (this.#epoch !== this.server.epoch) return 0
    const { overflowIdleMs, idleTimeoutMs } = this.#config.options
    const patienceMs = isExtra ? overflowIdleMs : idleTimeoutMs || Number.POSITIVE_INFINITY
    return Math.min(this.idleSince + patienceMs, this.expiresAt)
  }

  needsPing(now: number): boolean {
    const { prePingAfterIdleMs } = this.#config.options
    return prePingAfterIdleMs !== false && now - this.idleSince >= prePingAfterIdleMs
  }

  /**
   * Asks the server for an answer, and for its role where that matters, within two seconds or the clean-up deadline if
   * that is shorter.
   */
  ping(): Promise<boolean> {
    const limitMs = Math.min(PING_DEADLINE_MS, this.#config.options.cleanupTimeoutMs)
    const late = (): Error => new Error('no answer in time')
    const asked = this.#servers.hasTarget ? this.#stillFits() : this.driverQuery('SELECT 1')
    return within(this.#clock, limitMs, asked as Promise<unknown>, late).then(
      () => {
        this.#servers.works(this.server)
        return !this.isBroken
      },
      (error: unknown) => {
        this.tellLost(error)
        return false
      },
    )
  }

  async #stillFits(): Promise<void> {
    const role = await this.#askRole()
    if (!this.#servers.keeps(this.server, role)) throw new WrongRole(this.server, role)
  }

  /** Resolves when nothing is on its way any more. */
  async quiet(): Promise<void> {
    await this.interrupted
    if (this.wire?.pending) await this.wire.drained()
    if (!this.driver.readyForQuery) await once(this.client, 'drain')
  }

  /** Settles when nothing is on its way any more, or the session has ended. */
  async rest(): Promise<void> {
    const over = new AbortController()
    const lost = once(this.client, 'end', { signal: over.signal }).catch(() => {})
    await Promise.race([this.quiet().catch(() => {}), this.isBroken ? undefined : lost])
    over.abort()
  }

  /** Resolves when nothing was on its way for a whole turn of the event loop, whoever sends one after the other. */
  async settle(): Promise<boolean> {
    const deadline = this.#clock.monotonicMs() + this.#config.options.cleanupTimeoutMs
    while (this.#clock.monotonicMs() < deadline && !this.isBroken) {
      if (!this.isQuiet) await this.#within(this.quiet()).catch(() => {})
      await new Promise((resolve) => soon(resolve))
      if (this.isQuiet) return this.cleanUp()
    }
    return false
  }

  /**
   * Makes a carelessly released session clean: waits for what is on its way, then ends the transaction if there
   * is one. False when that failed or took longer than the clean-up deadline.
   * @param mustReset also puts back everything else that a session can hold.
   */
  async cleanUp(mustReset = false): Promise<boolean> {
    try {
      if (!this.isQuiet) await this.#within(this.quiet())
      if (!this.isClean) await this.#within(this.driverQuery('ROLLBACK') as Promise<unknown>)
      if (mustReset) await this.#within(this.driverQuery(RESET_SESSION) as Promise<unknown>)
    } catch {
      return false // whatever the reason: it is closed for it
    }
    return this.isClean && !this.isBroken
  }

  /** Closes in good order; destroys the socket when that takes longer than the clean-up deadline. */
  async close(): Promise<void> {
    if (this.isBroken || !this.isQuiet) return this.destroy()
    await this.#within(this.client.end()).catch(() => this.destroy())
  }

  async destroy(): Promise<void> {
    this.driver.connection.stream.destroy()
    // A client that never connected, or already ended, emits no further `end`.
    await this.#within(this.closed).catch(() => {})
  }

  /** Whether this connection alone keeps the process alive. */
  keepAlive(should: boolean): void {
    if (should) this.driver.ref()
    else this.driver.unref()
  }

  #within<T>(work: Promise<T>): Promise<T> {
    const late = (): Error => new Error('no answer in time')
    return within(this.#clock, this.#config.options.cleanupTimeoutMs, work, late)
  }
}
