import { type Clock, type Lease, wait } from '../../core/index.ts'

/** How long after losing, or not getting, the lease it is asked for again. */
const PAUSE_MS = 30_000

/** Tries to be the one process that does something, for as long as it may. */
export class Leadership {
  readonly #stopping = new AbortController()
  readonly #done: Promise<void>
  #isHeld = false

  /** @param onFailure is told why the lease could not be asked for */
  constructor(lease: Lease, name: string, clock: Clock, onFailure: (error: unknown) => void) {
    this.#done = this.#try(lease, name, clock, onFailure)
  }

  get isHeld(): boolean {
    return this.#isHeld
  }

  /** Gives it back. */
  async end(): Promise<void> {
    this.#stopping.abort(new Error('not needed any more'))
    await this.#done
  }

  async #try(lease: Lease, name: string, clock: Clock, onFailure: (error: unknown) => void): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await lease.run(name, (lost) => this.#hold(AbortSignal.any([lost, signal]))).catch(onFailure)
      await wait(clock, PAUSE_MS, signal).catch(() => {}) // it ends
    }
  }

  async #hold(until: AbortSignal): Promise<void> {
    this.#isHeld = !until.aborted
    if (this.#isHeld) await new Promise<void>((resolve) => until.addEventListener('abort', () => resolve()))
    this.#isHeld = false
  }
}
