import type { Connection } from './connection.ts'

/** A caller that waits for a connection. Settles once: served, timed out, aborted or refused. */
export interface Waiter {
  readonly since: number
  /** Monotonic milliseconds; infinity waits for ever. */
  readonly deadline: number
  readonly serve: (connection: Connection) => void
  readonly refuse: (error: unknown) => void
  /** Where it stands in the queue, kept by the queue; -1 while it does not wait. */
  place: number
}

/**
 * Callers in strict order of arrival, in a ring buffer. One that gives up leaves a hole that is skipped later:
 * leaving costs nothing, whatever the length.
 */
export class Waiters {
  #ring: (Waiter | undefined)[] = Array.from({ length: 16 })
  #head = 0
  /** Places in use from the head on, holes included. */
  #length = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  push(waiter: Waiter): void {
    if (this.#length === this.#ring.length) this.#rebuild()
    waiter.place = (this.#head + this.#length) % this.#ring.length
    this.#ring[waiter.place] = waiter
    this.#length += 1
    this.#size += 1
  }

  /** The one that waits longest, without taking it out. */
  peek(): Waiter | undefined {
    while (this.#length > 0 && this.#ring[this.#head] === undefined) {
      this.#head = (this.#head + 1) % this.#ring.length
      this.#length -= 1
    }
    return this.#ring[this.#head]
  }

  shift(): Waiter | undefined {
    const waiter = this.peek()
    if (waiter) this.remove(waiter)
    return waiter
  }

  /** Takes a waiter out from wherever it stands. False when it no longer waits. */
  remove(waiter: Waiter): boolean {
    if (waiter.place < 0) return false
    this.#ring[waiter.place] = undefined
    waiter.place = -1
    this.#size -= 1
    return true
  }

  /** Drops the holes, and doubles when there were few. */
  #rebuild(): void {
    const { length } = this.#ring
    const waiting: Waiter[] = []
    for (let index = 0; index < this.#length; index += 1) {
      const waiter = this.#ring[(this.#head + index) % length]
      if (waiter) waiting.push(waiter)
    }
    this.#ring = Array.from({ length: waiting.length > length / 2 ? length * 2 : length })
    this.#head = 0
    this.#length = waiting.length
    for (const [place, waiter] of waiting.entries()) {
      this.#ring[place] = waiter
      waiter.place = place
    }
  }
}
