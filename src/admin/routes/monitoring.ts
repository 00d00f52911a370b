import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import {
  DATABASE_SERIES,
  type DatabaseSeries,
  examine,
  type MetricWindow,
  POOL_SERIES,
  type PoolSeries,
  readWindow,
  STATEMENT_ORDERS,
} from '../../monitor/index.ts'
import { checkContextOf } from '../check-context.ts'
import type { AdminContext } from '../context.ts'
import { findingShown, nullable, problemResponses } from '../problem.ts'
import { roleOf } from '../roles.ts'
import { SlowStatements } from '../slow-statements.ts'

const VIEWER = { access: 'viewer' } as const

export const FindingDescription = Type.Object({
  check: Type.String({ description: 'The check that found it; stable' }),
  severity: Type.Union([Type.Literal('info'), Type.Literal('warning'), Type.Literal('error')]),
  subject: Type.String(),
  message: Type.String({ description: 'The consequence, then the cause' }),
  evidence: Type.Record(Type.String(), Type.Unknown()),
  action: Type.String(),
  sql: nullable(Type.String()),
  confidence: Type.Enum(['certain', 'likely', 'estimate'] as const),
  why: Type.String({ description: 'Why it matters at all' }),
})

const Summary = Type.Object({
  timestamp: Type.String({ format: 'date-time' }),
  score: Type.Integer({ description: '100, less 25 for each error and 8 for each warning; never below 0' }),
  findings: Type.Array(FindingDescription, { description: 'Worst first' }),
  good: Type.Array(Type.String(), { description: 'What was looked at and is as it should be' }),
})

const windowOf = <Name extends string>(names: readonly Name[]) =>
  Type.Object({
    from: Type.String({ format: 'date-time', description: 'Begin of the first step' }),
    step_seconds: Type.Number(),
    series: Type.Object(
      Object.fromEntries(names.map((name) => [name, Type.Array(nullable(Type.Number()))])) as Record<
        Name,
        Type.TArray<Type.TUnion<[Type.TNumber, Type.TNull]>>
      >,
      { description: 'One value for each step; null where nothing is known' },
    ),
  })

const History = Type.Object({ pool: windowOf(POOL_SERIES), database: windowOf(DATABASE_SERIES) })

const SlowQueries = Type.Object({
  state: Type.Union(
    [
      Type.Literal('collecting'),
      Type.Literal('not created'),
      Type.Literal('not loaded'),
      Type.Literal('not installed'),
      Type.Literal('outdated'),
      Type.Literal('not readable'),
    ],
    { description: 'Whether pg_stat_statements tells; if not, remedy says what to do' },
  ),
  remedy: nullable(Type.Object({ action: Type.String(), sql: nullable(Type.String()) })),
  since: nullable(Type.String({ format: 'date-time', description: 'Begin of what is summed up' })),
  step_seconds: Type.Number(),
  total_ms: Type.Number({ description: 'Time in all statements of this database' }),
  calls: Type.Number({ description: 'Calls of all statements of this database' }),
  data: Type.Array(
    Type.Object({
      id: nullable(
        Type.String({ description: "PostgreSQL's queryid; null: what this role may not tell apart" }),
      ),
      query: nullable(Type.String({ description: 'With $1 for values; null when the role may not read it' })),
      calls: Type.Number(),
      calls_per_minute: Type.Number(),
      mean_ms: Type.Number(),
      total_ms: Type.Number(),
      share_percent: Type.Number({ description: 'Of the time in all statements' }),
      rows_per_call: Type.Number(),
      cache_hit_percent: nullable(
        Type.Number({ description: 'Of the blocks that it asked for; null where it asked for none' }),
      ),
      read_bytes: Type.Number({ description: 'Asked of the operating system' }),
      temp_bytes: Type.Number({ description: 'Of temporary files, written and read' }),
      wal_bytes: Type.Number(),
      io_ms: Type.Number({ description: '0 unless track_io_timing is on' }),
      call_site: nullable(
        Type.String({
          description: 'Where the code of this process calls it, as far as its pools have seen',
        }),
      ),
      trend_ms: Type.Array(Type.Number(), { description: 'Time in each whole step, the oldest first' }),
    }),
    { description: 'The greatest first, by what was asked for' },
  ),
})

