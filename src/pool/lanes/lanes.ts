import type { Clock } from '../../core/index.ts'
import type { LanePicture } from '../activity.ts'
import type { Announcer } from '../announcer.ts'
import type { Connection } from '../connection.ts'
import type { Carrier, PoolQuery } from '../query.ts'
import { Queue } from '../queue.ts'
import type { Exchange } from '../wire/exchange.ts'
import { Lane, type LaneKeeper } from './lane.ts'
import { RoundTrip } from './round-trip.ts'

/** A lane with so many statements on their way wants another beside it. */
const CROWDED_FROM = 24
/** Statements of one tick that go to the same lane: what leaves together is cheap for both sides. */
const GATHERED_AT_MOST = 32
/** As it was when this was loaded, before any test replaced it. */
const { setImmediate: soon } = globalThis
/** A lane without work becomes an ordinary connection again. */
const IDLE_MS = 1_000

/** How long a caller waits for others before even the last lane is given up for it. */
const LAST_LANE_STAYS_MS = 200

/** What lanes need of the pool they live in. */
export interface LanePort {
  /** Whether a connection could be had without anybody waiting for it. */
  canSpare(): boolean
  /** A connection for lane duty, in its turn among all who wait. */
  borrow(serve: (connection: Connection) => void, refuse: (error: unknown) => void): void
  /** It is free again; `isBroken` when it must not be used any more. */
  giveBack(connection: Connection, isBroken: boolean): void
  /** Makes sure that the sweep comes by then. */
  expect(deadline: number): void
  /** Runs a statement on a connection of its own. */
  runAlone(query: PoolQuery): void
  /** A statement was answered; it is not settled yet. */
  answered(query: PoolQuery, exchange: Exchange, at: number): void
  /** A statement waited for a lock and was sent away undone. */
  metLock(query: PoolQuery): void
}

/** How many lanes, and how many statements on their way on each. */
export interface LaneLimits {
  readonly lanes: number
  readonly depth: number
}

/**
 * Lanes of one pool: connections on which `pool.query` calls of many callers travel one behind the other, without
 * waiting for each other's answers.
 *
 * The statements of a tick go to the same lane, together: one write here, one read there. It is the first that is not
 * crowded, so that a light load stays on one; only where all are crowded, another opens beside them. A lane without
 * work goes back to the pool. No lane waits for a lock (its
 * `lock_timeout` sees to that), and one whose first statement takes long gets no new ones until it moves.
 */
export class Lanes implements Carrier {
  readonly roundTrip = new RoundTrip()
  /** Lanes do not work here: there is a pooler between us and the server. */
  isBarred = false
  readonly #limits: LaneLimits
  readonly #stallMs: number
  readonly #clock: Clock
  readonly #port: LanePort
  readonly #announcer: Announcer
  readonly #lanes = new Set<Lane>()
  readonly #waiting = new Queue<PoolQuery>()
  readonly #keeper: LaneKeeper
  #current: Lane | undefined
  #borrowing = 0
  #isEnding = false
  #isPaused = false

