import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { silenceAsJson } from '../../alerts/index.ts'
import { alertStoreOf } from '../alert-store.ts'
import { actorOf } from '../console-sessions.ts'
import type { AdminContext } from '../context.ts'
import { requestInvalid } from '../errors.ts'
import { nullable, problemResponses } from '../problem.ts'

const instant = Type.String({ format: 'date-time' })
const tags = ['alerts']
const VIEWER = { access: 'viewer' } as const
const OPERATOR = { access: 'operator' } as const

const SilenceDescription = Type.Object({
  id: Type.String(),
  rule: nullable(Type.String({ description: 'Null: every rule' })),
  instance: nullable(Type.String({ description: 'Null: every process, and the database' })),
  reason: Type.String(),
  created_by: Type.String(),
  created_at: instant,
  ends_at: instant,
})

const SilenceBody = Type.Object({
  rule: Type.Optional(Type.String({ minLength: 1, maxLength: 63, description: 'Default: every rule' })),
  instance: Type.Optional(
    Type.String({ pattern: '^[\\w.:-]{1,300}$', description: 'host:pid; default: all' }),
  ),
  for_seconds: Type.Integer({ minimum: 60, maximum: 30 * 86_400 }),
  reason: Type.String({ minLength: 1, maxLength: 500 }),
})

const Id = Type.Object({ id: Type.String({ format: 'uuid' }) })

/** What nobody wants to be told of for a while. */
export const silenceRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  app.get(
    '/v1/alerts/silences',
    {
      config: VIEWER,
      schema: {
        tags,
        summary: 'What nobody wants to be told of now.',
        response: { 200: Type.Object({ data: Type.Array(SilenceDescription) }), ...problemResponses },
      },
    },
    async () => ({ data: (await (await alertStoreOf(context)).silences(Date.now())).map(silenceAsJson) }),
  )

  app.post(
    '/v1/alerts/silences',
    {
      config: OPERATOR,
      schema: {
        tags,
        summary: 'Nobody is told of a rule, or of any, for a while; what happens is still kept.',
        body: SilenceBody,
        response: { 201: SilenceDescription, ...problemResponses },
      },
    },
    async ({ body: { rule = null, instance = null, for_seconds, reason }, identity, log }, reply) => {
      const rules = context.alerts?.rules
      if (rule !== null && rules && !rules.some(({ name }) => name === rule))
        throw requestInvalid([{ path: 'rule', message: 'is the name of no rule' }])
      const now = Date.now()
      const kept = await (
        await alertStoreOf(context)
      ).silence({
        rule,
        instance,
        reason,
        createdBy: identity === null ? 'console' : actorOf(identity),
        createdAt: now,
        endsAt: now + for_seconds * 1_000,
      })
      await context.accessLog.recorderOf({ identity, log }).record({
        action: 'alert.silence',
        subject: rule ?? '*',
        details: { id: kept.id, instance, for_seconds, reason },
      })
      reply.code(201)
      return silenceAsJson(kept)
    },
  )

  app.delete(
    '/v1/alerts/silences/:id',
    {
      config: OPERATOR,
      schema: {
        tags,
        summary: 'Ends a silence now.',
        params: Id,
        response: { 200: SilenceDescription, ...problemResponses },
      },
    },
    async ({ params: { id }, identity, log }) => {
      const kept = await (await alertStoreOf(context)).lift(id, Date.now())
      await context.accessLog.recorderOf({ identity, log }).record({
        action: 'alert.lift',
        subject: kept.rule ?? '*',
        details: { id },
      })
      return silenceAsJson(kept)
    },
  )
}
