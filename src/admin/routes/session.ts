import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Identity, ListedIdentity } from '../console-sessions.ts'
import type { AdminContext } from '../context.ts'
import { linkInvalid, rateLimited, sessionUnknown, signInUnencrypted } from '../errors.ts'
import { clearSessionCookie, KEY_HEADER, setSessionCookie } from '../guard.ts'
import { nullable, problemResponses } from '../problem.ts'
import { ROLES } from '../roles.ts'

const RoleName = Type.Enum([...ROLES])
const instant = Type.String({ format: 'date-time' })

const session = {
  id: Type.String({ description: 'Names it in lists and records; no secret' }),
  name: Type.String({ description: 'Whom the link or the token was made for' }),
  role: RoleName,
  kind: Type.Enum(['session', 'token'] as const, {
    description: "A browser's session, or a program's token",
  }),
  expires_at: nullable(Type.String({ format: 'date-time', description: 'Null: with the process' })),
}
const Session = Type.Object(session)
const SignedIn = Type.Object({
  ...session,
  key: Type.String({
    description: `One half of the session, the other is in the cookie: send it as ${KEY_HEADER} with every request. Said only once.`,
  }),
})
const Listed = Type.Object({ ...session, created_at: instant, last_seen_at: instant })

/** Name of a person or a program, as lists and records say it. */
const Name = Type.String({
  minLength: 1,
  maxLength: 100,
  // Records put the role behind it in brackets: no name looks as if it had one.
  pattern: '^(?=.*\\S)[^\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{DI}()]+$',
  description: 'Whom it is for; default: who asks',
})

const LINKS_PER_MINUTE = 20
const UNCOUNTED: ReadonlySet<string> = new Set(['HF_ADMIN_HOST', 'HF_ADMIN_CROSS_SITE'])
/** Links that are not good, of one address. A good one is always taken. */
const REFUSALS_PER_MINUTE = 20

/** Getting in and out, and who is in. */
export const sessionRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  const { sessions, accessLog } = context
  const tags = ['session']
  const countRefusal = app.createRateLimit({ max: REFUSALS_PER_MINUTE, timeWindow: '1 minute' })

  app.post(
    '/v1/session',
    {
      config: { access: 'public', rateLimit: false },
      // Whatever was wrong with it: whoever tries too often is told to wait.
      errorHandler: async (error, request) => {
        // What the guard has turned away was sent by a page elsewhere, and counts against nobody.
        if (UNCOUNTED.has(error.code)) throw error
        const counted = await countRefusal(request)
        throw !counted.isAllowed && counted.isExceeded ? rateLimited(counted.ttlInSeconds) : error
      },
      schema: {
        tags,
        summary:
          'Signs in with the secret of a one-time link. Sets a cookie, and answers with the other half.',
        body: Type.Object({ token: Type.String({ maxLength: 200 }) }),
        response: { 201: SignedIn, ...problemResponses },
      },
    },
    async (request, reply) => {
      if (context.isBehindProxy && request.protocol !== 'https') throw signInUnencrypted()
      const signedIn = sessions.redeem(request.body.token)
      if (signedIn === undefined) {
        accessLog.signInRefused(request)
        throw linkInvalid()
      }
      const { identity, cookieSecret, key } = signedIn
      // One browser is one session.
      if (request.identity?.kind === 'session') sessions.end(request.identity.id)
      accessLog.signedIn(request, identity)
      setSessionCookie(request, reply, cookieSecret)
      return reply.code(201).send({ ...describe(identity), key })
    },
  )

  app.get(
    '/v1/session',
    {
      config: { access: 'viewer' },
      schema: { tags, summary: 'Who is signed in.', response: { 200: Session, ...problemResponses } },
    },
    async (request) => describe(request.identity as Identity),
  )

  app.delete(
    '/v1/session',
    {
      config: { access: 'viewer' },
      schema: {
        tags,
        summary: 'Signs out; a token is taken back.',
        response: { 204: Type.Null(), ...problemResponses },
      },
    },
    async (request, reply) => {
      const identity = request.identity as Identity
      sessions.end(identity.id)
      accessLog.ended(request, identity, identity)
      if (identity.kind === 'session') clearSessionCookie(request, reply)
      return reply.code(204).send(null)
    },
  )

  app.get(
    '/v1/sessions',
    {
      config: { access: 'admin' },
      schema: {
        tags,
        summary: 'Who is signed in, and which programs have a token; the latest first.',
        response: { 200: Type.Object({ data: Type.Array(Listed) }), ...problemResponses },
      },
    },
    async () => ({ data: sessions.list().map(describeListed) }),
  )

  app.delete(
    '/v1/sessions/:id',
    {
      config: { access: 'admin' },
      schema: {
        tags,
        summary: 'Ends a session, or takes a token back, at once.',
        params: Type.Object({ id: Type.String({ maxLength: 100 }) }),
        response: { 204: Type.Null(), ...problemResponses },
      },
    },
    async (request, reply) => {
      const ended = sessions.end(request.params.id)
      if (ended === undefined) throw sessionUnknown(request.params.id)
      accessLog.ended(request, request.identity as Identity, ended)
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/v1/sign-in-links',
    {
      config: { access: 'admin', rateLimit: { max: LINKS_PER_MINUTE, timeWindow: '1 minute' } },
      schema: {
        tags,
        summary: 'Makes a link that signs one person in, once, within ten minutes.',
        body: Type.Object({
          role: RoleName,
          name: Type.Optional(Name),
        }),
        response: {
          201: Type.Object({ path: Type.String(), role: RoleName, name: Type.String() }),
          ...problemResponses,
        },
      },
    },
    async (request, reply) => {
      const by = request.identity as Identity
      const { role, name = by.name } = request.body
      accessLog.linkMade(request.log, by, name, role)
      const path = `${app.prefix}${signInPath(sessions.createLink(role, name))}`
      return reply.code(201).send({ path, role, name })
    },
  )
}

/** The secret stands behind the #: browsers keep that to themselves, so no server, proxy or preview gets to see it. */
export const signInPath = (secret: string): string => `/sign-in#token=${secret}`

const describe = ({ id, name, role, kind, expiresAt }: Identity) => ({
  id,
  name,
  role,
  kind,
  expires_at: Number.isFinite(expiresAt) ? new Date(expiresAt).toISOString() : null,
})

const describeListed = ({ createdAt, lastSeenAt, ...one }: ListedIdentity) => ({
  ...describe({ ...one, createdAt }),
  created_at: new Date(createdAt).toISOString(),
  last_seen_at: new Date(lastSeenAt).toISOString(),
})
