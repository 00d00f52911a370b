import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseEnv } from 'node:util'
import { ADMIN_OPTIONS } from './admin/options.ts'
import {
  custom,
  flag,
  integer,
  nearest,
  oneOf,
  type OptionLayer,
  type OptionTable,
  type OptionValues,
  rejectUnknown,
  resolveOptions,
  showOption,
  text,
} from './core/index.ts'
import { EMBEDDED_OPTIONS } from './embedded/options.ts'
import { configFileUnreadable, groupNotAnObject } from './errors.ts'
import { MIGRATE_OPTIONS } from './migrate/options.ts'
import { POOL_OPTIONS } from './pool/options.ts'

const DATABASE_URL_ACCEPTS =
  'a URL like postgresql://user:password@host:5432/database, special characters percent-encoded'

/** Accepts a driver suffix as other stacks write it (`postgresql+asyncpg://`) and drops it. */
function parseDatabaseUrl(input: unknown): string | undefined {
  if (typeof input !== 'string') return undefined
  const url = input.trim().replace(/^(postgres(?:ql)?)\+[a-z0-9_]+:/i, '$1:')
  if (!/^postgres(ql)?:\/\//i.test(url) || !URL.canParse(url)) return undefined
  try {
    const { username, password, pathname } = new URL(url)
    decodeURIComponent(username + password + pathname)
    return url
  } catch {
    return undefined // a % that begins no escape
  }
}

/** A URL without its password. */
export function maskUrl(url: string): string {
  if (!URL.canParse(url)) return '***'
  const parts = new URL(url)
  if (parts.password !== '') parts.password = '***'
  for (const name of ['password', 'sslpassword'])
    if (parts.searchParams.has(name)) parts.searchParams.set(name, '***')
  return parts.href
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
      const items = typeof input === 'string' ? input.split(',') : input
      if (!Array.isArray(items)) return undefined
      const urls = items.map(parseDatabaseUrl)
      return urls.includes(undefined) ? undefined : Object.freeze(urls as string[])
    },
    mask: (urls) => urls.map(maskUrl).join(','),
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
  'database.pool': POOL_OPTIONS,
  redis: REDIS_OPTIONS,
  sessions: SESSION_OPTIONS,
  encryption: ENCRYPTION_OPTIONS,
  embedded: EMBEDDED_OPTIONS,
  migrate: MIGRATE_OPTIONS,
  admin: ADMIN_OPTIONS,
} as const

type Tables = typeof CONFIG_TABLES
type Group<Path extends keyof Tables> = OptionValues<Tables[Path]>

/** The effective configuration. Frozen. */
export interface Config {
  readonly environment: Group<''>['environment']
  readonly database: Group<'database'> & { readonly pool: Group<'database.pool'> }
  readonly redis: Group<'redis'>
  readonly sessions: Group<'sessions'>
  readonly encryption: Group<'encryption'>
  readonly embedded: Group<'embedded'>
  readonly migrate: Group<'migrate'>
  readonly admin: Group<'admin'>
}

type Input<T> = {
  readonly [Name in keyof T]?: T[Name] extends object ? Input<T[Name]> | undefined : T[Name] | undefined
}

/** What a configuration file or `createHoldfast` may say: any part of {@link Config}. */
export type ConfigInput = Omit<Input<Config>, 'database'> & {
  readonly database?: Omit<Input<Config['database']>, 'replicas'> & { readonly replicas?: readonly string[] }
}

/** One line of `holdfast config show`. */
export interface ConfigEntry {
  readonly name: string
  /** Secrets are masked. */
  readonly value: unknown
  /** Who decided: `default`, a file's name, `environment DB_POOL_SIZE`, `argument`. */
  readonly source: string
  readonly env: readonly string[]
}

/** A configuration with its explanation. */
export interface ResolvedConfig {
  readonly config: Config
  readonly entries: readonly ConfigEntry[]
}

/** Where a configuration comes from. Later wins: file, environment, arguments. */
export interface ConfigSources {
  readonly file?: { readonly name: string; readonly values: ConfigInput } | undefined
  readonly dotenv?: Readonly<Record<string, string | undefined>> | undefined
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  readonly args?: ConfigInput | undefined
}

type Nested = Readonly<Record<string, unknown>>

/**
 * Resolves the whole configuration. Pure.
 * @throws HF_OPTION_UNKNOWN, HF_OPTION_INVALID
 */
export function resolveConfig(sources: ConfigSources): ResolvedConfig {
  const env = sources.env && readableEnvironment(sources.env)
  const objects = [
    ...(sources.file ? [{ source: sources.file.name, values: sources.file.values as Nested }] : []),
    ...(sources.args ? [{ source: 'argument', values: sources.args as Nested }] : []),
  ]
  for (const { source, values } of objects) rejectStrayNames('', values, source)
  const result: Record<string, unknown> = {}
  const entries: ConfigEntry[] = []
  for (const [path, table] of Object.entries<OptionTable>(CONFIG_TABLES)) {
    const group = (source: 'file' | 'args'): OptionLayer[] => {
      const values = groupAt(
        path,
        (source === 'file' ? sources.file?.values : sources.args) as Nested | undefined,
        table,
      )
      const name = source === 'file' ? (sources.file?.name ?? '') : 'argument'
      return values ? [{ kind: 'object', source: name, values }] : []
    }
    const { values, sources: origins } = resolveOptions(path, table, [
      ...group('file'),
      { kind: 'environment', source: '.env', values: sources.dotenv ?? {} },
      { kind: 'environment', source: 'environment', values: env ?? {} },
      ...group('args'),
    ])
    place(result, path, values)
    for (const [name, spec] of Object.entries(table)) {
      entries.push({
        name: path === '' ? name : `${path}.${name}`,
        value: showOption(spec, values[name]),
        source: origins[name] as string,
        env: spec.env,
      })
    }
  }
  return Object.freeze({ config: deepFreeze(result) as unknown as Config, entries: Object.freeze(entries) })
}

