import type pg from 'pg'
import type { Clock, Histogram } from '../core/index.ts'

/** One statement as it went by: its text and time, never its values. */
export interface EchoedQuery {
  readonly text: string
  readonly durationMs: number
  readonly failed: boolean
}

/** Records how long each statement of this client takes, and tells `echo`, if there is one, of each. */
export function observeQueries(
  client: pg.Client,
  clock: Clock,
  durations: Histogram,
  echo: ((query: EchoedQuery) => void) | undefined,
): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  client.query = ((...args: unknown[]) => {
    const started = clock.monotonicMs()
    const outcome = query(...args)
    // A callback or a cursor: only that it was sent is known here.
    if (!(outcome instanceof Promise)) {
      if (echo) tell(echo, args[0], 0, false)
      return outcome
    }
    const finish = (failed: boolean): void => {
      const durationMs = clock.monotonicMs() - started
      durations.record(durationMs)
      if (echo) tell(echo, args[0], durationMs, failed)
    }
    outcome.then(
      () => finish(false),
      () => finish(true),
    )
    return outcome
  }) as pg.Client['query']
}

function tell(echo: (query: EchoedQuery) => void, query: unknown, durationMs: number, failed: boolean): void {
  const text = typeof query === 'string' ? query : String((query as { text?: unknown } | null)?.text ?? '')
  try {
    echo({ text, durationMs, failed })
  } catch (error) {
    process.emitWarning(error as Error) // a log that fails must not fail the query
  }
}