  constructor(
    limits: LaneLimits,
    times: { stallMs: number; drainMs: number },
    clock: Clock,
    announcer: Announcer,
    port: LanePort,
  ) {
    this.#limits = limits
    this.#stallMs = times.stallMs
    this.#clock = clock
    this.#port = port
    this.#announcer = announcer
    this.#keeper = {
      hasRoom: (lane) => this.#fill(lane),
      answered: (query, exchange, at) => port.answered(query, exchange, at),
      metLock: (query) => port.metLock(query),
      drainDeadline: () => {
        const deadline = clock.monotonicMs() + times.drainMs
        port.expect(deadline)
        return deadline
      },
      retired: (lane) => this.#remove(lane, false),
      unfit: (lane) => this.#remove(lane, true),
    }
  }

  /** Lanes that carry, or could carry, statements now. */
  get count(): number {
    return this.#lanes.size
  }

  /** Statements that wait for a lane. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** The lanes as they are at `now`. */
  pictures(now: number): LanePicture[] {
    return [...this.#lanes].map(({ state, depth, headSince }) => ({
      state,
      depth,
      headMs: headSince === undefined ? undefined : now - headSince,
    }))
  }

  /** The first few statements that wait for a lane. */
  firstWaiting(count: number): readonly PoolQuery[] {
    return this.#waiting.first(count)
  }

  get depths(): number[] {
    return [...this.#lanes].map(({ depth }) => depth)
  }

  /** Lanes without work: as good as idle connections. */
  get idle(): number {
    let idle = 0
    for (const lane of this.#lanes) if (lane.depth === 0) idle += 1
    return idle
  }

  ride(query: PoolQuery): void {
    if (this.#waiting.size > 0 || this.#isPaused) return this.#wait(query)
    const lane = this.#choose(query.since)
    if (lane) this.#board(lane, query, query.since)
    else if (this.#isStuck(query.since)) this.#port.runAlone(query)
    else this.#wait(query)
  }

  /**
   * A caller waits for a whole connection: the lane with the least to do goes back. The last lane stays while it has
   * work and connections of others will come back: all quick statements would wait for a few slow ones. It goes,
   * too, when the caller has waited for long.
   *
   * @param since when the caller began to wait. @param othersOut whether connections are out besides the lanes.
   */
  yieldOne(since: number, othersOut: boolean): void {
    let least: Lane | undefined
    for (const lane of this.#lanes) {
      if (lane.state === 'retiring') return // one is on its way back already
      if (lane.state === 'open' && (!least || lane.depth < least.depth)) least = lane
    }
    if (!least) return
    const mayStay = this.#lanes.size === 1 && othersOut && (least.depth > 0 || this.#waiting.size > 0)
    const until = since + LAST_LANE_STAYS_MS
    if (mayStay && this.#clock.monotonicMs() < until) this.#port.expect(until)
    else this.#retire(least)
  }

  /** The pool is drained: lanes finish what they carry and go back, and whoever comes waits. */
  pause(): void {
    this.#isPaused = true
    for (const lane of this.#lanes) this.#retire(lane)
  }

  resume(): void {
    this.#isPaused = false
    if (this.#waiting.size > 0) this.#grow()
  }

  /** The pool ends: whoever waits is served, then the lanes go back. */
  end(): void {
    this.#isEnding = true
    for (const lane of this.#lanes) this.#fill(lane)
  }

  /** The connection of a lane is lost; what it carried has been answered with the error. */
  lose(connection: Connection): void {
    for (const lane of this.#lanes) {
      if (lane.connection !== connection) continue
      lane.lose()
      this.#lanes.delete(lane)
      if (this.#current === lane) this.#current = undefined
    }
    if (this.#waiting.size > 0) this.#grow()
  }

  /**
   * Handles what has come due: refuses those whose `deadline` is over, tells of stalled lanes, sends idle ones
   * back. @returns the next moment to look.
   */
  sweep(now: number, refuse: (query: PoolQuery) => void): number {
    for (let query = this.#waiting.peek(); query && query.deadline <= now; query = this.#waiting.peek()) {
      this.#waiting.remove(query)
      refuse(query)
    }
    let next = this.#waiting.peek()?.deadline ?? Number.POSITIVE_INFINITY
    for (const lane of this.#lanes) {
      if (lane.depth > 0) {
        if (lane.state === 'open' && lane.connection.isExpired(now)) this.#retire(lane)
        if (now >= lane.drainBy) this.#abandon(lane)
        else if (lane.isStalled(now)) this.#tellStalled(lane, now)
        next = Math.min(next, now + this.#stallMs)
      } else if (lane.state === 'open') {
        if (now - lane.usedAt >= IDLE_MS) this.#retire(lane)
        else next = Math.min(next, lane.usedAt + IDLE_MS)
      }
    }
    return next
  }

  #board(lane: Lane, query: PoolQuery, now: number): void {
    lane.ride(query, now)
    if (query.wasFirst) this.#port.expect(now + this.#stallMs)
  }

  /** The caller of a statement that waits for a lane waits no longer. */
  giveUp(query: PoolQuery): void {
    this.#waiting.remove(query)
  }

  #wait(query: PoolQuery): void {
    if (this.isBarred) return this.#port.runAlone(query) // found out just now, while a lane was asked for
    query.carrier = this
    this.#waiting.push(query)
    this.#grow()
  }

  /** The lane for a statement of this tick; undefined when none has room. */
  #choose(now: number): Lane | undefined {
    const current = this.#current
    if (
      current?.state === 'open' &&
      current.gathered > 0 &&
      current.gathered < GATHERED_AT_MOST &&
      current.depth < this.#limits.depth
    )
      return current
    let least: Lane | undefined
    for (const lane of this.#lanes) {
      if (lane.state !== 'open' || lane.depth >= this.#limits.depth || lane.isStalled(now)) continue
      if (!least || lane.depth < least.depth) least = lane
      if (lane.depth < CROWDED_FROM) break
    }
    if (!least || least.depth >= CROWDED_FROM) this.#grow()
    this.#current = least
    return least
  }

  /** Every lane there may be is stalled: waiting for them would be worse than a connection of its own. */
  #isStuck(now: number): boolean {
    if (this.#lanes.size < this.#limits.lanes) return false
    for (const lane of this.#lanes) if (!lane.isStalled(now)) return false
    return true
  }

  #fill(lane: Lane): void {
    if (this.#waiting.size === 0) {
      if (lane.depth === 0) this.#port.expect(lane.usedAt + IDLE_MS)
      if (this.#isEnding) this.#retire(lane)
      return
    }
    const now = this.#clock.monotonicMs()
    while (this.#waiting.size > 0 && lane.depth < this.#limits.depth)
      this.#board(lane, this.#waiting.shift() as PoolQuery, now)
    if (this.#waiting.size > 0) this.#grow()
  }

  /** Asks for another lane, one at a time. */
  #grow(): void {
    if (this.#isPaused || this.#borrowing > 0 || this.isBarred || this.#lanes.size >= this.#limits.lanes)
      return
    for (const lane of this.#lanes) if (lane.state === 'opening') return
    if (this.#lanes.size > 0 && !this.#port.canSpare()) return
    this.#borrowing += 1
    const since = this.#clock.monotonicMs()
    this.#port.borrow(
      (connection) => {
        this.#borrowing -= 1
        this.#add(connection)
      },
      (error) => {
        this.#borrowing -= 1
        if (this.#lanes.size > 0) return
        // They all wait for this one connection, and another attempt would tell the same.
        for (let query = this.#waiting.peek(); query && query.since <= since; query = this.#waiting.peek()) {
          this.#waiting.remove(query)
          query.reject(error)
        }
        if (this.#waiting.size > 0) this.#grow()
      },
    )
  }

  #add(connection: Connection): void {
    const { wire } = connection
    if (!wire || !connection.isDirect) this.#bar()
    const isWanted = !this.isBarred && (this.#waiting.size > 0 || this.#lanes.size > 0)
    if (!wire || !isWanted) return this.#port.giveBack(connection, false)
    const lane = new Lane(connection, wire, this.#stallMs, this.roundTrip, this.#keeper)
    this.#lanes.add(lane)
    lane.open(this.#clock.monotonicMs())
  }

  #retire(lane: Lane): void {
    if (this.#current === lane) this.#current = undefined
    lane.retire()
  }

  #remove(lane: Lane, isBroken: boolean): void {
    this.#lanes.delete(lane)
    if (this.#current === lane) this.#current = undefined
    this.#port.giveBack(lane.connection, isBroken)
    if (this.#waiting.size > 0) this.#grow()
  }

  #abandon(lane: Lane): void {
    lane.lose()
    this.#remove(lane, true)
  }

  /** From now on every statement gets a connection of its own. */
  #bar(): void {
    this.isBarred = true
    for (let query = this.#waiting.shift(); query; query = this.#waiting.shift()) this.#port.runAlone(query)
  }

  /** A busy process reads late: only what is still so after reading is a stall. */
  #tellStalled(lane: Lane, now: number): void {
    if (lane.isKnownStalled || !this.#announcer.isHeard('lane:stalled')) return
    const { headSince } = lane
    if (headSince === undefined) return
    soon(() => {
      if (lane.headSince !== headSince || lane.depth === 0 || lane.isKnownStalled) return
      lane.isKnownStalled = true
      this.#announcer.tell('lane:stalled', { depth: lane.depth, sinceMs: now - headSince })
    })
  }
}
