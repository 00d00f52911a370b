import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel'

/** What is told of one statement on {@link QUERY_CHANNEL}. Never its values. */
export interface QueryTrace {
  readonly text: string
  /** What the caller named its work, with `withLabel`. */
  readonly label: string | undefined
}

/**
 * The name of Node's tracing channel (`node:diagnostics_channel`) on which every statement of every pool is told: its
 * start, its end, its error. Costs nothing while nobody listens.
 *
 * @example
 * import { tracingChannel } from 'node:diagnostics_channel'
 * import { QUERY_CHANNEL } from 'holdfast/pool'
 * tracingChannel(QUERY_CHANNEL).subscribe({ start: ({ text, label }) => begin(text, label), asyncEnd: end, error: fail })
 */
export const QUERY_CHANNEL = 'holdfast:query'

const channel: TracingChannel<unknown, QueryTrace> = tracingChannel(QUERY_CHANNEL)

/** Runs a statement, told to whoever listens. @param about is asked only then. */
export function traced<T>(about: () => QueryTrace, run: () => Promise<T>): Promise<T> {
  if (!channel.hasSubscribers) return run()
  return channel.tracePromise(run, about()) as Promise<T>
}
