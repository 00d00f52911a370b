import type pg from 'pg'
import type { Clock } from '../core/index.ts'
import { Leaks } from './activity.ts'
import type { Allocator } from './allocator.ts'
import type { Announcer } from './announcer.ts'
import { traceAbove } from './call-site.ts'
import { armCheckout, Checkout, type PooledClient } from './checkout.ts'
import type { Connection } from './connection.ts'
import { type HolderPicture, usedAfterRelease } from './errors.ts'
import { textOf } from './gate.ts'
import type { Holder } from './holder.ts'
import { beginHolding, heldBy, whileHolding } from './holding.ts'
import { currentLabel } from './label.ts'
import type { ResolvedPoolConfig } from './options.ts'
import type { PoolCounters, PoolTimings } from './stats.ts'
import { deadlineFrom, type Waiter } from './waiter.ts'

/** The longest holders that a message names. */
const NAMED_HOLDERS = 3

/** What checkouts need of the pool around them. */
export interface CheckoutsPort {
  readonly allocator: Allocator
  readonly announcer: Announcer
  readonly counters: PoolCounters
  readonly timings: PoolTimings
  /** Runs what somebody sent on a client that is not theirs any more. */
  readonly runInstead: (args: readonly unknown[]) => unknown
}

/** Connections in the hands of callers: who holds which since when, and whether they come back as they should. */
export class Checkouts {
  readonly #config: ResolvedPoolConfig
  readonly #clock: Clock
  readonly #port: CheckoutsPort
  readonly leaks = new Leaks()

  constructor(config: ResolvedPoolConfig, clock: Clock, port: CheckoutsPort) {
    this.#config = config
    this.#clock = clock
    this.#port = port
  }

