/** What a pool was asked for since it was made. */
export interface DemandFigures {
  /** Milliseconds in which at least one connection was wanted. */
  readonly busyMs: number
  /** The most connections that were wanted at once. */
  readonly peak: number
  /** So many were enough for this share of the busy time, by share: `0.95` and so on. */
  enoughFor(share: number): number
}

/** More callers at once than this are counted as this many. */
const MOST = 4_096

/** For how long how many connections were wanted: those in use, and those that callers waited for. */
export class Demand implements DemandFigures {
  #msAt = new Float64Array(64)
  #level = 0
  #since: number
  peak = 0

  /** @param now monotonic milliseconds */
  constructor(now: number) {
    this.#since = now
  }

  /** From `now` on so many are wanted. */
  note(wanted: number, now: number): void {
    if (wanted === this.#level) return
    this.settle(now)
    this.#level = Math.min(wanted, MOST)
    if (this.#level > this.peak) this.peak = this.#level
    if (this.#level < this.#msAt.length) return
    const more = new Float64Array(Math.min(MOST + 1, this.#level * 2))
    more.set(this.#msAt)
    this.#msAt = more
  }

  /** Counts the time up to `now`. */
  settle(now: number): void {
    this.#msAt[this.#level] = (this.#msAt[this.#level] as number) + (now - this.#since)
    this.#since = now
  }

  get busyMs(): number {
    let sum = 0
    for (let level = 1; level < this.#msAt.length; level += 1) sum += this.#msAt[level] as number
    return sum
  }

  enoughFor(share: number): number {
    const wanted = this.busyMs * share
    let sum = 0
    for (let level = 1; level < this.#msAt.length; level += 1) {
      sum += this.#msAt[level] as number
      if (sum >= wanted && sum > 0) return level
    }
    return 0
  }
}
