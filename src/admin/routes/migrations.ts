import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { hideLiterals } from '../../core/index.ts'
import {
  backfillAsJson,
  type BackfillRecord,
  backfillStatus,
  type HistoryEntry,
  LOCK_MODES,
  lintPending,
  migrateHistory,
  migrateStatus,
  type MigrateTarget,
  pauseBackfill,
  planAsJson,
  planRollback,
  resumeBackfill,
} from '../../migrate/index.ts'
import { type AdminContext, migrationsOf } from '../context.ts'
import { errorShown, nullable, problemResponses } from '../problem.ts'
import { includesRole, type Role, roleOf } from '../roles.ts'

const VIEWER = { access: 'viewer' } as const
const OPERATOR = { access: 'operator' } as const
/** Shared by all who ask: each reads the history, and some the whole catalog. */
const LIFE_MS = 2_000

/** One of some words. */
const words = <const Words extends string[]>(...all: Words) => Type.Enum(all)
const instant = Type.String({ format: 'date-time' })

const Migration = Type.Object({
  id: Type.String(),
  state: words('applied', 'pending', 'interrupted', 'missing', 'changed'),
  applied_at: nullable(instant),
  duration_ms: nullable(Type.Number()),
  applied_by: nullable(Type.String()),
  method: nullable(Type.String({ description: 'run, or how else it came into the history' })),
  has_down: Type.Boolean(),
  phase: nullable(words('expand', 'contract')),
  last_error: nullable(Type.String({ description: 'Why the last attempt failed, while it is not applied' })),
})

const Attempt = Type.Object({
  id: Type.String(),
  direction: words('up', 'down'),
  status: words('applied', 'failed'),
  method: Type.String(),
  reason: nullable(Type.String()),
  started_at: instant,
  duration_ms: Type.Number(),
  by: Type.String({ description: 'Database role, system user and host' }),
  tool_version: Type.String(),
  git_commit: nullable(Type.String()),
  statements: Type.Integer(),
  retries: Type.Integer(),
  error: nullable(Type.String()),
  failed_line: nullable(Type.Integer()),
})

const Doing = {
  line: Type.Integer(),
  lock: nullable(Type.Enum([...LOCK_MODES])),
  blocks: nullable(Type.Object({ tables: Type.Array(Type.String()), what: Type.String() })),
  scans: Type.Boolean(),
  rewrites: Type.Boolean(),
}

const Finding = Type.Object({
  rule: Type.String(),
  severity: words('info', 'warning', 'error'),
  message: Type.String(),
  safe: nullable(Type.String({ description: 'The safe way for this statement, to be pasted' })),
})

const Pending = Type.Object({
  id: Type.String(),
  phase: nullable(words('expand', 'contract')),
  in_transaction: Type.Boolean(),
  statements: Type.Array(Type.Object({ ...Doing, text: Type.String(), findings: Type.Array(Finding) })),
})

const Verdict = words('safe', 'lossy', 'blocked')

const Plan = Type.Object({
  plan: Type.String({ description: 'Names the plan; rollback apply takes it' }),
  verdict: Verdict,
  rows_at_risk: Type.Number(),
  row_limit: Type.Number({ description: 'It refuses when more is at risk' }),
  steps: Type.Array(
    Type.Object({
      id: Type.String(),
      has_down: Type.Boolean(),
      verdict: Verdict,
      reasons: Type.Array(Type.String()),
      dependents: Type.Array(Type.String()),
      at_risk: Type.Array(
        Type.Object({
          object: Type.String(),
          kind: words('rows', 'values'),
          rows: Type.Number(),
          is_estimate: Type.Boolean(),
        }),
      ),
      statements: Type.Array(Type.Object(Doing)),
    }),
  ),
})

const BackfillDescription = Type.Object({
  id: Type.String(),
  table: Type.String(),
  key: Type.String(),
  state: words('pending', 'running', 'paused', 'done', 'failed'),
  position: nullable(Type.String()),
  rows_done: Type.Number(),
  rows_estimated: nullable(Type.Number()),
  batches: Type.Number(),
  held_back_by: nullable(Type.String()),
  error: nullable(Type.String()),
  worker: nullable(Type.String()),
  started_at: nullable(instant),
  updated_at: instant,
  finished_at: nullable(instant),
})

