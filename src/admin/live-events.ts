import { type Static, Type } from 'typebox'
import { DATABASE_SERIES, POOL_SERIES } from '../monitor/index.ts'
import { PoolDetails } from './pool-description.ts'
import { nullable } from './problem.ts'

const at = Type.Optional(Type.String({ format: 'date-time', description: 'Added by the stream' }))
const value = nullable(Type.Number())

function valuesOf<Name extends string>(names: readonly Name[]): Record<Name, typeof value> {
  return Object.fromEntries(names.map((name) => [name, value])) as Record<Name, typeof value>
}

const { checked_out: _out, checked_in: _in, waiting: _waiting, ...poolRates } = valuesOf(POOL_SERIES)

/** Each second: the pool now, and what the last second brought. */
export const PoolEvent = Type.Object({ at, ...PoolDetails.properties, ...poolRates })
export type PoolEvent = Static<typeof PoolEvent>

/** Each five seconds: the database now, and what the last five brought. */
export const DatabaseEvent = Type.Object({
  at,
  connections: Type.Integer({ description: 'Client connections to this database' }),
  connections_max: Type.Integer({ description: 'max_connections of the server' }),
  cache_hit_ratio_percent: nullable(Type.Number({ description: 'Since the statistics were last reset' })),
  ...valuesOf(DATABASE_SERIES),
})
export type DatabaseEvent = Static<typeof DatabaseEvent>

/** When the database goes, and when it is back. */
export const HealthEvent = Type.Object({
  at,
  healthy: Type.Boolean(),
  since: Type.String({ format: 'date-time' }),
  reason: nullable(Type.String()),
  latency_ms: nullable(Type.Number()),
})
export type HealthEvent = Static<typeof HealthEvent>