/**
 * NODE_ENV belongs to many tools, and some people write `staging`. What is not one of our words is as serious as
 * production: nothing is started or read there that nobody asked for. ENVIRONMENT is ours and stays strict.
 */
function readableEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  const known = ['', 'development', 'test', 'production']
  return known.includes(env.NODE_ENV ?? '') ? env : { ...env, NODE_ENV: 'production' }
}

/** Variables that look like ours but are not known: probably misspelt. Not an error: orchestrators set some too. */
export function strayVariables(
  env: Readonly<Record<string, string | undefined>>,
): { name: string; suggestion?: string }[] {
  const known = Object.values<OptionTable>(CONFIG_TABLES).flatMap((table) =>
    Object.values(table).flatMap((spec) => spec.env),
  )
  return Object.keys(env)
    .filter((name) => name.startsWith('HOLDFAST_') && !known.includes(name))
    .map((name) => {
      const suggestion = nearest(name, known)
      return suggestion === undefined ? { name } : { name, suggestion }
    })
}

/** Files that are looked for, in this order. */
export const CONFIG_FILES = [
  'holdfast.config.ts',
  'holdfast.config.js',
  'holdfast.config.mjs',
  'holdfast.config.json',
] as const

/**
 * Reads the configuration file and, outside production, `.env` of a folder, and resolves everything.
 * @throws HF_CONFIG_FILE when the file cannot be read; HF_OPTION_UNKNOWN, HF_OPTION_INVALID
 */
export async function loadConfig(
  from: { cwd?: string; env?: ConfigSources['env']; args?: ConfigInput } = {},
): Promise<ResolvedConfig & { readonly strays: ReturnType<typeof strayVariables> }> {
  const { cwd = process.cwd(), env = process.env, args } = from
  const name = CONFIG_FILES.find((candidate) => existsSync(join(cwd, candidate)))
  const file = name === undefined ? undefined : { name, values: await readConfigFile(join(cwd, name)) }
  const environment =
    args?.environment ?? (env.ENVIRONMENT || readableEnvironment(env).NODE_ENV || file?.values.environment)
  const dotenv = environment === 'production' ? {} : readDotenv(join(cwd, '.env'))
  return { ...resolveConfig({ file, dotenv, env, args }), strays: strayVariables({ ...dotenv, ...env }) }
}

async function readConfigFile(path: string): Promise<ConfigInput> {
  try {
    const content: unknown = path.endsWith('.json')
      ? JSON.parse(readFileSync(path, 'utf8'))
      : ((await import(pathToFileURL(path).href)) as { default?: unknown }).default
    if (typeof content !== 'object' || content === null)
      throw new TypeError('it must export an object as default')
    return content
  } catch (cause) {
    throw configFileUnreadable(path, cause)
  }
}

function readDotenv(path: string): Record<string, string | undefined> {
  return existsSync(path) ? parseEnv(readFileSync(path, 'utf8')) : {}
}

const subgroupsOf = (path: string): string[] =>
  Object.keys(CONFIG_TABLES)
    .filter((other) => other !== '' && (path === '' ? !other.includes('.') : other.startsWith(`${path}.`)))
    .map((other) => other.slice(path === '' ? 0 : path.length + 1))

/** Every name at every level must be an option or a group of them. */
function rejectStrayNames(path: string, values: Nested, source: string): void {
  const table = CONFIG_TABLES[path as keyof Tables]
  const groups = subgroupsOf(path)
  rejectUnknown(path, [...Object.keys(table), ...groups], { source, values })
  for (const group of groups) {
    const inner = values[group]
    if (inner === undefined) continue
    const full = path === '' ? group : `${path}.${group}`
    if (typeof inner !== 'object' || inner === null) throw groupNotAnObject(full, source)
    rejectStrayNames(full, inner as Nested, source)
  }
}

function groupAt(path: string, values: Nested | undefined, table: OptionTable): Nested | undefined {
  let group: Nested | undefined = values
  for (const step of path === '' ? [] : path.split('.')) group = group?.[step] as Nested | undefined
  return group && Object.fromEntries(Object.entries(group).filter(([name]) => name in table))
}

function place(result: Record<string, unknown>, path: string, values: object): void {
  if (path === '') return void Object.assign(result, values)
  const steps = path.split('.')
  const last = steps.pop() as string
  let target = result
  for (const step of steps) target = target[step] as Record<string, unknown>
  target[last] = { ...values }
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value))
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner as object)
  return Object.freeze(value)
}
