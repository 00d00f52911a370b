import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { type Alert, type AlertStore, type KeptAlert, listedAsJson } from '../../alerts/index.ts'
import { alertsOf, alertStoreOf } from '../alert-store.ts'
import { actorOf } from '../console-sessions.ts'
import type { AdminContext } from '../context.ts'
import { requestInvalid } from '../errors.ts'
import { nullable, problemResponses } from '../problem.ts'

const instant = Type.String({ format: 'date-time' })
const tags = ['alerts']
const VIEWER = { access: 'viewer' } as const
const OPERATOR = { access: 'operator' } as const

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
  silenced: Type.Boolean({ description: 'Nobody is told of it now' }),
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

const Id = Type.Object({ id: Type.String({ format: 'uuid' }) })
const MOST_OPEN = 1_000

/** @returns how alerts are told of, with the silences that hold */
async function describing(
  store: AlertStore,
): Promise<(alert: Alert | KeptAlert) => ReturnType<typeof listedAsJson>> {
  const now = Date.now()
  const silences = await store.silences(now)
  return (alert) => listedAsJson(alert, silences, now)
}

const cursorOf = ({ firedAt, id }: KeptAlert): string =>
  Buffer.from(JSON.stringify([firedAt, id])).toString('base64url')

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const isInstant = (input: unknown): input is number =>
  typeof input === 'number' && input >= 0 && input <= 8.64e15

/** @throws HF_ADMIN_REQUEST_INVALID */
function readCursor(cursor: string): { firedAt: number; id: string } {
  try {
    const [firedAt, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [unknown, unknown]
    if (isInstant(firedAt) && typeof id === 'string' && UUID.test(id)) return { firedAt, id }
  } catch {
    // Not one of ours.
  }
  throw requestInvalid([{ path: 'cursor', message: 'is none of this list' }])
}

/** What is wrong and from where on; saying that somebody knows. */
export const alertRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (app, { context }) => {
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
      const store = await alertStoreOf(context)
      const describe = await describing(store)
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
    async ({ params: { id }, identity, log }) => {
      const store = await alertStoreOf(context)
      const kept = await store.acknowledge(id, identity === null ? 'console' : actorOf(identity), Date.now())
      await context.accessLog.recorderOf({ identity, log }).record({
        action: 'alert.acknowledge',
        subject: kept.rule,
        details: { id },
      })
      return (await describing(store))(kept)
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
    () => ({ data: alertsOf(context).rules.map((rule) => ({ ...rule })) }),
  )
}
