import { type Clock, messageOf, systemClock, type Timer, uuidv7, within } from '../core/index.ts'
import type { Channel } from './channels/channel.ts'
import type { Delivery, DeliveryStore, Outcome } from './deliveries.ts'
import { deliveryFailed } from './errors.ts'
import type { Notification } from './notification.ts'

/** How long one attempt may take. */
const ATTEMPT_MS = 10_000
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 5 * 60_000
/** What nobody took for so long is given up; it stays in the list. */
const GIVE_UP_MS = 7 * 86_400_000
/** Until then nobody else takes what this process is at. */
export const HOLD_MS = 3 * 60_000
/** Beyond it, the oldest waits where it is written down. */
const MOST_IN_MEMORY = 1_000

interface Waiting {
  delivery: Delivery
  /** Monotonic milliseconds. */
  dueMs: number
  isWritten: boolean
}

/** What is to be written down of an attempt. */
interface Settled {
  readonly delivery: Delivery
  readonly outcome: Outcome
  readonly atMs: number
}

/**
 * Tells through each channel what is to be told, until the other side has taken it. Nobody waits for it: a channel that hangs holds
 * up only itself. What is said of one alert arrives in its order. At least once: whoever dies between sending and writing that down
 * leaves it to somebody who sends it again, under the same id.
 */
export class Dispatcher {
  readonly #channels: readonly Line[]
  readonly #clock: Clock
  readonly #store: () => DeliveryStore | undefined

  /** @param store where it is written down; undefined while that cannot be reached */
  constructor(
    channels: readonly Channel[],
    clock: Clock,
    store: () => DeliveryStore | undefined,
    attemptMs: number | undefined,
  ) {
    this.#clock = clock
    this.#store = store
    this.#channels = channels.map((channel) => new Line(channel, clock, store, attemptMs))
  }

  /** Begins to tell it. @param topic is told once only, whoever comes first */
  async post(
    make: (id: string) => Notification,
    { alert, topic, but }: { alert?: string; topic?: string; but?: Channel['name'] } = {},
  ): Promise<void> {
    for (const line of this.#channels) {
      if (line.name === but) continue
      const id = uuidv7()
      const delivery: Delivery = {
        id,
        channel: line.name,
        alert: alert ?? null,
        topic: topic ?? null,
        notification: make(id),
        createdAt: this.#clock.now(),
        attempts: 0,
      }
      const written = await this.#write(delivery)
      // What is told once is told only by whoever could write that down.
      if (topic === undefined || written === true) line.add(delivery, written !== undefined)
    }
  }

