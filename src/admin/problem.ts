import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import {
  type ErrorCode,
  type HoldfastError,
  isHoldfastError,
  refusesConnection,
  SQLSTATE,
  sqlstateOf,
} from '../core/index.ts'
import type { Finding } from '../monitor/index.ts'
import { connectFailure } from '../pool/index.ts'
import type { ConsoleShell } from './console-shell.ts'
import { includesRole, type Role } from './roles.ts'
import { heldUp, internal, requestInvalid, routeNotFound } from './errors.ts'

/** RFC 9457: the one form of every error that this API answers. */
export const Problem = Type.Object(
  {
    type: Type.String({ description: 'The page of this code in the documentation' }),
    title: Type.String({ description: 'The HTTP status in words' }),
    status: Type.Integer(),
    detail: Type.String({ description: 'What happened and what to do next' }),
    code: Type.String({ description: 'Stable: decide by this' }),
    errors: Type.Optional(
      Type.Array(Type.Object({ path: Type.String(), message: Type.String() }), {
        description: 'Each part of the request that is not as it must be',
      }),
    ),
    request_id: Type.String(),
  },
  { description: 'application/problem+json (RFC 9457)' },
)

/** Every route's error answers, for the reference. */
export const problemResponses = { '4xx': Problem, '5xx': Problem }

/** A value that may be unknown. */
export const nullable = <T extends Type.TSchema>(schema: T): Type.TUnion<[T, Type.TNull]> =>
  Type.Union([schema, Type.Null()])

/**
 * What PostgreSQL or a channel said when something failed, for who may read it: it may hold values, which a viewer does not get to see.
 */
export const errorShown = <Text extends string | null>(error: Text, role: Role): Text | string =>
  error === null || includesRole(role, 'operator') ? error : 'An operator can read why.'

/** A finding with its evidence, for who may read it. */
export const findingShown = (
  finding: Finding,
  role: Role,
): Finding & { evidence: Record<string, unknown> } => {
  const { error } = finding.evidence
  const said = typeof error === 'string' ? { error: errorShown(error, role) } : {}
  return { ...finding, evidence: { ...finding.evidence, ...said } }
}

const STATUS: Readonly<Record<string, number>> = {
  HF_ADMIN_UNAUTHENTICATED: 401,
  HF_ADMIN_LINK_INVALID: 401,
  HF_ADMIN_FORBIDDEN: 403,
  HF_ADMIN_CROSS_SITE: 403,
  HF_ADMIN_HOST: 421,
  HF_ADMIN_SIGN_IN_UNENCRYPTED: 403,
  HF_ADMIN_BUSY: 503,
  HF_ADMIN_SESSION_UNKNOWN: 404,
  HF_ADMIN_OPERATION_ENDED: 409,
  HF_ADMIN_OPERATION_OVER: 409,
  HF_ADMIN_NOT_FOUND: 404,
  HF_ADMIN_REQUEST_INVALID: 400,
  HF_ADMIN_RATE_LIMITED: 429,
  HF_ADMIN_TOO_MANY_STREAMS: 503,
  HF_ADMIN_CONSOLE_NOT_BUILT: 503,
  HF_ADMIN_MIGRATIONS_UNKNOWN: 404,
  HF_ADMIN_ACCESS_UNKNOWN: 404,
  HF_ADMIN_PARTITIONS_UNKNOWN: 404,
  HF_ADMIN_COLLECTOR_UNKNOWN: 404,
  HF_ADMIN_ALERTS_UNKNOWN: 404,
  HF_ALERT_UNKNOWN: 404,
  HF_ALERT_SILENCE_UNKNOWN: 404,
  HF_ALERT_HISTORY_MISSING: 503,
  HF_ALERT_NOT_ALLOWED: 403,
  HF_PARTITION_TABLE: 404,
  HF_PARTITION_NONE: 404,
  HF_PARTITION_KEY: 422,
  HF_PARTITION_EVERY: 422,
  HF_PARTITION_CONVERTED: 409,
  HF_PARTITION_NO_CONVERSION: 404,
  HF_PARTITION_UNKNOWN: 404,
  HF_PARTITION_ARCHIVE_UNKNOWN: 404,
  HF_PARTITION_NOT_ALLOWED: 403,
  HF_PARTITION_LOCK_TIMEOUT: 503,
  HF_PARTITION_OWN_SCHEMA: 503,
  HF_ADMIN_OPERATION_UNKNOWN: 404,
  HF_ADMIN_IDEMPOTENCY_KEY: 422,
  HF_ADMIN_TOO_MANY_OPERATIONS: 503,
  HF_MIGRATE_NOT_ALLOWED: 403,
  HF_PARTITION_OWN_RIGHTS: 403,
  HF_ACCESS_MODEL: 409,
  HF_BACKFILL_UNKNOWN: 404,
  HF_MIGRATE_UNKNOWN_ID: 404,
  HF_SCHEMA_MISSING: 503,
  HF_SCHEMA_OUTDATED: 503,
  HF_STRUCTURE_BUSY: 503,
  HF_TABLE_OWNERS: 409,
  HF_CONFINEMENT_OPEN: 409,
  HF_MONITOR_BUSY: 503,
  HF_MONITOR_HISTORY_UNREACHABLE: 503,
  HF_MONITOR_SESSION_UNKNOWN: 404,
  HF_MONITOR_SIGNAL_DENIED: 403,
  HF_MONITOR_STATEMENT_UNKNOWN: 404,
  HF_MONITOR_TABLE_UNKNOWN: 404,
  HF_MONITOR_EXPLAIN_REFUSED: 422,
  HF_MONITOR_RESET_DENIED: 403,
  HF_MONITOR_OPTIMIZE_BUSY: 409,
  HF_MONITOR_OPTIMIZE_REPLICA: 409,
  HF_POOL_ACQUIRE_TIMEOUT: 503,
  HF_POOL_QUEUE_FULL: 503,
  HF_POOL_ENDED: 503,
}

