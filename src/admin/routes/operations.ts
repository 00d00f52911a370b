import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { AdminContext } from '../context.ts'
import type { LongWork } from '../long-work.ts'
import { nullable, problemResponses } from '../problem.ts'
import { includesRole, type Role, ROLES } from '../roles.ts'

const instant = Type.String({ format: 'date-time' })

/** Something that takes longer than a request may. */
export const Operation = Type.Object({
  id: Type.String(),
  kind: Type.String({ description: 'noun.verb, as migrations.up' }),
  started_by: Type.Enum([...ROLES]),
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
    state: work.state,
    started_at: work.startedAt.toISOString(),
    finished_at: work.finishedAt?.toISOString() ?? null,
    log: maySeeAll ? work.log.map(({ at, text }) => ({ at: at.toISOString(), text })) : [],
    result: maySeeAll ? (work.result as Record<string, unknown> | null) : null,
    error: work.error && (maySeeAll ? work.error : { ...work.error, message: 'An operator can read why.' }),
  }
}

/** Of a request, whatever its route declares. */
type Asking = Pick<FastifyRequest, 'identity' | 'log' | 'server'> & {
  readonly headers: unknown
  readonly body: unknown
}

/** Begins a work for a request, and says where to look for it. */
export function beginWork(
  { works, readings }: AdminContext,
  request: Asking,
  reply: FastifyReply,
  kind: string,
  run: (tell: (text: string) => void) => Promise<object>,
) {
  const work = works.start(
    {
      kind,
      startedBy: request.identity?.role ?? 'viewer',
      input: (request.body ?? {}) as object,
      key: (request.headers as { 'idempotency-key'?: string })['idempotency-key'],
    },
    // What was read before is not what is there now.
    (tell) => run(tell).finally(() => readings.forget()),
  )
  request.log.warn({ operation: work.id, kind, role: work.startedBy }, 'an operation begins')
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
      data: context.works.list().map((work) => describeWork(work, request.identity?.role ?? 'viewer')),
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
    (request) => describeWork(context.works.get(request.params.id), request.identity?.role ?? 'viewer'),
  )
}