  /** Once a minute: writes down what could not be, says what is still at work, and takes over what nobody is at. */
  async keep(): Promise<void> {
    const store = this.#store()
    if (!store) return
    const now = this.#clock.now()
    for (const line of this.#channels) await line.writeAll(store, now + HOLD_MS)
    await store.hold(
      this.#channels.flatMap(({ ids }) => ids),
      now + HOLD_MS,
    )
    const taken = await store.take(
      this.#channels.map(({ name }) => name),
      now,
      now + HOLD_MS,
    )
    for (const delivery of taken)
      this.#channels.find(({ name }) => name === delivery.channel)?.add(delivery, true)
  }

  /** Sends nothing more; what is left is for somebody else from now on. */
  async stop(): Promise<void> {
    await Promise.all(this.#channels.map((line) => line.stop()))
    const store = this.#store()
    if (!store) return
    const now = this.#clock.now()
    for (const line of this.#channels) await line.writeAll(store, now)
    await store.hold(
      this.#channels.flatMap(({ ids }) => ids),
      now,
    )
  }

  /** @returns whether it was written; undefined where it could not be */
  async #write(delivery: Delivery): Promise<boolean | undefined> {
    try {
      return await this.#store()?.put(delivery, this.#clock.now() + HOLD_MS)
    } catch {
      return undefined // the database may be what the alert is about; tried again each minute
    }
  }
}

/** What waits for one channel. */
class Line {
  readonly #channel: Channel
  readonly #attemptMs: number | undefined
  readonly #clock: Clock
  readonly #store: () => DeliveryStore | undefined
  readonly #stopping = new AbortController()
  #waiting: Waiting[] = []
  #unsettled: readonly Settled[] = []
  #timer: Timer | undefined
  #sending: Promise<void> | undefined

  constructor(
    channel: Channel,
    clock: Clock,
    store: () => DeliveryStore | undefined,
    attemptMs: number | undefined,
  ) {
    this.#attemptMs = attemptMs
    this.#channel = channel
    this.#clock = clock
    this.#store = store
  }

  get name(): Channel['name'] {
    return this.#channel.name
  }

  get ids(): string[] {
    return this.#waiting.map(({ delivery }) => delivery.id)
  }

  add(delivery: Delivery, isWritten: boolean): void {
    if (this.#stopping.signal.aborted || this.ids.includes(delivery.id)) return
    this.#waiting.push({ delivery, isWritten, dueMs: this.#clock.monotonicMs() })
    if (this.#waiting.length > MOST_IN_MEMORY) this.#waiting.shift()
    this.#next()
  }

  /** Writes down what is not. */
  async writeAll(store: DeliveryStore, heldUntil: number): Promise<void> {
    for (const one of this.#waiting) {
      if (one.isWritten) continue
      await store.put(one.delivery, heldUntil)
      one.isWritten = true
    }
    await this.#settleAll(store)
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the process ends'))
    this.#timer?.cancel()
    await this.#sending
  }

  /** Sends what is due, one after another; else waits until something is. */
  #next(): void {
    if (this.#sending || this.#stopping.signal.aborted) return
    this.#timer?.cancel()
    const ready = this.#firsts().toSorted((a, b) => a.dueMs - b.dueMs)[0]
    if (!ready) return
    const pauseMs = ready.dueMs - this.#clock.monotonicMs()
    if (pauseMs > 0) {
      this.#timer = this.#clock.setTimer(() => this.#next(), pauseMs, 'background')
      return
    }
    this.#sending = this.#send(ready).finally(() => {
      this.#sending = undefined
      this.#next()
    })
  }

  /** Of each alert what was said first. */
  #firsts(): Waiting[] {
    const seen = new Set<string>()
    return this.#waiting.filter(({ delivery: { alert, id } }) => {
      const key = alert ?? id
      return !seen.has(key) && seen.add(key)
    })
  }

  async #send(waiting: Waiting): Promise<void> {
    const attempts = waiting.delivery.attempts + 1
    const delivery = { ...waiting.delivery, attempts }
    waiting.delivery = delivery
    const now = this.#clock.now()
    let outcome: Outcome = { kind: 'delivered' }
    try {
      await attempt(this.#channel, delivery.notification, this.#attemptMs, this.#stopping.signal)
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      outcome = { kind: now - delivery.createdAt > GIVE_UP_MS ? 'failed' : 'waits', error: messageOf(error) }
      const pauseMs = FIRST_PAUSE_MS * 2 ** Math.min(20, attempts - 1)
      waiting.dueMs = this.#clock.monotonicMs() + Math.min(LONGEST_PAUSE_MS, pauseMs)
    }
    if (outcome.kind !== 'waits') this.#waiting = this.#waiting.filter((one) => one !== waiting)
    if (waiting.isWritten) await this.#settle({ delivery, outcome, atMs: now })
  }

  /** What cannot be written down is so later: else somebody would tell it again. */
  async #settle(settled: Settled): Promise<void> {
    this.#unsettled = [
      ...this.#unsettled.filter(({ delivery }) => delivery.id !== settled.delivery.id),
      settled,
    ]
    const store = this.#store()
    if (store) await this.#settleAll(store).catch(() => {}) // with the next one, or the next minute
  }

  async #settleAll(store: DeliveryStore): Promise<void> {
    for (let next = this.#unsettled[0]; next; next = this.#unsettled[0]) {
      await store.settle(next.delivery, next.outcome, next.atMs)
      this.#unsettled = this.#unsettled.filter((one) => one !== next)
    }
  }
}

/** Sends something once, by the real clock: it is about the network. @throws HF_ALERT_DELIVERY */
export async function attempt(
  channel: Channel,
  notification: Notification,
  limitMs = ATTEMPT_MS,
  stopping?: AbortSignal,
): Promise<void> {
  const late = AbortSignal.timeout(limitMs)
  const signal = stopping ? AbortSignal.any([late, stopping]) : late
  await within(systemClock, limitMs, channel.send(notification, signal), () =>
    deliveryFailed(channel.name, `no answer within ${limitMs / 1_000} s`),
  )
}
