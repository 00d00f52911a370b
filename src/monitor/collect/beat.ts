import type { Clock, Timer } from '../../core/index.ts'

/**
 * Calls at whole multiples of a length of time, so that steps of different processes lie over one another. One call at a time: a beat
 * that finds the last one still at work is left out, and told of.
 */
export class Beat {
  readonly #clock: Clock
  readonly #everyMs: number
  readonly #call: (beatMs: number) => Promise<void>
  readonly #onSkipped: () => void
  #timer: Timer | undefined
  #running: Promise<void> | undefined

  /** @param call is told which multiple it is, in milliseconds since 1970; it must not throw */
  constructor(clock: Clock, everyMs: number, call: (beatMs: number) => Promise<void>, onSkipped: () => void) {
    this.#clock = clock
    this.#everyMs = everyMs
    this.#call = call
    this.#onSkipped = onSkipped
    this.#await(Math.floor(clock.now() / everyMs) * everyMs)
  }

  /** Begins no further call; resolves when the last one has ended. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    await this.idle()
  }

  /** Resolves when no call is at work. */
  async idle(): Promise<void> {
    await this.#running
  }

  #await(lastMs: number): void {
    const now = this.#clock.now()
    // The machine's clock was set back: from here on it is as late as it says.
    if (lastMs > now + this.#everyMs) return this.#await(Math.floor(now / this.#everyMs) * this.#everyMs)
    // Not the one that was just called: a timer may come a moment early.
    const nextMs = Math.max(lastMs + this.#everyMs, Math.ceil(now / this.#everyMs) * this.#everyMs)
    this.#timer = this.#clock.setTimer(() => this.#beat(nextMs), nextMs - now, 'background')
  }

  #beat(beatMs: number): void {
    this.#await(beatMs)
    if (this.#running) return this.#onSkipped()
    this.#running = this.#call(beatMs).finally(() => {
      this.#running = undefined
    })
  }
}
