import type pg from 'pg'
import { queryOf, withQuery } from '../core/index.ts'

/** Options of a pool that are settings of its sessions. */
interface SessionOptions {
  readonly statementTimeoutMs: number | undefined
  readonly jitOff: boolean
  readonly planCacheMode: 'auto' | 'force_custom_plan' | 'force_generic_plan'
}

/** What sessions begin with; what the caller gave the driver itself stays. */
export function withSessionOptions(
  client: pg.ClientConfig,
  { statementTimeoutMs, jitOff, planCacheMode }: SessionOptions,
  name: string,
): pg.ClientConfig {
  const settings = [
    ...(jitOff ? ['-c jit=off'] : []),
    ...(planCacheMode === 'auto' ? [] : [`-c plan_cache_mode=${planCacheMode}`]),
  ]
  return {
    fallback_application_name: name === 'default' ? 'holdfast' : `holdfast ${name}`,
    ...(statementTimeoutMs !== undefined && { statement_timeout: statementTimeoutMs }),
    ...client,
    ...(settings.length > 0 && withSettings(client, settings)),
  }
}

/** Behind what is there already: in the URL, which goes before what stands beside it, or in the options. */
function withSettings(client: pg.ClientConfig, settings: readonly string[]): pg.ClientConfig {
  const { connectionString } = client
  const inUrl = connectionString === undefined ? null : queryOf(connectionString).get('options')
  const all = [inUrl ?? client.options ?? process.env.PGOPTIONS ?? '', ...settings].join(' ').trim()
  return connectionString !== undefined && inUrl !== null
    ? { connectionString: withQuery(connectionString, (query) => query.set('options', all)) }
    : { options: all }
}
