import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Pool } from '../../pool/index.ts'
import type { AdminContext } from '../context.ts'
import { requestInvalid } from '../errors.ts'
import {
  describeAdvice,
  describeHolder,
  describeStatements,
  Holder,
  picturePool,
  PoolAdvice,
  PoolPicture,
  PoolStatements,
} from '../pool-picture.ts'
import { problemResponses } from '../problem.ts'

const VIEWER = { access: 'viewer' } as const
const OPERATOR = { access: 'operator' } as const
const LONGEST_DRAIN_MS = 25_000

const pool = Type.Optional(Type.String({ description: 'Its name; default: the first' }))

const Drained = Type.Object({
  is_drained: Type.Boolean({ description: 'False: it was resumed meanwhile' }),
  still_held: Type.Array(Holder, {
    description: 'Who still holds connections; they are closed when they come back',
  }),
})

/** The pools of this process: what goes on in them, what their size should be, and a maintenance window. */
export const poolRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (app, { context }) => {
  const named = (name: string | undefined): Pool => {
    if (name === undefined) return context.pool
    const found = context.pools.find((one) => one.name === name)
    if (found) return found
    const names = context.pools.map((one) => one.name).join(', ')
    throw requestInvalid([{ path: '/pool', message: `names no pool of this process; there are: ${names}` }])
  }
  await app.register(readings, { context, named })
  await app.register(maintenance, { named })
}

type Named = (name: string | undefined) => Pool

const readings: FastifyPluginAsyncTypebox<{ context: AdminContext; named: Named }> = async (
  app,
  { context, named },
) => {
  app.get(
    '/v1/database/pools',
    {
      config: VIEWER,
      schema: {
        tags: ['pool'],
        summary: 'Every pool of this process.',
        response: { 200: Type.Object({ data: Type.Array(PoolPicture) }), ...problemResponses },
      },
    },
    async () => ({ data: context.pools.map(picturePool) }),
  )

  app.get(
    '/v1/database/performance/pool-stats',
    {
      config: VIEWER,
      schema: {
        tags: ['performance'],
        summary: 'One pool: numbers, lanes, who waits, who holds, what leaked, servers and replicas.',
        querystring: Type.Object({ pool }),
        response: { 200: PoolPicture, ...problemResponses },
      },
    },
    async (request) => picturePool(named(request.query.pool)),
  )

  app.get(
    '/v1/database/performance/pool-statements',
    {
      config: VIEWER,
      schema: {
        tags: ['performance'],
        summary: 'What the statements of one pool did, as this process saw it: by text, or by label.',
        querystring: Type.Object({
          pool,
          by: Type.Union([Type.Literal('statement'), Type.Literal('label')], { default: 'statement' }),
          limit: Type.Integer({ minimum: 1, maximum: 5_000, default: 100 }),
        }),
        response: { 200: PoolStatements, ...problemResponses },
      },
    },
    async ({ query }) => describeStatements(named(query.pool), query.by, query.limit),
  )

  app.get(
    '/v1/database/performance/pool-advice',
    {
      config: VIEWER,
      schema: {
        tags: ['performance'],
        summary: 'What the size of one pool should be, from what was wanted of it, and why.',
        querystring: Type.Object({ pool }),
        response: { 200: PoolAdvice, ...problemResponses },
      },
    },
    (request) => describeAdvice(named(request.query.pool), context.reader),
  )
}

const maintenance: FastifyPluginAsyncTypebox<{ named: Named }> = async (app, { named }) => {
  app.post(
    '/v1/database/pool/drain',
    {
      config: OPERATOR,
      schema: {
        tags: ['pool'],
        summary: 'Closes the connections of one pool as they come back; callers wait until it is resumed.',
        body: Type.Object({
          pool,
          timeout_ms: Type.Integer({
            minimum: 0,
            maximum: LONGEST_DRAIN_MS,
            default: 10_000,
            description: 'How long to wait for connections that are in use',
          }),
        }),
        response: {
          200: Drained,
          ...problemResponses,
        },
      },
    },
    async (request) => {
      const chosen = named(request.body.pool)
      request.log.warn({ pool: chosen.name, role: request.identity?.role }, 'the pool is drained')
      const holders = await chosen.drain({ timeoutMs: request.body.timeout_ms })
      return { is_drained: chosen.activity(0).isDrained, still_held: holders.map(describeHolder) }
    },
  )

  app.post(
    '/v1/database/pool/resume',
    {
      config: OPERATOR,
      schema: {
        tags: ['pool'],
        summary: 'Goes on after a drain: whoever waits is served.',
        body: Type.Object({ pool }),
        response: { 200: Type.Object({ is_drained: Type.Literal(false) }), ...problemResponses },
      },
    },
    async (request) => {
      const chosen = named(request.body.pool)
      chosen.resume()
      request.log.warn({ pool: chosen.name, role: request.identity?.role }, 'the pool goes on')
      return { is_drained: false as const }
    },
  )
}
