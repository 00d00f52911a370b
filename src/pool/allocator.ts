import type { EventEmitter } from 'node:events'
import type pg from 'pg'
import { type Clock, SQLSTATE, sqlstateOf, wait } from '../core/index.ts'
import { armCheckout, type PooledClient } from './checkout.ts'
import { Connection } from './connection.ts'
import { acquireTimeout, invariantBroken, poolEnded, type PoolPicture, queueFull } from './errors.ts'
import type { PoolEvents } from './events.ts'
import { Housekeeper } from './housekeeper.ts'
import type { ResolvedPoolConfig } from './options.ts'
import { Slots } from './slots.ts'
import { emptyTimings, type PoolCounters, type PoolStats, type PoolTimings, zeroCounters } from './stats.ts'
import { type Waiter, Waiters } from './waiters.ts'

/** After the server said that it has no room for another connection. */
const CONNECT_PAUSE_MS = 500

/**
 * Brings callers and connections together.
 *
 * Callers queue in order of arrival. Opening and checking connections serves the queue, not one caller: what
 * becomes ready goes to whoever waits longest, and a connection whose caller gave up serves the next. At every
 * moment: `connections <= size + overflow`, no usable idle connection while a caller waits, each caller
 * settles once.
 */
export class Allocator {
  readonly #config: ResolvedPoolConfig
  readonly #clock: Clock
  readonly #events: EventEmitter<PoolEvents>
  readonly timings: PoolTimings = emptyTimings()
  readonly #slots = new Slots()
  readonly #waiters = new Waiters()
  readonly #counters: PoolCounters = zeroCounters()
  readonly #housekeeper: Housekeeper
  #isEnding = false
  /** Monotonic milliseconds before which no connection is opened. */
  #noConnectBefore = 0

  constructor(config: ResolvedPoolConfig, clock: Clock, events: EventEmitter<PoolEvents>) {
    this.#config = config
    this.#clock = clock
    this.#events = events
    this.#housekeeper = new Housekeeper(clock, (now) => this.#sweep(now))
    if (config.options.warm) for (let index = 0; index < config.options.size; index += 1) this.#open()
  }

  stats(): PoolStats {
    const { size, overflow } = this.#config.options
    const { total } = this.#slots
    return {
      size,
      overflow,
      overflowInUse: Math.max(0, total - size),
      total,
      idle: this.#slots.count('idle'),
      busy: this.#slots.count('busy') + this.#slots.count('cleaning'),
      connecting: this.#slots.count('connecting') + this.#slots.count('checking'),
      closing: this.#slots.count('closing'),
      waiting: this.#waiters.size,
      ...this.#counters,
    }
  }

