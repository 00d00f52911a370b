import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { accessAsJson, type AccessTarget, applyAccess, planAccess, ROLE_KINDS } from '../../access/index.ts'
import type { AdminContext } from '../context.ts'
import { accessUnknown } from '../errors.ts'
import { problemResponses } from '../problem.ts'
import { beginWork, idempotencyHeaders, operationResponses } from './operations.ts'

/** Shared by all who ask: it reads every grant. */
const LIFE_MS = 5_000

const AccessPlan = Type.Object({
  plan: Type.String({ description: 'Names the plan; apply takes it' }),
  roles: Type.Partial(
    Type.Object(
      Object.fromEntries(ROLE_KINDS.map((kind) => [kind, Type.String()])) as Record<string, Type.TString>,
    ),
    { description: 'Name of each role' },
  ),
  differences: Type.Array(
    Type.Object({
      role: Type.String({ description: 'PUBLIC is everybody' }),
      object: Type.String(),
      what: Type.String(),
      effect: Type.Enum(['widens', 'narrows'] as const, {
        description: 'What settling it does: gives the role something, or takes something away',
      }),
      words: Type.String(),
      statement: Type.String(),
    }),
  ),
  blocked_by: Type.Array(Type.String(), { description: 'Why it cannot be applied' }),
  warnings: Type.Array(Type.String(), { description: 'What applying takes from others' }),
  notes: Type.Array(Type.String(), { description: 'What is worth knowing and not managed' }),
})

/** Who has which rights, and who is to have them. */
export const accessRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  const target = (): AccessTarget => {
    if (context.access === undefined) throw accessUnknown()
    return context.access
  }

  app.get(
    '/v1/database/access',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['access'],
        summary: 'How the rights in the database differ from the configured roles, and what would settle it.',
        response: { 200: AccessPlan, ...problemResponses },
      },
    },
    () => {
      const chosen = target()
      return context.readings.getBeside('access', LIFE_MS, async () => accessAsJson(await planAccess(chosen)))
    },
  )

  app.post(
    '/v1/database/access/apply',
    {
      config: { access: 'admin' },
      schema: {
        tags: ['access'],
        headers: idempotencyHeaders,
        summary: 'Makes the rights as configured: what the plan showed, and only that.',
        body: Type.Object({ plan: Type.String({ description: 'Of the plan that was looked at' }) }),
        response: operationResponses,
      },
    },
    async (request, reply) => {
      const chosen = target()
      const { plan } = request.body
      return beginWork(context, request, reply, 'access.apply', async (tell, recorder) => {
        const { lockTimeoutMs, lockRetries } = context.migrateOptions
        const done = await applyAccess(chosen, {
          plan,
          lockTimeoutMs,
          lockRetries,
          recorder,
          onProgress: (at, of, object) => tell(`${at + 1} of ${of}: ${object}`),
        })
        return { changes: done.groups.reduce((sum, { changes }) => sum + changes.length, 0) }
      })
    },
  )
}
