import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import {
  optimize,
  planOptimize,
  readLargestTables,
  resolveTables,
  type TableSize,
} from '../../monitor/index.ts'
import { checkContextOf } from '../check-context.ts'
import type { AdminContext } from '../context.ts'
import { nullable, problemResponses } from '../problem.ts'
import { beginWork, idempotencyHeaders, operationResponses } from './operations.ts'

const MOST_TABLES = 5_000
const LIFE_MS = 2_000

/** A table with its sizes. */
export const TableDescription = Type.Object({
  schema: Type.String(),
  table: Type.String(),
  total_bytes: Type.Number(),
  table_bytes: Type.Number(),
  index_bytes: Type.Number(),
  toast_bytes: Type.Number(),
  estimated_rows: nullable(Type.Number()),
  dead_rows: nullable(Type.Number({ description: 'Rows that wait for VACUUM, as the statistics know it' })),
})

const OptimizeBody = Type.Object({
  tables: Type.Optional(
    Type.Array(Type.String(), {
      maxItems: 1_000,
      description: 'Schema-qualified; default: all that need it',
    }),
  ),
})

const Steps = Type.Array(
  Type.Object({ subject: Type.String(), table: Type.String(), sql: Type.String(), why: Type.String() }),
)

/** The tables of this database. */
export const tableRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (app, { context }) => {
  app.get(
    '/v1/database/tables',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['database'],
        summary: 'The tables by size, as of the last VACUUM or ANALYZE. Waits for no lock.',
        querystring: Type.Object({
          limit: Type.Integer({ minimum: 1, maximum: MOST_TABLES, default: 100 }),
        }),
        response: { 200: Type.Object({ data: Type.Array(TableDescription) }), ...problemResponses },
      },
    },
    async (request) => {
      const { limit } = request.query
      const read = (): Promise<TableSize[]> => readLargestTables(context.reader, limit)
      return { data: await context.readings.get(`tables ${limit}`, LIFE_MS, read) }
    },
  )

  app.get(
    '/v1/database/tables/optimize',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['database'],
        summary: 'What VACUUM, ANALYZE and REINDEX CONCURRENTLY would help. Changes nothing.',
        response: { 200: Type.Object({ steps: Steps }), ...problemResponses },
      },
    },
    async () => ({
      steps: await context.readings.get('optimize', LIFE_MS, async () =>
        planOptimize(await checkContextOf(context)),
      ),
    }),
  )

  app.post(
    '/v1/database/tables/optimize',
    {
      config: { access: 'admin' },
      schema: {
        tags: ['database'],
        headers: idempotencyHeaders,
        summary: 'Does it, slowly, one step after another; nobody waits. An operation.',
        body: OptimizeBody,
        response: operationResponses,
      },
    },
    async (request, reply) => {
      const { tables } = request.body
      const named = tables && (await resolveTables(context.reader, tables))
      const steps = await planOptimize(await checkContextOf(context), named)
      return beginWork(context, request, reply, 'tables.optimize', async (tell, recorder) => ({
        steps: await optimize(urlOf(context), steps, {
          recorder,
          onProgress: ({ step, phase, percent }) =>
            tell(`${step.sql}${phase === null ? '' : `: ${phase}`}${percent === null ? '' : ` ${percent}%`}`),
        }),
      }))
    },
  )
}

/** A way around any pooler, where one is known. */
const urlOf = ({ partitions, pool }: AdminContext): string =>
  partitions?.url ?? String(pool.options.connectionString ?? '')
