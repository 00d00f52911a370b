import type { EventEmitter } from 'node:events'
import { type Clock, type Histogram, percentile } from '../core/index.ts'
import type { PoolActivity } from './activity.ts'
import { Allocator } from './allocator.ts'
import { Announcer } from './announcer.ts'
import { Checkouts } from './checkouts.ts'
import type { Connection } from './connection.ts'
import { acquireTimeout, type HolderPicture, type PoolPicture } from './errors.ts'
import type { PoolEvents } from './events.ts'
import { gateClient } from './gate.ts'
import { type LaneLimits, Lanes } from './lanes/lanes.ts'
import type { ResolvedPoolConfig } from './options.ts'
import { Queries } from './queries.ts'
import { Recorder } from './recorder.ts'
import type { ServerPicture } from './servers/servers.ts'
import type { Experience } from './sizing/advice.ts'
import { Demand } from './sizing/demand.ts'
import { type PoolStats, zeroCounters } from './stats.ts'
import type { Tenant } from './tenant.ts'
import { deadlineFrom } from './waiter.ts'
import { runTransaction, type Transaction, type TransactionOptions } from './transaction.ts'

const AUTOMATIC: LaneLimits = { lanes: 4, depth: 64 }

/** What the engine asks of the pool that it drives. */
export interface EnginePort {
  /** The pool's own `query`, for statements on clients that were released. */
  readonly runInstead: (args: readonly unknown[]) => unknown
  /** The first connection is there. */
  connected(): void
  /** Somebody who holds a connection sends a statement on it. */
  holderSends(): void
}

/** The parts of a pool, put together: who waits, lanes, statements, checkouts. */
export class Engine implements Tenant {
  readonly recorder: Recorder
  readonly queries: Queries
  readonly checkouts: Checkouts
  readonly #config: ResolvedPoolConfig
  readonly #clock: Clock
  readonly #announcer: Announcer
  readonly #port: EnginePort
  readonly #allocator: Allocator
  readonly #lanes: Lanes
  readonly demand: Demand
  readonly #counters = zeroCounters()