  /**
   * Takes a connection out for one holder.
   * @throws HF_POOL_ACQUIRE_TIMEOUT, HF_POOL_QUEUE_FULL, HF_POOL_ENDED, the driver's error, the signal's reason
   */
  checkOut(signal?: AbortSignal): Promise<PooledClient> {
    return new Promise((resolve, reject) => {
      if (this.#isEnding) return reject(poolEnded())
      if (signal?.aborted) return reject(signal.reason as Error)
      const { acquireTimeoutMs, maxWaiting } = this.#config.options
      const since = this.#clock.monotonicMs()
      const onAbort = (): void => {
        if (this.#waiters.remove(waiter)) waiter.refuse(signal?.reason)
      }
      const waiter: Waiter = {
        place: -1,
        since,
        deadline: acquireTimeoutMs === 0 ? Number.POSITIVE_INFINITY : since + acquireTimeoutMs,
        serve: (connection) => {
          signal?.removeEventListener('abort', onAbort)
          resolve(this.#handOver(connection, since))
        },
        refuse: (error) => {
          signal?.removeEventListener('abort', onAbort)
          reject(error as Error)
        },
      }
      if (this.#waiters.size >= maxWaiting && !this.#canServeAtOnce())
        return reject(queueFull(maxWaiting, this.#picture()))
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.push(waiter)
      this.#dispatch()
      if (waiter.place >= 0) this.#housekeeper.expect(waiter.deadline)
    })
  }

  /** Serves those that already wait, closes everything; after `timeoutMs` destroys what is still out. */
  async end(timeoutMs: number): Promise<void> {
    this.#isEnding = true
    for (const connection of this.#slots.in('idle')) this.#close(connection)
    const deadline = this.#clock.monotonicMs() + timeoutMs
    while (this.#slots.total > 0 && this.#clock.monotonicMs() < deadline) await this.#nextRemoval(deadline)
    if (this.#slots.total > 0) {
      const { busy, longestHoldMs } = this.#picture()
      if (busy > 0) this.#tell('pool:leaked-at-end', { count: busy, longestHoldMs })
      for (let waiter = this.#waiters.shift(); waiter; waiter = this.#waiters.shift())
        waiter.refuse(poolEnded())
      for (const connection of this.#slots.all()) {
        connection.isBroken = true
        this.#close(connection)
      }
      while (this.#slots.total > 0) await this.#nextRemoval(Number.POSITIVE_INFINITY)
    }
    this.#housekeeper.stop()
  }

  #canServeAtOnce(): boolean {
    const { size, overflow } = this.#config.options
    return this.#slots.count('idle') > 0 || this.#slots.total < size + overflow
  }

  /** Brings waiting callers and connections together. Called after every change of either. */
  #dispatch(): void {
    const { size, overflow } = this.#config.options
    while (this.#waiters.size > 0) {
      const connection = this.#slots.mostRecentIdle()
      const now = this.#clock.monotonicMs()
      if (connection?.isExpired(now)) {
        this.#counters.recycled += 1
        this.#close(connection)
      } else if (connection && !connection.needsPing(now)) {
        this.#serveWith(connection)
      } else if (connection && this.#slots.count('checking') < this.#waiters.size) {
        this.#check(connection) // quicker than what is still connecting
      } else if (this.#slots.count('connecting') + this.#slots.count('checking') >= this.#waiters.size) {
        return // enough is on its way for everyone who waits
      } else if (this.#slots.total < size + overflow && now >= this.#noConnectBefore) {
        this.#open()
      } else {
        if (this.#events.listenerCount('pool:exhausted') > 0) {
          this.#tell('pool:exhausted', {
            busy: this.#slots.count('busy'),
            waiting: this.#waiters.size,
          })
        }
        return
      }
    }
  }

  /** Gives a connection that is known to work to whoever waits longest; with nobody waiting it becomes idle. */
  #serveWith(connection: Connection): void {
    const waiter = this.#waiters.shift()
    if (waiter) {
      this.#slots.move(connection, 'busy')
      waiter.serve(connection)
    } else if (this.#isEnding) {
      this.#close(connection)
    } else {
      this.#rest(connection)
    }
  }

  #handOver(connection: Connection, since: number): PooledClient {
    const now = this.#clock.monotonicMs()
    connection.busySince = now
    connection.uses += 1
    this.#counters.acquired += 1
    this.#counters.waitMsTotal += now - since
    this.timings.waits.record(now - since)
    if (this.#config.allowExitOnIdle) connection.keepAlive(true)
    const client = armCheckout(connection, this.#config.options.debug, (destroy) =>
      this.#takeBack(connection, destroy),
    )
    this.#tell('acquire', client)
    return client
  }

  /** The release gate: only a session outside a transaction, with nothing on its way, goes to the next caller. */
  #takeBack(connection: Connection, destroy: Error | boolean | undefined): void {
    const heldMs = this.#clock.monotonicMs() - connection.busySince
    this.#counters.holdMsTotal += heldMs
    this.timings.holds.record(heldMs)
    this.#tell('release', destroy instanceof Error ? destroy : undefined, connection.client as pg.PoolClient)
    if (!this.#slots.has(connection)) return // lost while it was held; its books are closed
    if (destroy || connection.isBroken) return this.#close(connection)
    if (connection.isClean) return this.#welcomeBack(connection)
    this.#counters.dirtyReleases += 1
    this.#slots.move(connection, 'cleaning')
    void connection.cleanUp().then((kept) => {
      this.#tell('pool:dirty-release', { kept, heldMs })
      if (kept) this.#welcomeBack(connection)
      else this.#close(connection)
    })
  }

  #welcomeBack(connection: Connection): void {
    if (connection.isExpired(this.#clock.monotonicMs())) {
      this.#counters.recycled += 1
      this.#close(connection)
    } else {
      this.#serveWith(connection)
    }
  }

  #rest(connection: Connection): void {
    connection.idleSince = this.#clock.monotonicMs()
    this.#slots.move(connection, 'idle')
    if (this.#config.allowExitOnIdle) connection.keepAlive(false)
    this.#housekeeper.expect(this.#restDeadline(connection))
  }

  #restDeadline(connection: Connection): number {
    const { size, overflowIdleMs, idleTimeoutMs } = this.#config.options
    const open = this.#slots.total - this.#slots.count('closing')
    const patienceMs =
      open > size ? overflowIdleMs : idleTimeoutMs === 0 ? Number.POSITIVE_INFINITY : idleTimeoutMs
    return Math.min(connection.idleSince + patienceMs, connection.expiresAt)
  }

  #open(): void {
    let connection: Connection
    try {
      connection = new Connection(this.#config, this.#clock, this.timings.statements)
    } catch (error) {
      return this.#connectFailed(error) // the driver reads certificates and URLs right away
    }
    this.#slots.add(connection)
    this.#assertBooks()
    connection.client.on('error', (error) => this.#lose(connection, error))
    connection.client.on('end', () => this.#lose(connection, undefined))
    connection.open(Math.random).then(
      () => {
        if (connection.state !== 'connecting') return // it was closed meanwhile
        this.#counters.created += 1
        this.#tell('connect', connection.client as pg.PoolClient)
        this.#serveWith(connection)
      },
      (error: unknown) => {
        this.#connectFailed(error)
        this.#close(connection)
      },
    )
  }

  #connectFailed(error: unknown): void {
    this.#counters.connectFailures += 1
    this.#tell('pool:connect-failed', { error })
    const now = this.#clock.monotonicMs()
    if (sqlstateOf(error) === SQLSTATE.tooManyConnections && this.#slots.count('busy') > 0) {
      // The server has no room for another, but ours come back: those who wait go on waiting for them.
      this.#noConnectBefore = now + CONNECT_PAUSE_MS
      this.#housekeeper.expect(this.#noConnectBefore)
    } else {
      // The first in line learns why; the others get attempts of their own.
      this.#waiters.shift()?.refuse(error)
    }
  }

  #check(connection: Connection): void {
    this.#slots.move(connection, 'checking')
    void connection.ping().then((works) => {
      if (connection.state !== 'checking') return // it was closed meanwhile
      if (works) return this.#serveWith(connection)
      this.#counters.pingFailures += 1
      // What was idle for longer went the same way: a server that left, a firewall that forgot. One caller must
      // not wait for the silence of each in turn.
      const alike = [...this.#slots.in('idle')].filter(({ idleSince }) => idleSince <= connection.idleSince)
      for (const dead of [connection, ...alike]) {
        dead.isBroken = true
        this.#close(dead)
      }
    })
  }

  /** The socket or the session is gone. Its holder learns it from its own query; an idle one is reported. */
  #lose(connection: Connection, error: Error | undefined): void {
    const wasIdle = connection.state === 'idle'
    connection.isBroken = true
    if (wasIdle) this.#close(connection)
    if (wasIdle && error && this.#events.listenerCount('error') > 0)
      this.#tell('error', error, connection.client as pg.PoolClient)
  }

  #close(connection: Connection): void {
    if (connection.state === 'closing') return
    this.#slots.move(connection, 'closing')
    void connection.close().then(() => {
      this.#slots.remove(connection)
      this.#counters.closed += 1
      this.#tell('remove', connection.client as pg.PoolClient)
      this.#dispatch()
    })
    this.#dispatch()
  }

  /** Handles every deadline up to `now`; returns the next one. */
  #sweep(now: number): number {
    for (let waiter = this.#waiters.peek(); waiter && waiter.deadline <= now; waiter = this.#waiters.peek()) {
      this.#waiters.remove(waiter)
      this.#counters.acquireTimeouts += 1
      waiter.refuse(acquireTimeout(now - waiter.since, this.#picture()))
    }
    let next = this.#waiters.peek()?.deadline ?? Number.POSITIVE_INFINITY
    if (this.#noConnectBefore > now) next = Math.min(next, this.#noConnectBefore)
    else if (this.#waiters.size > 0) this.#dispatch()
    // The longest idle first: the stack keeps what is in use on top.
    for (const connection of this.#slots.in('idle')) {
      const deadline = this.#restDeadline(connection)
      if (deadline > now) {
        next = Math.min(next, deadline)
        continue
      }
      if (connection.isExpired(now)) this.#counters.recycled += 1
      this.#close(connection)
    }
    return next
  }

  /** A listener that throws is the application's mistake: it surfaces as such, and not in the pool's books. */
  #tell<Name extends keyof PoolEvents>(name: Name, ...args: PoolEvents[Name]): void {
    try {
      this.#events.emit<keyof PoolEvents>(name, ...args)
    } catch (error) {
      process.nextTick(() => {
        throw error
      })
    }
  }

  async #nextRemoval(deadline: number): Promise<void> {
    const removed = new AbortController()
    const onRemove = (): void => removed.abort()
    this.#events.once('remove', onRemove)
    await wait(this.#clock, deadline - this.#clock.monotonicMs(), removed.signal).catch(() => {})
    this.#events.off('remove', onRemove)
  }

  #picture(): PoolPicture {
    const now = this.#clock.monotonicMs()
    let longestHoldMs = 0
    for (const connection of this.#slots.in('busy'))
      longestHoldMs = Math.max(longestHoldMs, now - connection.busySince)
    const { size, overflow, busy, idle, connecting, waiting } = this.stats()
    return { size, overflow, busy, idle, connecting, waiting, longestHoldMs }
  }

  #assertBooks(): void {
    const { size, overflow } = this.#config.options
    if (this.#slots.total > size + overflow) {
      throw invariantBroken(
        `${this.#slots.total} connections where ${size + overflow} are allowed`,
        this.#picture(),
      )
    }
  }
}
