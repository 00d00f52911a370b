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
  readonly #latest = new Map<string, ChannelEvent>()
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
    this.#latest.set(type, event)
    for (const listener of this.#listeners) this.#deliver(listener, event)
    return event
  }

  /**
   * Delivers what came after `afterId` (as far as remembered), then everything new. Without it: the latest of
   * each type, so that a newcomer has the whole picture at once.
   */
  subscribe(listener: (event: ChannelEvent) => void, afterId?: number): Unsubscribe {
    this.#listeners.add(listener)
    // An id from the future belongs to an earlier process: there is nothing to resume from.
    const missed =
      afterId === undefined || afterId > this.#lastId
        ? [...this.#latest.values()].toSorted((a, b) => a.id - b.id)
        : this.#recent.filter(({ id }) => id > afterId)
    for (const event of missed) this.#deliver(listener, event)
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
