import { type Clock, endsSession, SQLSTATE, sqlstateOf } from '../../core/index.ts'
import type { RunnerWatch } from './watch.ts'

/**
 * How long the statements of one transaction may wait for locks.
 *
 * Whoever holds a lock that traffic waits for, and then waits for the next one, makes traffic wait for both. So from
 * the statement on that took the first such lock all waiting comes out of one budget: no caller waits for locks of a
 * migration longer than its `lock_timeout`. Once it is used up, only what is free at once is taken.
 */
export class LockBudget {
  readonly #limitMs: number
  readonly #clock: Clock
  readonly #watch: RunnerWatch
  #holdingSince: number | undefined

  constructor(limitMs: number, watch: RunnerWatch, clock: Clock) {
    this.#limitMs = limitMs
    this.#watch = watch
    this.#clock = clock
  }

  /** Milliseconds that the next statement may wait; 0 for no limit, as PostgreSQL has it. */
  get leftMs(): number {
    if (this.#limitMs === 0 || this.#holdingSince === undefined) return this.#limitMs
    return Math.max(1, Math.round(this.#limitMs - (this.#clock.monotonicMs() - this.#holdingSince)))
  }

  /** To be called behind each statement that others follow. @param beganMs when the statement was sent */
  async settle(beganMs: number): Promise<void> {
    if (this.#limitMs === 0 || this.#holdingSince !== undefined) return
    if (await this.#watch.holdsTraffic()) this.#holdingSince = beganMs
  }
}

/** Whether an attempt failed because somebody else was in the way, and may do better later. */
export function wasInTheWay(error: unknown): boolean {
  const state = sqlstateOf(error)
  return state === SQLSTATE.lockNotAvailable || state === SQLSTATE.deadlockDetected
}

/** The session is gone: what the statement did is not known from here. */
export function lostSession(error: unknown): boolean {
  const state = sqlstateOf(error)
  return state === undefined || endsSession(state)
}

/** Half a second, doubling to ten, anywhere between half and the whole of it. */
export function jitteredMs(retries: number): number {
  return Math.min(10_000, 500 * 2 ** Math.min(retries, 10)) * (0.5 + Math.random() / 2)
}
