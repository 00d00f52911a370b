import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { systemClock } from '../../core/index.ts'
import {
  explain,
  explanationAsJson,
  findHistory,
  readStatement,
  resetStatements,
  storyAsJson,
} from '../../monitor/index.ts'
import type { AdminContext } from '../context.ts'
import { forbidden } from '../errors.ts'
import { includesRole } from '../roles.ts'
import { nullable, problemResponses } from '../problem.ts'

const DAY_MS = 86_400_000
/** As far back as the history reaches. */
const LONGEST_MS = 366 * DAY_MS

const Story = Type.Object({
  id: nullable(
    Type.String({ description: "PostgreSQL's queryid; null for one that only the history knows" }),
  ),
  fingerprint: Type.String({ description: 'The same for statements that differ only in values and layout' }),
  query: Type.String(),
  calls: nullable(Type.Number({ description: 'Since the statistics were reset' })),
  total_ms: nullable(Type.Number()),
  mean_ms: nullable(Type.Number()),
  rows: nullable(Type.Number()),
  history: nullable(
    Type.Object(
      {
        from: Type.String({ format: 'date-time' }),
        step_seconds: Type.Number(),
        calls: Type.Array(nullable(Type.Number())),
        total_ms: Type.Array(nullable(Type.Number())),
      },
      { description: 'Null where nothing is kept. A step is null where nothing was collected' },
    ),
  ),
})

const Node = Type.Object({
  depth: Type.Integer({ description: '0 at the top' }),
  type: Type.String(),
  on: nullable(Type.String()),
  condition: nullable(Type.String({ description: 'Without what stands in its strings' })),
  cost: Type.Number(),
  estimated_rows: Type.Number({ description: 'Of each run' }),
  actual_rows: nullable(Type.Number()),
  loops: nullable(Type.Number()),
  self_ms: nullable(Type.Number({ description: 'In this node alone' })),
  share_percent: Type.Number({ description: "Of the statement's time; of its cost where it was not run" }),
  misestimate: nullable(
    Type.Number({ description: 'How many times more or fewer rows came than were expected' }),
  ),
  spilled_bytes: nullable(Type.Number({ description: 'Written to disk for want of work_mem' })),
  removed_rows: nullable(Type.Number({ description: 'Read and thrown away' })),
})

const Explanation = Type.Object({
  query: Type.String(),
  kind: Type.Enum(['generic', 'for these values'] as const),
  is_measured: Type.Boolean({ description: 'Whether the statement was run' }),
  planning_ms: nullable(Type.Number()),
  execution_ms: nullable(Type.Number()),
  remarks: Type.Array(Type.String(), { description: 'What is worth a word, the costliest first' }),
  plan: Type.Array(Node, { description: 'From top to bottom' }),
})

const Explained = Type.Object({
  id: Type.String({ description: "PostgreSQL's queryid" }),
  values: Type.Optional(Type.Array(nullable(Type.Union([Type.String(), Type.Number(), Type.Boolean()])))),
  analyze: Type.Optional(
    Type.Boolean({ description: 'Runs it, where nothing can be written, and rolls back. An admin may.' }),
  ),
})

/** One statement over time, how PostgreSQL does it, and forgetting all of them. */
export const statementRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  const { reader, pool, schema, readings, gate } = context
  const tags = ['performance']
  app.get(
    '/v1/database/performance/queries/:key',
    {
      config: { access: 'viewer' },
      schema: {
        tags,
        summary: 'One statement by its queryid or fingerprint: what it did, and over time.',
        params: Type.Object({ key: Type.String({ pattern: '^-?[0-9a-f]{1,20}$' }) }),
        querystring: Type.Object({
          from: Type.Optional(Type.String({ format: 'date-time', description: 'Default: a day ago' })),
          to: Type.Optional(Type.String({ format: 'date-time', description: 'Default: now' })),
        }),
        response: { 200: Story, ...problemResponses },
      },
    },
    async ({ params: { key }, query }) => {
      const now = Date.now()
      const toMs = Math.min(now, query.to === undefined ? now : Date.parse(query.to))
      const asked = query.from === undefined ? toMs - DAY_MS : Date.parse(query.from)
      const fromMs = Math.min(toMs, Math.max(asked, now - LONGEST_MS))
      const history = context.collector?.history ?? (await findHistory(reader, schema))
      return storyAsJson(await readStatement(reader, key, history, { fromMs, toMs }))
    },
  )

  app.post(
    '/v1/database/performance/explain',
    {
      config: { access: 'operator' },
      schema: {
        tags,
        summary:
          'How PostgreSQL does a statement that its statistics know. Writes to no table; what the statement calls runs with the rights of who ran it.',
        body: Explained,
        response: { 200: Explanation, ...problemResponses },
      },
    },
    async (request) => {
      const { id, values, analyze = false } = request.body
      const { identity } = request
      if (analyze && identity && !includesRole(identity.role, 'admin'))
        throw forbidden('admin', identity.role)
      return explanationAsJson(await gate.run(() => explain(pool, systemClock, { id, values, analyze })))
    },
  )

  app.post(
    '/v1/database/performance/queries/reset',
    {
      config: { access: 'admin' },
      schema: {
        tags,
        summary: "Forgets the statistics of this database's statements; what the history has kept stays.",
        response: { 200: Type.Object({ reset: Type.Literal(true) }), ...problemResponses },
      },
    },
    async ({ identity, log }) => {
      await resetStatements(pool, context.accessLog.recorderOf({ identity, log }))
      readings.forget()
      return { reset: true as const }
    },
  )
}
