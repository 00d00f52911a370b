import { SQLSTATE, sqlstateOf } from '../../core/index.ts'
import type { Connection } from '../connection.ts'
import type { Carrier, PoolQuery } from '../query.ts'
import type { Exchange, StatementCall } from '../wire/exchange.ts'
import type { Wire } from '../wire/wire.ts'
import type { RoundTrip } from './round-trip.ts'

/**
 * opening -> open -> retiring -> gone.
 *
 * A lane opens by reading the session's own `lock_timeout` and setting the lane's; then statements ride. A
 * retiring one takes no more; when the last is answered it puts the setting back and the connection goes back to
 * the pool. It is gone when it went back, or when its connection was lost.
 */
export type LaneState = 'opening' | 'open' | 'retiring' | 'gone'

/** What a lane tells whoever keeps it. */
export interface LaneKeeper {
  /** It opened, or something was answered: there is room. */
  readonly hasRoom: (lane: Lane) => void
  /** A statement was answered; it is not settled yet. */
  readonly answered: (query: PoolQuery, exchange: Exchange, at: number) => void
  /** A statement waited for a lock and was sent away undone. */
  readonly metLock: (query: PoolQuery) => void
  /** Monotonic milliseconds by which a lane must be empty whose callers wait no longer; somebody looks then. */
  readonly drainDeadline: () => number
  /** The connection is free again, with its own settings. */
  readonly retired: (lane: Lane) => void
  /** Its settings could not be read or changed. */
  readonly unfit: (lane: Lane) => void
}

const READ_LOCK_TIMEOUT =
  "SELECT (extract(epoch FROM pg_catalog.current_setting('lock_timeout')::interval) OPERATOR(pg_catalog.*) 1000)::int AS ms"
const SET_LOCK_TIMEOUT = "SELECT pg_catalog.set_config('lock_timeout', $1, false)"

const internal = (text: string, values: readonly string[] = []): StatementCall => ({
  text,
  values,
  isArrayMode: false,
  types: undefined,
  isNamed: false,
})

/** A connection that carries the statements of many callers, one behind the other without waiting for answers. */
export class Lane implements Carrier {
  readonly connection: Connection
  state: LaneState = 'opening'
  /** Monotonic milliseconds when it last had something to do. */
  usedAt = 0
  /** It was told that it stalls. */
  isKnownStalled = false
  /** Monotonic milliseconds by which a retiring lane must be empty. */
  drainBy = Number.POSITIVE_INFINITY
  readonly #wire: Wire
  readonly #stallMs: number
  readonly #roundTrip: RoundTrip
  readonly #keeper: LaneKeeper
  #ownLockMs = 0
  /** Statements sent in this tick: they leave together. */
  #gathered = 0

  constructor(connection: Connection, wire: Wire, stallMs: number, roundTrip: RoundTrip, keeper: LaneKeeper) {
    this.connection = connection
    this.#wire = wire
    this.#stallMs = stallMs
    this.#roundTrip = roundTrip
    this.#keeper = keeper
  }

  /** Statements on their way. */
  get depth(): number {
    return this.#wire.pending
  }

  /** Since when the server works at the first statement on its way; undefined while there is none. */
  get headSince(): number | undefined {
    return this.#wire.isWorking ? this.#wire.workingSince : undefined
  }

  /** Statements that leave together at the end of this tick. */
  get gathered(): number {
    return this.#wire.isGathering ? this.#gathered : 0
  }

  /** The first statement on its way has been running for too long: it may wait, or be slow. */
  isStalled(now: number): boolean {
    return this.headSince !== undefined && now - this.headSince > this.#stallMs + this.#roundTrip.leastMs
  }

  open(now: number): void {
    this.usedAt = now
    this.#wire.send(internal(READ_LOCK_TIMEOUT), (exchange) => {
      if (this.state === 'gone') return
      const [own] = exchange.rows as { ms: number }[]
      if (!own) return this.#giveUp()
      this.#ownLockMs = own.ms
      const isShorter = own.ms > 0 && own.ms < this.#stallMs
      if (!isShorter) this.#setLockTimeout(this.#stallMs, (error) => error && this.#giveUp())
      if (this.state === 'retiring') return this.#finish()
      this.state = 'open'
      this.#keeper.hasRoom(this)
      if (this.#wire.pending === 0 && this.connection.mayExit) this.connection.keepAlive(false)
    })
  }

  ride(query: PoolQuery, now: number): void {
    if (!this.#wire.isGathering) this.#gathered = 0
    this.#gathered += 1
    query.carrier = this
    query.wasFirst = this.#wire.pending === 0
    if (query.wasFirst && this.connection.mayExit) this.connection.keepAlive(true)
    this.usedAt = now
    this.#wire.send(query, this.#answered)
  }

  /** Takes no more; the connection goes back when everything on its way is answered. */
  retire(): void {
    if (this.state === 'open') {
      this.state = 'retiring'
      if (this.#wire.pending === 0) this.#finish()
    } else if (this.state === 'opening') {
      this.state = 'retiring'
    }
  }

  /**
   * The caller of a statement on its way waits no longer. A cancel could hit a neighbour: instead the lane takes
   * nothing new, and is closed when what it carries is not answered soon.
   */
  giveUp(): void {
    this.drainBy = Math.min(this.drainBy, this.#keeper.drainDeadline())
    this.retire()
  }

  /** Its connection is lost. */
  lose(): void {
    this.state = 'gone'
  }

  readonly #answered = (exchange: Exchange): void => {
    const query = exchange.call as PoolQuery
    const now = this.#wire.heardAt
    const elapsedMs = this.#wire.workedMs
    this.usedAt = now
    this.isKnownStalled = false
    if (sqlstateOf(exchange.error) === SQLSTATE.lockNotAvailable) {
      query.statement.learn(elapsedMs)
      this.#keeper.metLock(query)
    } else {
      if (query.wasFirst) this.#roundTrip.sample(elapsedMs)
      const serviceMs = Math.max(0, elapsedMs - (query.wasFirst ? this.#roundTrip.leastMs : 0))
      query.statement.learn(serviceMs)
      // Answers that come together come at once: only what had nothing ahead of it tells its own time.
      if (query.wasFirst) query.statement.plans.note(exchange.run, serviceMs)
      this.#keeper.answered(query, exchange, now)
    }
    if (this.state === 'retiring' && this.#wire.pending === 0) this.#finish()
    else if (this.state === 'open') this.#keeper.hasRoom(this)
    if (this.#wire.pending === 0 && this.connection.mayExit) this.connection.keepAlive(false)
  }

  #finish(): void {
    this.#setLockTimeout(this.#ownLockMs, (error) => {
      if (this.state === 'gone') return
      if (error) return this.#giveUp()
      this.state = 'gone'
      this.#keeper.retired(this)
    })
  }

  #giveUp(): void {
    if (this.state === 'gone') return
    this.state = 'gone'
    this.#keeper.unfit(this)
  }

  #setLockTimeout(ms: number, done: (error: Error | undefined) => void): void {
    this.#wire.send(internal(SET_LOCK_TIMEOUT, [String(ms)]), ({ error }) => {
      done(error)
    })
  }
}
