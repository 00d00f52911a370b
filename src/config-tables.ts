import { ACCESS_OPTIONS } from './access/options.ts'
import { ALERT_OPTIONS } from './alerts/options.ts'
import { ADMIN_OPTIONS } from './admin/options.ts'
import { custom, flag, integer, isDatabaseUrl, maskUrl, oneOf, resolveOptions, text } from './core/index.ts'
import { EMBEDDED_OPTIONS } from './embedded/options.ts'
import { QUERY_OPTIONS } from './query/options.ts'
import { MIGRATE_OPTIONS } from './migrate/options.ts'
import { MONITOR_OPTIONS } from './monitor/options.ts'
import { PARTITION_OPTIONS } from './partitions/options.ts'
import { POOL_OPTIONS, type PoolOptions } from './pool/options.ts'

const DATABASE_URL_ACCEPTS =
  'a URL like postgresql://user:password@host:5432/database, special characters percent-encoded'

/** Accepts a driver suffix as other stacks write it (`postgresql+asyncpg://`) and drops it. */
function parseDatabaseUrl(input: unknown): string | undefined {
  if (typeof input !== 'string') return undefined
  const url = input.trim().replace(/^(postgres(?:ql)?)\+[a-z0-9_]+:/i, '$1:')
  return isDatabaseUrl(url) ? url : undefined
}

/** A comma stands between URLs, and also between the hosts of one. */
function splitUrls(list: string): string[] {
  const urls: string[] = []
  for (const part of list.split(',')) {
    const last = urls.at(-1)
    const goesOn = last !== undefined && !/^\s*\w+:\/\//.test(part) && /:\/\/[^/?#]*$|\?[^#]*$/.test(last)
    if (goesOn) urls[urls.length - 1] = `${last},${part}`
    else urls.push(part)
  }
  return urls
}

/** Options of further pools by name. */
type NamedPools = Readonly<Record<string, Partial<PoolOptions>>>

/** @throws HF_OPTION_UNKNOWN, HF_OPTION_INVALID for the options of one of them */
function parsePools(input: unknown): NamedPools | undefined {
  if (typeof input !== 'object' || input === null) return undefined
  const given = Object.entries(input as Record<string, Readonly<Record<string, unknown>>>)
  if (
    given.some(
      ([name, values]) => !/^(?!default$)[a-z][a-z0-9_-]{0,30}$/.test(name) || typeof values !== 'object',
    )
  )
    return undefined
  const resolved = given.map(([name, values]) => {
    const path = `database.pools.${name}`
    const layers = [{ kind: 'object', source: 'configuration', values }] as const
    const all = Object.entries(resolveOptions(path, POOL_OPTIONS, layers).values)
    return [name, Object.fromEntries(all.filter(([option]) => values[option] !== undefined))] as const
  })
  return Object.freeze(Object.fromEntries(resolved))
}

const ROOT_OPTIONS = {
  environment: oneOf(['development', 'test', 'production'], {
    doc: 'Where this runs. In production a missing DATABASE_URL is an error, never an embedded database. Another NODE_ENV counts as production.',
    default: 'development',
    env: ['ENVIRONMENT', 'NODE_ENV'],
  }),
} as const

