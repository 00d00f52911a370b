import type { Clock } from '../core/index.ts'
import { requestCancel } from './cancel.ts'
import type { Connection } from './connection.ts'

/** What may end a statement before its time. */
export interface Interrupt {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds that the statement may run. */
  readonly limitMs?: number | undefined
}

/** Takes what is ours out of a query object; undefined when there is nothing of it in it. */
export function interruptOf(query: unknown): { interrupt: Interrupt; query: object } | undefined {
  if (typeof query !== 'object' || query === null || 'submit' in query) return undefined
  const {
    signal,
    query_timeout: limitMs,
    ...rest
  } = query as { signal?: AbortSignal; query_timeout?: number }
  return signal || limitMs ? { interrupt: { signal, limitMs }, query: rest } : undefined
}

/** The driver's own words for it. */
export function queryTimeout(): Error {
  return new Error('Query read timeout')
}

/**
 * Has the server cancel what runs on `connection`; the connection is not quiet before the request was taken and the
 * statement has ended.
 */
export function interrupt(connection: Connection, clock: Clock, ended: Promise<unknown>): void {
  const over = Promise.allSettled([requestCancel(connection.client, clock), ended]).then(() => {
    connection.interrupted = undefined
  })
  connection.interrupted = over
}

/** The outcome of a statement that runs on `connection`, or a rejection as soon as it is interrupted. */
export function interruptible<T>(
  connection: Connection,
  clock: Clock,
  outcome: Promise<T>,
  { signal, limitMs }: Interrupt,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (reason: unknown): void => {
      settled()
      reject(reason)
      interrupt(connection, clock, outcome)
    }
    const onAbort = (): void => end(signal?.reason)
    const timer = limitMs && clock.setTimer(() => end(queryTimeout()), limitMs)
    const settled = (): void => {
      signal?.removeEventListener('abort', onAbort)
      if (timer) timer.cancel()
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    outcome.then(resolve, reject).finally(settled)
  })
}
