import type { Clock } from '../core/index.ts'
import { type Examination, examine } from './examination.ts'
import type { CheckContext } from './finding.ts'

const LIFE_MS = 600_000

/** What the checks found last, for those who ask again and again: they are run at most every ten minutes. */
export class Checkup {
  readonly #context: () => Promise<CheckContext>
  readonly #clock: Clock
  #last: { readonly examination: Examination; readonly atMs: number } | undefined
  #isLooking = false

  constructor(context: () => Promise<CheckContext>, clock: Clock) {
    this.#context = context
    this.#clock = clock
  }

  /** What was found last; begins to look again where that is long ago. Waits for nothing. */
  recent(): Examination | undefined {
    const isOld = this.#last === undefined || this.#clock.monotonicMs() - this.#last.atMs > LIFE_MS
    if (isOld && !this.#isLooking) void this.#look()
    return this.#last?.examination
  }

  async #look(): Promise<void> {
    this.#isLooking = true
    try {
      const examination = await examine(await this.#context())
      this.#last = { examination, atMs: this.#clock.monotonicMs() }
    } catch {
      // The database does not answer: others tell of that. Asked again the next time.
    } finally {
      this.#isLooking = false
    }
  }
}
