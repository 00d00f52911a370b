import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { readHeld, readIdentity, readIndexUsage, readTableBloat, resolveTables } from '../../monitor/index.ts'
import type { AdminContext } from '../context.ts'
import { nullable, problemResponses } from '../problem.ts'
import { IndexUse } from './performance.ts'

const LIFE_MS = 5_000
const ALL = { leastBytes: 0, leastPercent: 0, most: 100_000 }

const TableDetail = Type.Object({
  table: Type.String(),
  is_held: Type.Boolean({ description: 'Somebody holds it: its indexes cannot be asked for just now' }),
  bloat: nullable(
    Type.Object(
      { wasted_bytes: Type.Number(), wasted_percent: Type.Number() },
      { description: 'An estimate; null where nothing can be known' },
    ),
  ),
  indexes: Type.Array(IndexUse),
})

/** One table, beyond its sizes. */
export const tableRoute: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (app, { context }) => {
  const { reader, readings } = context

  app.get(
    '/v1/database/tables/:table',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['database'],
        summary: 'One table: its indexes and how they are used, and how much of it is empty.',
        params: Type.Object({
          table: Type.String({ maxLength: 300, description: 'As SQL names it: public.orders' }),
        }),
        response: { 200: TableDetail, ...problemResponses },
      },
    },
    async ({ params }) => {
      const [table = ''] = await resolveTables(reader, [params.table])
      // All of them at once: whoever looks at one table looks at others.
      const held = await readings.get('held', LIFE_MS, () => readHeld(reader))
      const indexes = await readings.get('index usage', LIFE_MS, async () =>
        readIndexUsage({ db: reader, identity: await readIdentity(reader) }),
      )
      const bloat = await readings.get('bloat of all', LIFE_MS, () => readTableBloat(reader, ALL))
      const own = bloat.find(({ name }) => name === table)
      return {
        table,
        is_held: held.includes(table),
        bloat: own ? { wasted_bytes: Math.round(own.wasted), wasted_percent: own.percent } : null,
        indexes: indexes.filter((one) => one.table === table),
      }
    },
  )
}
