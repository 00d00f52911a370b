import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { managedRoles } from '../../access/index.ts'
import {
  applyRollback,
  findDrift,
  type MigrateProgress,
  type MigrateTarget,
  migrateUp,
  progressInWords,
} from '../../migrate/index.ts'
import { listManaged } from '../../partitions/index.ts'
import { type AdminContext, migrationsOf } from '../context.ts'
import { beginWork, idempotencyHeaders, operationResponses } from './operations.ts'

/** Running migrations, taking them back, and comparing what is there with what should be: each an operation. */
export const migrationActionRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  const target = (): MigrateTarget => migrationsOf(context)
  const tags = ['migrations']
  const headers = idempotencyHeaders
  const telling = (tell: (text: string) => void): ((progress: MigrateProgress) => void) => {
    const inWords = progressInWords()
    return (progress) => {
      const line = inWords(progress)
      if (line !== undefined) tell(line.trim())
    }
  }
  app.post(
    '/v1/database/migrations/up',
    {
      config: { access: 'operator' },
      schema: {
        tags,
        headers,
        summary: 'Runs what is pending. The operation tells what it does, and which ran.',
        body: Type.Object({
          to: Type.Optional(Type.String({ description: 'Stop after this one' })),
          allow_out_of_order: Type.Boolean({ default: false }),
          skip_backfills: Type.Boolean({ default: false }),
        }),
        response: operationResponses,
      },
    },
    async (request, reply) => {
      const { to, allow_out_of_order: allowOutOfOrder, skip_backfills: skipsBackfills } = request.body
      const chosen = target()
      return beginWork(context, request, reply, 'migrations.up', async (tell) => ({
        ran: await migrateUp(chosen, {
          ...context.migrateOptions,
          to,
          allowOutOfOrder,
          skipsBackfills,
          onProgress: telling(tell),
        }),
      }))
    },
  )

  app.post(
    '/v1/database/migrations/rollback',
    {
      config: { access: 'admin' },
      schema: {
        tags,
        headers,
        summary: 'Takes back what a rollback plan showed, and only that.',
        body: Type.Object({
          plan: Type.String({ description: 'Of the rollback plan that was looked at' }),
          count: Type.Integer({
            minimum: 1,
            maximum: 1_000,
            default: 1,
            description: 'As the plan was made',
          }),
        }),
        response: operationResponses,
      },
    },
    async (request, reply) => {
      const { plan, count } = request.body
      const chosen = target()
      return beginWork(context, request, reply, 'migrations.rollback', async (tell) => {
        const done = await applyRollback(chosen, {
          ...context.migrateOptions,
          plan,
          count,
          ownSchema: context.schema,
          onProgress: telling(tell),
        })
        return { taken_back: done.steps.map(({ id }) => id), rows_lost: done.rowsAtRisk }
      })
    },
  )

  app.post(
    '/v1/database/migrations/drift',
    {
      config: { access: 'operator' },
      schema: {
        tags,
        headers,
        summary:
          'Compares the structure with what the migrations that ran build on a scratch database. Changes nothing.',
        response: operationResponses,
      },
    },
    async (request, reply) => {
      const { url, directory, history } = target()
      return beginWork(context, request, reply, 'migrations.drift', async (tell) => {
        tell('building the migrations on a scratch database')
        const drift = await findDrift(
          url,
          { kind: 'migrations', directory, history },
          {
            ownSchema: context.schema,
            partitionedTables: await listManaged(context.reader, context.schema),
            ...(context.access && { managedRoles: managedRoles(context.access) }),
          },
        )
        return {
          differences: drift.differences.map(({ words }) => words),
          not_compared: drift.notCompared,
          versions: drift.versions,
        }
      })
    },
  )
}
