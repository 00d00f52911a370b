import { HoldfastError } from '../core/index.ts'
import type { Role } from './roles.ts'

export function alertsUnknown(): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_ALERTS_UNKNOWN',
    message:
      'This process watches no rules: the API was mounted without alerts. "holdfast serve" brings them.',
  })
}

export function unauthenticated(): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_UNAUTHENTICATED',
    message:
      'Nobody is signed in. Open a one-time sign-in link, or send a token as "Authorization: Bearer ...".',
  })
}

export function metricsTokenWrong(): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_UNAUTHENTICATED',
    message:
      'The metrics are for who sends the token of HOLDFAST_METRICS_TOKEN as "Authorization: Bearer ...", or is signed in.',
  })
}

export function forbidden(needed: Role, has: Role): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_FORBIDDEN',
    message: `This needs the role "${needed}"; you are signed in as "${has}". Ask an admin for a sign-in link of that role.`,
    details: { needed, has },
  })
}

export function crossSite(reason: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_CROSS_SITE',
    message: `The request was refused because ${reason}. Only pages of this address may ask, and programs with a token.`,
    details: { reason },
  })
}

export function hostUnknown(host: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_HOST',
    message: `This server is not known as "${host}". If that is its name, add it to HOLDFAST_ADMIN_HOSTS.`,
    details: { host },
  })
}

export function signInUnencrypted(): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_SIGN_IN_UNENCRYPTED',
    message:
      'Nobody was signed in: there is a proxy in front (HOLDFAST_ADMIN_TRUST_PROXY), and this request did not come by HTTPS as far as it says. Have the proxy send x-forwarded-proto: https.',
  })
}

export function databaseBusy(): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_BUSY',
    message:
      'Too much of this kind is being asked of the database at once. Nothing was done; try again in a moment.',
    retryable: true,
  })
}

export function tookTooLong(seconds: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_BUSY',
    message: `It was ended after ${seconds} s: what it had not finished is undone. See who holds what with holdfast activity locks.`,
    retryable: true,
  })
}

/** A statement of ours ran into its limit. @param isLock it waited for somebody's lock */
export function heldUp(isLock: boolean, cause: unknown): HoldfastError {
  const why = isLock
    ? 'Somebody holds a lock on what this needs'
    : 'It took too long, or somebody cancelled it'
  return new HoldfastError({
    code: 'HF_ADMIN_BUSY',
    message: `${why}. See holdfast activity locks, and try again.`,
    retryable: true,
    cause,
  })
}

export function sessionUnknown(id: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_SESSION_UNKNOWN',
    message: `There is no session or token "${id}": it has ended, or never was.`,
    details: { id },
  })
}

export function operationEnded(by: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_OPERATION_ENDED',
    message: `It was ended by ${by}. What it had finished stays; what it was doing was undone.`,
    details: { by },
  })
}

export function operationOver(id: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_OPERATION_OVER',
    message: `The operation "${id}" is over: there is nothing to end.`,
    details: { id },
  })
}

export function linkInvalid(): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_LINK_INVALID',
    message:
      'This sign-in link was used before, has expired, or never existed. Each works once: get a new one.',
  })
}

export function rateLimited(retryAfterSeconds: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_RATE_LIMITED',
    message: `Too many requests from this address or session. Try again in ${retryAfterSeconds} s.`,
    retryable: true,
    details: { retryAfterSeconds },
  })
}

export function tooManyStreams(limit: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_TOO_MANY_STREAMS',
    message: `${limit} live event streams are open already, of this session or in all. Close a tab, or try again later.`,
    retryable: true,
    details: { limit },
  })
}

export function routeNotFound(method: string, path: string, prefix: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_NOT_FOUND',
    message: `There is no ${method} ${path} here. The list of what there is: ${prefix}/docs.`,
    details: { method, path },
  })
}

export function requestInvalid(errors: readonly { path: string; message: string }[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_REQUEST_INVALID',
    message: `The request is not as the reference says: ${errors.map(({ path, message }) => `${path} ${message}`).join('; ')}.`,
    details: { errors },
  })
}

export function internal(cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_INTERNAL',
    message: 'Something failed that Holdfast did not expect. The log has the cause under this request id.',
    cause,
  })
}

/** @param isOurs a Holdfast of the same folder answers there */
export function portTaken(host: string, port: number, isOurs: boolean, cause: unknown): HoldfastError {
  const who = isOurs
    ? 'this folder\'s own Holdfast, which runs already: get in with "npx holdfast sign-in"'
    : 'another program'
  return new HoldfastError({
    code: 'HF_ADMIN_PORT_TAKEN',
    message: `Port ${port} on ${host} is taken by ${who}. Choose another with HOLDFAST_ADMIN_PORT (0 takes any that is free).`,
    cause,
    details: { host, port },
  })
}

export function addressUnavailable(host: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_ADDRESS',
    message: `This machine has no address "${host}" to bind to, or may not use it. Correct HOLDFAST_ADMIN_HOST.`,
    cause,
    details: { host },
  })
}

export function publicWithoutTls(host: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_PUBLIC_PLAIN_HTTP',
    message:
      `Serving plain HTTP on ${host} would send sign-ins in the clear. Keep 127.0.0.1 behind a proxy that does HTTPS, ` +
      'or accept it with --insecure.',
    details: { host },
  })
}

export function consoleNotBuilt(directory: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_CONSOLE_NOT_BUILT',
    message: `The console was not built: ${directory} is missing. In the repository run "npm run build"; elsewhere install the package again.`,
    details: { directory },
  })
}

export function migrationsUnknown(): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_MIGRATIONS_UNKNOWN',
    message:
      'This service does not say where its migrations are: give "migrations" to Admin, as `holdfast.migrations` of createHoldfast().',
  })
}

export function accessUnknown(): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_ACCESS_UNKNOWN',
    message:
      'This service does not say which access roles there are to be: give "access" to Admin, as `holdfast.access` of createHoldfast().',
  })
}

export function partitionsUnknown(): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_PARTITIONS_UNKNOWN',
    message:
      'This service does not say where partitions are kept: give "partitions" to Admin, as `holdfast.partitions` of createHoldfast().',
  })
}

export function collectorUnknown(): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_COLLECTOR_UNKNOWN',
    message:
      'This service does not say what keeps the history: give "monitor" to Admin, as `holdfast.monitor` of createHoldfast().',
  })
}

export function operationUnknown(id: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_OPERATION_UNKNOWN',
    message: `There is no operation "${id}" here: it was never begun by this process, or a hundred later ones have come.`,
    details: { id },
  })
}

export function idempotencyKeyTaken(): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_IDEMPOTENCY_KEY',
    message:
      'This Idempotency-Key belongs to another request. A new request needs a new key; nothing was begun.',
  })
}

export function tooManyOperations(limit: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_ADMIN_TOO_MANY_OPERATIONS',
    message: `${limit} operations run already. Nothing was begun; try again when one has finished.`,
    retryable: true,
  })
}
