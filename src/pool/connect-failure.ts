import {
  type ErrorCode,
  HoldfastError,
  isHoldfastError,
  messageOf,
  isDatabaseUrl,
  perHost,
  SQLSTATE,
  sqlstateOf,
} from '../core/index.ts'

interface Explanation {
  readonly code: ErrorCode
  readonly happened: string
  readonly next: string
  readonly retryable?: boolean
}

/**
 * Explains why connecting failed: the driver's error, under a stable code and with the next step. The pool
 * itself passes the driver's errors on as they are, as pg.Pool does; tools and servers speak through this.
 *
 * @param url where to; its password is never shown.
 */
export function connectFailure(error: unknown, url: string): HoldfastError {
  if (isHoldfastError(error)) return error
  const where = describe(url)
  const { code, happened, next, retryable = false } = explain(error, where)
  return new HoldfastError({
    code,
    message: `${happened} (${messageOf(error)}). ${next}`,
    cause: error,
    retryable,
    details: { host: where.host, port: where.port, database: where.database, user: where.user },
  })
}

/** Why there is no connection, for anyone: no address, no name, nothing of the driver's words. */
const IN_BRIEF: Readonly<Record<string, string>> = {
  HF_CONNECT_AUTHENTICATION: 'The database refuses the user.',
  HF_CONNECT_DATABASE_MISSING: 'The database does not exist.',
  HF_CONNECT_NOT_ALLOWED: 'The user may not connect to the database.',
  HF_CONNECT_TOO_MANY: 'The database has no free connection slot.',
  HF_CONNECT_SERVER_NOT_READY: 'The database is starting up or shutting down.',
  HF_CONNECT_NO_SERVER: 'None of the database servers can be used.',
  HF_CONNECT_REFUSED: 'The database server does not run.',
  HF_CONNECT_HOST_UNKNOWN: "The database's host name cannot be resolved.",
  HF_CONNECT_URL_INVALID: 'The database URL cannot be read.',
  HF_CONNECT_TIMEOUT: 'The database does not answer.',
  HF_CONNECT_TLS: 'No encrypted connection to the database can be made.',
  HF_POOL_ACQUIRE_TIMEOUT: 'Every database connection is in use.',
  HF_POOL_QUEUE_FULL: 'Every database connection is in use, and many callers wait.',
  HF_POOL_ENDED: 'The connection pool has been ended.',
}

/** The same in a sentence that anyone may see: a public health route says no more than this. */
export function connectFailureInBrief(error: unknown): { code: ErrorCode; reason: string } {
  const { code } = connectFailure(error, '')
  return { code, reason: IN_BRIEF[code] ?? 'The connection to the database was lost.' }
}

interface Where {
  readonly host: string
  readonly port: string
  readonly database: string
  readonly user: string
}

function describe(url: string): Where {
  const all = isDatabaseUrl(url) ? perHost(url).map((one) => new URL(one)) : []
  const [first] = all
  if (!first) return { host: 'unknown', port: '', database: '', user: '' }
  const hostOf = ({ hostname, searchParams }: URL): string =>
    searchParams.get('host') || hostname || 'localhost'
  const portOf = ({ port, searchParams }: URL): string => searchParams.get('port') || port || '5432'
  const places = all.map((one) => `${hostOf(one)}:${portOf(one)}`)
  return {
    host: all.length > 1 ? places.join(', ') : hostOf(first),
    port: portOf(first),
    database: decoded(first.pathname.slice(1)),
    user: first.searchParams.get('user') || decoded(first.username),
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // a % that begins no escape: shown as it is
  }
}

/** With several hosts the error says which of them it was. */
function serverOf(error: unknown, { host, port }: Where): string {
  const { address, port: its } = (error ?? {}) as { address?: unknown; port?: unknown }
  if (!host.includes(',')) return `${host}:${port}`
  return typeof address === 'string' ? `${address}:${String(its)}` : host
}

