import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Collector } from '../../monitor/index.ts'
import type { AdminContext } from '../context.ts'
import { collectorUnknown } from '../errors.ts'
import { nullable, problemResponses } from '../problem.ts'

const Status = Type.Object({
  state: Type.Enum(['stopped', 'collecting', 'standing by'] as const, {
    description: 'standing by: another process looks at the database, this one at itself',
  }),
  problem: nullable(Type.String({ description: 'Why nothing can be kept' })),
  interval_seconds: Type.Number(),
  started_at: nullable(Type.String({ format: 'date-time' })),
  written_at: nullable(Type.String({ format: 'date-time' })),
  last_minute_ms: nullable(Type.Number({ description: 'Time that the looks of the last minute took' })),
  history_bytes: nullable(
    Type.Number({ description: 'Room that the history takes; null where that cannot be read' }),
  ),
  skipped: Type.Array(
    Type.Object({
      look: Type.String(),
      reason: Type.String(),
      times: Type.Integer(),
      last_at: Type.String({ format: 'date-time' }),
    }),
    { description: 'What could not be looked at in time' },
  ),
})

/** Starting, stopping and watching what keeps the history. */
export const collectingRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  const collectorOf = (): Collector => {
    if (context.collector === undefined) throw collectorUnknown()
    return context.collector
  }
  const describe = async () => {
    const { intervalMs, startedAt, writtenAt, lastMinuteMs, skipped, ...status } = collectorOf().status()
    return {
      ...status,
      interval_seconds: intervalMs / 1_000,
      started_at: startedAt?.toISOString() ?? null,
      written_at: writtenAt?.toISOString() ?? null,
      last_minute_ms: lastMinuteMs,
      history_bytes: await collectorOf().historyBytes(),
      skipped: skipped.map(({ lastAt, ...one }) => ({ ...one, last_at: lastAt.toISOString() })),
    }
  }
  const schema = (summary: string) => ({
    tags: ['monitoring'],
    summary,
    response: { 200: Status, ...problemResponses },
  })

  app.get(
    '/v1/database/monitoring/status',
    {
      config: { access: 'viewer' },
      schema: schema('Whether what is seen is kept, what it costs, and what was left out.'),
    },
    describe,
  )

  app.post(
    '/v1/database/monitoring/start',
    {
      config: { access: 'operator' },
      schema: {
        ...schema('Begins to keep what is seen, or goes on with another interval.'),
        querystring: Type.Object({
          interval_seconds: Type.Integer({
            minimum: 10,
            maximum: 600,
            multipleOf: 10,
            default: 60,
            description: 'How often counters and statements are looked at',
          }),
        }),
      },
    },
    async ({ query }) => {
      const collector = collectorOf()
      await collector.stop()
      collector.start(query.interval_seconds * 1_000)
      return describe()
    },
  )

  app.post(
    '/v1/database/monitoring/stop',
    { config: { access: 'operator' }, schema: schema('Ends it, having written what is at hand.') },
    async () => {
      await collectorOf().stop()
      return describe()
    },
  )
}
