import { type Clock, SQLSTATE, sqlstateOf, systemClock, wait } from '../core/index.ts'
import { isConnectionError, isDefinitionChange, isUndone } from './outcome.ts'

/** Kinds of failure that may pass when the work is done again. `definition`: a table changed under a statement that was prepared before. */
export type RetryKind = 'serialization' | 'deadlock' | 'definition' | 'connection'

/** How work is tried again. */
export interface RetryOptions {
  /** After which failures; default `serialization`, `deadlock` and `definition`. */
  readonly on?: readonly RetryKind[]
  /** Attempts altogether; default 5. */
  readonly attempts?: number
  /** No further attempt begins after so many milliseconds; default 30,000. */
  readonly deadlineMs?: number
  /** The wait before attempt n is a random share of `baseMs * 2^(n-2)`, at most `maxDelayMs`; default 20. */
  readonly baseMs?: number
  /** Default 1,000. */
  readonly maxDelayMs?: number
  /**
   * The work may be done twice without harm. Without it a lost connection is retried only when it is certain that
   * nothing was done: it could not be had at all, or was lost inside `transaction` before COMMIT was sent.
   */
  readonly isIdempotent?: boolean
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined
  /** Is told before each further attempt. */
  readonly onRetry?: (failure: { error: unknown; attempt: number; delayMs: number }) => void
  readonly clock?: Clock
  /** From 0 to 1; default `Math.random`. */
  readonly random?: () => number
}

const STATES: Readonly<Record<'serialization' | 'deadlock', string>> = {
  serialization: SQLSTATE.serializationFailure,
  deadlock: SQLSTATE.deadlockDetected,
}

/**
 * Does the work, and again after failures that may pass, with exponential backoff and full jitter
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). What was committed, or may have
 * been (HF_COMMIT_UNKNOWN), is never done again.
 *
 * @example
 * await retry(() => pool.transaction(moveMoney, { isolation: 'serializable' }))
 */
export async function retry<T>(
  work: (attempt: number) => Promise<T>,
  options: RetryOptions = {},
): Promise<T> {
  const { attempts = 5, deadlineMs = 30_000, baseMs = 20, maxDelayMs = 1_000 } = options
  const { clock = systemClock, random = Math.random, signal, onRetry } = options
  const since = clock.monotonicMs()
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt)
    } catch (error) {
      if (attempt >= attempts || !mayRetry(error, options)) throw error
      const delayMs = random() * Math.min(maxDelayMs, baseMs * 2 ** (attempt - 1))
      if (clock.monotonicMs() - since + delayMs >= deadlineMs) throw error
      onRetry?.({ error, attempt, delayMs })
      await wait(clock, delayMs, signal)
    }
  }
}

function mayRetry(
  error: unknown,
  { on = ['serialization', 'deadlock', 'definition'], isIdempotent = false }: RetryOptions,
): boolean {
  const sqlstate = sqlstateOf(error)
  return on.some((kind) => {
    if (kind === 'definition') return isDefinitionChange(error)
    if (kind === 'connection') return isConnectionError(error) && (isIdempotent || isUndone(error))
    return sqlstate === STATES[kind]
  })
}
