import { type Clock, KeptAnswers, within } from '../core/index.ts'
import { readingBusy } from '../monitor/index.ts'
import { connectFailure, type Pool } from '../pool/index.ts'
import type { Gate } from './gate.ts'
import type { LivePicture } from './live.ts'

/** How long a reading of the database may take; after that whoever asked is told. */
const LONGEST_MS = 10_000

/**
 * Readings of the database, each one for everyone who asks the same within a while: a hundred open pages cost no more than one, and a
 * database that answers slowly is not asked again and again. Nothing is asked of a database that does not answer at all.
 */
export class Readings {
  readonly #pool: Pool
  readonly #live: LivePicture
  readonly #gate: Gate
  readonly #clock: Clock
  readonly #answers: KeptAnswers

  constructor(pool: Pool, live: LivePicture, gate: Gate, clock: Clock) {
    this.#pool = pool
    this.#live = live
    this.#gate = gate
    this.#clock = clock
    this.#answers = new KeptAnswers(clock)
  }

  /**
   * The answer to `key`: one that is at most `lifeMs` old, or what `read` finds now.
   * @throws HF_MONITOR_BUSY, HF_CONNECT_*, or what `read` throws
   */
  get<T>(key: string, lifeMs: number, read: () => Promise<T>): Promise<T> {
    return this.#answers.get(key, lifeMs, () =>
      within(this.#clock, LONGEST_MS, this.#readNow(read), () =>
        readingBusy(`it took longer than ${LONGEST_MS / 1_000} s`),
      ),
    )
  }

  /**
   * The same for what is read on a connection of its own, not by the Reader.
   * @throws HF_ADMIN_BUSY when too many such are asked for at once
   */
  getBeside<T>(key: string, lifeMs: number, read: () => Promise<T>): Promise<T> {
    return this.get(key, lifeMs, () => this.#gate.run(read))
  }

  /** Reads everything anew when it is asked for next: something was changed. */
  forget(): void {
    this.#answers.forget()
  }

  async #readNow<T>(read: () => Promise<T>): Promise<T> {
    const health = await this.#live.probe()
    if (!health.ok) throw connectFailure(health.error, String(this.#pool.options.connectionString ?? ''))
    return read()
  }
}
