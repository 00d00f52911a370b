import type pg from 'pg'
import { perHost } from '../../core/index.ts'
import { TARGETS, type TargetSessionAttrs } from './role.ts'

/** One server that a pool may connect to. */
export interface ServerAddress {
  /** `host:port`, for people. */
  readonly name: string
  /** How to connect to this one. */
  readonly client: pg.ClientConfig
}

/** The servers that a client configuration names, in its order: one, unless a host has commas in it. */
export function listServers(client: pg.ClientConfig): ServerAddress[] {
  const { connectionString } = client
  if (connectionString !== undefined)
    return perHost(connectionString).map((one) => ({
      name: nameInUrl(one),
      client: { ...client, connectionString: one },
    }))
  const { host = process.env.PGHOST ?? 'localhost', port = process.env.PGPORT ?? '5432' } = client
  const hosts = host.split(',')
  if (hosts.length === 1) return [{ name: `${host}:${port}`, client }]
  const ports = String(port).split(',')
  return hosts.map((one, index) => {
    const its = Number((ports.length === 1 ? ports[0] : ports[index]) || 5432)
    return { name: `${one}:${its}`, client: { ...client, host: one, port: its } }
  })
}

/** What the URL says about the session wanted. */
export function targetInUrl(connectionString: string | undefined): TargetSessionAttrs | undefined {
  const [first = ''] = perHost(connectionString ?? '')
  if (!URL.canParse(first)) return undefined
  const target = new URL(first).searchParams.get('target_session_attrs')
  return TARGETS.find((one) => one === target)
}

function nameInUrl(url: string): string {
  if (!URL.canParse(url)) return 'unknown'
  const { hostname, port, searchParams } = new URL(url)
  const host = searchParams.get('host') ?? decodeURIComponent(hostname)
  return `${host || 'localhost'}:${searchParams.get('port') ?? (port || '5432')}`
}
