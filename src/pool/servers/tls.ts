import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import type pg from 'pg'
import { SQLSTATE, sqlstateOf } from '../../core/index.ts'
import { certificateUnreadable, sslOptionsClash } from '../errors.ts'

/** libpq's `sslmode`, with the meaning it has there: `require` encrypts and trusts anybody. */
export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const

export type SslMode = (typeof SSL_MODES)[number]

/** What is taken out of the URL: the driver would read it in its own way, and over what it is given. */
const IN_URL = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'ssl', 'uselibpqcompat']

/** The ways to connect to one server, in the order in which they are tried. */
export type Ways = readonly [pg.ClientConfig, ...pg.ClientConfig[]]

/**
 * How to connect: one way, or two where the mode leaves the choice to the server. Without a mode the driver reads the
 * URL in its own way; a URL with `uselibpqcompat=true` is read in libpq's.
 *
 * @param rootCert file of the certificate authorities, or `system`; over `sslrootcert` of the URL.
 * @throws HF_OPTION_INVALID for `system` with a mode that does not check the host, and for files that cannot be read.
 */
export function waysToConnect(
  client: pg.ClientConfig,
  wanted?: SslMode | undefined,
  rootCert?: string | undefined,
): Ways {
  const mode = wanted ?? libpqModeInUrl(client.connectionString)
  if (mode === undefined) return [client]
  const { rest, query } = withoutSsl(client)
  const plain = { ...rest, ssl: false }
  const host = query.get('host') ?? client.host ?? ''
  if (mode === 'disable' || host.startsWith('/')) return [plain]
  const from = rootCert ?? query.get('sslrootcert') ?? undefined
  if (from === 'system' && mode !== 'verify-full') throw sslOptionsClash(mode)
  const tls = { ...rest, ssl: tlsOptions(mode, from, query) }
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

/** The mode that a URL names, if it names one of libpq's. */
export function sslModeInUrl(url: string): SslMode | undefined {
  const mode = /[?&]sslmode=([^&#]*)/.exec(url)?.[1]
  return SSL_MODES.find((one) => one === mode)
}

/** The URL with this mode, in libpq's meaning for whoever reads it. */
export function withSslMode(url: string, mode: SslMode, rootCert?: string | undefined): string {
  const kept = url.replace(/([?&])(?:sslmode|uselibpqcompat)=[^&#]*/g, '$1').replace(/&{2,}/g, '&')
  const rest = kept.replace('?&', '?').replace(/[?&]$/, '')
  const more = [`sslmode=${mode}`, 'uselibpqcompat=true']
  if (rootCert !== undefined) more.push(`sslrootcert=${encodeURIComponent(rootCert)}`)
  return `${rest}${rest.includes('?') ? '&' : '?'}${more.join('&')}`
}

function libpqModeInUrl(url: string | undefined): SslMode | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined
  const query = new URL(url).searchParams
  if (query.get('uselibpqcompat') !== 'true') return undefined
  return SSL_MODES.find((one) => one === query.get('sslmode')) ?? 'prefer'
}

function withoutSsl(client: pg.ClientConfig): { rest: pg.ClientConfig; query: URLSearchParams } {
  const { connectionString } = client
  if (connectionString === undefined || !URL.canParse(connectionString))
    return { rest: client, query: new URLSearchParams() }
  const url = new URL(connectionString)
  const query = new URLSearchParams(url.searchParams)
  for (const name of IN_URL) url.searchParams.delete(name)
  return { rest: { ...client, connectionString: url.href }, query }
}

function tlsOptions(mode: SslMode, rootCert: string | undefined, query: URLSearchParams): ConnectionOptions {
  const own = Object.fromEntries(
    (['cert', 'key'] as const).flatMap((name) => {
      const file = query.get(`ssl${name}`)
      return file === null ? [] : [[name, readPem(`ssl${name}`, file)]]
    }),
  )
  const ca = rootCert === undefined ? undefined : readAuthorities(rootCert)
  // A file of authorities is there to be used: libpq checks it in these modes, too.
  const checks = mode === 'verify-ca' || mode === 'verify-full' || (mode === 'require' && ca !== undefined)
  if (!checks) return { ...own, rejectUnauthorized: false }
  return {
    ...own,
    ...(ca && { ca }),
    rejectUnauthorized: true,
    ...(mode !== 'verify-full' && { checkServerIdentity: () => undefined }),
  }
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