const DATABASE_OPTIONS = {
  url: custom<string | undefined>({
    doc: 'The database. Without it, development and test use the embedded PostgreSQL.',
    default: undefined,
    env: 'DATABASE_URL',
    accepts: DATABASE_URL_ACCEPTS,
    isSecret: true,
    parse: parseDatabaseUrl,
    mask: (url) => maskUrl(url ?? ''),
  }),
  directUrl: custom<string | undefined>({
    doc: 'The way around a connection pooler, for migrations and locks. Default: DATABASE_URL.',
    default: undefined,
    env: 'DATABASE_DIRECT_URL',
    accepts: DATABASE_URL_ACCEPTS,
    isSecret: true,
    parse: parseDatabaseUrl,
    mask: (url) => maskUrl(url ?? ''),
  }),
  replicas: custom<readonly string[]>({
    doc: 'Read replicas, separated by commas.',
    default: Object.freeze([]),
    env: 'DATABASE_REPLICA_URL',
    accepts: `a list of URLs, each ${DATABASE_URL_ACCEPTS}`,
    isSecret: true,
    parse(input) {
      const items = typeof input === 'string' ? splitUrls(input) : input
      if (!Array.isArray(items)) return undefined
      const urls = items.map(parseDatabaseUrl)
      return urls.includes(undefined) ? undefined : Object.freeze(urls as string[])
    },
    mask: (urls) => urls.map(maskUrl).join(','),
  }),
  pools: custom<NamedPools>({
    doc: "Further pools to the same database by name, for work that must not wait for the main one's: each with options of database.pool, which holds for the rest.",
    default: Object.freeze({}),
    accepts: 'an object of names (not default), each with options of database.pool',
    parse: parsePools,
  }),
  connectionBudget: integer({
    doc: 'Connections that all pools of this process may have together. Default: what each pool allows.',
    default: undefined,
    min: 1,
    max: 100_000,
    env: 'DB_CONNECTION_BUDGET',
  }),
  applicationName: text({
    doc: "What PostgreSQL's lists call the sessions of the pools (application_name); further pools have their name behind it. Default: holdfast.",
    default: undefined,
    env: 'DB_APPLICATION_NAME',
  }),
  schema: text({
    doc: "Schema of Holdfast's own tables.",
    default: 'holdfast',
    env: 'HOLDFAST_SCHEMA',
    pattern: /^(?!pg_|public$|information_schema$)[a-z_][a-z0-9_]{0,62}$/,
    accepts: 'a lower-case SQL name of its own: letters, digits and _, at most 63, not public or pg_*',
  }),
  echo: flag({
    doc: 'Log each statement with its time, never its values.',
    default: false,
    env: ['DB_ECHO', 'DB_ECHO_SQL'],
  }),
} as const

/** As the pool's own, but that what goes wrong in a service is told unless somebody says otherwise. */
const SERVICE_POOL_OPTIONS = {
  ...POOL_OPTIONS,
  leakThresholdMs: integer({
    doc: 'A connection held for longer, with no statement running, is reported as a leak with the place that took it; 0 never, and call sites are not recorded then.',
    default: 60_000,
    min: 0,
    max: 86_400_000,
    env: 'HOLDFAST_POOL_LEAK_THRESHOLD_MS',
  }),
  slowQueryMs: integer({
    doc: 'A statement that takes longer, waiting included, is logged by itself, with its label and place; 0 never.',
    default: 5_000,
    min: 0,
    max: 86_400_000,
    env: 'HOLDFAST_POOL_SLOW_QUERY_MS',
  }),
} as const

const REDIS_OPTIONS = {
  url: custom<string | undefined>({
    doc: 'Redis. Without it, sessions and cache live on PostgreSQL and in memory.',
    default: undefined,
    env: 'REDIS_URL',
    accepts: 'a URL like redis://user:password@host:6379/0',
    isSecret: true,
    parse: (input) =>
      typeof input === 'string' && /^rediss?:\/\//.test(input) && URL.canParse(input) ? input : undefined,
    mask: (url) => maskUrl(url ?? ''),
  }),
} as const

const SESSION_OPTIONS = {
  idleTimeoutMs: integer({
    doc: 'How long a session lives without activity. SESSION_TTL is in seconds.',
    default: 3_600_000,
    min: 1_000,
    max: 31_536_000_000,
    env: 'SESSION_TTL',
    envScale: 1_000,
  }),
} as const

const ENCRYPTION_OPTIONS = {
  keys: text({
    doc: 'Key of the encrypted fields, base64.',
    default: undefined,
    env: 'FIELD_ENCRYPTION_KEY',
    isSecret: true,
    pattern: /^[A-Za-z0-9+/_-]{22,}={0,2}$/,
    accepts: 'base64 of at least 16 bytes',
  }),
  salt: text({ doc: 'Salt for deriving keys.', default: undefined, env: 'ENCRYPTION_SALT', isSecret: true }),
} as const

/** Every option table by the path where it stands in the configuration. */
export const CONFIG_TABLES = {
  '': ROOT_OPTIONS,
  database: DATABASE_OPTIONS,
  'database.pool': SERVICE_POOL_OPTIONS,
  query: QUERY_OPTIONS,
  redis: REDIS_OPTIONS,
  sessions: SESSION_OPTIONS,
  encryption: ENCRYPTION_OPTIONS,
  embedded: EMBEDDED_OPTIONS,
  migrate: MIGRATE_OPTIONS,
  access: ACCESS_OPTIONS,
  partitions: PARTITION_OPTIONS,
  monitor: MONITOR_OPTIONS,
  alerts: ALERT_OPTIONS,
  admin: ADMIN_OPTIONS,
} as const