/** Of the codes that have none of their own: what partitions refuse stands against the state of a table. */
const STATUS_OF_FAMILY = [
  ['HF_CONNECT_', 503],
  ['HF_PARTITION_', 409],
] as const

const NOT_FOUND_PER_MINUTE = 1_200

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  413: 'Content Too Large',
  409: 'Conflict',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/** Makes every failure within this plugin a problem document; a person who asks for a page gets the console. */
export function addProblems(app: FastifyInstance, databaseUrl: string, shell: ConsoleShell): void {
  app.setErrorHandler((error: FastifyError, request, reply) =>
    answerFailure(app.prefix, databaseUrl, error, request, reply),
  )
  // Counted by itself: asking for what there is not takes nothing from those who ask for what there is. The page costs next to nothing.
  const isPage = (request: FastifyRequest): boolean => shell.isBuilt && shell.answers(request)
  const limited = app.rateLimit({ max: NOT_FOUND_PER_MINUTE, timeWindow: '1 minute', allowList: isPage })
  app.setNotFoundHandler({ preHandler: limited }, (request, reply) => {
    if (isPage(request)) return shell.send(request, reply)
    const path = request.url.split('?')[0] as string
    return sendProblem(app.prefix, request, reply, 404, routeNotFound(request.method, path, app.prefix))
  })
}

/** For what fails before any route is found, as an address that cannot be decoded: the server's own to answer. */
export function answerFrameworkError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  void answerFailure('', '', error, request, reply)
}

function answerFailure(
  prefix: string,
  databaseUrl: string,
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const failure = understand(error, databaseUrl)
  const status =
    clientFault(error) ??
    failure.statusCode ??
    STATUS[failure.code] ??
    STATUS_OF_FAMILY.find(([family]) => failure.code.startsWith(family))?.[1] ??
    500
  // What is away or busy is told once by the live picture; a stack is for what nobody expected.
  if (status === 503) request.log.warn({ code: failure.code }, failure.message)
  else if (status >= 500) request.log.error({ err: error }, failure.message)
  return sendProblem(prefix, request, reply, status, failure)
}

function sendProblem(
  prefix: string,
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  failure: HoldfastError,
): FastifyReply {
  const { retryAfterSeconds = status === 503 ? 1 : undefined, errors } = failure.details
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds))
  if (status === 401) reply.header('www-authenticate', 'Bearer')
  reply.header('x-request-id', request.id)
  // Also what is refused before any hook of ours has seen it.
  reply.header('cache-control', 'no-store')
  return reply
    .code(status)
    .type('application/problem+json')
    .serializer(JSON.stringify)
    .send({
      type: `${prefix}/docs/errors/${failure.code}`,
      title: TITLES[status] ?? 'Error',
      status,
      detail: failure.message,
      code: failure.code,
      ...(Array.isArray(errors) && { errors }),
      request_id: request.id,
    })
}

function understand(error: FastifyError, databaseUrl: string): HoldfastError {
  if (isHoldfastError(error)) return error
  if (error.validation) {
    return requestInvalid(
      error.validation.map(({ instancePath, message = 'is not valid', params }) => ({
        path: `${error.validationContext ?? 'request'}${instancePath.replaceAll('/', '.')}`,
        message: Array.isArray(params.allowedValues)
          ? `${message}: ${params.allowedValues.join(', ')}`
          : message,
      })),
    )
  }
  if (clientFault(error) !== undefined) return requestInvalid([{ path: 'request', message: error.message }])
  const state = sqlstateOf(error)
  if (state === SQLSTATE.lockNotAvailable || state === SQLSTATE.queryCanceled)
    return heldUp(state === SQLSTATE.lockNotAvailable, error)
  // A socket or session error of the driver: the database is away, which is not this code's fault.
  const { syscall } = error as NodeJS.ErrnoException
  if (syscall !== undefined || refusesConnection(error) || isLostConnection(error))
    return connectFailure(error, databaseUrl)
  return internal(error)
}

/** Fastify's own 4xx: a body that is too large, of another type, or no JSON. */
function clientFault(error: FastifyError): number | undefined {
  const { statusCode } = error
  return !isHoldfastError(error) && statusCode !== undefined && statusCode >= 400 && statusCode < 500
    ? statusCode
    : undefined
}

/** The driver gives a connection that ended under a query no code. */
function isLostConnection(error: Error): boolean {
  return /^Connection terminated|^Client has encountered a connection error|timeout exceeded/.test(
    error.message,
  )
}

/** The codes with a status of their own; for the test that each is documented. */
export const STATUS_CODES: readonly ErrorCode[] = Object.keys(STATUS) as ErrorCode[]
