import { databaseUrlInvalid } from './errors.ts'

/** A database URL taken apart around its hosts; what stands in it is not looked at. */
interface Dissected {
  /** Up to the hosts: scheme, user, password. */
  readonly head: string
  /** Between commas, each with its port. */
  readonly hosts: readonly string[]
  /** The database's name, with its slash. */
  readonly path: string
  /** Behind the question mark. */
  readonly query: URLSearchParams
}

const PARTS = /^([a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?)([^/?#]*)([^?#]*)(?:\?([^#]*))?$/is

function dissect(url: string): Dissected | undefined {
  const [, head, hosts, path, query] = PARTS.exec(url) ?? []
  if (head === undefined || hosts === undefined || path === undefined) return undefined
  return { head, hosts: hosts.split(','), path, query: new URLSearchParams(query) }
}

function join({ head, path, query }: Dissected, hosts: string): string {
  const text = query.toString()
  return `${head}${hosts}${path}${text === '' ? '' : `?${text}`}`
}

/** The query of a database URL, whatever its hosts look like. */
export function queryOf(url: string): URLSearchParams {
  return dissect(url)?.query ?? new URLSearchParams()
}

/** The URL with another query. */
export function withQuery(url: string, change: (query: URLSearchParams) => void): string {
  const parts = dissect(url)
  if (!parts) return url
  change(parts.query)
  return join(parts, parts.hosts.join(','))
}

/** The name of the database that a URL leads to. */
export function databaseOf(url: string): string {
  return decodeURIComponent(dissect(url)?.path.slice(1) ?? '')
}

/** The URL of another database of the same server. */
export function withDatabase(url: string, database: string): string {
  const parts = dissect(url)
  return parts ? join({ ...parts, path: `/${encodeURIComponent(database)}` }, parts.hosts.join(',')) : url
}

/** The URL with one other host. */
export function withHost(url: string, host: string, port: number | string | undefined): string {
  const parts = dissect(url)
  if (!parts) return url
  parts.query.set('host', host)
  if (port === undefined) parts.query.delete('port')
  else parts.query.set('port', String(port))
  return readable({ ...parts, hosts: [''] }, '')
}

/**
 * The same URL once for each of its hosts, in their order. libpq's URLs name several servers of one database,
 * `postgresql://user@one:5432,two:5433/db` or `postgresql:///db?host=one,two&port=5432,5433`, and no other parser reads
 * them.
 *
 * @throws HF_CONNECT_URL_INVALID when hosts and ports cannot be paired
 */
export function perHost(url: string): string[] {
  const parts = dissect(url)
  if (!parts) return [url]
  const { hosts, query } = parts
  const inQuery = query.get('host')
  const ports = query.get('port')?.split(',') ?? []
  if (inQuery !== null || hosts.join('') === '') {
    const named = inQuery?.split(',') ?? []
    if (named.length < 2) return [hosts.join('') === '' ? readable(parts, '') : url]
    return named.map((host, index) => {
      const own = new URLSearchParams(query)
      own.set('host', host)
      const port = pair(ports, index, named.length)
      if (port) own.set('port', port)
      return readable({ ...parts, query: own }, '')
    })
  }
  if (hosts.length === 1) return [url]
  query.delete('port')
  return hosts.map((host, index) => {
    const port = /:\d*$/.test(host) ? undefined : pair(ports, index, hosts.length)
    return join(parts, port ? `${host}:${port}` : host)
  })
}

function pair(ports: readonly string[], index: number, hosts: number): string | undefined {
  if (ports.length > 1 && ports.length !== hosts)
    throw databaseUrlInvalid(`it names ${hosts} hosts and ${ports.length} ports`)
  return ports.length === 1 ? ports[0] : ports[index]
}

/** Without a host a user cannot stand before it, for most parsers: it moves into the query. */
function readable(parts: Dissected, hosts: string): string {
  const [, scheme = '', user, password] =
    /^([a-z0-9+.-]+:\/\/)(?:([^:@]*)(?::(.*))?@)?$/is.exec(parts.head) ?? []
  if (hosts !== '' || user === undefined) return join(parts, hosts)
  const query = new URLSearchParams(parts.query)
  try {
    query.set('user', decodeURIComponent(user))
    if (password !== undefined) query.set('password', decodeURIComponent(password))
  } catch {
    throw databaseUrlInvalid('a % in it begins no escape')
  }
  return join({ ...parts, head: scheme, query }, '')
}

/**
 * A password with a #, / or ? in it that was not percent-encoded ends there: the rest of it, up to an @, would be taken for a host, a
 * name or a setting, and be shown as one. So no @ stands raw behind the hosts, and no # anywhere.
 */
function isTornApart(url: string): boolean {
  // oxlint-disable-next-line no-control-regex -- parsers leave them out: what is behind would be read with what is before
  if (/[\u0000-\u001F\u007F]/.test(url)) return true
  return !dissect(url) || /[/?].*@/s.test(url.replace(/^[^:]*:\/\/[^/?#]*/, ''))
}

/** The URL with each of its hosts can be read. */
export function isDatabaseUrl(url: string): boolean {
  if (!/^postgres(ql)?:\/\//i.test(url)) return false
  if (isTornApart(url)) return false
  try {
    return perHost(url).every((one) => {
      const { username, password, pathname, hostname } = new URL(one)
      decodeURIComponent(username + password + pathname + hostname)
      return true
    })
  } catch {
    return false // unreadable, hosts and ports that do not pair, a % that begins no escape
  }
}

/** Whether a password stands in the URL. */
export function hasPassword(url: string): boolean {
  const parts = dissect(url)
  if (!parts) return false
  return /^[^:]+:\/\/[^:@]*:.+@$/s.test(parts.head) || secretsIn(parts.query).length > 0
}

/** The same URL without the password in it. */
export function withoutPassword(url: string): string {
  const parts = dissect(url)
  if (!parts) return url
  for (const name of secretsIn(parts.query)) parts.query.delete(name)
  return join(
    { ...parts, head: parts.head.replace(/^([^:]*:\/\/[^:]*):.*@$/s, '$1@') },
    parts.hosts.join(','),
  )
}

/** What stands in a URL's query and is no secret; whatever else does may be one. */
const SHOWN =
  /^(host|hostaddr|port|dbname|user|ssl|sslmode|sslrootcert|sslcert|sslkey|sslcrl|sslsni|sslnegotiation|ssl_m(in|ax)_protocol_version|uselibpqcompat|application_name|fallback_application_name|connect_timeout|target_session_attrs|load_balance_hosts|channel_binding|gssencmode|require_auth|keepalives\w*|tcp_user_timeout|client_encoding|replication|service|(statement|lock|query|idle_in_transaction_session)_timeout|(ssl)?password)$/i

/** A URL without its password; nothing of it where a part of the password may stand elsewhere. */
export function maskUrl(url: string): string {
  const parts = dissect(url)
  if (!parts || isTornApart(url) || !isReadable(url)) return '***'
  const isDoubtful =
    /%3a/i.test(parts.head.split('@')[0]?.split(':', 2)[1] ?? '') ||
    [...parts.query].some(([name, value]) => !isSecret(name) && (!SHOWN.test(name) || !isPlain(name, value)))
  if (isDoubtful) return '***'
  for (const name of secretsIn(parts.query)) parts.query.set(name, '***')
  const head = parts.head.replace(/^([^:]*:\/\/[^:]*):.*@$/s, '$1:***@')
  return join({ ...parts, head }, parts.hosts.join(','))
}

/** A name, a number, a path, a list of hosts: no other setting, and no address, stands in it. */
const isPlain = (name: string, value: string): boolean =>
  /host|^ssl(rootcert|cert|key|crl)$/i.test(name) ? !/[@=]/.test(value) : !/[@=:\s]/.test(value)

const isSecret = (name: string): boolean => /^(ssl)?password$/i.test(name)

function secretsIn(query: URLSearchParams): string[] {
  return [...query.keys()].filter(isSecret)
}

function isReadable(url: string): boolean {
  try {
    return perHost(url).every((one) => URL.canParse(one))
  } catch {
    return false
  }
}