/** The user's migrations: what ran, what is pending and what it would lock, the way back, backfills. */
export const migrationRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  const { readings, schema } = context
  const target = (): MigrateTarget => migrationsOf(context)
  const tags = ['migrations']

  app.get(
    '/v1/database/migrations',
    {
      config: VIEWER,
      schema: {
        tags,
        summary: 'What ran and what is pending, the oldest first.',
        response: { 200: Type.Object({ data: Type.Array(Migration) }), ...problemResponses },
      },
    },
    async ({ identity }) => ({
      data: (await readings.getBeside('migrations', LIFE_MS, () => migrateStatus(target()))).map(
        ({ id, state, appliedAt, durationMs, appliedBy, method, hasDown, phase, lastError }) => ({
          id,
          state,
          applied_at: appliedAt?.toISOString() ?? null,
          duration_ms: durationMs,
          applied_by: appliedBy,
          method,
          has_down: hasDown,
          phase,
          last_error: errorShown(lastError, roleOf(identity)),
        }),
      ),
    }),
  )

  app.get(
    '/v1/database/migrations/history',
    {
      config: VIEWER,
      schema: {
        tags,
        summary: 'Every attempt, the latest first: who, when, how long, what failed.',
        querystring: Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100 }) }),
        response: { 200: Type.Object({ data: Type.Array(Attempt) }), ...problemResponses },
      },
    },
    async ({ query: { limit }, identity }) => {
      const all = await readings.getBeside('migration history', LIFE_MS, () => migrateHistory(target()))
      return { data: attempts(all.slice(0, limit), roleOf(identity)) }
    },
  )

  app.get(
    '/v1/database/migrations/pending',
    {
      config: VIEWER,
      schema: {
        tags,
        summary: 'What is pending, the locks it will take and what the linter says of it. Runs nothing.',
        response: { 200: Type.Object({ data: Type.Array(Pending) }), ...problemResponses },
      },
    },
    (request) => {
      const maySeeAll = includesRole(roleOf(request.identity), 'operator')
      return readings.getBeside(`migrations pending ${maySeeAll}`, LIFE_MS, () =>
        readPending(target(), schema, maySeeAll),
      )
    },
  )

  app.get(
    '/v1/database/migrations/rollback-plan',
    {
      config: OPERATOR,
      schema: {
        tags,
        summary: 'What taking migrations back would lock and lose. Counts rows, runs nothing.',
        querystring: Type.Object({ count: Type.Integer({ minimum: 1, maximum: 1_000, default: 1 }) }),
        response: { 200: Plan, ...problemResponses },
      },
    },
    (request) =>
      readings.getBeside(`rollback plan ${request.query.count}`, LIFE_MS, () =>
        readPlan(target(), request.query.count, schema),
      ),
  )

  app.get(
    '/v1/database/migrations/backfills',
    {
      config: VIEWER,
      schema: {
        tags,
        summary: 'How far each backfill is, the latest first.',
        response: { 200: Type.Object({ data: Type.Array(BackfillDescription) }), ...problemResponses },
      },
    },
    async ({ identity }) => {
      const all = await readings.getBeside('backfills', LIFE_MS, () => backfillStatus(target()))
      return { data: all.map((one) => describeBackfill(one, roleOf(identity))) }
    },
  )

  for (const [verb, summary, act] of [
    ['pause', 'Makes whoever runs a backfill wait from its next batch on.', pauseBackfill],
    ['resume', 'Lets a backfill go on.', resumeBackfill],
  ] as const)
    app.post(
      `/v1/database/migrations/backfills/:id/${verb}`,
      {
        config: OPERATOR,
        schema: {
          tags,
          summary,
          params: Type.Object({ id: Type.String() }),
          response: { 200: BackfillDescription, ...problemResponses },
        },
      },
      async ({ params: { id }, identity }) =>
        describeBackfill(await context.gate.run(() => act(target(), id)), roleOf(identity)),
    )
}

const describeBackfill = (one: BackfillRecord, role: Role) => ({
  ...backfillAsJson(one),
  error: errorShown(one.error, role),
})

function attempts(entries: readonly HistoryEntry[], role: Role) {
  return entries.map((entry) => ({
    id: entry.migrationId,
    direction: entry.direction,
    status: entry.status,
    method: entry.method,
    reason: entry.reason,
    started_at: entry.startedAt.toISOString(),
    duration_ms: entry.durationMs,
    by: `${entry.databaseUser} (${entry.osUser}@${entry.host})`,
    tool_version: entry.toolVersion,
    git_commit: entry.gitCommit,
    statements: entry.statements.length,
    retries: entry.retries,
    error: errorShown(entry.error, role),
    failed_line: entry.failedLine,
  }))
}

/** @param maySeeAll otherwise without what was written into strings: it may be a secret */
async function readPending(target: MigrateTarget, schema: string, maySeeAll: boolean) {
  const shown = (text: string): string => (maySeeAll ? text : hideLiterals(text))
  const pending = await lintPending(target, schema)
  return {
    data: pending.map(({ id, phase, inTransaction, statements }) => ({
      id,
      phase,
      in_transaction: inTransaction,
      statements: statements.map(({ line, lock, blocks, scans, rewrites, text, findings }) => ({
        line,
        lock,
        blocks: blocks && { tables: [...blocks.tables], what: blocks.what },
        scans,
        rewrites,
        text: shown(text),
        findings: findings.map(({ rule, severity, message, safe }) => ({
          rule,
          severity,
          message: shown(message),
          safe: safe === null ? null : shown(safe),
        })),
      })),
    })),
  }
}

async function readPlan(target: MigrateTarget, count: number, schema: string) {
  return planAsJson(await planRollback(target, { count }, schema))
}
