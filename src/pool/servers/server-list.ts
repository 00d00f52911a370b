import type pg from 'pg'
import { perHost, queryOf, withHost, withQuery } from '../../core/index.ts'
import { targetUnknown } from '../errors.ts'
import { TARGETS, type TargetSessionAttrs } from './role.ts'

/** One server that a pool may connect to. */
export interface ServerAddress {
  /** `host:port`, for people. */
  readonly name: string
  /** A folder with the server's socket, instead of a network. */
  readonly isLocal: boolean
  /** How to connect to this one. */
  readonly client: pg.ClientConfig
}

/**
 * The servers that a client configuration names, in its order: one, unless a host has commas in it.
 * @throws HF_CONNECT_URL_INVALID when hosts and ports cannot be paired
 */
export function listServers(client: pg.ClientConfig): ServerAddress[] {
  const { connectionString } = client
  if (connectionString !== undefined) {
    return perHost(connectionString).map((one) => {
      const { host, port } = placeInUrl(one)
      return address(host, port, { ...client, connectionString: one })
    })
  }
  const { host = process.env.PGHOST ?? 'localhost', port = process.env.PGPORT ?? '5432' } = client
  const hosts = host.split(',')
  if (hosts.length === 1) return [address(host, String(port), client)]
  const ports = String(port).split(',')
  return hosts.map((one, index) => {
    const its = (ports.length === 1 ? ports[0] : ports[index]) || '5432'
    return address(one, its, { ...client, host: one, port: Number(its) })
  })
}

function address(host: string, port: string, client: pg.ClientConfig): ServerAddress {
  return { name: `${host}:${port}`, isLocal: host.startsWith('/'), client }
}

/**
 * What kind of session the URL wants, or the environment.
 * @throws HF_OPTION_INVALID for a word that libpq does not know either
 */
export function targetInUrl(connectionString: string | undefined): TargetSessionAttrs | undefined {
  const named =
    queryOf(connectionString ?? '').get('target_session_attrs') ?? process.env.PGTARGETSESSIONATTRS
  if (named === undefined || named === '') return undefined
  const target = TARGETS.find((one) => one === named)
  if (!target) throw targetUnknown(named, TARGETS)
  return target
}

/** The same database on another host, with everything else that the URL says. */
export function elsewhere(connectionString: string, its: pg.ClientConfig): string {
  const moved = withHost(connectionString, its.host ?? 'localhost', its.port)
  const { user, password, database } = its
  const named = withQuery(moved, (query) => {
    if (user !== undefined) query.set('user', user)
    if (typeof password === 'string') query.set('password', password)
  })
  if (database === undefined) return named
  const url = new URL(named)
  url.pathname = `/${encodeURIComponent(database)}`
  return url.href
}

/** As the driver reads it. */
function placeInUrl(url: string): { host: string; port: string } {
  if (!URL.canParse(url)) return { host: 'unknown', port: '' }
  const { hostname, port, searchParams } = new URL(url)
  const host = searchParams.get('host') || decoded(hostname).replace(/^\[(.+)\]$/, '$1')
  return {
    host: host || process.env.PGHOST || 'localhost',
    port: searchParams.get('port') || port || process.env.PGPORT || '5432',
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // a % that begins no escape: the driver says so when it connects
  }
}