function explain(error: unknown, where: Where): Explanation {
  const server = serverOf(error, where)
  switch (sqlstateOf(error)) {
    case SQLSTATE.invalidPassword:
    case SQLSTATE.invalidAuthorizationSpecification:
      return {
        code: 'HF_CONNECT_AUTHENTICATION',
        happened: `PostgreSQL at ${server} refused the user "${where.user}"`,
        next: 'Check user and password in DATABASE_URL, and pg_hba.conf on the server.',
      }
    case SQLSTATE.invalidCatalogName:
      return {
        code: 'HF_CONNECT_DATABASE_MISSING',
        happened: `PostgreSQL at ${server} has no database "${where.database}"`,
        next: 'Correct the name in DATABASE_URL, or create it: CREATE DATABASE.',
      }
    case SQLSTATE.insufficientPrivilege:
      return {
        code: 'HF_CONNECT_NOT_ALLOWED',
        happened: `The user "${where.user}" may not connect to "${where.database}"`,
        next: `Have it granted: GRANT CONNECT ON DATABASE "${where.database}" TO "${where.user}";`,
      }
    case SQLSTATE.tooManyConnections:
      return {
        code: 'HF_CONNECT_TOO_MANY',
        happened: `PostgreSQL at ${server} has no free connection slot`,
        next: 'Lower DB_POOL_SIZE and DB_MAX_OVERFLOW of the processes that share it, or raise max_connections.',
        retryable: true,
      }
    case SQLSTATE.cannotConnectNow:
    case SQLSTATE.adminShutdown:
    case SQLSTATE.crashShutdown:
      return {
        code: 'HF_CONNECT_SERVER_NOT_READY',
        happened: `PostgreSQL at ${server} is starting up or shutting down`,
        next: 'Wait a moment; if it stays so, look at the server log.',
        retryable: true,
      }
    default:
      return explainSocket(error, where, server)
  }
}

function explainSocket(error: unknown, where: Where, server: string): Explanation {
  const code = String((error as { code?: unknown } | null)?.code ?? '')
  const message = messageOf(error)
  if (code === 'ECONNREFUSED') {
    return {
      code: 'HF_CONNECT_REFUSED',
      happened: `Nothing listens at ${server}`,
      next: 'Start PostgreSQL there, or correct host and port in DATABASE_URL.',
      retryable: true,
    }
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return {
      code: 'HF_CONNECT_HOST_UNKNOWN',
      happened: `The host name "${where.host}" cannot be resolved`,
      next: 'Correct the host in DATABASE_URL, or look at DNS.',
      retryable: code === 'EAI_AGAIN',
    }
  }
  if (code === 'ERR_INVALID_URL' || error instanceof URIError) {
    return {
      code: 'HF_CONNECT_URL_INVALID',
      happened: 'The database URL cannot be read',
      next: 'Write it as postgresql://user:password@host:5432/database, special characters percent-encoded.',
    }
  }
  // The driver gives these two no code of their own.
  if (code === 'ETIMEDOUT' || code === 'EHOSTUNREACH' || /timeout|no answer within/i.test(message)) {
    return {
      code: 'HF_CONNECT_TIMEOUT',
      happened: `No answer from ${server}`,
      next: 'Check that the address is right and no firewall swallows the connection.',
      retryable: true,
    }
  }
  if (/SSL|TLS|certificate/i.test(`${code} ${message}`)) {
    return {
      code: 'HF_CONNECT_TLS',
      happened: `No encrypted connection to ${server} could be made`,
      next: 'Check sslmode and sslrootcert in DATABASE_URL against what the server offers; in production it is verify-full unless the URL says otherwise (sslmode=disable for a server on the same machine).',
    }
  }
  return {
    code: 'HF_CONNECT_FAILED',
    happened: `Connecting to ${server} failed`,
    next: 'The server log may say more.',
    retryable: true,
  }
}
