import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import type pg from 'pg'
import { queryOf, SQLSTATE, sqlstateOf, withQuery } from '../../core/index.ts'
import { certificateUnreadable, sslModeUnknown, sslOptionsClash } from '../errors.ts'
import type { ServerAddress } from './server-list.ts'

/** libpq's `sslmode`, with the meaning it has there: `require` encrypts and trusts anybody. */
export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const

export type SslMode = (typeof SSL_MODES)[number]

/** What is taken out of the URL: the driver would read it in its own way, and over what it is given. */
const IN_URL = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'ssl', 'uselibpqcompat']

/** The ways to connect to one server, in the order in which they are tried. */
export type Ways = readonly [pg.ClientConfig, ...pg.ClientConfig[]]

/**
 * How to connect: one way, or two where the mode leaves the choice to the server. Without a mode the driver reads the
 * URL in its own way; a URL with `uselibpqcompat=true` is read in libpq's. What the configuration says in `ssl` stays,
 * as far as the mode does not want more.
 *
 * @param rootCert file of the certificate authorities, or `system`; over `sslrootcert` of the URL.
 * @throws HF_OPTION_INVALID for an unknown mode in the URL, for `system` with a mode that does not check the host, and for
 *   files that cannot be read.
 */
export function waysToConnect(
  { client, isLocal }: ServerAddress,
  wanted?: SslMode | undefined,
  rootCert?: string | undefined,
): Ways {
  const { connectionString } = client
  const query = queryOf(connectionString ?? '')
  const mode = wanted ?? libpqModeIn(query)
  if (mode === undefined) return [client]
  const rest =
    connectionString === undefined
      ? client
      : {
          ...client,
          connectionString: withQuery(connectionString, (own) => {
            for (const name of IN_URL) own.delete(name)
          }),
        }
  const plain = { ...rest, ssl: false }
  if (mode === 'disable' || isLocal) return [plain]
  const from = rootCert ?? query.get('sslrootcert') ?? undefined
  if (from === 'system' && mode !== 'verify-full') throw sslOptionsClash(mode)
  const given = typeof client.ssl === 'object' ? client.ssl : {}
  const tls = { ...rest, ssl: tlsOptions(mode, from, query, given) }
  if (mode === 'prefer') return [tls, plain]
  return mode === 'allow' ? [plain, tls] : [tls]
}

/** The other way may work: the server does not encrypt, or its pg_hba.conf wants or refuses encryption. */
export function asksForOtherWay(error: unknown): boolean {
  return (
    sqlstateOf(error) === SQLSTATE.invalidAuthorizationSpecification ||
    (error instanceof Error && error.message === 'The server does not support SSL connections')
  )
}

/**
 * The mode that a URL names; undefined without one, and for `no-verify`, which is the driver's own.
 * @throws HF_OPTION_INVALID for what neither knows
 */
export function sslModeInUrl(url: string): SslMode | undefined {
  const named = queryOf(url).get('sslmode')
  const mode = SSL_MODES.find((one) => one === named)
  if (named !== null && named !== 'no-verify' && !mode) throw sslModeUnknown(named, SSL_MODES)
  return mode
}

/** The URL with this mode, in libpq's meaning for whoever reads it. */
export function withSslMode(url: string, mode: SslMode, rootCert?: string | undefined): string {
  return withQuery(url, (query) => {
    query.set('sslmode', mode)
    query.set('uselibpqcompat', 'true')
    if (rootCert !== undefined) query.set('sslrootcert', rootCert)
  })
}

function libpqModeIn(query: URLSearchParams): SslMode | undefined {
  if (query.get('uselibpqcompat') !== 'true') return undefined
  const named = query.get('sslmode') ?? 'prefer'
  const mode = SSL_MODES.find((one) => one === named)
  if (!mode) throw sslModeUnknown(named, SSL_MODES)
  return mode
}

function tlsOptions(
  mode: SslMode,
  rootCert: string | undefined,
  query: URLSearchParams,
  given: ConnectionOptions,
): ConnectionOptions {
  const own = Object.fromEntries(
    (['cert', 'key'] as const).flatMap((name) => {
      const file = query.get(`ssl${name}`)
      return file === null ? [] : [[name, readPem(`ssl${name}`, file)]]
    }),
  )
  const ca = rootCert === undefined ? given.ca : readAuthorities(rootCert)
  const tls = { ...given, ...own, ...(ca !== undefined && { ca }) }
  // A file of authorities is there to be used: libpq checks it in these modes, too.
  const isChecked =
    mode === 'verify-ca' ||
    mode === 'verify-full' ||
    (mode !== 'allow' && mode !== 'prefer' && ca !== undefined)
  if (mode === 'verify-full') return { ...tls, rejectUnauthorized: true }
  if (isChecked) return { ...tls, rejectUnauthorized: true, checkServerIdentity: () => undefined }
  // Whoever asks for a check in `ssl` gets it.
  return { ...tls, rejectUnauthorized: given.rejectUnauthorized ?? false }
}

function readAuthorities(from: string): string | string[] {
  if (from !== 'system') return readPem('sslRootCert', from)
  // Loaded by those who need it: most pools of a process that just starts do not.
  const { getCACertificates, rootCertificates } = process.getBuiltinModule('node:tls')
  return [...getCACertificates('system'), ...rootCertificates]
}

function readPem(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw certificateUnreadable(option, file, error)
  }
}
