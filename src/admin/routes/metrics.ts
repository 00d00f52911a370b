import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Registry } from 'prom-client'
import { Type } from 'typebox'
import { Checkup } from '../../monitor/index.ts'
import {
  DatabaseSource,
  registerAlerts,
  registerDatabase,
  registerFindings,
  registerPools,
} from '../../prometheus/index.ts'
import { checkContextOf } from '../check-context.ts'
import type { AdminContext } from '../context.ts'
import { problemResponses } from '../problem.ts'

/** What Prometheus scrapes. */
export const metricRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  let registry: Promise<Registry> | undefined

  app.get(
    '/metrics',
    {
      config: { access: 'viewer', isScraped: true },
      schema: {
        tags: ['monitoring'],
        summary:
          'Metrics for Prometheus: pools, the database, statements, findings, alerts, this process. With the token of HOLDFAST_METRICS_TOKEN, or signed in.',
        response: { 200: Type.String({ description: 'text/plain; version=0.0.4' }), ...problemResponses },
      },
    },
    async (_request, reply) => {
      // Made when somebody asks: until then it costs nothing.
      registry ??= makeRegistry(context).catch((error: unknown) => {
        registry = undefined
        throw error
      })
      const { contentType, metrics } = await registry.then(async (made) => ({
        contentType: made.contentType,
        metrics: await made.metrics(),
      }))
      return reply.type(contentType).send(metrics)
    },
  )
}

async function makeRegistry(context: AdminContext): Promise<Registry> {
  const { collectDefaultMetrics, Registry } = await import('prom-client')
  const { pools, reader, feed, clock, alerts } = context
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  registerPools(registry, ...pools)
  registerDatabase(registry, new DatabaseSource(reader, feed, clock))
  const checkup = new Checkup(() => checkContextOf(context), clock)
  registerFindings(registry, () => checkup.recent())
  if (alerts) registerAlerts(registry, () => alerts.open)
  return registry
}
