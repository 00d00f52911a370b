import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Recorder } from '../../core/index.ts'
import { Type } from 'typebox'
import {
  abortConversion,
  type ConversionOptions,
  conversionAsJson,
  convert,
  finishConversion,
  listBroken,
  listConversions,
  listPartitioned,
  parseEvery,
  partitionedAsJson,
  partitionsAsJson,
  type PartitionTarget,
  planAsJson,
  planConversion,
  readPartitionList,
  resumeConversion,
  undoConversion,
  type Wishes,
} from '../../partitions/index.ts'
import { type AdminContext, partitionsOf } from '../context.ts'
import { requestInvalid } from '../errors.ts'
import { errorShown, nullable, problemResponses } from '../problem.ts'
import { type Role, roleOf } from '../roles.ts'
import { beginWork, idempotencyHeaders, operationResponses } from './operations.ts'

/** Shared by all who ask. */
const LIFE_MS = 2_000
const text = (description: string) => Type.String({ description })
const instant = Type.String({ format: 'date-time' })

const Kept = Type.Object({
  every: text('hour, day, month, year, or so many of an integer key'),
  premake: Type.Integer({ description: 'Partitions made ahead of the current one' }),
  keep: nullable(Type.Integer({ description: 'Partitions kept behind the current one; null keeps all' })),
  retention: Type.Enum(['detach', 'archive', 'drop'] as const),
  archive_to: nullable(Type.String()),
  maintained_at: nullable(instant),
  last_error: nullable(Type.String()),
})

const Conversion = Type.Object({
  id: Type.String(),
  table: Type.String(),
  kind: Type.Enum(['attach', 'split'] as const),
  state: Type.Enum(['running', 'aborting', 'done', 'aborted', 'undone'] as const, {
    description: 'running, also when nobody is at it just now',
  }),
  step: nullable(text('The last step that was begun')),
  step_done: Type.Boolean(),
  step_number: Type.Integer(),
  steps: Type.Array(Type.Object({ name: Type.String(), words: Type.String() })),
  rows_done: Type.Number({ description: 'Rows that were copied' }),
  rows_estimated: Type.Number(),
  column: Type.String(),
  every: Type.String(),
  old_table: Type.String(),
  cutoff: text('Where the old table ends'),
  notes: Type.Array(Type.String()),
  error: nullable(text('Why the last attempt ended')),
  started_at: instant,
  updated_at: instant,
  finished_at: nullable(instant),
  undo_until: nullable(instant),
})

const place = (description: string) => nullable(text(`${description}: an instant, or an integer`))

const Outlook = {
  table: Type.String(),
  column: Type.String(),
  key: Type.Enum(['time', 'integer'] as const),
  policy: nullable(Kept),
  ahead: nullable(Type.Integer({ description: 'Partitions that are ready behind the current one' })),
  ends_at: place('From where on a row finds no partition'),
  runs_low: Type.Boolean({ description: 'Inserts fail, or are going to before somebody may have looked' }),
  takes_now: nullable(Type.Boolean({ description: 'Whether a row that is written now finds a partition' })),
  next: Type.Array(
    Type.Object({
      at: place('Where the key has to be for it, null for now'),
      action: Type.Enum(['make', 'finish detaching', 'drain', 'detach', 'archive', 'drop'] as const),
      partitions: Type.Array(Type.String()),
    }),
    { description: 'What upkeep does next' },
  ),
  forecast: nullable(
    Type.Object(
      {
        from: Type.String(),
        to: Type.String(),
        rows: Type.Number(),
        bytes: Type.Number(),
        basis: Type.Integer({ description: 'From how many complete partitions it is drawn' }),
      },
      { description: 'The partition behind the current one' },
    ),
  ),
}

const PartitionedTable = Type.Object({
  ...Outlook,
  count: Type.Integer({ description: 'Partitions' }),
  rows: Type.Number({ description: 'Estimated' }),
  bytes: Type.Number(),
})

