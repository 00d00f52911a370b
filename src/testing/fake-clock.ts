import type { Clock, Timer } from '../core/index.ts'

interface Pending {
  readonly at: number
  readonly order: number
  readonly callback: () => void
}

/** A {@link Clock} that stands still until it is told to go on. */
export class FakeClock implements Clock {
  #elapsedMs = 0
  #order = 0
  readonly #startedAt: number
  readonly #pending = new Set<Pending>()

  /** @param startedAt milliseconds since 1970; default the first instant of 2026 in UTC. */
  constructor(startedAt = Date.UTC(2026, 0, 1)) {
    this.#startedAt = startedAt
  }

  /** How many timers are set: zero at the end of a test that cleaned up. */
  get pendingCount(): number {
    return this.#pending.size
  }

  now(): number {
    return this.#startedAt + this.#elapsedMs
  }

  monotonicMs(): number {
    return this.#elapsedMs
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer: Pending = { at: this.#elapsedMs + Math.max(delayMs, 0), order: this.#order++, callback }
    this.#pending.add(timer)
    return { cancel: () => void this.#pending.delete(timer) }
  }

  /** Lets `ms` pass: fires what comes due, in order, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsedMs + ms
    await settle()
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#elapsedMs = Math.max(this.#elapsedMs, next.at)
      this.#pending.delete(next)
      next.callback()
      await settle()
    }
    this.#elapsedMs = end
  }

  #next(end: number): Pending | undefined {
    return [...this.#pending]
      .filter(({ at }) => at <= end)
      .toSorted((a, b) => a.at - b.at || a.order - b.order)[0]
  }
}

/** One turn of the event loop: every promise that can settle has settled. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
