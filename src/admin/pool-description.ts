import { Type } from 'typebox'
import type { PoolStats } from '../pool/index.ts'

const count = (description: string): ReturnType<typeof Type.Integer> =>
  Type.Integer({ minimum: 0, description })

/** The pool in the names that operators know from other stacks. */
export const PoolDescription = Type.Object({
  pool_size: count('Connections that are kept'),
  max_overflow: count('Connections allowed above that under load'),
  checked_in: count('Idle connections'),
  checked_out: count('Connections in use'),
  overflow: count('Connections above the size right now'),
  total: count('All connections'),
})

/** The same with everything else the pool knows. */
export const PoolDetails = Type.Object({
  ...PoolDescription.properties,
  connecting: count('Connections being opened or checked'),
  closing: count('Connections being closed'),
  waiting: count('Callers that wait for a connection'),
  utilization_percent: Type.Number({ description: 'Connections in use, of those allowed' }),
  acquired: count('Checkouts since the start'),
  created: count('Connections opened since the start'),
  closed: count('Connections closed since the start'),
  recycled: count('Connections replaced because of their age or uses'),
  connect_failures: count('Attempts to connect that failed'),
  ping_failures: count('Idle connections that turned out to be dead'),
  acquire_timeouts: count('Callers that waited too long'),
  dirty_releases: count('Checkouts that came back inside a transaction'),
  mean_wait_ms: Type.Number({ description: 'Mean time that callers waited for a connection' }),
  mean_hold_ms: Type.Number({ description: 'Mean time that connections were held' }),
})

export const rounded = (value: number): number => Math.round(value * 1_000) / 1_000

/** {@link PoolStats} in the API's names. */
export function describePool(stats: PoolStats): Type.Static<typeof PoolDetails> {
  const finished = Math.max(1, stats.acquired - stats.busy)
  return {
    pool_size: stats.size,
    max_overflow: stats.overflow,
    checked_in: stats.idle,
    checked_out: stats.busy,
    overflow: stats.overflowInUse,
    total: stats.total,
    connecting: stats.connecting,
    closing: stats.closing,
    waiting: stats.waiting,
    utilization_percent: rounded((stats.busy / (stats.size + stats.overflow)) * 100),
    acquired: stats.acquired,
    created: stats.created,
    closed: stats.closed,
    recycled: stats.recycled,
    connect_failures: stats.connectFailures,
    ping_failures: stats.pingFailures,
    acquire_timeouts: stats.acquireTimeouts,
    dirty_releases: stats.dirtyReleases,
    mean_wait_ms: rounded(stats.waitMsTotal / Math.max(1, stats.acquired)),
    mean_hold_ms: rounded(stats.holdMsTotal / finished),
  }
}
