import { type Clock, systemClock, type Timer, within } from './clock.ts'

/** A piece of background work. `signal` aborts when the scheduler stops. */
export type Task = (signal: AbortSignal) => Promise<void> | void

/** What happened to a task, for logs and metrics. */
export type TaskFailure = (name: string, error: unknown) => void

/**
 * Runs tasks at intervals. A task never overlaps itself: the interval counts from the end of a run, and a run
 * that fails is reported and tried again at the next interval.
 */
export class Scheduler {
  readonly #clock: Clock
  readonly #onFailure: TaskFailure
  readonly #stopping = new AbortController()
  readonly #timers = new Map<string, Timer>()
  readonly #running = new Map<string, Promise<void>>()

  constructor(onFailure: TaskFailure, clock: Clock = systemClock) {
    this.#onFailure = onFailure
    this.#clock = clock
  }

  /** Starts `task` after `intervalMs`, and again that long after each run has ended. */
  every(name: string, intervalMs: number, task: Task): void {
    if (this.#stopping.signal.aborted) return
    this.#timers.set(
      name,
      this.#clock.setTimer(
        () => {
          const run = this.#run(name, task).finally(() => {
            this.#running.delete(name)
            this.every(name, intervalMs, task)
          })
          this.#running.set(name, run)
        },
        intervalMs,
        'background',
      ),
    )
  }

  /** Starts `task` once, right away. */
  soon(name: string, task: Task): void {
    if (this.#stopping.signal.aborted) return
    this.#running.set(
      name,
      this.#run(name, task).finally(() => this.#running.delete(name)),
    )
  }

  /** Starts nothing more, aborts what runs, and waits for it at most `deadlineMs`; what is later ends alone. */
  async stop(deadlineMs = 5_000): Promise<void> {
    this.#stopping.abort(new Error('the scheduler is stopping'))
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
    if (this.#running.size === 0) return
    const running = Promise.all(this.#running.values())
    await within(this.#clock, deadlineMs, running, () => new Error('late')).catch(() => {})
  }

  async #run(name: string, task: Task): Promise<void> {
    try {
      await task(this.#stopping.signal)
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#onFailure(name, error)
    }
  }
}
