import type { Attributes, Meter, Observable, ObservableResult } from '@opentelemetry/api'
import type { Pool, PoolStats } from '../pool/index.ts'

type Read = (stats: PoolStats) => number

/** Names and units of the semantic conventions for database client connection pools. */
const CURRENT: readonly (readonly [name: string, unit: string, what: string, read: Read])[] = [
  [
    'db.client.connection.max',
    '{connection}',
    'The most connections there may be',
    ({ size, overflow }) => size + overflow,
  ],
  ['db.client.connection.idle.max', '{connection}', 'Connections that are kept', ({ size }) => size],
  ['db.client.connection.pending_requests', '{request}', 'Callers that wait', ({ waiting }) => waiting],
]

const GROWING: readonly (readonly [name: string, unit: string, what: string, read: Read])[] = [
  [
    'db.client.connection.timeouts',
    '{timeout}',
    'Callers that waited too long',
    ({ acquireTimeouts }) => acquireTimeouts,
  ],
  ['holdfast.pool.checkouts', '{checkout}', 'Checkouts', ({ acquired }) => acquired],
  ['holdfast.pool.rides', '{statement}', 'Statements that shared a connection', ({ rides }) => rides],
  [
    'holdfast.pool.connect_failures',
    '{attempt}',
    'Attempts to connect that failed',
    ({ connectFailures }) => connectFailures,
  ],
  [
    'holdfast.pool.dirty_releases',
    '{checkout}',
    'Checkouts that came back inside a transaction',
    ({ dirtyReleases }) => dirtyReleases,
  ],
  ['holdfast.pool.leaks', '{checkout}', 'Checkouts that were held for too long', ({ leaks }) => leaks],
  [
    'holdfast.pool.wait_time',
    'ms',
    'Time that callers waited for a connection',
    ({ waitMsTotal }) => waitMsTotal,
  ],
  ['holdfast.pool.use_time', 'ms', 'Time that connections were held', ({ holdMsTotal }) => holdMsTotal],
]

/**
 * Observes pools with a meter, each under `db.client.connection.pool.name`.
 *
 * @param pools of different names.
 * @returns what to call to end it.
 *
 * @example
 * import { metrics } from '@opentelemetry/api'
 * import { measurePools } from 'holdfast/opentelemetry'
 * measurePools(metrics.getMeter('shop'), pool)
 */
export function measurePools(meter: Meter, ...pools: readonly Pool[]): () => void {
  const undo: (() => void)[] = []
  const observe = (
    instrument: Observable,
    tell: (result: ObservableResult, stats: PoolStats, of: Attributes) => void,
  ): void => {
    const callback = (result: ObservableResult): void => {
      for (const pool of pools) tell(result, pool.stats(), { 'db.client.connection.pool.name': pool.name })
    }
    instrument.addCallback(callback)
    undo.push(() => instrument.removeCallback(callback))
  }
  const count = meter.createObservableUpDownCounter('db.client.connection.count', {
    unit: '{connection}',
    description: 'Connections by state',
  })
  observe(count, (result, { idle, busy }, of) => {
    result.observe(idle, { ...of, 'db.client.connection.state': 'idle' })
    result.observe(busy, { ...of, 'db.client.connection.state': 'used' })
  })
  for (const [name, unit, description, read] of CURRENT)
    observe(meter.createObservableUpDownCounter(name, { unit, description }), (result, stats, of) =>
      result.observe(read(stats), of),
    )
  for (const [name, unit, description, read] of GROWING)
    observe(meter.createObservableCounter(name, { unit, description }), (result, stats, of) =>
      result.observe(read(stats), of),
    )
  return () => {
    for (const end of undo.splice(0)) end()
  }
}
