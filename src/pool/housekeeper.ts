import type { Clock, Timer } from '../core/index.ts'

/**
 * One timer for all deadlines of a pool. Whoever creates a deadline says so with `expect`; the sweep that runs
 * when the earliest has come answers with the next one. Nothing is scanned in between.
 */
export class Housekeeper {
  readonly #clock: Clock
  readonly #sweep: (now: number) => number
  #timer: Timer | undefined
  #armedFor = Number.POSITIVE_INFINITY
  #keepsProcess = false

  /** @param sweep handles every deadline up to `now`; returns the next one, or infinity. */
  constructor(clock: Clock, sweep: (now: number) => number) {
    this.#clock = clock
    this.#sweep = sweep
  }

  /** Makes sure that the sweep runs at `deadline` (monotonic ms) or earlier. */
  expect(deadline: number): void {
    if (deadline < this.#armedFor) this.#arm(deadline)
  }

  /** Whether the process may not end before the next deadline: callers wait, and no socket keeps it. */
  keepProcess(should: boolean): void {
    if (should === this.#keepsProcess) return
    this.#keepsProcess = should
    if (this.#timer) this.#arm(this.#armedFor)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #arm(deadline: number): void {
    this.#timer?.cancel()
    this.#armedFor = deadline
    this.#timer = this.#clock.setTimer(
      () => {
        this.#timer = undefined
        this.#armedFor = Number.POSITIVE_INFINITY
        this.expect(this.#sweep(this.#clock.monotonicMs()))
      },
      // A timer may fire a fraction of a millisecond early: the sweep would find nothing and arm again.
      Math.ceil(deadline - this.#clock.monotonicMs()) + 1,
      this.#keepsProcess ? 'foreground' : 'background',
    )
  }
}
