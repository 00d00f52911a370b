import { type Clock, type Timer } from '../core/index.ts'
import { databaseBusy } from './errors.ts'

/** Connections beside the pool that requests have at the same time, all together. */
const WIDTH = 3
const MOST_WAITING = 50
const LONGEST_WAIT_MS = 10_000

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
  #inside = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * @param how.isUrgent goes before those who wait
   * @throws HF_ADMIN_BUSY when it would have to wait for too long, or what `work` throws
   */
  async run<T>(work: () => Promise<T>, { isUrgent = false } = {}): Promise<T> {
    if (this.#inside >= WIDTH) await this.#turn(isUrgent)
    else this.#inside += 1
    try {
      return await work()
    } finally {
      // Whoever is next takes the place over.
      const next = this.#queue.shift()
      if (next) next.pass()
      else this.#inside -= 1
    }
  }

  #turn(isUrgent: boolean): Promise<void> {
    if (this.#queue.length >= MOST_WAITING && !isUrgent) throw databaseBusy()
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(() => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1)
        reject(databaseBusy())
      }, LONGEST_WAIT_MS)
      const waiting: Waiting = {
        timer,
        pass: () => {
          timer.cancel()
          resolve()
        },
      }
      if (isUrgent) this.#queue.unshift(waiting)
      else this.#queue.push(waiting)
    })
  }
}
