import { type Clock, messageOf, systemClock, type Timer, uuidv7, within } from '../core/index.ts'
import type { Channel } from './channels/channel.ts'
import type { Delivery, DeliveryStore, Outcome } from './deliveries.ts'
import { deliveryFailed } from './errors.ts'
import type { Notification } from './notification.ts'
import { isSealed, sealOf } from './seal.ts'

/** How long one attempt may take. */
const ATTEMPT_MS = 10_000
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 5 * 60_000
/** After so many attempts it is no passing trouble. */
const ATTEMPTS_UNTIL_TOLD = 3
/** How long what came before is waited for, where another process is at it. */
const BEHIND_PAUSE_MS = 10_000
const ASK_MS = 2_000
/** What nobody took for so long is given up; it stays in the list. */
const GIVE_UP_MS = 7 * 86_400_000
/** Until then nobody else takes what this process is at. */
export const HOLD_MS = 3 * 60_000
/** Beyond it what is written down is left to whoever is next; what is not is lost, and told of. */
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

/** What a dispatcher works with. */
export interface DispatcherInput {
  readonly channels: readonly Channel[]
  readonly clock: Clock
  /** Where it is written down; undefined while that cannot be reached. */
  readonly store: () => DeliveryStore | undefined
  /** Default 10 s. */
  readonly attemptMs?: number | undefined
  readonly onProblem: (problem: string) => void
}

/**
 * Tells through each channel what is to be told, until the other side has taken it. Nobody waits for it: a channel that hangs holds
 * up only itself. What is said of one alert arrives in its order. At least once: whoever dies between sending and writing that down
 * leaves it to somebody who sends it again, under the same id.
 */
export class Dispatcher {
  readonly #lines: readonly Line[]
  readonly #input: DispatcherInput

  constructor(input: DispatcherInput) {
    this.#input = input
    this.#lines = input.channels.map((channel) => new Line(channel, input))
  }

