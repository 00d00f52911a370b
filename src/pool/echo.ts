import type pg from 'pg'
import type { Clock } from '../core/index.ts'

/** One statement as it went by: its text and time, never its values. */
export interface EchoedQuery {
  readonly text: string
  readonly durationMs: number
  readonly failed: boolean
}

/** Tells `listener` of every statement that goes through this client. */
export function echoQueries(client: pg.Client, clock: Clock, listener: (query: EchoedQuery) => void): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  client.query = ((...args: unknown[]) => {
    const started = clock.monotonicMs()
    const [first] = args
    const text = typeof first === 'string' ? first : String((first as { text?: unknown } | null)?.text ?? '')
    const tell = (failed: boolean): void => {
      try {
        listener({ text, durationMs: clock.monotonicMs() - started, failed })
      } catch (error) {
        process.emitWarning(error as Error) // a log that fails must not fail the query
      }
    }
    const outcome = query(...args)
    if (outcome instanceof Promise) {
      outcome.then(
        () => tell(false),
        () => tell(true),
      )
    } else {
      tell(false) // a callback or a cursor: only that it was sent is known here
    }
    return outcome
  }) as pg.Client['query']
}
