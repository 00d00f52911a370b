import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Identity } from '../console-sessions.ts'
import type { AdminContext } from '../context.ts'
import { linkInvalid } from '../errors.ts'
import { clearSessionCookie, sessionSecret, setSessionCookie } from '../guard.ts'
import { problemResponses } from '../problem.ts'

const RoleName = Type.Union([Type.Literal('viewer'), Type.Literal('operator'), Type.Literal('admin')])

const Session = Type.Object({
  role: RoleName,
  kind: Type.Union([Type.Literal('session'), Type.Literal('token')]),
  csrf_token: Type.Union([Type.String(), Type.Null()], {
    description:
      'Send it as x-csrf-token with everything that changes something; null for tokens, which need none',
  }),
  expires_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
})

const SIGN_INS_PER_MINUTE = 20

/** Getting in and out. */
export const sessionRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  const { sessions } = context

  app.get(
    '/sign-in',
    {
      config: { access: 'public', rateLimit: { max: SIGN_INS_PER_MINUTE, timeWindow: '1 minute' } },
      logLevel: 'silent', // the address holds the secret
      exposeHeadRoute: false, // a link preview that only looks must not use the link up
      schema: {
        tags: ['session'],
        summary: 'Signs in with a one-time link and goes to the start page.',
        querystring: Type.Object({ token: Type.Optional(Type.String({ maxLength: 200 })) }),
        response: { 303: Type.Null({ description: 'Signed in' }), ...problemResponses },
      },
    },
    async (request, reply) => {
      const { token } = request.query
      // Relative: the same under any prefix, and behind a proxy that takes one away.
      reply.header('cache-control', 'no-store')
      const secret = token === undefined ? undefined : sessions.redeem(token)
      if (secret !== undefined) setSessionCookie(request, reply, secret)
      else if (!context.shell.answers(request)) throw linkInvalid()
      return reply.redirect(secret === undefined ? './?sign-in=refused' : './', 303)
    },
  )

  app.get(
    '/v1/session',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['session'],
        summary: 'Who is signed in.',
        response: { 200: Session, ...problemResponses },
      },
    },
    async (request) => {
      const { role, kind, csrfToken, expiresAt } = request.identity as Identity
      return {
        role,
        kind,
        csrf_token: csrfToken,
        expires_at: Number.isFinite(expiresAt) ? new Date(expiresAt).toISOString() : null,
      }
    },
  )

  app.delete(
    '/v1/session',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['session'],
        summary: 'Signs out.',
        response: { 204: Type.Null(), ...problemResponses },
      },
    },
    async (request, reply) => {
      const secret = sessionSecret(request)
      if (secret !== undefined) sessions.signOut(secret)
      clearSessionCookie(request, reply)
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/v1/sign-in-links',
    {
      config: { access: 'admin', rateLimit: { max: SIGN_INS_PER_MINUTE, timeWindow: '1 minute' } },
      schema: {
        tags: ['session'],
        summary: 'Makes a link that signs one person in, once, within ten minutes.',
        body: Type.Object({ role: RoleName }, { additionalProperties: false }),
        response: { 201: Type.Object({ path: Type.String(), role: RoleName }), ...problemResponses },
      },
    },
    async (request, reply) => {
      const { role } = request.body
      return reply.code(201).send({ path: `${app.prefix}/sign-in?token=${sessions.createLink(role)}`, role })
    },
  )
}
