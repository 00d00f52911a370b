import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Recorder } from '../../core/index.ts'
import type { Identity } from '../console-sessions.ts'
import { type AdminContext, recorderOf } from '../context.ts'
import { forbidden } from '../errors.ts'
import type { LongWork } from '../long-work.ts'
import { errorShown, nullable, problemResponses } from '../problem.ts'
import { includesRole, type Role, roleOf, ROLES } from '../roles.ts'

const instant = Type.String({ format: 'date-time' })

/** Something that takes longer than a request may. */
export const Operation = Type.Object({
  id: Type.String(),
  kind: Type.String({ description: 'noun.verb, as migrations.up' }),
  started_by: Type.Enum([...ROLES]),
  started_by_name: Type.String({ description: 'Of the session or token' }),
  state: Type.Enum(['running', 'done', 'failed'] as const),
  started_at: instant,
  finished_at: nullable(instant),
  log: Type.Array(Type.Object({ at: instant, text: Type.String() }), {
    description: 'What it said, the latest last; two hundred lines at most',
  }),
  result: nullable(Type.Record(Type.String(), Type.Unknown())),
  error: nullable(Type.Object({ code: nullable(Type.String()), message: Type.String() })),
})

/** What a route that begins one says about itself. */
export const operationResponses = { 202: Operation, ...problemResponses }

/** A request may be sent twice: with the same key it begins one operation. */
export const idempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: 'The same key begins the same operation once' }),
  ),
})

/** A statement or an error of PostgreSQL may hold values: a viewer reads how it stands, not what was said. */
export const describeWork = (work: LongWork, role: Role) => {
  const maySeeAll = includesRole(role, 'operator')
  return {
    id: work.id,
    kind: work.kind,
    started_by: work.startedBy,
    started_by_name: work.startedByName,
    state: work.state,
    started_at: work.startedAt.toISOString(),
    finished_at: work.finishedAt?.toISOString() ?? null,
    log: maySeeAll ? work.log.map(({ at, text }) => ({ at: at.toISOString(), text })) : [],
    result: maySeeAll ? (work.result as Record<string, unknown> | null) : null,
    error: work.error && { ...work.error, message: errorShown(work.error.message, role) },
  }
}

/** Of a request, whatever its route declares. */
type Asking = Pick<FastifyRequest, 'identity' | 'log' | 'server'> & {
  readonly headers: unknown
  readonly body: unknown
}

/** Begins a work for a request, and says where to look for it. */
export function beginWork(
  context: AdminContext,
  request: Asking,
  reply: FastifyReply,
  kind: string,
  run: (tell: (text: string) => void, recorder: Recorder) => Promise<object>,
) {
  const { works, readings } = context
  const recorder = recorderOf(context, request)
  const work = works.start(
    {
      kind,
      startedBy: request.identity as Identity,
      input: (request.body ?? {}) as object,
      key: (request.headers as { 'idempotency-key'?: string })['idempotency-key'],
    },
    // What was read before is not what is there now.
    (tell) => run(tell, recorder).finally(() => readings.forget()),
  )
  request.log.warn(
    { operation: work.id, kind, role: work.startedBy, by: work.startedByName },
    'an operation begins',
  )
  reply.code(202).header('location', `${request.server.prefix}/v1/operations/${work.id}`)
  return describeWork(work, work.startedBy)
}

/** What runs and what ran: how far it is, what it said, what came of it. */
export const operationRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  app.get(
    '/v1/operations',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['operations'],
        summary: 'Operations of this process, the latest first.',
        response: { 200: Type.Object({ data: Type.Array(Operation) }), ...problemResponses },
      },
    },
    (request) => ({
      data: context.works.list().map((work) => describeWork(work, roleOf(request.identity))),
    }),
  )

  app.get(
    '/v1/operations/:id',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['operations'],
        summary: 'One operation: how far it is, what it said, what came of it.',
        params: Type.Object({ id: Type.String() }),
        response: { 200: Operation, ...problemResponses },
      },
    },
    (request) => describeWork(context.works.get(request.params.id), roleOf(request.identity)),
  )

  app.post(
    '/v1/operations/:id/end',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['operations'],
        summary:
          'Ends an operation that runs: what it is doing is cancelled and undone, what it had finished stays. An operator ends those of operators.',
        params: Type.Object({ id: Type.String() }),
        response: { 200: Operation, ...problemResponses },
      },
    },
    async ({ params: { id }, identity }) => {
      const { name, role } = identity as Identity
      const { startedBy } = context.works.get(id)
      if (!includesRole(role, startedBy)) throw forbidden(startedBy, role)
      return describeWork(await context.works.end(id, name), role)
    },
  )
}
