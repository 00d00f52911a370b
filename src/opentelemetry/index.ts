/**
 * Pools in OpenTelemetry: a span for each statement, the pool's numbers as metrics, under the stable names of the
 * semantic conventions for databases. Needs `@opentelemetry/api`.
 */
export { measurePools } from './metrics.ts'
export { type TraceOptions, traceStatements } from './spans.ts'
