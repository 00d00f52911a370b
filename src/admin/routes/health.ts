import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { isHoldfastError, KeptAnswers } from '../../core/index.ts'
import type { PoolHealth } from '../../pool/index.ts'
import { connectFailureInBrief } from '../../pool/index.ts'
import type { AdminContext } from '../context.ts'
import { describePool, PoolDescription } from '../pool-description.ts'
import { readReadiness } from '../../monitor/index.ts'

const Health = Type.Object({
  status: Type.Union([Type.Literal('healthy'), Type.Literal('unhealthy'), Type.Literal('draining')]),
  timestamp: Type.String({ format: 'date-time' }),
  uptime_seconds: Type.Number(),
  components: Type.Object({
    database: Type.Object({
      status: Type.Union([Type.Literal('healthy'), Type.Literal('unhealthy')]),
      latency_ms: Type.Number({
        description: 'From asking for a connection, beside the pool, to the answer of SELECT 1',
      }),
      since: Type.String({
        format: 'date-time',
        description: 'Since when it is so, as far as it was looked at',
      }),
      code: Type.Union([Type.String(), Type.Null()]),
      reason: Type.Union([Type.String(), Type.Null()]),
    }),
    pool: PoolDescription,
  }),
})

const Live = Type.Object({ status: Type.Literal('ok') })

const Ready = Type.Object({
  status: Type.Union([Type.Literal('ready'), Type.Literal('not ready')]),
  code: Type.Union([Type.String(), Type.Null()]),
  reason: Type.Union([Type.String(), Type.Null()]),
})

/** Counted with nothing else, or a stranger who asks for anything too often would have a load balancer take the service out. */
const PUBLIC = { access: 'public', rateLimit: false } as const
/** However many ask at the same time, the database is asked once; nobody is told what was before. */
const LIFE_MS = 0

function failureOf(health: PoolHealth): { code: string | null; reason: string | null } {
  return health.ok ? { code: null, reason: null } : connectFailureInBrief(health.error)
}

/** For load balancers, orchestrators and people in a hurry: no sign-in. */
export const healthRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  const { pool, reader, schema, live, clock } = context
  const answers = new KeptAnswers(clock)
  const probe = (): Promise<PoolHealth> => answers.get('probe', LIFE_MS, () => live.probe())

  app.get(
    '/livez',
    {
      config: PUBLIC,
      schema: {
        tags: ['health'],
        summary: 'Is this process alive? Asks no database.',
        response: { 200: Live },
      },
    },
    async () => ({ status: 'ok' as const }),
  )

  app.get(
    '/readyz',
    {
      config: PUBLIC,
      schema: {
        tags: ['health'],
        summary: 'Can requests be sent here? Pool, own schema when it can be written, not draining.',
        response: { 200: Ready, 503: Ready },
      },
    },
    async (_request, reply) => {
      const refuse = (code: string | null, reason: string | null): Promise<never> =>
        reply.code(503).header('retry-after', '1').send({ status: 'not ready', code, reason }) as never
      if (context.isDraining) return refuse(null, 'This process is shutting down.')
      if (pool.activity(0).isDrained)
        return refuse(null, 'The pool is drained; holdfast pool resume goes on.')
      const health = await probe()
      const { code, reason } = failureOf(health)
      if (!health.ok) return refuse(code, reason)
      const exhausted = await live.probePool()
      if (exhausted !== undefined) return refuse('HF_POOL_ACQUIRE_TIMEOUT', exhausted)
      try {
        const readiness = await answers.get('readiness', LIFE_MS, () => readReadiness(reader, schema))
        if (!readiness.isReady) return refuse('HF_SCHEMA_MISSING', readiness.reason)
      } catch (error) {
        // It answers, but cannot be read now; or it went away meanwhile.
        if (isHoldfastError(error)) return refuse(error.code, error.message)
        const { code: lost, reason: why } = connectFailureInBrief(error)
        return refuse(lost, why)
      }
      return { status: 'ready' as const, code: null, reason: null }
    },
  )

  app.get(
    '/health',
    {
      config: PUBLIC,
      schema: {
        tags: ['health'],
        summary: 'The components with latency and pool; 503 when one is unhealthy.',
        response: { 200: Health, 503: Health },
      },
    },
    async (_request, reply) => {
      const health = await probe()
      const status =
        context.isDraining || pool.activity(0).isDrained
          ? ('draining' as const)
          : health.ok
            ? ('healthy' as const)
            : ('unhealthy' as const)
      reply.code(status === 'healthy' ? 200 : 503)
      return {
        status,
        timestamp: new Date().toISOString(),
        uptime_seconds: Math.round((Date.now() - context.startedAt) / 1_000),
        components: {
          database: {
            status: health.ok ? ('healthy' as const) : ('unhealthy' as const),
            latency_ms: Math.round(health.latencyMs * 1_000) / 1_000,
            since: new Date(live.healthSince).toISOString(),
            ...failureOf(health),
          },
          pool: describePool(pool.stats()),
        },
      }
    },
  )
}
