import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { inspectSchema } from '../../migrate/index.ts'
import type { AdminContext } from '../context.ts'
import { nullable, problemResponses } from '../problem.ts'
import { TableDescription } from './tables.ts'
import {
  readConnections,
  readCounters,
  readDatabaseSize,
  readHidden,
  readIdentity,
  readLargestTables,
} from '../../monitor/index.ts'

const HiddenList = Type.Array(Type.Object({ what: Type.String(), grant: Type.String() }), {
  description: 'What this role may not see, and the exact statement that would let it',
})

const DatabaseHealth = Type.Object({
  status: Type.Literal('healthy'),
  latency_ms: Type.Number(),
  database: Type.String(),
  user: Type.String(),
  address: nullable(Type.String()),
  server_version: Type.String(),
  role: Type.Union([Type.Literal('primary'), Type.Literal('standby')]),
  is_read_only: Type.Boolean(),
  uptime_seconds: Type.Number(),
  schema: Type.Object({
    name: Type.String(),
    state: Type.Union([
      Type.Literal('current'),
      Type.Literal('outdated'),
      Type.Literal('missing'),
      Type.Literal('unreadable'),
    ]),
    pending: Type.Array(Type.String()),
  }),
  hidden: HiddenList,
})

const DatabaseStats = Type.Object({
  timestamp: Type.String({ format: 'date-time' }),
  database: Type.String(),
  database_size_bytes: nullable(Type.Number()),
  connections: Type.Object({
    total: Type.Integer(),
    max: Type.Integer({ description: 'max_connections of the server' }),
    by_state: Type.Record(Type.String(), Type.Integer(), {
      description: 'active, idle, idle in transaction, ...; "hidden" where the role may not see the state',
    }),
  }),
  cache_hit_ratio_percent: nullable(
    Type.Number({ description: 'pg_stat_database: blks_hit of blks_hit + blks_read' }),
  ),
  transactions: Type.Object({ committed: Type.Number(), rolled_back: Type.Number() }),
  largest_tables: Type.Array(TableDescription, {
    description: 'The ten largest, with sizes as of the last VACUUM or ANALYZE',
  }),
  hidden: HiddenList,
})

/** How old an answer may be that several ask for. */
const LIFE_MS = 1_000

const VIEWER = { access: 'viewer' } as const

/** What the database is and how it does. Reads only, waits for no lock. */
export const databaseRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  const { reader, schema, readings } = context

  app.get(
    '/v1/database/health',
    {
      config: VIEWER,
      schema: {
        tags: ['database'],
        summary: 'Which database this is, whether it answers, what this role cannot see.',
        response: { 200: DatabaseHealth, ...problemResponses },
      },
    },
    async () =>
      readings.get('health', LIFE_MS, async () => {
        const started = performance.now()
        const identity = await readIdentity(reader)
        const latencyMs = performance.now() - started
        const own = await inspectSchema(reader, schema)
        return {
          status: 'healthy' as const,
          latency_ms: Math.round(latencyMs * 1_000) / 1_000,
          database: identity.database,
          user: identity.user,
          address: identity.address,
          server_version: identity.version,
          role: identity.isStandby ? ('standby' as const) : ('primary' as const),
          is_read_only: identity.isReadOnly,
          uptime_seconds: Math.round((Date.now() - identity.startedAt.getTime()) / 1_000),
          schema: { name: schema, state: own.state, pending: [...own.pending] },
          hidden: await readHidden(reader, identity, own, schema),
        }
      }),
  )

  app.get(
    '/v1/database/performance/database-stats',
    {
      config: VIEWER,
      schema: {
        tags: ['performance'],
        summary: 'Size, largest tables, connections by state, cache hits.',
        response: { 200: DatabaseStats, ...problemResponses },
      },
    },
    async () =>
      readings.get('stats', LIFE_MS, async () => {
        const identity = await readIdentity(reader)
        const counters = await readCounters(reader)
        return {
          timestamp: new Date().toISOString(),
          database: identity.database,
          database_size_bytes: await readDatabaseSize(reader),
          connections: await readConnections(reader),
          cache_hit_ratio_percent: counters.cacheHitPercent,
          transactions: { committed: counters.commits, rolled_back: counters.rollbacks },
          largest_tables: await readLargestTables(reader, 10),
          hidden: await readHidden(reader, identity, await inspectSchema(reader, schema), schema),
        }
      }),
  )
}
