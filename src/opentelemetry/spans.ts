import { tracingChannel } from 'node:diagnostics_channel'
import type { Span, Tracer } from '@opentelemetry/api'
import { sqlstateOf } from '../core/index.ts'
import { QUERY_CHANNEL, type QueryTrace } from '../pool/index.ts'

/** Constants of `@opentelemetry/api`, which is not loaded for them. */
const CLIENT = 2
const ERROR = 2

/** How statements become spans. */
export interface TraceOptions {
  /**
   * The text of each statement goes into its span. Values given as parameters never do; what was written into the text
   * does. Default true.
   */
  readonly hasText?: boolean
}

/**
 * Gives every statement of every pool a span, as a child of the span that is active where it is asked for.
 *
 * @returns what to call to end it.
 *
 * @example
 * import { trace } from '@opentelemetry/api'
 * import { traceStatements } from 'holdfast/opentelemetry'
 * traceStatements(trace.getTracer('shop'))
 */
export function traceStatements(tracer: Tracer, { hasText = true }: TraceOptions = {}): () => void {
  const spans = new WeakMap<object, Span>()
  const channel = tracingChannel<unknown, QueryTrace & { error?: unknown }>(QUERY_CHANNEL)
  const listeners = {
    start(about: QueryTrace): void {
      const operation = operationOf(about.text)
      const span = tracer.startSpan(operation ?? 'postgresql', {
        kind: CLIENT,
        attributes: {
          'db.system.name': 'postgresql',
          ...(operation && { 'db.operation.name': operation }),
          ...(hasText && { 'db.query.text': about.text }),
          ...(about.label !== undefined && { 'holdfast.label': about.label }),
        },
      })
      spans.set(about, span)
    },
    error(about: QueryTrace & { error?: unknown }): void {
      const span = spans.get(about)
      if (!span) return
      const sqlstate = sqlstateOf(about.error)
      const name = about.error instanceof Error ? about.error.name : 'unknown'
      if (sqlstate !== undefined) span.setAttribute('db.response.status_code', sqlstate)
      span.setAttribute('error.type', sqlstate ?? name)
      // The message may hold values that were sent: the code says enough.
      span.setStatus({ code: ERROR })
    },
    asyncEnd(about: QueryTrace): void {
      spans.get(about)?.end()
      spans.delete(about)
    },
  }
  channel.subscribe(listeners as never)
  return () => void channel.unsubscribe(listeners as never)
}

/** The first word of a statement: few different ones, so it can name a span. */
function operationOf(text: string): string | undefined {
  return /^(?:\s|--[^\n]*\n|\/\*[^]*?\*\/)*([a-z]+)/i.exec(text)?.[1]?.toUpperCase()
}
