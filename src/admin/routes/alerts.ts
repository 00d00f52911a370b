import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import {
  alertAsJson,
  type Alert,
  type Alerts,
  type AlertStore,
  DeliveryStore,
  type KeptAlert,
  openAlertStore,
  silenceAsJson,
} from '../../alerts/index.ts'
import { findHistory } from '../../monitor/index.ts'
import type { AdminContext } from '../context.ts'
import { alertsUnknown, requestInvalid } from '../errors.ts'
import { nullable, problemResponses } from '../problem.ts'
import { refuseStrayFields } from '../strict-body.ts'

const instant = Type.String({ format: 'date-time' })
const tags = ['alerts']

const AlertDescription = Type.Object({
  id: Type.String(),
  rule: Type.String(),
  instance: Type.String({ description: 'The process that it is about; empty: the database' }),
  state: Type.Enum(['pending', 'firing', 'resolved'] as const, {
    description: 'pending: so, but not for long enough; only of this process',
  }),
  severity: Type.Enum(['warning', 'error'] as const),
  metric: Type.String(),
  value: nullable(Type.Number()),
  threshold: nullable(Type.Number({ description: 'Null: a rule of absence' })),
  message: Type.String(),
  action: Type.String({ description: 'What to do, mostly a command' }),
  since: instant,
  fired_at: nullable(instant),
  resolved_at: nullable(instant),
  told_at: nullable(Type.String({ format: 'date-time', description: 'Null: it was silenced all the time' })),
  acknowledged_at: nullable(instant),
  acknowledged_by: nullable(Type.String()),
})

const SilenceDescription = Type.Object({
  id: Type.String(),
  rule: nullable(Type.String({ description: 'Null: every rule' })),
  instance: nullable(Type.String({ description: 'Null: every process, and the database' })),
  reason: Type.String(),
  created_by: Type.String(),
  created_at: instant,
  ends_at: instant,
})

const Thresholds = Type.Object({ warning: Type.Optional(Type.Number()), error: Type.Optional(Type.Number()) })
const Rule = Type.Object({
  name: Type.String(),
  metric: Type.String(),
  above: Type.Optional(Thresholds),
  below: Type.Optional(Thresholds),
  growsBy: Type.Optional(Type.Object({ ...Thresholds.properties, withinMs: Type.Integer() })),
  absent: Type.Optional(Type.Object({ afterMs: Type.Integer(), severity: Type.Optional(Type.String()) })),
  forMs: Type.Optional(Type.Integer()),
  clearMs: Type.Optional(Type.Integer()),
  message: Type.Optional(Type.String()),
  action: Type.Optional(Type.String()),
})

const SilenceBody = Type.Object({
  rule: Type.Optional(Type.String({ minLength: 1, maxLength: 63, description: 'Default: every rule' })),
  instance: Type.Optional(
    Type.String({ minLength: 1, maxLength: 300, description: 'host:pid; default: all' }),
  ),
  for_seconds: Type.Integer({ minimum: 60, maximum: 30 * 86_400 }),
  reason: Type.String({ minLength: 1, maxLength: 500 }),
})

const Id = Type.Object({ id: Type.String({ format: 'uuid' }) })
const MOST_OPEN = 1_000

const describe = (alert: Alert | KeptAlert) => {
  const kept = 'toldAt' in alert ? alert : undefined
  const when = (ms: number | null | undefined): string | null =>
    ms == null ? null : new Date(ms).toISOString()
  return {
    ...alertAsJson(alert),
    told_at: when(kept?.toldAt),
    acknowledged_at: when(kept?.acknowledgedAt),
    acknowledged_by: kept?.acknowledgedBy ?? null,
  }
}

/** Where a page of alerts ends, for whoever asks for the next one. */
const cursorOf = ({ firedAt, id }: KeptAlert): string =>
  Buffer.from(JSON.stringify([firedAt, id])).toString('base64url')

