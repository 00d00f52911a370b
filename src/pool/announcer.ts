import type { EventEmitter } from 'node:events'
import type { PoolPicture } from './errors.ts'
import type { PoolEvents } from './events.ts'

/** Shares of the connections in use that are told of; the first has to be left by a margin before it is told again. */
const LEVELS = [0.8, 0.9] as const
const MARGIN = 0.1

/** Tells what happens in a pool: each thing once, not once for every caller who notices. */
export class Announcer {
  readonly #events: EventEmitter<PoolEvents>
  /** How often {@link exhausted} was worth telling. */
  exhaustions = 0
  #level = 0
  #isExhausted = false

  constructor(events: EventEmitter<PoolEvents>) {
    this.#events = events
  }

  isHeard(name: keyof PoolEvents): boolean {
    return this.#events.listenerCount(name) > 0
  }

  /** A listener that throws is the application's mistake: it surfaces as such, and not in the pool's books. */
  tell<Name extends keyof PoolEvents>(name: Name, ...args: PoolEvents[Name]): void {
    try {
      this.#events.emit<keyof PoolEvents>(name, ...args)
    } catch (error) {
      process.nextTick(() => {
        throw error
      })
    }
  }

  /** Somebody got a connection, or gave one back. @param used the share of connections that are in use. */
  used(used: number, picture: () => PoolPicture): void {
    // Called for every checkout: nothing is made while nothing changes.
    const level = used < LEVELS[0] ? 0 : used < LEVELS[1] ? 1 : 2
    if (level === this.#level) return
    if (level > this.#level) {
      this.#level = level
      if (this.isHeard('pool:utilization'))
        this.tell('pool:utilization', { level: LEVELS[level - 1] as number, ...picture() })
    } else if (used < (LEVELS[this.#level - 1] ?? 0) - MARGIN) {
      this.#level = level
    }
  }

  /** A caller has to wait, and there is nothing to open. Told again after a moment without anybody waiting. */
  exhausted(picture: () => PoolPicture): void {
    if (this.#isExhausted) return
    this.#isExhausted = true
    this.exhaustions += 1
    if (this.isHeard('pool:exhausted')) this.tell('pool:exhausted', picture())
  }

  /** Nobody waits any more. */
  relaxed(): void {
    this.#isExhausted = false
  }
}
