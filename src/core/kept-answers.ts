import type { Clock } from './clock.ts'

/** Most that are kept; who shows a page asks for about five. */
const MOST_KEPT = 64

interface Kept {
  readonly answer: Promise<unknown>
  /** When it came, in monotonic milliseconds; infinity while it is on its way. */
  at: number
}

/** Answers that are kept for a while: one for everybody who asks the same, also while it is on its way. A failure is not kept. */
export class KeptAnswers {
  readonly #clock: Clock
  readonly #kept = new Map<string, Kept>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The answer to `key`: one that is at most `lifeMs` old, or what `find` finds now. @throws what `find` throws */
  get<T>(key: string, lifeMs: number, find: () => Promise<T>): Promise<T> {
    const known = this.#kept.get(key)
    // Of one key there is one kind of answer.
    if (known && this.#clock.monotonicMs() - known.at < lifeMs) return known.answer as Promise<T>
    const answer = find()
    this.#kept.delete(key)
    if (this.#kept.size >= MOST_KEPT) this.#forgetOldest()
    const kept: Kept = { answer, at: Number.POSITIVE_INFINITY }
    this.#kept.set(key, kept)
    answer.then(
      () => {
        kept.at = this.#clock.monotonicMs()
      },
      () => {
        if (this.#kept.get(key) === kept) this.#kept.delete(key)
      },
    )
    return answer
  }

  /** Everything is looked for anew when it is asked for next. */
  forget(): void {
    this.#kept.clear()
  }

  #forgetOldest(): void {
    const [oldest] = this.#kept.keys()
    if (oldest !== undefined) this.#kept.delete(oldest)
  }
}
