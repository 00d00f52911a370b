import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import {
  archive,
  ARCHIVE_FORMATS,
  listArchives,
  maintain,
  manage,
  manifestOf,
  parseEvery,
  partitionsAsJson,
  readPartitionList,
  restoreArchive,
  retain,
  unmanage,
} from '../../partitions/index.ts'
import { type AdminContext, partitionsOf } from '../context.ts'
import { requestInvalid } from '../errors.ts'
import { nullable, problemResponses } from '../problem.ts'
import { beginWork, idempotencyHeaders, operationResponses } from './operations.ts'
import { PartitionList } from './partitions.ts'

const LIFE_MS = 2_000
const Table = Type.String({ description: 'As SQL names it: public.logs' })
const Some = Type.Object({
  table: Type.Optional(Type.String({ description: 'Default: all that are under upkeep' })),
})
const Format = Type.Enum(ARCHIVE_FORMATS, {
  default: 'ndjson',
  description: 'How rows of archives are written',
})
const Count = Type.Integer({ minimum: 1, maximum: 1_000 })
const tags = ['partitions']
const admin = { access: 'admin' } as const
const work = { tags, headers: idempotencyHeaders, response: operationResponses }

/** How partitioned tables are kept: made ahead, taken away, archived, brought back. */
export const partitionUpkeepRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  const { reader, readings, schema } = context

  app.post(
    '/v1/database/partitions/maintain',
    {
      config: { access: 'operator' },
      schema: {
        ...work,
        body: Some,
        summary: 'Makes partitions ahead, fills gaps, finishes what was begun.',
      },
    },
    async (request, reply) => {
      const chosen = partitionsOf(context)
      const { table } = request.body
      return beginWork(context, request, reply, 'partitions.maintain', async (_tell, recorder) => ({
        tables: await maintain(chosen, { table, recorder }),
      }))
    },
  )

  app.post(
    '/v1/database/partitions/retain',
    {
      config: admin,
      schema: {
        ...work,
        body: Some,
        summary: 'Takes away the partitions that are older than their tables keep.',
      },
    },
    async (request, reply) => {
      const chosen = partitionsOf(context)
      const { table } = request.body
      return beginWork(context, request, reply, 'partitions.retain', async (tell, recorder) => ({
        tables: await retain(chosen, { table, recorder, onPartition: (of, one) => tell(`${of}: ${one}`) }),
      }))
    },
  )

  app.get(
    '/v1/database/partitions/archives',
    {
      config: { access: 'viewer' },
      schema: {
        tags,
        summary: 'The archives that partitions of a table went to, the latest first.',
        querystring: Type.Object({ table: Table }),
        response: {
          200: Type.Object({
            data: Type.Array(
              Type.Object({
                partition: Type.String(),
                manifest: Type.String({ description: 'Where it lies' }),
                rows: nullable(Type.Number()),
                archived_at: Type.String({ format: 'date-time' }),
              }),
            ),
          }),
          ...problemResponses,
        },
      },
    },
    ({ query: { table } }) =>
      readings.get(`archives of ${table}`, LIFE_MS, async () => ({
        data: (await listArchives(reader, schema, await reader.qualified(table))).map(
          ({ archivedAt, ...one }) => ({
            ...one,
            archived_at: archivedAt.toISOString(),
          }),
        ),
      })),
  )

  app.post(
    '/v1/database/partitions/archive',
    {
      config: admin,
      schema: {
        ...work,
        summary:
          'Archives partitions to where their table says, reads the archives back, and drops the partitions.',
        body: Type.Object({
          table: Table,
          partitions: Type.Optional(
            Type.Array(Type.String(), {
              minItems: 1,
              description: 'Default: all that are older than is kept',
            }),
          ),
          format: Format,
        }),
      },
    },
    async (request, reply) => {
      const chosen = partitionsOf(context)
      return beginWork(context, request, reply, 'partitions.archive', async (tell, recorder) => ({
        tables: await archive(chosen, {
          ...request.body,
          recorder,
          onPartition: (of, one) => tell(`${of}: ${one}`),
        }),
      }))
    },
  )

  app.post(
    '/v1/database/partitions/restore-archive',
    {
      config: admin,
      schema: {
        ...work,
        summary:
          'Brings a partition back from its latest archive, and attaches it. Only of archives that are written down.',
        body: Type.Object({ table: Table, partition: Type.String() }),
      },
    },
    async (request, reply) => {
      const chosen = partitionsOf(context)
      const { table, partition } = request.body
      return beginWork(context, request, reply, 'partitions.restore-archive', async (_tell, recorder) => {
        const manifest = await manifestOf(reader, chosen, await reader.qualified(table), partition)
        return { ...(await restoreArchive(chosen, table, { manifest, recorder })) }
      })
    },
  )

  addKeeping(app, context)
}

function addKeeping(
  app: Parameters<FastifyPluginAsyncTypebox<{ context: AdminContext }>>[0],
  context: AdminContext,
): void {
  const { reader, schema } = context
  app.post(
    '/v1/database/partitions/manage',
    {
      config: admin,
      schema: {
        tags,
        summary:
          'Keeps the partitions of a table from now on, or says anew how. Archives stay where the table has them.',
        body: Type.Object({
          table: Table,
          every: Type.String({ description: 'hour, day, month, year, or so many of an integer key' }),
          premake: Type.Optional(Count),
          keep: Type.Optional(Count),
          retention: Type.Optional(Type.Enum(['detach', 'archive', 'drop'] as const)),
        }),
        response: { 200: PartitionList, ...problemResponses },
      },
    },
    async ({ body: { table, every, premake, keep, retention } }) => {
      const chosen = partitionsOf(context)
      const length = parseEvery(every)
      if (length === undefined)
        throw requestInvalid([
          { path: '/every', message: 'is hour, day, month, year, or a whole number from 1' },
        ])
      const { policy } = await readPartitionList(reader, schema, await reader.qualified(table))
      const archiveTo = retention === 'archive' ? (policy?.archiveTo ?? undefined) : undefined
      if (retention === 'archive' && archiveTo === undefined)
        throw requestInvalid([
          {
            path: '/retention',
            message: 'is archive only where the table has a place to archive to already',
          },
        ])
      await context.gate.run(() =>
        manage(chosen, table, { every: length, premake, keep, retention, archiveTo }),
      )
      return partitionsAsJson(await readPartitionList(reader, schema, await reader.qualified(table)))
    },
  )
  app.post(
    '/v1/database/partitions/unmanage',
    {
      config: admin,
      schema: {
        tags,
        summary: 'Ends the upkeep of a table. Its partitions stay as they are.',
        body: Type.Object({ table: Table }),
        response: { 200: Type.Object({ table: Type.String() }), ...problemResponses },
      },
    },
    async ({ body: { table } }) => {
      const chosen = partitionsOf(context)
      await context.gate.run(() => unmanage(chosen, table))
      return { table }
    },
  )
}
