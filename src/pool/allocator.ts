import type { EventEmitter } from 'node:events'
import type pg from 'pg'
import type { Clock } from '../core/index.ts'
import type { Announcer } from './announcer.ts'
import { Closer } from './closer.ts'
import type { Connection } from './connection.ts'
import { acquireTimeout, type PoolPicture, poolEnded, queueFull } from './errors.ts'
import type { PoolEvents } from './events.ts'
import { Housekeeper } from './housekeeper.ts'
import type { ResolvedPoolConfig } from './options.ts'
import { Opener } from './opener.ts'
import { markConnectionError } from './outcome.ts'
import { withClient } from './pg-pool-face.ts'
import { Queue } from './queue.ts'
import type { Demand } from './sizing/demand.ts'
import { Room } from './sizing/room.ts'
import { Slots } from './slots.ts'
import type { PoolCounters, PoolTimings } from './stats.ts'
import type { HandBack, Tenant } from './tenant.ts'
import { takes, type Waiter } from './waiter.ts'

/** What has been out for longer (a listener, a batch) is not counted on to come back soon. */
const COMES_BACK_MS = 1_000

/**
 * Brings those who wait and connections together.
 *
 * They queue in order of arrival. Opening and checking connections serves the queue, not one caller: what
 * becomes ready goes to whoever waits longest, and a connection whose caller gave up serves the next. At every
 * moment: `connections <= size + overflow`, no usable idle connection while somebody waits, each waiter
 * settles once.
 */
export class Allocator {
  readonly slots = new Slots()
  readonly opener: Opener
  readonly waiters = new Queue<Waiter>()
  readonly #config: ResolvedPoolConfig
  readonly #room: Room
  readonly #clock: Clock
  readonly #events: EventEmitter<PoolEvents>
  readonly #announcer: Announcer
  readonly #counters: PoolCounters
  readonly #timings: PoolTimings
  readonly #tenant: Tenant
  readonly #housekeeper: Housekeeper
  readonly #closer: Closer
  readonly #demand: Demand
  readonly #picture = (): PoolPicture => this.#tenant.picture()
  /** Waiters that are no callers. */
  #errands = 0
  /** Nobody is let in any more. */
  isEnding = false
  /** Nothing is given out or opened: whoever comes waits. */
  isPaused = false