const EXAMINATION_LIFE_MS = 10_000
const STATEMENTS_LIFE_MS = 2_000
const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const LONGEST_IN_MEMORY_MS = 8 * DAY_MS
const LONGEST_WINDOW_MS = 366 * DAY_MS

/** What is wrong, what was, and which statements take the time. */
export const monitoringRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  const { live, readings } = context
  const statements = new SlowStatements(context.reader, context.feed, live.statementMetrics, context.pools)

  app.get(
    '/v1/database/monitoring/summary',
    {
      config: VIEWER,
      schema: {
        tags: ['monitoring'],
        summary: 'What is wrong and what to do next: every check, at most ten seconds old.',
        response: { 200: Summary, ...problemResponses },
      },
    },
    async ({ identity }) => {
      const summary = await readings.get('summary', EXAMINATION_LIFE_MS, () => examineNow(context))
      const findings = summary.findings.map((finding) => findingShown(finding, roleOf(identity)))
      return { ...summary, findings }
    },
  )

  app.get(
    '/v1/database/monitoring/history',
    {
      config: VIEWER,
      schema: {
        tags: ['monitoring'],
        summary:
          'The pool over time, as far as this process has been watching, a week at most; and the database, a year where a history is kept.',
        querystring: Type.Object({
          from: Type.Optional(Type.String({ format: 'date-time', description: 'Default: 15 minutes ago' })),
          to: Type.Optional(Type.String({ format: 'date-time', description: 'Default: now' })),
        }),
        response: { 200: History, ...problemResponses },
      },
    },
    async (request) => {
      const now = Date.now()
      const to = Math.min(request.query.to === undefined ? now : Date.parse(request.query.to), now)
      const asked = request.query.from === undefined ? to - 15 * 60_000 : Date.parse(request.query.from)
      const from = Math.min(Math.max(asked, now - LONGEST_WINDOW_MS), to)
      // What was before this process began to look is in the history, where one is kept; for an hour its steps are too long.
      const isBefore = from < context.startedAt && to - from > HOUR_MS
      const history = isBefore ? context.collector?.history : undefined
      const database = history
        ? await readWindow(history, 'database', DATABASE_SERIES, { fromMs: from, toMs: to })
        : live.databaseMetrics.history.window(Math.max(from, now - LONGEST_IN_MEMORY_MS), to, now)
      const pool = live.poolMetrics.history.window(Math.max(from, now - LONGEST_IN_MEMORY_MS), to, now)
      return { pool: describeWindow<PoolSeries>(pool), database: describeWindow<DatabaseSeries>(database) }
    },
  )

  app.get(
    '/v1/database/monitoring/slow-queries',
    {
      config: VIEWER,
      schema: {
        tags: ['monitoring'],
        summary: 'The statements that took the most time, from pg_stat_statements.',
        querystring: Type.Object({
          window: Type.Union([Type.Literal('recent'), Type.Literal('reset')], {
            default: 'recent',
            description:
              'recent: the last 15 minutes, as far as this process has been watching. reset: since the statistics were last reset.',
          }),
          limit: Type.Integer({ minimum: 1, maximum: 5_000, default: 50 }),
          by: Type.Enum(STATEMENT_ORDERS, { default: 'time', description: 'What the list begins with' }),
        }),
        response: { 200: SlowQueries, ...problemResponses },
      },
    },
    (request) => {
      const { window, limit, by } = request.query
      return readings.get(`statements ${window} ${by} ${limit}`, STATEMENTS_LIFE_MS, () =>
        statements.read(window, by, limit, Date.now()),
      )
    },
  )
}

function describeWindow<Name extends string>({
  fromMs,
  stepMs,
  series,
}: MetricWindow<Name>): {
  from: string
  step_seconds: number
  series: Record<Name, (number | null)[]>
} {
  return {
    from: new Date(fromMs).toISOString(),
    step_seconds: stepMs / 1_000,
    series: series as Record<Name, (number | null)[]>,
  }
}

async function examineNow(context: AdminContext) {
  const timestamp = new Date().toISOString()
  const { score, findings, good } = await examine(await checkContextOf(context))
  return {
    timestamp,
    score,
    findings,
    good: [...good],
  }
}