/** @throws HF_ADMIN_REQUEST_INVALID */
function readCursor(cursor: string): { firedAt: number; id: string } {
  try {
    const [firedAt, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [unknown, unknown]
    if (typeof firedAt === 'number' && typeof id === 'string' && /^[0-9a-f-]{36}$/.test(id))
      return { firedAt, id }
  } catch {
    // Not one of ours.
  }
  throw requestInvalid([{ path: 'cursor', message: 'is none of this list' }])
}

/** What is wrong, who is told, and what nobody wants to be told of. */
export const alertRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (app, { context }) => {
  refuseStrayFields(app)
  const { recorder } = context
  const storeOf = async (): Promise<AlertStore> =>
    context.alerts?.store ??
    openAlertStore((await findHistory(context.pool, context.schema))?.place, context.schema)
  const alertsOf = (): Alerts => {
    if (context.alerts === undefined) throw alertsUnknown()
    return context.alerts
  }
  const VIEWER = { access: 'viewer' } as const
  const OPERATOR = { access: 'operator' } as const

  app.get(
    '/v1/alerts',
    {
      config: VIEWER,
      schema: {
        tags,
        summary: 'What is wrong, the latest first; with state=all also what is over.',
        querystring: Type.Object({
          state: Type.Enum(['open', 'all'] as const, { default: 'open' }),
          limit: Type.Integer({ minimum: 1, maximum: 500, default: 100 }),
          cursor: Type.Optional(Type.String({ maxLength: 200 })),
        }),
        response: {
          200: Type.Object({ data: Type.Array(AlertDescription), next_cursor: nullable(Type.String()) }),
          ...problemResponses,
        },
      },
    },
    async ({ query: { state, limit, cursor } }) => {
      const store = await storeOf()
      if (state === 'open') {
        const pending = (context.alerts?.open ?? []).filter((one) => one.state === 'pending')
        const data = [...pending, ...(await store.open())].slice(0, MOST_OPEN).map(describe)
        return { data, next_cursor: null }
      }
      const kept = await store.list(limit, cursor === undefined ? undefined : readCursor(cursor))
      const last = kept.length === limit ? kept.at(-1) : undefined
      return { data: kept.map(describe), next_cursor: last ? cursorOf(last) : null }
    },
  )

  app.post(
    '/v1/alerts/:id/acknowledge',
    {
      config: OPERATOR,
      schema: {
        tags,
        summary: 'Somebody knows of it: it is not said again until it is over.',
        params: Id,
        response: { 200: AlertDescription, ...problemResponses },
      },
    },
    async ({ params: { id }, identity }) => {
      const store = await storeOf()
      const kept = await store.acknowledge(id, `console:${identity?.role ?? 'viewer'}`, Date.now())
      await recorder.record({ action: 'alert.acknowledge', subject: kept.rule, details: { id } })
      return describe(kept)
    },
  )

  app.get(
    '/v1/alerts/rules',
    {
      config: VIEWER,
      schema: {
        tags,
        summary: 'The rules that hold.',
        response: { 200: Type.Object({ data: Type.Array(Rule) }), ...problemResponses },
      },
    },
    () => ({ data: alertsOf().rules.map((rule) => ({ ...rule })) }),
  )

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
    async () => ({ data: (await (await storeOf()).silences(Date.now())).map(silenceAsJson) }),
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
    async ({ body: { rule = null, instance = null, for_seconds, reason }, identity }, reply) => {
      const now = Date.now()
      const kept = await (
        await storeOf()
      ).silence({
        rule,
        instance,
        reason,
        createdBy: `console:${identity?.role ?? 'viewer'}`,
        createdAt: now,
        endsAt: now + for_seconds * 1_000,
      })
      await recorder.record({
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
    async ({ params: { id } }) => {
      const kept = await (await storeOf()).lift(id, Date.now())
      await recorder.record({ action: 'alert.lift', subject: kept.rule ?? '*', details: { id } })
      return silenceAsJson(kept)
    },
  )

  app.get(
    '/v1/alerts/deliveries',
    {
      config: VIEWER,
      schema: {
        tags,
        summary: 'What nobody has taken yet, or was given up after a week; the latest first.',
        response: {
          200: Type.Object({
            channels: Type.Array(Type.String(), { description: 'The ways that somebody is told' }),
            data: Type.Array(
              Type.Object({
                id: Type.String(),
                channel: Type.String(),
                title: Type.String(),
                created_at: instant,
                attempts: Type.Integer(),
                error: nullable(Type.String()),
                given_up: Type.Boolean(),
              }),
            ),
          }),
          ...problemResponses,
        },
      },
    },
    async () => {
      const unsent = await new DeliveryStore((await storeOf()).place).unsent(100)
      return {
        channels: (context.alerts?.channelNames ?? []).map(String),
        data: unsent.map(({ id, channel, notification, createdAt, attempts, error, failedAt }) => ({
          id,
          channel,
          title: notification.title,
          created_at: new Date(createdAt).toISOString(),
          attempts,
          error,
          given_up: failedAt !== null,
        })),
      }
    },
  )

  app.post(
    '/v1/alerts/test',
    {
      config: OPERATOR,
      schema: {
        tags,
        summary: 'Sends a test through each channel, and says what came of it.',
        response: {
          200: Type.Object({
            channels: Type.Array(Type.Object({ channel: Type.String(), error: nullable(Type.String()) })),
          }),
          ...problemResponses,
        },
      },
    },
    async () => ({ channels: (await alertsOf().test()).map((one) => ({ ...one })) }),
  )
}