  constructor(
    config: ResolvedPoolConfig,
    clock: Clock,
    events: EventEmitter<PoolEvents>,
    announcer: Announcer,
    books: { counters: PoolCounters; timings: PoolTimings; demand: Demand },
    tenant: Tenant,
  ) {
    this.#announcer = announcer
    this.#config = config
    this.#clock = clock
    this.#events = events
    this.#counters = books.counters
    this.#timings = books.timings
    this.#tenant = tenant
    this.#demand = books.demand
    this.#closer = new Closer(this.slots, clock, this.#counters, announcer, () => {
      this.#keepProcess()
      this.#dispatch()
      this.#room.released()
    })
    this.#housekeeper = new Housekeeper(clock, (now) => this.#sweep(now))
    this.opener = new Opener(config, clock, {
      began: (connection) => {
        this.#tenant.began(connection)
        this.slots.add(connection)
        this.#keepProcess()
        this.#room.assertKept(this.#picture)
      },
      connected: (connection) => {
        this.#counters.created += 1
        this.#tenant.opened(connection)
        this.#announcer.tell('connect', connection.client as pg.PoolClient)
      },
      ready: (connection) => this.#serveWith(connection),
      failed: (attempt, refusal, connection) => {
        this.#counters.connectFailures += 1
        this.#announcer.tell('pool:connect-failed', attempt)
        // The first in line learns why; the others get attempts of their own.
        if (refusal) this.#shift()?.refuse(refusal.error)
        else this.#housekeeper.expect(this.opener.pausedUntil)
        if (connection) this.#close(connection)
      },
      evicted: ({ name }) => {
        this.#announcer.tell('pool:server-evicted', { server: name })
        this.expect(0) // the sweep closes what is idle
      },
      othersOut: () => this.slots.count('busy') + this.slots.count('lane') > 0,
      again: (connection) => this.#close(connection),
      lost: (connection, error) => this.#lose(connection, error),
    })
    // Last: what throws before must not leave a part of the budget taken.
    this.#room = new Room(config.options, config.budget, {
      total: () => this.slots.total,
      unserved: () => this.waiters.size - this.slots.count('connecting') - this.slots.count('checking'),
      spareOne: () => this.#spareOne(),
      wake: () => this.#dispatch(),
    })
  }

  /** Opens the whole size, when that is wanted. */
  start(): void {
    if (!this.#config.options.warm) return
    for (let index = 0; index < this.#config.options.size; index += 1) this.opener.open()
  }

  /** Callers that wait for a connection. */
  get waiting(): number {
    return this.waiters.size - this.#errands
  }

  /** Whether one more could be served without waiting for somebody to give something back. */
  canServe(): boolean {
    if (this.waiters.size > 0 || this.isPaused) return false
    return this.slots.count('idle') > 0 || this.#room.isFree
  }

  /** Makes sure that the deadlines are looked at by then. */
  expect(deadline: number): void {
    this.#housekeeper.expect(deadline)
  }

  /** The short way: a connection that needs no check, when nobody waits and there is one. */
  takeIdle(now: number): Connection | undefined {
    if (this.waiters.size > 0 || this.isEnding || this.isPaused) return undefined
    const connection = this.slots.mostRecentIdle()
    if (!connection || connection.needsPing(now) || connection.isExpired(now)) return undefined
    this.slots.move(connection, 'busy')
    this.#handOver(connection, now, now)
    return connection
  }

  /**
   * Puts a waiter in line.
   * @throws HF_POOL_ENDED, HF_POOL_QUEUE_FULL
   */
  acquire(waiter: Waiter): void {
    if (this.isEnding) throw poolEnded()
    const { maxWaiting } = this.#config.options
    if (waiter.purpose === 'busy' && this.waiting >= maxWaiting && !this.canServe())
      throw queueFull(maxWaiting, this.#tenant.picture())
    if (waiter.purpose === 'lane') this.#errands += 1
    this.waiters.push(waiter)
    this.#dispatch()
    if (waiter.place < 0) return
    this.#keepProcess()
    this.#housekeeper.expect(waiter.deadline)
    this.#noteUse(waiter.since)
  }

  /** Takes a waiter out of the line. False when it no longer stood there. */
  abandon(waiter: Waiter): boolean {
    return this.waiters.remove(waiter)
  }

  /**
   * The release gate: only a session outside a transaction, with nothing on its way, goes to the next.
   */
  giveBack(connection: Connection, { destroy, now, mustReset, onDirty }: HandBack = {}): void {
    if (destroy || connection.isLeaving) return this.#close(connection)
    const { isClean } = connection
    if (isClean && !mustReset) return this.#welcomeBack(connection, now ?? this.#clock.monotonicMs())
    if (!isClean) this.#counters.dirtyReleases += 1
    this.slots.move(connection, 'cleaning')
    void connection.cleanUp(mustReset).then((kept) => {
      if (!isClean) onDirty?.(kept)
      if (kept) this.#welcomeBack(connection, this.#clock.monotonicMs())
      else this.#close(connection)
    })
  }

  /**
   * Closes every connection as it comes back, and gives out none before {@link resume}: callers wait meanwhile.
   * Resolves when all are closed, or after `timeoutMs`.
   */
  async drain(timeoutMs: number): Promise<void> {
    this.isPaused = true
    await this.#emptied(timeoutMs)
  }

  /** Goes on after {@link drain}, or where there may be room now. */
  resume(): void {
    this.isPaused = false
    this.#dispatch()
  }

  /** Serves those that already wait, closes everything; after `timeoutMs` destroys what is still out. */
  async end(timeoutMs: number, onLeft: () => void): Promise<void> {
    this.isEnding = true
    this.resume()
    await this.#emptied(timeoutMs)
    if (this.slots.total > 0) onLeft()
    for (let waiter = this.#shift(); waiter; waiter = this.#shift()) waiter.refuse(poolEnded())
    for (const connection of this.slots.all()) {
      connection.isBroken = true
      this.#close(connection)
    }
    await this.#closer.until(() => this.slots.total === 0)
    this.#housekeeper.stop()
    this.#room.leave()
  }

  async #emptied(timeoutMs: number): Promise<void> {
    for (const connection of this.slots.in('idle')) this.#close(connection)
    const isDone = (): boolean => this.slots.total === 0 && (this.waiters.size === 0 || this.isPaused)
    await this.#closer.until(isDone, timeoutMs)
  }

  #shift(): Waiter | undefined {
    const waiter = this.waiters.shift()
    if (waiter?.purpose === 'lane') this.#errands -= 1
    return waiter
  }

  /** Brings waiters and connections together. Called after every change of either. */
  #dispatch(): void {
    while (this.waiters.size > 0 && !this.isPaused) {
      const connection = this.slots.mostRecentIdle()
      const now = this.#clock.monotonicMs()
      if (connection?.isExpired(now)) {
        this.#counters.recycled += 1
        this.#close(connection)
      } else if (connection && !connection.needsPing(now)) {
        this.#serveWith(connection)
      } else if (connection && this.slots.count('checking') < this.waiters.size) {
        this.#check(connection) // quicker than what is still connecting
      } else if (this.slots.count('connecting') + this.slots.count('checking') >= this.waiters.size) {
        return // enough is on its way for everyone who waits
      } else if (this.#room.isFree && now >= this.opener.pausedUntil) {
        this.opener.open()
      } else {
        if (this.waiting > 0) this.#tellExhausted()
        this.#room.ask()
        return
      }
    }
  }

  #tellExhausted(): void {
    if (this.slots.count('lane') > 0) {
      const now = this.#clock.monotonicMs()
      const othersOut = this.slots.someBusySince(now - COMES_BACK_MS)
      this.#tenant.yieldOne(this.waiters.peek()?.since ?? now, othersOut)
    }
    // Where all are only being opened nobody uses them up.
    if (this.slots.count('busy') + this.slots.count('lane') > 0) this.#announcer.exhausted(this.#picture)
  }

  /** Gives a connection that is known to work to whoever waits longest; with nobody waiting it becomes idle. */
  #serveWith(connection: Connection, now = this.#clock.monotonicMs()): void {
    const waiter = this.isPaused ? undefined : this.#shift()
    if (waiter) {
      this.slots.move(connection, waiter.purpose)
      this.#handOver(connection, now, waiter.purpose === 'busy' ? waiter.since : undefined)
      if (!takes(waiter, connection)) this.giveBack(connection)
    } else if (this.isEnding || this.isPaused) {
      this.#close(connection)
    } else {
      this.#rest(connection, now)
    }
  }

  /** @param since when a caller began to wait for it; undefined when it is for the pool itself. */
  #handOver(connection: Connection, now: number, since: number | undefined): void {
    connection.busySince = now
    connection.isAltered = false
    connection.uses += 1
    if (since !== undefined) {
      this.#counters.acquired += 1
      this.#counters.waitMsTotal += now - since
      this.#timings.waits.record(now - since)
    }
    if (this.#config.allowExitOnIdle) connection.keepAlive(true)
    this.#noteUse(now)
  }

  #welcomeBack(connection: Connection, now: number): void {
    if (connection.isExpired(now)) {
      this.#counters.recycled += 1
      this.#close(connection)
    } else {
      this.#serveWith(connection, now)
    }
  }

  #rest(connection: Connection, now: number): void {
    connection.idleSince = now
    this.slots.move(connection, 'idle')
    if (this.#room.isWantedElsewhere && this.#spareOne() && connection.state !== 'idle') return // it went itself
    this.#announcer.relaxed()
    this.#noteUse(now)
    if (this.#config.allowExitOnIdle) connection.keepAlive(false)
    this.#housekeeper.expect(this.#restDeadline(connection))
  }

  /** Who waits while there is no socket at all (a failover, a drain) still gets an answer before the process ends. */
  #keepProcess(): void {
    this.#housekeeper.keepProcess(this.waiters.size > 0 && this.slots.total === 0)
  }

  #noteUse(now: number): void {
    const busy = this.slots.count('busy')
    this.#announcer.used(busy / this.#room.limit, this.#picture)
    this.#demand.note(busy + this.slots.count('lane') + this.slots.count('cleaning') + this.waiting, now)
  }

  /** For another pool of the same budget. */
  #spareOne(): boolean {
    if (this.slots.count('closing') > 0) return true // one is on its way
    const [longestIdle] = this.slots.in('idle')
    if (!longestIdle || this.slots.total <= this.#room.size) return false
    this.#close(longestIdle)
    return true
  }

  #restDeadline(connection: Connection): number {
    const open = this.slots.total - this.slots.count('closing')
    return open <= this.#config.min ? connection.expiresAt : connection.restDeadline(open > this.#room.size)
  }

  #check(connection: Connection): void {
    this.slots.move(connection, 'checking')
    void connection.ping().then((works) => {
      if (connection.state !== 'checking') return // it was closed meanwhile
      if (works) return this.#serveWith(connection)
      this.#counters.pingFailures += 1
      // What was idle for longer went the same way: a server that left, a firewall that forgot. One caller must
      // not wait for the silence of each in turn.
      const alike = this.slots.in('idle').filter(({ idleSince }) => idleSince <= connection.idleSince)
      for (const dead of [connection, ...alike]) {
        dead.isBroken = true
        this.#close(dead)
      }
    })
  }

  /** The socket or the session is gone. Its holder learns it from its own query; an idle one is reported. */
  #lose(connection: Connection, error: Error | undefined): void {
    const { state } = connection
    connection.isBroken = true
    const failure = error ?? new Error('Connection terminated')
    markConnectionError(failure)
    connection.failure ??= failure
    if (error && state !== 'closing' && state !== 'connecting') connection.tellLost(error)
    this.#tenant.lost(connection, failure)
    if (state !== 'idle' && state !== 'lane') return
    this.#close(connection)
    if (!error || this.#events.listenerCount('error') === 0) return
    this.#announcer.tell('error', withClient(error, connection.client), connection.client as pg.PoolClient)
  }

  #close(connection: Connection): void {
    if (connection.state === 'closing') return
    this.#closer.close(connection)
    this.#noteUse(this.#clock.monotonicMs())
    this.#dispatch()
  }

  /** Handles every deadline up to `now`; returns the next one. */
  #sweep(now: number): number {
    for (let waiter = this.waiters.peek(); waiter && waiter.deadline <= now; waiter = this.waiters.peek()) {
      this.#shift()
      this.#counters.acquireTimeouts += 1
      waiter.refuse(acquireTimeout(now - waiter.since, this.#tenant.picture()))
    }
    this.#keepProcess()
    let next = Math.min(this.waiters.peek()?.deadline ?? Number.POSITIVE_INFINITY, this.#tenant.sweep(now))
    if (this.opener.pausedUntil > now) next = Math.min(next, this.opener.pausedUntil)
    else if (this.waiters.size > 0) this.#dispatch()
    // The longest idle first: the stack keeps what is in use on top.
    for (const connection of this.slots.in('idle')) {
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
}