export const PartitionList = Type.Object({
  ...Outlook,
  partitions: Type.Array(
    Type.Object({
      name: Type.String(),
      from: Type.String(),
      to: Type.String(),
      rows: Type.Number({ description: 'Estimated' }),
      bytes: Type.Number(),
      state: Type.Enum(['attached', 'default', 'detaching'] as const),
      when: nullable(
        Type.Enum(['past', 'current', 'ahead'] as const, {
          description: 'Beside the place of now on the key',
        }),
      ),
      last_read_at: nullable(
        Type.String({
          format: 'date-time',
          description: 'By a query; the server knows it from PostgreSQL 16 on',
        }),
      ),
    }),
  ),
})

const WishBody = {
  table: text('As SQL names it: public.logs'),
  by: Type.String({ default: '', description: 'Column to partition by' }),
  every: text('hour, day, month, year, or so many of an integer key'),
  mode: Type.Enum(['attach', 'split'] as const, { default: 'attach' }),
  premake: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
  keep: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
  retention: Type.Optional(Type.Enum(['detach', 'drop'] as const)),
  accept: Type.Array(Type.String(), { default: [], description: 'Findings that are agreed to' }),
  grace_days: Type.Optional(Type.Integer({ minimum: 0, maximum: 999 })),
}

const PlannedPartitions = Type.Array(
  Type.Object({ name: Type.String(), from: nullable(Type.String()), to: Type.String() }),
)
const PlannedSteps = Type.Array(
  Type.Object({ name: Type.String(), words: Type.String(), lock: nullable(Type.String()) }),
)

const Plan = Type.Object({
  plan: text('Names the plan; convert takes it'),
  table: Type.String(),
  column: Type.String(),
  every: Type.String(),
  mode: Type.Enum(['attach', 'split'] as const),
  cutoff: Type.String(),
  old_table: Type.String(),
  partitions: PlannedPartitions,
  premake: Type.Integer(),
  keep: nullable(Type.Integer()),
  retention: Type.String(),
  rows: Type.Number(),
  bytes: Type.Number(),
  findings: Type.Array(
    Type.Object({
      id: Type.String(),
      level: Type.Enum(['carried', 'warning', 'consent', 'blocked'] as const),
      words: Type.String(),
      way: nullable(Type.String()),
    }),
  ),
  accepted: Type.Array(Type.String()),
  in_the_way: Type.Array(Type.String(), { description: 'Findings that have to be settled, or agreed to' }),
  steps: PlannedSteps,
  then_split: nullable(
    Type.Object(
      {
        partitions: PlannedPartitions,
        steps: PlannedSteps,
      },
      { description: 'What splitting the history will do after these steps; null where none follows' },
    ),
  ),
})

const DAY_MS = 86_400_000

interface WishInput {
  readonly by: string
  readonly every: string
  readonly mode: 'attach' | 'split'
  readonly premake?: number
  readonly keep?: number
  readonly retention?: 'detach' | 'drop'
  readonly accept: readonly string[]
  readonly grace_days?: number
}

/** @throws HF_ADMIN_REQUEST_INVALID */
function wishesFrom({
  by,
  every,
  mode,
  premake,
  keep,
  retention,
  accept,
  grace_days: days,
}: WishInput): Wishes {
  const length = parseEvery(every)
  if (length === undefined)
    throw requestInvalid([{ path: '/every', message: 'is hour, day, month, year, or a whole number from 1' }])
  return {
    by,
    every: length,
    mode,
    premake,
    keep,
    retention,
    accept,
    graceMs: days === undefined ? undefined : days * DAY_MS,
  }
}

const policyShown = <Shown extends { last_error: string | null }>(policy: Shown | null, role: Role) =>
  policy && { ...policy, last_error: errorShown(policy.last_error, role) }

