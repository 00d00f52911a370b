import { type Clock, type Timer } from '../core/index.ts'
import { endable } from '../pool/index.ts'
import { databaseBusy, tookTooLong } from './errors.ts'

/** Connections beside the pool that requests have at the same time, all together. */
const WIDTH = 3
/** Of those, for what somebody is in need of; one more place is theirs alone. */
const URGENT_WIDTH = WIDTH + 1
const MOST_WAITING = 50
const LONGEST_WAIT_MS = 10_000
/** What they do is ended after that, whatever it waits for. */
const LONGEST_WORK_MS = 60_000

interface Waiting {
  readonly pass: () => void
  readonly timer: Timer
}

/**
 * What requests do on connections of their own, beside the pool, goes through here: a few at a time, the others in turn, each for so
 * long. However many ask, the server's connections stay for the service.
 */
export class Gate {
  readonly #clock: Clock
  readonly #queue: Waiting[] = []
  readonly #urgent: Waiting[] = []
  #inside = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * @param how.isUrgent goes before those who wait, and has a place that nothing else takes
   * @throws HF_ADMIN_BUSY when it would have to wait for too long or takes too long, or what `work` throws
   */
  async run<T>(work: () => Promise<T>, { isUrgent = false } = {}): Promise<T> {
    if (this.#inside >= (isUrgent ? URGENT_WIDTH : WIDTH))
      await this.#turn(isUrgent ? this.#urgent : this.#queue)
    else this.#inside += 1
    const ending = new AbortController()
    const timer = this.#clock.setTimer(
      () => ending.abort(tookTooLong(LONGEST_WORK_MS / 1_000)),
      LONGEST_WORK_MS,
    )
    try {
      return await endable(ending.signal, work)
    } catch (error) {
      ending.signal.throwIfAborted()
      throw error
    } finally {
      timer.cancel()
      this.#leave()
    }
  }

  /** Whoever is next takes the place over. */
  #leave(): void {
    const next = this.#urgent.shift() ?? (this.#inside <= WIDTH ? this.#queue.shift() : undefined)
    if (next) next.pass()
    else this.#inside -= 1
  }

  #turn(queue: Waiting[]): Promise<void> {
    if (queue.length >= MOST_WAITING) throw databaseBusy()
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(() => {
        queue.splice(queue.indexOf(waiting), 1)
        reject(databaseBusy())
      }, LONGEST_WAIT_MS)
      const waiting: Waiting = {
        timer,
        pass: () => {
          timer.cancel()
          resolve()
        },
      }
      queue.push(waiting)
    })
  }
}
