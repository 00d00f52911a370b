import { cumulativeCounts, type Histogram, sumOf } from '../core/index.ts'
import type { LabelFigures, Pool, PoolStats } from '../pool/index.ts'
import { sameNames } from './errors.ts'
import { type MetricRegistry, type MetricType, register as registerMetric, type Sample } from './metric.ts'

const GAUGES: readonly (readonly [name: string, help: string, read: (stats: PoolStats) => number])[] = [
  ['size', 'Connections that are kept', ({ size }) => size],
  ['overflow_max', 'Connections allowed above the size', ({ overflow }) => overflow],
  ['waiting', 'Callers that wait for a connection', ({ waiting }) => waiting],
  ['lanes', 'Connections that carry statements of many callers', ({ lanes }) => lanes],
]

const COUNTERS: readonly (readonly [name: string, help: string, read: (stats: PoolStats) => number])[] = [
  ['acquired', 'Checkouts', ({ acquired }) => acquired],
  ['created', 'Connections opened', ({ created }) => created],
  ['closed', 'Connections closed', ({ closed }) => closed],
  ['recycled', 'Connections replaced for their age or uses', ({ recycled }) => recycled],
  ['connect_failures', 'Attempts to connect that failed', ({ connectFailures }) => connectFailures],
  ['ping_failures', 'Idle connections that turned out to be dead', ({ pingFailures }) => pingFailures],
  ['acquire_timeouts', 'Callers that waited too long', ({ acquireTimeouts }) => acquireTimeouts],
  [
    'exhaustions',
    'Times that all connections were busy and callers had to wait',
    ({ exhaustions }) => exhaustions,
  ],
  ['dirty_releases', 'Checkouts that came back inside a transaction', ({ dirtyReleases }) => dirtyReleases],
  ['leaks', 'Checkouts that were held for too long', ({ leaks }) => leaks],
  ['rides', 'Statements that shared a connection', ({ rides }) => rides],
]

const HISTOGRAMS: readonly (readonly [name: string, help: string, read: (pool: Pool) => Histogram])[] = [
  ['wait_seconds', 'From asking for a connection to having it', ({ timings }) => timings.waits],
  ['hold_seconds', 'From having a connection to giving it back', ({ timings }) => timings.holds],
  ['statement_seconds', 'From asking for a statement to its answer', ({ timings }) => timings.statements],
]

/** Upper ends of the buckets, in seconds. */
const BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/**
 * Adds the metrics of these pools to a registry, each with the label `pool`.
 *
 * @param pools of different names.
 * @throws HF_OPTION_INVALID when two have the same
 *
 * @example
 * import { Registry } from 'prom-client'
 * import { registerPools } from 'holdfast/prometheus'
 * const registry = new Registry()
 * registerPools(registry, pool)
 * app.get('/metrics', async (request, reply) => reply.type(registry.contentType).send(await registry.metrics()))
 */
export function registerPools(registry: MetricRegistry, ...pools: readonly Pool[]): void {
  const names = pools.map(({ name }) => name)
  if (new Set(names).size < names.length) throw sameNames(names)
  const register = (name: string, help: string, type: MetricType, read: (pool: Pool) => Sample[]): void =>
    registerMetric(registry, { name: `holdfast_pool_${name}`, help, type }, () =>
      pools.flatMap((pool) =>
        read(pool).map((sample) => ({ ...sample, labels: { pool: pool.name, ...sample.labels } })),
      ),
    )
  for (const [name, help, read] of GAUGES)
    register(name, help, 'gauge', (pool) => [{ value: read(pool.stats()), labels: {} }])
  register('connections', 'Connections by what they do', 'gauge', (pool) => {
    const { idle, busy, connecting, closing } = pool.stats()
    return Object.entries({ idle, busy, connecting, closing }).map(([state, value]) => ({
      value,
      labels: { state },
    }))
  })
  for (const [name, help, read] of COUNTERS)
    register(`${name}_total`, help, 'counter', (pool) => [{ value: read(pool.stats()), labels: {} }])
  for (const [name, help, read] of HISTOGRAMS)
    register(name, help, 'histogram', (pool) => histogramSamples(`holdfast_pool_${name}`, read(pool)))
  const byLabel = (read: (figures: LabelFigures) => number) => (pool: Pool) =>
    pool.labels().map((figures) => ({ value: read(figures), labels: { label: figures.label } }))
  register(
    'label_statements_total',
    'Statements under a label',
    'counter',
    byLabel(({ calls }) => calls),
  )
  register(
    'label_errors_total',
    'Statements under a label that failed',
    'counter',
    byLabel(({ errors }) => errors),
  )
  register(
    'label_seconds_total',
    'Time in statements under a label',
    'counter',
    byLabel(({ totalMs }) => totalMs / 1_000),
  )
}

function histogramSamples(name: string, histogram: Histogram): Sample[] {
  const upTo = cumulativeCounts(
    histogram.counts,
    BOUNDS.map((seconds) => seconds * 1_000),
  )
  const count = histogram.total
  return [
    ...BOUNDS.map((le, index) => ({
      metricName: `${name}_bucket`,
      value: upTo[index] as number,
      labels: { le },
    })),
    { metricName: `${name}_bucket`, value: count, labels: { le: '+Inf' } },
    { metricName: `${name}_sum`, value: sumOf(histogram.counts) / 1_000, labels: {} },
    { metricName: `${name}_count`, value: count, labels: {} },
  ]
}
