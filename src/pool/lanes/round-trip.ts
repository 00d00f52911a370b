/** After so many samples the older half is forgotten: the network may have changed. */
const WINDOW = 512

/**
 * How long an answer takes at least: the way to the server and back. What a statement takes longer than that is
 * the server's work.
 */
export class RoundTrip {
  #least = Number.POSITIVE_INFINITY
  #leastBefore = Number.POSITIVE_INFINITY
  #samples = 0

  /** Milliseconds; zero before anything was measured. */
  get leastMs(): number {
    const least = Math.min(this.#least, this.#leastBefore)
    return least === Number.POSITIVE_INFINITY ? 0 : least
  }

  /** A new connection tells: when it is much farther away than what was known, the server has moved. */
  meet(elapsedMs: number): void {
    if (elapsedMs > 3 * this.leastMs + 2) this.#least = this.#leastBefore = Number.POSITIVE_INFINITY
    this.sample(elapsedMs)
  }

  /** @param elapsedMs from sending a statement, with nothing ahead of it, to its answer. */
  sample(elapsedMs: number): void {
    this.#least = Math.min(this.#least, elapsedMs)
    this.#samples += 1
    if (this.#samples < WINDOW) return
    this.#samples = 0
    this.#leastBefore = this.#least
    this.#least = Number.POSITIVE_INFINITY
  }
}