  constructor(config: ResolvedPoolConfig, clock: Clock, events: EventEmitter<PoolEvents>, port: EnginePort) {
    this.#port = port
    this.#config = config
    this.#clock = clock
    const { options } = config
    const announcer = new Announcer(events)
    this.#announcer = announcer
    this.recorder = new Recorder(options.statementLimit, config.echo, options.slowQueryMs, (slow) =>
      announcer.tell('pool:slow-query', slow),
    )
    this.demand = new Demand(clock.monotonicMs())
    this.#allocator = new Allocator(
      config,
      clock,
      events,
      announcer,
      { counters: this.#counters, timings: this.recorder.timings, demand: this.demand },
      this,
    )
    const limits = typeof options.pipelining === 'object' ? options.pipelining : AUTOMATIC
    const { size, overflow } = options
    const lanes = Math.max(1, Math.min(limits.lanes, size + overflow))
    this.#lanes = new Lanes(
      { ...limits, lanes },
      { stallMs: options.laneStallMs, drainMs: options.cleanupTimeoutMs },
      clock,
      announcer,
      {
        expect: (deadline) => this.#allocator.expect(deadline),
        canSpare: () => this.#allocator.canServe(),
        borrow: (serve, refuse) => this.#borrow(serve, refuse),
        giveBack: (connection, isBroken) => this.#allocator.giveBack(connection, { destroy: isBroken }),
        runAlone: (query) => this.queries.runAlone(query),
        answered: (query, exchange, at) => {
          this.#counters.rides += 1
          this.queries.settle(query, exchange, at)
        },
        metLock: (query) => {
          this.#counters.rideLockWaits += 1
          if (!query.isSettled) this.queries.runAlone(query) // nobody waits for it any more: undone is right
        },
      },
    )
    this.checkouts = new Checkouts(config, clock, {
      allocator: this.#allocator,
      announcer,
      counters: this.#counters,
      timings: this.recorder.timings,
      runInstead: port.runInstead,
    })
    this.queries = new Queries(config, clock, {
      allocator: this.#allocator,
      lanes: this.#lanes,
      recorder: this.recorder,
      isHolding: () => this.checkouts.isInTransaction(),
      picture: () => this.picture(),
    })
    this.#allocator.start()
  }

  stats(): PoolStats {
    const { size, overflow } = this.#config.options
    const { slots } = this.#allocator
    const { total } = slots
    const idle = slots.count('idle') + this.#lanes.idle
    const busy = slots.count('busy') + slots.count('cleaning') + slots.count('lane') - this.#lanes.idle
    return {
      size,
      overflow,
      overflowInUse: Math.max(0, total - size),
      total,
      idle,
      busy,
      pool_size: size,
      max_overflow: overflow,
      checked_in: idle,
      checked_out: busy,
      connecting: slots.count('connecting') + slots.count('checking'),
      closing: slots.count('closing'),
      waiting: this.#allocator.waiting + this.#lanes.waiting,
      lanes: slots.count('lane'),
      laneDepths: this.#lanes.depths,
      ...this.#counters,
      exhaustions: this.#announcer.exhaustions,
    }
  }

  tell<Name extends keyof PoolEvents>(name: Name, ...args: PoolEvents[Name]): void {
    this.#announcer.tell(name, ...args)
  }

  /** Why no server can be used; undefined while one may be. */
  outage(): unknown {
    return this.#allocator.opener.outage()
  }

  servers(): ServerPicture[] {
    return this.#allocator.opener.servers()
  }

  /** @param limit how many waiters and holders are named. */
  activity(limit: number): PoolActivity {
    const now = this.#clock.monotonicMs()
    // One may be the pool's own, for a lane.
    const callers = this.#allocator.waiters.first(limit + 1).filter(({ purpose }) => purpose === 'busy')
    const waiting = [...callers, ...this.#lanes.firstWaiting(limit)]
    return {
      isDrained: this.#allocator.isPaused,
      lanes: this.#lanes.pictures(now),
      waiters: waiting
        .map(({ since, label, text }) => ({ waitedMs: now - since, label, text }))
        .toSorted((a, b) => b.waitedMs - a.waitedMs)
        .slice(0, limit),
      holders: this.checkouts.holders().slice(0, limit),
      leaks: this.checkouts.leaks.pictures(),
    }
  }

  /** What the pool went through, as far as its size depends on it. */
  experience(): Experience {
    const { size, overflow, processes } = this.#config.options
    const { acquired, rides, acquireTimeouts, leaks } = this.#counters
    const { waits, holds } = this.recorder.timings
    const p99 = ({ counts }: Histogram): number | undefined =>
      percentile(new Float64Array(counts.length), counts, 0.99) ?? undefined
    this.demand.settle(this.#clock.monotonicMs())
    const { demand } = this
    const [waitP99Ms, holdP99Ms] = [p99(waits), p99(holds)]
    return {
      size,
      overflow,
      processes,
      demand,
      uses: acquired + rides,
      acquireTimeouts,
      leaks,
      waitP99Ms,
      holdP99Ms,
    }
  }

  /** Connections that are out, and too old to be given out again. */
  expired(): number {
    const now = this.#clock.monotonicMs()
    return this.#allocator.slots.in('busy').filter((connection) => connection.isExpired(now)).length
  }

  transaction<T>(
    work: (transaction: Transaction) => Promise<T>,
    options: TransactionOptions,
    above: (...args: never[]) => unknown,
  ): Promise<T> {
    return this.checkouts.with(options.signal, above, (connection, holder) =>
      runTransaction(connection, holder, this.queries.runHeld, this.#clock, work, {
        isolation: this.#config.options.isolation,
        ...options,
      }),
    )
  }

  async drain(timeoutMs: number): Promise<readonly HolderPicture[]> {
    this.#lanes.pause()
    await this.#allocator.drain(timeoutMs)
    return this.checkouts.holders()
  }

  resume(): void {
    this.#allocator.resume()
    this.#lanes.resume()
  }

  async end(timeoutMs: number): Promise<void> {
    this.#lanes.resume()
    this.#lanes.end()
    await this.#allocator.end(timeoutMs, () => this.checkouts.tellLeft())
  }

  /** Its options were changed: there may be room now. */
  resized(): void {
    if (!this.#allocator.isPaused) this.#allocator.resume()
  }

  opened(connection: Connection): void {
    if (connection.roundTripMs !== undefined) this.#lanes.roundTrip.meet(connection.roundTripMs)
    if (this.#counters.created === 1) this.#port.connected()
  }

  began(connection: Connection): void {
    gateClient(connection, this.#clock, {
      finished: (text, execution) => this.recorder.record(this.recorder.statements.of(text), execution),
      late: (late, args) => this.checkouts.late(late, args),
      sends: () => this.#port.holderSends(),
      limitMs: this.#config.client.query_timeout,
    })
  }

  yieldOne(since: number, othersOut: boolean): void {
    this.#lanes.yieldOne(since, othersOut)
  }

  lost(connection: Connection, error: Error): void {
    this.#lanes.lose(connection) // first: what fails must not make room for others
    connection.wire?.fail(error)
  }

  sweep(now: number): number {
    const next = this.#lanes.sweep(now, (query) => {
      this.#counters.acquireTimeouts += 1
      query.refuse(acquireTimeout(now - query.since, this.picture()))
    })
    return Math.min(next, this.checkouts.sweep(now))
  }

  picture(): PoolPicture {
    const { size, overflow, busy, idle, connecting, waiting } = this.stats()
    return { size, overflow, busy, idle, connecting, waiting, holders: this.checkouts.longestHolders() }
  }

  #borrow(serve: (connection: Connection) => void, refuse: (error: unknown) => void): void {
    const since = this.#clock.monotonicMs()
    const deadline = deadlineFrom(since, this.#config.options.acquireTimeoutMs)
    try {
      this.#allocator.acquire({ place: -1, purpose: 'lane', since, deadline, serve, refuse })
    } catch (error) {
      refuse(error)
    }
  }
}
