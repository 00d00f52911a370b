import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ConsoleSessions, Identity } from './console-sessions.ts'
import { crossSite, forbidden, metricsTokenWrong, unauthenticated } from './errors.ts'
import { includesRole, type Role } from './roles.ts'

/** Who may call a route; `public` needs no sign-in. A route that says nothing is for admins. */
export type Access = Role | 'public'

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
    /** The token of metrics is enough. */
    isScraped?: boolean
  }
  interface FastifyRequest {
    /** Who calls; null on public routes. */
    identity: Identity | null
  }
}

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Checks every request of this plugin before its body is read. */
export function addGuard(
  app: FastifyInstance,
  sessions: ConsoleSessions,
  metricsToken: string | undefined,
): void {
  app.decorateRequest('identity', null)
  // After every onRequest, among them the rate limit: whoever is refused is counted, too.
  app.addHook('preParsing', async (request) => {
    const access = request.is404 ? 'public' : (request.routeOptions.config.access ?? 'admin')
    if (access === 'public') return
    const isScraped = request.routeOptions.config.isScraped === true
    if (isScraped && isSame(bearerOf(request), metricsToken)) return
    const identity = identify(request, sessions)
    if (!identity) throw isScraped ? metricsTokenWrong() : unauthenticated()
    if (!includesRole(identity.role, access)) throw forbidden(access, identity.role)
    if (!SAFE_METHODS.has(request.method)) refuseCrossSite(request, identity)
    request.identity = identity
  })
}

/** Signs in: sets the session's cookie on the answer. */
export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, secret: string): void {
  reply.setCookie(cookieName(request), secret, {
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure: request.protocol === 'https',
  })
}

export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply): void {
  reply.clearCookie(cookieName(request), { path: '/' })
}

/** The secret that the browser sent along, if any. */
export function sessionSecret(request: FastifyRequest): string | undefined {
  return request.cookies[cookieName(request)]
}

/**
 * Browsers refuse the `__Host-` prefix over plain HTTP, also on loopback. And they do not tell ports apart: with
 * the port in the name, two servers on one machine do not sign each other's people out.
 */
function cookieName(request: FastifyRequest): string {
  return request.protocol === 'https' ? '__Host-holdfast' : `holdfast-${request.port ?? 80}`
}

const bearerOf = (request: FastifyRequest): string | undefined =>
  /^Bearer ([\w-]{20,200})$/.exec(request.headers.authorization ?? '')?.[1]

/** Takes as long for a wrong one as for the right one. */
function isSame(given: string | undefined, expected: string | undefined): boolean {
  if (given === undefined || expected === undefined) return false
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(expected))
}

function identify(request: FastifyRequest, sessions: ConsoleSessions): Identity | undefined {
  const bearer = bearerOf(request)
  if (bearer !== undefined) return sessions.findToken(bearer)
  const secret = sessionSecret(request)
  return secret === undefined ? undefined : sessions.findSession(secret)
}

/** A cookie comes along with requests that another site caused; the header's token does not. */
function refuseCrossSite(request: FastifyRequest, identity: Identity): void {
  if (identity.csrfToken === null) return
  const { origin } = request.headers
  if (origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== request.host)) {
    throw crossSite('it comes from another site')
  }
  if (request.headers['x-csrf-token'] !== identity.csrfToken)
    throw crossSite('its CSRF token is missing or wrong')
}
