import { type Clock, within } from '../core/index.ts'
import { readingBusy } from '../monitor/index.ts'
import { connectFailure, type Pool } from '../pool/index.ts'
import type { LivePicture } from './live.ts'

/** How long a reading of the database may take; after that whoever asked is told. */
const LONGEST_MS = 10_000
/** Most readings that are kept; a page asks for about five. */
const MOST_KEPT = 64

interface Kept {
  readonly answer: Promise<unknown>
  /** When it came, in monotonic milliseconds; infinity while it is still being read. */
  at: number
}

/**
 * Readings of the database, each one for everyone who asks the same within a while, also while it runs: a hundred
 * open pages cost no more than one, and a database that answers slowly is not asked again and again. Nothing is
 * asked of a database that does not answer at all.
 */
export class Readings {
  readonly #pool: Pool
  readonly #live: LivePicture
  readonly #clock: Clock
  readonly #kept = new Map<string, Kept>()

  constructor(pool: Pool, live: LivePicture, clock: Clock) {
    this.#pool = pool
    this.#live = live
    this.#clock = clock
  }

  /**
   * The answer to `key`: one that is at most `lifeMs` old, or what `read` finds now.
   * @throws HF_MONITOR_BUSY, HF_CONNECT_*, or what `read` throws
   */
  get<T>(key: string, lifeMs: number, read: () => Promise<T>): Promise<T> {
    const known = this.#kept.get(key)
    // Of one key there is one kind of answer.
    if (known && this.#clock.monotonicMs() - known.at < lifeMs) return known.answer as Promise<T>
    const answer = within(this.#clock, LONGEST_MS, this.#readNow(read), () =>
      readingBusy(`it took longer than ${LONGEST_MS / 1_000} s`),
    )
    this.#kept.delete(key)
    if (this.#kept.size >= MOST_KEPT) this.#forgetOldest()
    const kept: Kept = { answer, at: Number.POSITIVE_INFINITY }
    this.#kept.set(key, kept)
    answer.then(
      () => {
        kept.at = this.#clock.monotonicMs()
      },
      () => {
        // A failure is not kept: the next one asks anew.
        if (this.#kept.get(key) === kept) this.#kept.delete(key)
      },
    )
    return answer
  }

  /** Reads everything anew when it is asked for next: something was changed. */
  forget(): void {
    this.#kept.clear()
  }

  async #readNow<T>(read: () => Promise<T>): Promise<T> {
    const health = await this.#live.probe()
    if (!health.ok) throw connectFailure(health.error, String(this.#pool.options.connectionString ?? ''))
    return read()
  }

  #forgetOldest(): void {
    const [oldest] = this.#kept.keys()
    if (oldest !== undefined) this.#kept.delete(oldest)
  }
}
