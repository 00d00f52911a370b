import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { readLargestTables, type TableSize } from '../../monitor/index.ts'
import type { AdminContext } from '../context.ts'
import { nullable, problemResponses } from '../problem.ts'

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
}
