import type { Clock } from '../core/index.ts'
import { cancelUntilEnded } from './cancel.ts'
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
  const { signal, query_timeout: limitMs } = query as { signal?: AbortSignal; query_timeout?: number }
  if (!signal && !limitMs) return undefined
  // The driver must not set a timer of its own. Everything else stays where it is, getters included.
  const rest = Object.create(query, { query_timeout: { value: undefined } }) as object
  return { interrupt: { signal, limitMs }, query: rest }
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
  const over = cancelUntilEnded(connection.client, clock, ended).then(() => {
    connection.interrupted = undefined
  })
  connection.interrupted = over
}

/**
 * The outcome of a statement, or a rejection as soon as it is interrupted. One that has not begun then never does;
 * one that runs is cancelled on the server.
 *
 * @param begin runs its argument when nothing else is on its way on the connection.
 */
export function interruptible<T>(
  connection: Connection,
  clock: Clock,
  start: () => Promise<T>,
  { signal, limitMs }: Interrupt,
  begin: (task: () => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    let running: Promise<T> | undefined
    let isOver = false
    const settled = (): void => {
      isOver = true
      signal?.removeEventListener('abort', onAbort)
      if (timer) timer.cancel()
    }
    const end = (reason: unknown): void => {
      settled()
      reject(reason)
      if (running) interrupt(connection, clock, running)
    }
    const onAbort = (): void => end(signal?.reason)
    const timer = limitMs && clock.setTimer(() => end(queryTimeout()), limitMs)
    signal?.addEventListener('abort', onAbort, { once: true })
    begin(() => {
      if (isOver) return
      // Before anybody hears of the answer: an abort that comes after it must not cancel what follows.
      running = new Promise<T>((done) => done(start()))
      running.then(
        (value) => {
          settled()
          resolve(value)
        },
        (error: unknown) => {
          settled()
          reject(error)
        },
      )
    })
  })
}
