/** A timer that was set and can be taken back. */
export interface Timer {
  cancel(): void
}

/** Time as Holdfast sees it: injected, so that tests never wait for the real one. */
export interface Clock {
  /** Milliseconds since 1970, for people and records. Jumps when the machine's clock is set. */
  now(): number
  /** Milliseconds since some fixed instant, for durations and deadlines. Never goes back. */
  monotonicMs(): number
  /** Calls `callback` once after `delayMs`. A background timer does not keep the process alive. */
  setTimer(callback: () => void, delayMs: number, kind?: 'foreground' | 'background'): Timer
}

/** Node refuses longer delays and fires at once instead: 2^31 - 1 ms, about 24.8 days. */
const LONGEST_DELAY_MS = 2_147_483_647

/** As they were when this was loaded: what a test puts in their place later must not stop the connections of whatever it tests. */
const { setTimeout: startTimer, clearTimeout: stopTimer, performance } = globalThis
const sinceStart = performance.now

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => sinceStart.call(performance),
  setTimer(callback, delayMs, kind = 'foreground') {
    const timeout = startTimer(callback, Math.min(Math.max(delayMs, 0), LONGEST_DELAY_MS))
    if (kind === 'background') timeout.unref()
    return { cancel: () => stopTimer(timeout) }
  },
}

/** Resolves after `delayMs`, or rejects with the signal's reason as soon as `signal` aborts. */
export function wait(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const onAbort = (): void => {
      timer.cancel()
      reject(signal?.reason as Error)
    }
    const timer = clock.setTimer(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, delayMs)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** A timer that is late by more tells that this process was busy, and has not read what has arrived meanwhile. */
const BUSY_MS = 100

/**
 * The outcome of `work`, or a rejection with what `late` makes when it takes longer than `limitMs`. The work
 * itself goes on: whoever started it ends it. Time for which this process was busy with something else does not count: the answer may be there.
 */
export function within<T>(clock: Clock, limitMs: number, work: Promise<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const begin = (): Timer => {
      const due = clock.monotonicMs() + limitMs
      return clock.setTimer(() => {
        if (clock.monotonicMs() - due < BUSY_MS) reject(late())
        else timer = begin()
      }, limitMs)
    }
    let timer = begin()
    work.then(resolve, reject).finally(() => timer.cancel())
  })
}
