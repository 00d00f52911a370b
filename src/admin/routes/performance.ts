import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import {
  bloatAsJson,
  DEFAULT_LIMITS,
  makeReport,
  type ProcessPicture,
  ProcessWatch,
  readCacheStats,
  readIdentity,
  readIndexUsage,
  readTableBloat,
  reportInWords,
} from '../../monitor/index.ts'
import { checkContextOf } from '../check-context.ts'
import type { AdminContext } from '../context.ts'
import { Forecast } from './capacity.ts'
import { findingShown, nullable, problemResponses } from '../problem.ts'
import { roleOf } from '../roles.ts'
import { FindingDescription } from './monitoring.ts'
import { TableDescription } from './tables.ts'

const VIEWER = { access: 'viewer' } as const
const LIFE_MS = 10_000

export const IndexUse = Type.Object({
  index: Type.String(),
  table: Type.String(),
  bytes: Type.Number({ description: 'As of the last VACUUM or index build' }),
  scans: Type.Number({ description: 'Since the statistics were reset' }),
  last_scan_at: nullable(
    Type.String({ format: 'date-time', description: 'Null before PostgreSQL 16, or never' }),
  ),
  is_unique: Type.Boolean(),
  is_valid: Type.Boolean(),
})

const percent = (description: string) => nullable(Type.Number({ description }))

const CacheStats = Type.Object({
  cache_hit_ratio_percent: percent(
    'Blocks of tables and indexes found in shared buffers; null where none was read',
  ),
  tables_percent: percent('Of tables'),
  indexes_percent: percent('Of indexes'),
  performance_assessment: nullable(Type.Enum(['excellent', 'good', 'fair', 'poor'] as const)),
  blocks_hit: Type.Number(),
  blocks_read: Type.Number(),
})

const TableBloat = Type.Object({
  table: Type.String(),
  bytes: Type.Number(),
  wasted_bytes: Type.Number({ description: 'Estimated from statistics: off by a fifth' }),
  wasted_percent: Type.Number(),
})

const SystemMetrics = Type.Object(
  {
    host: Type.String(),
    pid: Type.Integer(),
    cores: Type.Integer(),
    cpu_percent: Type.Number({ description: 'Of one core, by this process, since it was asked last' }),
    rss_bytes: Type.Number(),
    heap_used_bytes: Type.Number(),
    heap_total_bytes: Type.Number(),
    load_1m: Type.Number(),
    memory_free_bytes: Type.Number(),
    memory_total_bytes: Type.Number(),
    threads: nullable(Type.Integer({ description: 'Known on Linux' })),
    active_resources: Type.Integer({
      description: 'What keeps the process alive: sockets, timers and the like',
    }),
    event_loop_delay_p99_ms: Type.Number(),
    event_loop_delay_max_ms: Type.Number(),
  },
  { description: "Of the service's host, not the database's" },
)

const FullReport = Type.Object({
  success: Type.Literal(true),
  data: Type.Object({
    timestamp: Type.String({ format: 'date-time' }),
    connection_pool: nullable(
      Type.Object({
        pool_size: Type.Integer(),
        max_overflow: Type.Integer(),
        checked_out_connections: Type.Integer(),
        checked_in_connections: Type.Integer(),
        total_connections: Type.Integer(),
        waiting_callers: Type.Integer(),
        pool_utilization_percent: Type.Number(),
      }),
    ),
    database: Type.Object({
      name: Type.String(),
      server_version: Type.String(),
      address: nullable(Type.String()),
      role: Type.Enum(['primary', 'standby'] as const),
      started_at: Type.String({ format: 'date-time' }),
      database_size: nullable(Type.Number({ description: 'Bytes' })),
      active_connections: Type.Integer(),
      total_connections: Type.Integer(),
      max_connections: Type.Integer(),
      connections_by_state: Type.Record(Type.String(), Type.Integer()),
      largest_tables: Type.Array(TableDescription),
    }),
    cache_hit_ratio: CacheStats,
    index_usage: Type.Array(IndexUse),
    table_bloat: Type.Array(TableBloat),
    system_metrics: nullable(SystemMetrics),
    slow_queries: Type.Array(
      Type.Object({
        id: Type.String(),
        query: nullable(Type.String()),
        calls: Type.Number(),
        mean_ms: Type.Number(),
        total_ms: Type.Number(),
      }),
    ),
    capacity: Type.Array(Forecast),
    checks: Type.Object({
      score: Type.Integer(),
      good: Type.Array(Type.String()),
      findings: Type.Array(FindingDescription),
    }),
  }),
  recommendations: Type.Array(
    Type.Object({
      category: Type.String(),
      severity: Type.Enum(['info', 'warning', 'error'] as const),
      message: Type.String(),
      action: Type.String(),
    }),
    { description: 'Worst first' },
  ),
})