  /** One delivery for each channel: to be written down, and then sent. */
  make(
    notification: (id: string) => Notification,
    about: { readonly alert?: string; readonly topic?: string; readonly but?: Channel['name'] },
  ): Delivery[] {
    return this.#lines
      .filter(({ name }) => name !== about.but)
      .map(({ name, secret }) => {
        const id = uuidv7()
        const said = {
          id,
          channel: name,
          alert: about.alert ?? null,
          topic: about.topic ?? null,
          notification: wellFormed(notification(id)),
        }
        const seal = secret === undefined ? null : sealOf(said, secret)
        return { ...said, seal, createdAt: this.#input.clock.now(), attempts: 0 }
      })
  }

  /** Begins to tell. @param isWritten whether it outlives this process already */
  send(deliveries: readonly Delivery[], isWritten: boolean): void {
    for (const delivery of deliveries)
      this.#lines.find(({ name }) => name === delivery.channel)?.add(delivery, isWritten)
  }

  /** Once a minute: writes down what could not be, says what is still at work, and takes over what nobody is at. */
  async keep(): Promise<void> {
    const store = this.#input.store()
    if (!store) return
    const now = this.#input.clock.now()
    for (const line of this.#lines) await line.writeAll(store, now + HOLD_MS)
    await store.hold(this.#ids, now + HOLD_MS)
    const names = this.#lines.map(({ name }) => name)
    for (const delivery of await store.take(names, now, now + HOLD_MS)) {
      const secret = this.#lines.find(({ name }) => name === delivery.channel)?.secret
      if (secret === undefined || isSealed(delivery, secret)) this.send([delivery], true)
      else await this.#refuse(store, delivery)
    }
  }

  /** Somebody wrote it to the table who does not know the channel's secret; or the secret is another by now. */
  async #refuse(store: DeliveryStore, delivery: Delivery): Promise<void> {
    const error = `Its seal is not of the secret of ${delivery.channel}: it is not told`
    await store.settle(delivery, { kind: 'failed', error }, this.#input.clock.now())
    this.#input.onProblem(
      `A notification that was written down is not told: ${error}. See: holdfast alert deliveries`,
    )
  }

  /** Sends nothing more; what is left is for somebody else from now on. */
  async stop(): Promise<void> {
    await Promise.all(this.#lines.map((line) => line.stop()))
    const store = this.#input.store()
    if (!store) return
    const now = this.#input.clock.now()
    for (const line of this.#lines) await line.writeAll(store, now)
    await store.hold(this.#ids, now)
  }

  get #ids(): string[] {
    return this.#lines.flatMap(({ ids }) => ids)
  }
}

/** PostgreSQL keeps no NUL and no half of a character. */
function wellFormed(notification: Notification): Notification {
  const clean = (text: string): string => text.replaceAll('\u0000', '').toWellFormed()
  return { ...notification, title: clean(notification.title), text: clean(notification.text) }
}

/** What waits for one channel. */
class Line {
  readonly #channel: Channel
  readonly #input: DispatcherInput
  readonly #clock: Clock
  readonly #stopping = new AbortController()
  #waiting: Waiting[] = []
  #unsettled: readonly Settled[] = []
  /** Somebody was told that nobody takes what is sent. */
  #isKnownToFail = false
  #timer: Timer | undefined
  #sending: Promise<void> | undefined

  constructor(channel: Channel, input: DispatcherInput) {
    this.#channel = channel
    this.#input = input
    this.#clock = input.clock
  }

  get name(): Channel['name'] {
    return this.#channel.name
  }

  get secret(): string | undefined {
    return this.#channel.secret
  }

  get ids(): string[] {
    return this.#waiting.map(({ delivery }) => delivery.id)
  }

  add(delivery: Delivery, isWritten: boolean): void {
    if (this.#stopping.signal.aborted || this.ids.includes(delivery.id)) return
    this.#waiting.push({ delivery, isWritten, dueMs: this.#clock.monotonicMs() })
    if (this.#waiting.length > MOST_IN_MEMORY) this.#leaveOne()
    this.#next()
  }

  /** Writes down what is not; what cannot be stays, and holds up no other. */
  async writeAll(store: DeliveryStore, heldUntil: number): Promise<void> {
    for (const one of this.#waiting) {
      if (one.isWritten) continue
      try {
        await store.put([one.delivery], heldUntil)
        one.isWritten = true
      } catch (error) {
        this.#input.onProblem(`What is to be told cannot be written down: ${messageOf(error)}`)
      }
    }
    await this.#settleAll(store)
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the process ends'))
    this.#timer?.cancel()
    await this.#sending
  }

  /** What is written down waits there; else the oldest is lost. */
  #leaveOne(): void {
    const written = this.#waiting.findIndex(({ isWritten }) => isWritten)
    if (written < 0)
      this.#input.onProblem(
        `More than ${MOST_IN_MEMORY} notifications wait for ${this.name}: the oldest is lost.`,
      )
    this.#waiting.splice(Math.max(0, written), 1)
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
    return this.#waiting
      .toSorted((a, b) => (a.delivery.id < b.delivery.id ? -1 : 1))
      .filter(({ delivery: { alert, id } }) => {
        const key = alert ?? id
        return !seen.has(key) && seen.add(key)
      })
  }

  async #send(waiting: Waiting): Promise<void> {
    if (await this.#isBehindAnother(waiting)) {
      waiting.dueMs = this.#clock.monotonicMs() + BEHIND_PAUSE_MS
      return
    }
    const attempts = waiting.delivery.attempts + 1
    const delivery = { ...waiting.delivery, attempts }
    waiting.delivery = delivery
    const now = this.#clock.now()
    let outcome: Outcome = { kind: 'delivered' }
    try {
      await attempt(this.#channel, delivery.notification, this.#input.attemptMs, this.#stopping.signal)
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      outcome = { kind: now - delivery.createdAt > GIVE_UP_MS ? 'failed' : 'waits', error: messageOf(error) }
      const pauseMs = FIRST_PAUSE_MS * 2 ** Math.min(20, attempts - 1)
      waiting.dueMs = this.#clock.monotonicMs() + Math.min(LONGEST_PAUSE_MS, pauseMs)
      this.#tellOfFailure(attempts, messageOf(error))
    }
    if (outcome.kind === 'delivered') this.#isKnownToFail = false
    if (outcome.kind !== 'waits') this.#waiting = this.#waiting.filter((one) => one !== waiting)
    if (waiting.isWritten) await this.#settle({ delivery, outcome, atMs: now })
  }

  #tellOfFailure(attempts: number, reason: string): void {
    if (this.#isKnownToFail || attempts < ATTEMPTS_UNTIL_TOLD) return
    this.#isKnownToFail = true
    this.#input.onProblem(
      `Nobody is told by ${this.name}: ${reason} It is tried again: holdfast alert deliveries`,
    )
  }

  /** Another process may still be at what was said before. Where nobody can be asked, it is not waited for. */
  async #isBehindAnother({ delivery, isWritten }: Waiting): Promise<boolean> {
    if (!isWritten || delivery.alert === null) return false
    try {
      const asked = this.#input.store()?.isBehindAnother(delivery)
      return asked !== undefined && (await within(systemClock, ASK_MS, asked, () => new Error('no answer')))
    } catch {
      return false
    }
  }

  /** What cannot be written down is so later: else somebody would tell it again. */
  async #settle(settled: Settled): Promise<void> {
    const others = this.#unsettled.filter(({ delivery }) => delivery.id !== settled.delivery.id)
    this.#unsettled = [...others, settled]
    const store = this.#input.store()
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
  const noAnswer = (): Error => deliveryFailed(channel.name, `no answer within ${limitMs / 1_000} s`)
  try {
    await within(systemClock, limitMs, channel.send(notification, signal), noAnswer)
  } catch (error) {
    // A channel that is told to end may say so in its own words, and first.
    throw late.aborted ? noAnswer() : error
  }
}