  /**
   * A client for whoever calls, who gives it back with its `release`, and counts as its holder from the await on.
   * @param above the public function that was called: its caller is the call site.
   * @throws HF_POOL_ACQUIRE_TIMEOUT, HF_POOL_QUEUE_FULL, HF_POOL_ENDED, the driver's error, the signal's reason
   */
  connect(signal: AbortSignal | undefined, above: (...args: never[]) => unknown): Promise<PooledClient> {
    const trace = this.#trace(above)
    const hold = beginHolding(this)
    const now = this.#clock.monotonicMs()
    const connection = signal?.aborted ? undefined : this.#port.allocator.takeIdle(now)
    if (connection) {
      const checkout = new Checkout(connection, now, currentLabel(), trace)
      hold(checkout)
      return Promise.resolve(this.#handOver(checkout))
    }
    return new Promise((resolve, reject) => {
      const then = (checkout: Checkout): void => {
        hold(checkout)
        resolve(this.#handOver(checkout))
      }
      this.#wait(signal, now, trace, then, reject)
    })
  }

  /** Runs `work` with a connection that it holds, and gives it back. */
  async with<T>(
    signal: AbortSignal | undefined,
    above: (...args: never[]) => unknown,
    work: (connection: Connection, holder: Holder) => Promise<T>,
  ): Promise<T> {
    const trace = this.#trace(above)
    const now = this.#clock.monotonicMs()
    const idle = signal?.aborted ? undefined : this.#port.allocator.takeIdle(now)
    const checkout = idle
      ? new Checkout(idle, now, currentLabel(), trace)
      : await new Promise<Checkout>((resolve, reject) => {
          this.#wait(signal, now, trace, resolve, reject)
        })
    const client = this.#handOver(checkout)
    try {
      return await whileHolding(this, checkout, () => work(checkout.connection, checkout))
    } finally {
      client.release()
    }
  }

  #trace(above: (...args: never[]) => unknown): Error | undefined {
    return this.#config.options.leakThresholdMs > 0 ? traceAbove(above) : undefined
  }

  /** Stands in line for a connection. */
  #wait(
    signal: AbortSignal | undefined,
    since: number,
    trace: Error | undefined,
    then: (checkout: Checkout) => void,
    refuse: (error: unknown) => void,
  ): void {
    if (signal?.aborted) return refuse(signal.reason)
    const { allocator } = this.#port
    if (!allocator.canServe()) this.#tellNested(trace)
    const label = currentLabel()
    const onAbort = (): void => {
      if (allocator.abandon(waiter)) refuse(signal?.reason)
    }
    const settled = (): void => signal?.removeEventListener('abort', onAbort)
    const waiter: Waiter = {
      place: -1,
      purpose: 'busy',
      label,
      since,
      deadline: deadlineFrom(since, this.#config.options.acquireTimeoutMs),
      serve: (connection) => {
        settled()
        then(new Checkout(connection, connection.busySince, label, trace))
      },
      refuse: (error) => {
        settled()
        refuse(error)
      },
    }
    try {
      allocator.acquire(waiter)
    } catch (error) {
      return refuse(error)
    }
    if (waiter.place >= 0) signal?.addEventListener('abort', onAbort, { once: true })
  }

  /** The code that runs holds a connection inside a transaction: it may hold locks that others wait for. */
  isInTransaction(): boolean {
    const held = heldBy(this)
    return held !== undefined && held.connection.client.getTransactionStatus() !== 'I'
  }

  /** Somebody sends a statement on a client that was released. */
  late(connection: Connection, args: readonly unknown[]): unknown {
    const stack = traceAbove(connection.client.query as () => unknown).stack
    this.#port.announcer.tell('pool:used-after-release', { text: textOf(args[0]), stack })
    if (this.#config.options.debug) throw usedAfterRelease()
    return this.#port.runInstead(args)
  }

  /** Who holds connections, the longest first. */
  holders(): HolderPicture[] {
    const now = this.#clock.monotonicMs()
    return this.#port.allocator.slots
      .in('busy')
      .map((connection) => pictureOf(connection, now))
      .toSorted((a, b) => b.heldMs - a.heldMs)
  }

  longestHolders(): HolderPicture[] {
    return this.holders().slice(0, NAMED_HOLDERS)
  }

  /** Tells of checkouts that the end of the pool has to destroy. */
  tellLeft(): void {
    const holders = this.holders()
    if (holders.length > 0)
      this.#port.announcer.tell('pool:leaked-at-end', { count: holders.length, holders })
  }

  /** Tells of checkouts that are held for too long; returns when the next may be. */
  sweep(now: number): number {
    const { leakThresholdMs, onLeak } = this.#config.options
    let next = Number.POSITIVE_INFINITY
    if (leakThresholdMs === 0) return next
    for (const connection of this.#port.allocator.slots.in('busy')) {
      const { holder } = connection
      if (!holder || holder.isReported) continue
      const due = holder.since + leakThresholdMs
      if (due > now) {
        next = Math.min(next, due)
      } else if (!connection.isQuiet) {
        next = Math.min(next, now + leakThresholdMs) // a statement is running: slow, but not forgotten
      } else {
        holder.isReported = true
        this.#port.counters.leaks += 1
        const picture = pictureOf(connection, now)
        this.leaks.note(holder, picture, this.#clock.now())
        this.#port.announcer.tell('pool:leak', picture)
        if (onLeak === 'destroy') this.#takeAway(connection, holder)
      }
    }
    return next
  }

  #handOver(checkout: Checkout): PooledClient {
    const { connection } = checkout
    connection.holder = checkout
    const { debug, leakThresholdMs } = this.#config.options
    const client = armCheckout(checkout, debug, this.#takeBack)
    if (leakThresholdMs > 0) this.#port.allocator.expect(checkout.since + leakThresholdMs)
    if (this.#port.announcer.isHeard('acquire')) this.#port.announcer.tell('acquire', client)
    return client
  }

  readonly #takeBack = (checkout: Checkout, destroy: Error | boolean | undefined): void => {
    const { connection } = checkout
    const now = this.#clock.monotonicMs()
    const heldMs = now - checkout.since
    this.#port.counters.holdMsTotal += heldMs
    this.#port.timings.holds.record(heldMs)
    const { allocator, announcer } = this.#port
    if (announcer.isHeard('release'))
      announcer.tell(
        'release',
        destroy instanceof Error ? destroy : undefined,
        connection.client as pg.PoolClient,
      )
    if (connection.holder !== checkout) return // it was taken away from its holder
    const picture = checkout.isReported || !connection.isClean ? pictureOf(connection, now) : undefined
    connection.holder = undefined
    if (picture && checkout.isReported) {
      this.leaks.returned(checkout, picture)
      announcer.tell('pool:leak-returned', picture)
    }
    allocator.giveBack(connection, {
      destroy,
      now,
      mustReset: this.#config.options.resetOnRelease,
      onDirty: (kept) => picture && announcer.tell('pool:dirty-release', { kept, ...picture }),
    })
  }

  /** Takes a forgotten connection away from its holder. */
  #takeAway(connection: Connection, holder: Holder): void {
    holder.isReleased = true
    connection.holder = undefined
    this.#port.allocator.giveBack(connection, { destroy: true })
  }

  #tellNested(trace: Error | undefined): void {
    const outer = heldBy(this)
    if (!outer) return
    this.#port.announcer.tell('pool:nested-checkout', {
      outer: pictureOf(outer.connection, this.#clock.monotonicMs()),
      stack: trace?.stack,
    })
  }
}

function pictureOf(connection: Connection, now: number): HolderPicture {
  const { holder, busySince, statementText, driver } = connection
  return {
    heldMs: now - (holder?.since ?? busySince),
    label: holder?.label,
    callSite: holder?.callSite,
    lastText: holder ? holder.lastText : statementText,
    isLeak: holder?.isReported ?? false,
    pid: driver.processID ?? undefined,
  }
}
