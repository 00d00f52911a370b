/** A database URL taken apart around its hosts; what stands in it is not looked at. */
interface Dissected {
  /** Up to the hosts: scheme, user, password. */
  readonly head: string
  /** Between commas, each with its port. */
  readonly hosts: readonly string[]
  /** From the database's name on. */
  readonly tail: string
}

const AROUND_HOSTS = /^([a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/is

function dissect(url: string): Dissected | undefined {
  const [, head, hosts, tail] = AROUND_HOSTS.exec(url) ?? []
  if (head === undefined || hosts === undefined || tail === undefined) return undefined
  return { head, hosts: hosts.split(','), tail }
}

/**
 * The same URL once for each of its hosts, in their order. libpq's URLs name several servers of one database,
 * `postgresql://user@one:5432,two:5433/db` or `postgresql:///db?host=one,two&port=5432,5433`, and no other parser reads
 * them.
 */
export function perHost(url: string): string[] {
  const parts = dissect(url)
  if (!parts) return [url]
  if (parts.hosts.length > 1) return parts.hosts.map((host) => parts.head + host + parts.tail)
  if (!URL.canParse(url)) return [url]
  const query = new URL(url).searchParams
  const hosts = query.get('host')?.split(',') ?? []
  if (hosts.length < 2) return [url]
  const ports = query.get('port')?.split(',')
  return hosts.map((host, index) => {
    const one = new URL(url)
    one.searchParams.set('host', host)
    const port = ports && (ports.length === 1 ? ports[0] : ports[index])
    if (port) one.searchParams.set('port', port)
    return one.href
  })
}

/** The URL with each of its hosts can be read. */
export function isDatabaseUrl(url: string): boolean {
  if (!/^postgres(ql)?:\/\//i.test(url)) return false
  return perHost(url).every((one) => {
    if (!URL.canParse(one)) return false
    try {
      const { username, password, pathname } = new URL(one)
      decodeURIComponent(username + password + pathname)
      return true
    } catch {
      return false // a % that begins no escape
    }
  })
}

/** Whether a password stands in the URL. */
export function hasPassword(url: string): boolean {
  const [first = ''] = perHost(url)
  if (!URL.canParse(first)) return false
  const parts = new URL(first)
  return parts.password !== '' || parts.searchParams.has('password')
}

/** A URL without its password. */
export function maskUrl(url: string): string {
  const [first = ''] = perHost(url)
  if (!URL.canParse(first)) return '***'
  const parts = new URL(first)
  if (parts.password !== '') parts.password = '***'
  for (const name of ['password', 'sslpassword'])
    if (parts.searchParams.has(name)) parts.searchParams.set(name, '***')
  const hosts = dissect(url)?.hosts ?? []
  const masked = dissect(parts.href)
  return hosts.length > 1 && masked ? masked.head + hosts.join(',') + masked.tail : parts.href
}
