/** An event as subscribers see it. */
export interface ChannelEvent {
  /** Counts up by one within a process; the resume point of a subscriber that was cut off. */
  readonly id: number
  /** Milliseconds since 1970. */
  readonly at: number
  /** `noun:verb` or the noun of a sample. */
  readonly type: string
  readonly data: unknown
}

/** Ends a subscription. */
export type Unsubscribe = () => void

/**
 * Live events of one process, with a bounded memory so that a subscriber that was cut off can resume.
 * A subscriber that throws is dropped: one broken reader must not stop the others.
 */
export class EventChannel {
  readonly #listeners = new Set<(event: ChannelEvent) => void>()
  readonly #recent: ChannelEvent[] = []
  readonly #capacity: number
  readonly #now: () => number
  #lastId = 0

  /** @param capacity how many events are remembered for resuming; default 600. */
  constructor(now: () => number, capacity = 600) {
    this.#now = now
    this.#capacity = capacity
  }

  get subscriberCount(): number {
    return this.#listeners.size
  }

  publish(type: string, data: unknown): ChannelEvent {
    const event: ChannelEvent = { id: ++this.#lastId, at: this.#now(), type, data }
    this.#recent.push(event)
    if (this.#recent.length > this.#capacity) this.#recent.shift()
    for (const listener of this.#listeners) this.#deliver(listener, event)
    return event
  }

  /** Delivers what came after `afterId` (as far as remembered), then everything new. */
  subscribe(listener: (event: ChannelEvent) => void, afterId = this.#lastId): Unsubscribe {
    this.#listeners.add(listener)
    // An id from the future belongs to an earlier process: there is nothing to resume from.
    const from = afterId > this.#lastId ? 0 : afterId
    for (const event of this.#recent) if (event.id > from) this.#deliver(listener, event)
    return () => void this.#listeners.delete(listener)
  }

  #deliver(listener: (event: ChannelEvent) => void, event: ChannelEvent): void {
    try {
      listener(event)
    } catch {
      this.#listeners.delete(listener)
    }
  }
}
