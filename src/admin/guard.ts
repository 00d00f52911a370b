import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AccessLog } from './access-log.ts'
import type { ConsoleSessions, Identity } from './console-sessions.ts'
import { crossSite, forbidden, hostUnknown, metricsTokenWrong, unauthenticated } from './errors.ts'
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
    /** Who calls; null where nobody is signed in. */
    identity: Identity | null
    /** It came with the token of metrics. */
    isScrape: boolean
  }
}

/** What the guard goes by. */
export interface GuardOptions {
  readonly sessions: ConsoleSessions
  readonly accessLog: AccessLog
  readonly metricsToken: string | undefined
  /** Names that this server is asked under, besides addresses and localhost; undefined: not looked at. */
  readonly hosts: readonly string[] | undefined
}

/** The half of a session that a page sends along. */
export const KEY_HEADER = 'x-holdfast-key'
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
export const isSafe = (request: FastifyRequest): boolean => SAFE_METHODS.has(request.method)

/**
 * Looks at every request of this plugin before it is counted (by whom it is counted for), and lets it through or not before its body is
 * read. To be added before what counts.
 */
export function addGuard(
  app: FastifyInstance,
  { sessions, accessLog, metricsToken, hosts }: GuardOptions,
): void {
  app.decorateRequest('identity', null)
  app.decorateRequest('isScrape', false)
  app.addHook('onRequest', async (request) => {
    if (hosts !== undefined) refuseForeignHost(request, hosts)
    refuseCrossSite(request)
    request.identity = identify(request, sessions) ?? null
    request.isScrape = isSame(bearerOf(request), metricsToken)
  })
  // After every onRequest, among them the rate limit: whoever is refused is counted, too.
  app.addHook('preParsing', async (request) => {
    const { access = 'admin', isScraped = false } = request.routeOptions.config
    if (request.is404 || access === 'public' || (isScraped && request.isScrape)) return
    const { identity } = request
    if (!identity) throw isScraped ? metricsTokenWrong() : unauthenticated()
    if (includesRole(identity.role, access)) return
    accessLog.refused(request, access)
    throw forbidden(access, identity.role)
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

/**
 * Browsers refuse the `__Host-` prefix over plain HTTP, also on loopback. And they do not tell ports apart: with
 * the port in the name, two servers on one machine do not sign each other's people out.
 */
function cookieName(request: FastifyRequest): string {
  return request.protocol === 'https' ? '__Host-holdfast' : `holdfast-${request.port ?? 80}`
}

/** All cookies of the name: another server of this machine may have set one for a path, which then comes first. */
function sessionCookies(request: FastifyRequest): string[] {
  const start = `${cookieName(request)}=`
  return (request.headers.cookie ?? '')
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part.startsWith(start))
    .map((part) => part.slice(start.length))
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
  const key = request.headers[KEY_HEADER]
  return typeof key === 'string' ? sessions.findSession(key, sessionCookies(request)) : undefined
}

/**
 * A page elsewhere can have its own name point here, and then reads what anybody may. An address cannot be made to point elsewhere;
 * a program that sends no name is no browser. Behind a proxy both names have to be known: it may pass on what the page itself says of
 * the one that was asked for.
 */
function refuseForeignHost(request: FastifyRequest, hosts: readonly string[]): void {
  for (const host of new Set([request.headers.host ?? '', request.host])) {
    if (host === '') continue
    const [, address, name = address] =
      /^(?:\[([0-9a-f:.]+)\]|([^:@/[\]\s]+))(?::\d*)?$/.exec(host.toLowerCase()) ?? []
    const isKnown =
      name !== undefined &&
      (isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost') || hosts.includes(name))
    if (!isKnown) throw hostUnknown(name ?? host)
  }
}

/** Requests that a page of another site or port caused. Following a link to here is none: that is how people come. */
function refuseCrossSite(request: FastifyRequest): void {
  const { origin, 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest } = request.headers
  const isFollowed = isSafe(request) && mode === 'navigate' && dest === 'document'
  if ((site === 'cross-site' || site === 'same-site') && !isFollowed)
    throw crossSite('a page of another site or port sent it')
  if (isSafe(request) || origin === undefined) return
  if (!URL.canParse(origin)) throw crossSite('it says "null" or nothing of use for where it comes from')
  const { host, protocol } = new URL(origin)
  // Behind a proxy that is not told of, what came by https looks like http here; the other way round it cannot be.
  const isDowngraded = request.protocol === 'https' && protocol !== 'https:'
  if (host !== request.host || isDowngraded) throw crossSite('it comes from another site')
}
