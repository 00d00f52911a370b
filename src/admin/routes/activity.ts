import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import {
  sessionAsJson,
  linesOf,
  readLockTree,
  readSessions,
  type SessionPicture,
  signalSession,
} from '../../monitor/index.ts'
import { type HolderPicture, ownQueries } from '../../pool/index.ts'
import type { AdminContext } from '../context.ts'
import { nullable, problemResponses } from '../problem.ts'

const Session = Type.Object({
  pid: Type.Integer(),
  started_at: nullable(
    Type.String({
      format: 'date-time',
      description:
        'Tells it from another one that gets the same pid later; null where this role may not see it',
    }),
  ),
  user: Type.String(),
  application: Type.String(),
  address: nullable(Type.String()),
  state: Type.String({ description: '"hidden" where this role may not see it' }),
  waits_for: nullable(Type.String({ description: "PostgreSQL's wait event" })),
  state_seconds: nullable(Type.Number()),
  transaction_seconds: nullable(Type.Number({ description: 'Null: it is in no transaction' })),
  statement: nullable(Type.String({ description: 'Without what stands in its strings' })),
  label: nullable(
    Type.String({ description: 'What the code named its work; only of pools of this process' }),
  ),
  call_site: nullable(
    Type.String({ description: 'Where the code took the connection; only of pools of this process' }),
  ),
})

const Locks = Type.Object({
  data: Type.Array(
    Type.Object({
      depth: Type.Integer({ description: '0 at the root of a tree: it waits for nobody' }),
      behind: nullable(Type.Integer({ description: 'Pid of whom it waits for' })),
      session: nullable(Session),
      wants: nullable(
        Type.Object(
          { mode: Type.String(), on: Type.String(), seconds: Type.Number() },
          { description: 'Null at a root' },
        ),
      ),
      waiting: Type.Integer({ description: 'How many wait for it, at whatever remove' }),
    }),
    { description: 'The trees from top to bottom' },
  ),
})

const Target = Type.Object({
  pid: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }),
  started_at: Type.Optional(
    Type.String({ format: 'date-time', description: 'As the session was seen: another one is left alone' }),
  ),
})

const LIFE_MS = 1_000
const VIEWER = { access: 'viewer' } as const

/** Who is connected, who waits for whom, and ending what they run. */
export const activityRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  const { reader, readings, pools, pool, gate, accessLog } = context
  const tags = ['monitoring']

  /** Those of this process: only their pools know what the code is at. */
  const holders = (): Map<number, HolderPicture> =>
    new Map(
      pools
        .flatMap((one) => one.activity(10_000).holders)
        .flatMap((holder) => (holder.pid === undefined ? [] : [[holder.pid, holder] as const])),
    )

  app.get(
    '/v1/database/monitoring/activity',
    {
      config: VIEWER,
      schema: {
        tags,
        summary: 'Sessions of this database, those first that have been in a transaction for longest.',
        querystring: Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 5_000, default: 500 }) }),
        response: { 200: Type.Object({ data: Type.Array(Session) }), ...problemResponses },
      },
    },
    async ({ query }) => {
      const sessions = await readings.get(`activity ${query.limit}`, LIFE_MS, () =>
        readSessions(reader, query.limit),
      )
      const known = holders()
      return { data: sessions.map((one) => describe(one, known)) }
    },
  )

  app.get(
    '/v1/database/monitoring/locks',
    {
      config: VIEWER,
      schema: {
        tags,
        summary: 'Who waits for whom: trees with those at the roots who hold what the others want.',
        response: { 200: Locks, ...problemResponses },
      },
    },
    async () => {
      const trees = await readings.get('locks', LIFE_MS, () => readLockTree(reader))
      const known = holders()
      return {
        data: linesOf(trees).map(({ session, wants, depth, behind, count }) => ({
          depth,
          behind,
          session: session && describe(session, known),
          wants: wants && { ...wants },
          waiting: count,
        })),
      }
    },
  )

  for (const [signal, access, summary] of [
    ['cancel', 'operator', 'Cancels what a session runs; the session stays.'],
    ['terminate', 'admin', 'Ends a session, which undoes its transaction.'],
  ] as const)
    app.post(
      `/v1/database/monitoring/activity/${signal}`,
      {
        config: { access },
        schema: {
          tags,
          summary,
          body: Target,
          response: { 200: Type.Object({ pid: Type.Integer() }), ...problemResponses },
        },
      },
      async ({ body: { pid, started_at: startedAt }, identity, log }) => {
        const target = { pid, startedAt: startedAt === undefined ? undefined : new Date(startedAt) }
        // Beside the pool: that it is used up may be why somebody is to be ended; and before those who only look.
        await gate.run(
          async () => {
            const own = pool.sibling({ size: 1, overflow: 0, allowExitOnIdle: true })
            try {
              await signalSession(ownQueries(own), signal, target, accessLog.recorderOf({ identity, log }))
            } finally {
              await own.end({ timeoutMs: 1_000 })
            }
          },
          { isUrgent: true },
        )
        readings.forget()
        return { pid }
      },
    )
}

function describe(
  session: SessionPicture,
  holders: ReadonlyMap<number, HolderPicture>,
): Static<typeof Session> {
  const holder = holders.get(session.pid)
  return {
    ...sessionAsJson(session),
    label: holder?.label ?? null,
    call_site: holder?.callSite ?? null,
  }
}