const list = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: 10_000, default: 200 }),
})

/** How the database does, each in one answer; and all of it as a report. */
export const performanceRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  const { reader, readings, limits = DEFAULT_LIMITS } = context
  // From the first question on: it looks fifty times a second how late the event loop is.
  let watch: ProcessWatch | undefined
  const look = (): ProcessPicture => (watch ??= new ProcessWatch()).look()
  app.addHook('onClose', async () => watch?.close())

  const answers = <Schema extends ReturnType<typeof Type.Object>>(summary: string, schema: Schema) => ({
    tags: ['performance'],
    summary,
    response: { 200: schema, ...problemResponses },
  })

  app.get(
    '/v1/database/performance/index-usage',
    {
      config: VIEWER,
      schema: {
        ...answers(
          'Every index by size, and how often it was used.',
          Type.Object({ data: Type.Array(IndexUse) }),
        ),
        querystring: list,
      },
    },
    async ({ query }) => {
      const all = await readings.get('index usage', LIFE_MS, async () =>
        readIndexUsage({ db: reader, identity: await readIdentity(reader) }),
      )
      return { data: all.slice(0, query.limit) }
    },
  )

  app.get(
    '/v1/database/performance/cache-stats',
    {
      config: VIEWER,
      schema: answers('How much was found in shared buffers since the statistics were reset.', CacheStats),
    },
    () => readings.get('cache stats', LIFE_MS, () => readCacheStats(reader, limits)),
  )

  app.get(
    '/v1/database/performance/table-bloat',
    {
      config: VIEWER,
      schema: {
        ...answers(
          'Tables that are bigger than what they hold, estimated.',
          Type.Object({ data: Type.Array(TableBloat) }),
        ),
        querystring: list,
      },
    },
    async ({ query }) => {
      const most = 10_000
      const all = await readings.get('table bloat', LIFE_MS, () =>
        readTableBloat(reader, { leastBytes: 0, leastPercent: 0, most }),
      )
      return { data: all.slice(0, query.limit).map(bloatAsJson) }
    },
  )

  app.get(
    '/v1/database/performance/system-metrics',
    { config: VIEWER, schema: answers('The process that serves this and its machine.', SystemMetrics) },
    look,
  )

  app.get(
    '/v1/database/performance/full-report',
    {
      config: VIEWER,
      schema: {
        tags: ['performance'],
        summary: 'Everything at once, with what to do: as JSON, text or Markdown.',
        querystring: Type.Object({
          format: Type.Enum(['json', 'text', 'markdown'] as const, { default: 'json' }),
        }),
        response: { 200: FullReport, ...problemResponses },
      },
    },
    async ({ query: { format }, identity }, reply) => {
      const report = await readings.get('report', LIFE_MS, async () =>
        makeReport(await checkContextOf(context), {}, look()),
      )
      const { recommendations, ...data } = report
      if (format === 'json') {
        const findings = data.checks.findings.map((one) => findingShown(one, roleOf(identity)))
        const checks = { score: data.checks.score, good: [...data.checks.good], findings }
        return {
          success: true as const,
          data: {
            ...data,
            database: {
              ...data.database,
              connections_by_state: { ...data.database.connections_by_state },
              largest_tables: [...data.database.largest_tables],
            },
            index_usage: [...data.index_usage],
            table_bloat: [...data.table_bloat],
            slow_queries: [...data.slow_queries],
            capacity: [...data.capacity],
            checks,
          },
          recommendations: [...recommendations],
        }
      }
      const type = format === 'markdown' ? 'text/markdown' : 'text/plain'
      return reply
        .type(`${type}; charset=utf-8`)
        .serializer((text: unknown) => String(text))
        .send(reportInWords(report, format) as never)
    },
  )
}