/** Partitioned tables, their partitions, and what is done about them. */
export const partitionRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  const { reader, readings, schema } = context
  const target = (): PartitionTarget => partitionsOf(context)
  const tags = ['partitions']
  const viewer = { access: 'viewer' } as const

  app.get(
    '/v1/database/partitions',
    {
      config: viewer,
      schema: {
        tags,
        summary: 'All partitioned tables with what lies before them, and all conversions, the latest first.',
        response: {
          200: Type.Object({
            data: Type.Array(PartitionedTable),
            conversions: Type.Array(Conversion),
            broken_records: Type.Array(
              Type.Object({ table: Type.String(), record: Type.String(), why: Type.String() }),
              { description: 'What is written down and cannot be gone by: nothing is done for these tables' },
            ),
          }),
          ...problemResponses,
        },
      },
    },
    async ({ identity }) => {
      const { data, conversions, broken_records } = await readings.get('partitions', LIFE_MS, async () => ({
        data: (await listPartitioned(reader, schema)).map(partitionedAsJson),
        conversions: (await listConversions(reader, schema)).map(conversionAsJson),
        broken_records: (await listBroken(reader, schema)).map((one) => ({ ...one })),
      }))
      const role = roleOf(identity)
      return {
        data: data.map((one) => ({
          ...one,
          policy: policyShown(one.policy, role),
        })),
        conversions: conversions.map((one) => ({ ...one, error: errorShown(one.error, role) })),
        broken_records,
      }
    },
  )

  app.get(
    '/v1/database/partitions/table',
    {
      config: viewer,
      schema: {
        tags,
        summary: 'The partitions of a table in their order, with rows and sizes.',
        querystring: Type.Object({ table: WishBody.table }),
        response: { 200: PartitionList, ...problemResponses },
      },
    },
    async ({ query: { table }, identity }) => {
      const found = await readings.get(`partitions of ${table}`, LIFE_MS, async () =>
        partitionsAsJson(await readPartitionList(reader, schema, await reader.qualified(table))),
      )
      return { ...found, policy: policyShown(found.policy, roleOf(identity)) }
    },
  )

  app.post(
    '/v1/database/partitions/plan',
    {
      config: { access: 'operator' },
      schema: {
        tags,
        summary: 'What converting a table would do, and all that stands in its way. Changes nothing.',
        body: Type.Object(WishBody),
        response: { 200: Plan, ...problemResponses },
      },
    },
    async ({ body }) =>
      planAsJson(await context.gate.run(() => planConversion(target(), body.table, wishesFrom(body)))),
  )

  app.post(
    '/v1/database/partitions/convert',
    {
      config: { access: 'admin' },
      schema: {
        tags,
        headers: idempotencyHeaders,
        summary: 'Converts a table that is in use: what the plan showed, and only that.',
        body: Type.Object({ ...WishBody, plan: text('Of the plan that was looked at') }),
        response: operationResponses,
      },
    },
    async (request, reply) => {
      const { table, plan } = request.body
      const wishes = wishesFrom(request.body)
      const chosen = target()
      return beginWork(context, request, reply, 'partitions.convert', async (tell, recorder) =>
        conversionAsJson(await convert(chosen, table, wishes, { ...telling(recorder, tell), plan })),
      )
    },
  )

  for (const [verb, does, summary] of [
    [
      'resume',
      resumeConversion,
      'Goes on with the conversion of a table; one that is finished is only told of.',
    ],
    ['abort', abortConversion, 'Takes back a conversion that was begun and not ended.'],
    [
      'finish',
      finishConversion,
      'Ends at once the time in which a split can be undone: the old table is dropped.',
    ],
    [
      'undo',
      undoConversion,
      'Takes back the last conversion that was ended, with all that was written since.',
    ],
  ] as const)
    app.post(
      `/v1/database/partitions/${verb}`,
      {
        config: { access: 'admin' },
        schema: {
          tags,
          headers: idempotencyHeaders,
          summary,
          body: Type.Object({ table: WishBody.table, accept: WishBody.accept }),
          response: operationResponses,
        },
      },
      async (request, reply) => {
        const { table, accept } = request.body
        const chosen = target()
        return beginWork(context, request, reply, `partitions.${verb}`, async (tell, recorder) =>
          conversionAsJson(await does(chosen, table, { ...telling(recorder, tell), accept })),
        )
      },
    )
}

const telling = (recorder: Recorder, tell: (line: string) => void): ConversionOptions => ({
  recorder,
  onProgress: ({ step, state, words }) => {
    if (state !== 'done') tell(`${state === 'waiting' ? 'waiting' : step}: ${words}`)
  },
})
