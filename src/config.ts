import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseEnv } from 'node:util'
import { CONFIG_TABLES } from './config-tables.ts'
import {
  nearest,
  type OptionLayer,
  type OptionTable,
  type OptionValues,
  inOneLine,
  rejectUnknown,
  resolveOptions,
  showOption,
} from './core/index.ts'
import { configFileUnreadable, groupNotAnObject } from './errors.ts'
import { type PresetName, withPreset } from './pool/index.ts'

type Tables = typeof CONFIG_TABLES
type Group<Path extends keyof Tables> = OptionValues<Tables[Path]>

/** The effective configuration. Frozen. */
export interface Config {
  readonly environment: Group<''>['environment']
  readonly database: Group<'database'> & { readonly pool: Group<'database.pool'> }
  readonly query: Group<'query'>
  readonly redis: Group<'redis'>
  readonly sessions: Group<'sessions'>
  readonly encryption: Group<'encryption'>
  readonly embedded: Group<'embedded'>
  readonly migrate: Group<'migrate'>
  readonly access: Group<'access'>
  readonly partitions: Group<'partitions'>
  readonly monitor: Group<'monitor'>
  readonly alerts: Group<'alerts'>
  readonly admin: Group<'admin'>
}

type Input<T> = {
  readonly [Name in keyof T]?:
    | (T[Name] extends readonly unknown[] | undefined
        ? T[Name]
        : T[Name] extends object
          ? Input<T[Name]>
          : T[Name])
    | undefined
}

/** What a configuration file or `createHoldfast` may say: any part of {@link Config}. */
export type ConfigInput = Input<Config>

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
type PoolValues = Nested & { readonly preset?: PresetName }

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
    const resolved = resolveOptions(path, table, [
      ...group('file'),
      { kind: 'environment', source: '.env', values: sources.dotenv ?? {} },
      { kind: 'environment', source: 'environment', values: env ?? {} },
      ...group('args'),
    ])
    const { values, sources: origins } =
      path === 'database.pool' ? withPreset(resolved.values as PoolValues, resolved.sources) : resolved
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

/** A variable of the environment that does nothing. */
export interface StrayVariable {
  readonly name: string
  /** What was meant, probably. */
  readonly suggestion?: string
  /** It is known, and nothing reads it yet. */
  readonly isUnused?: boolean
}

/** What the command line reads itself. */
const OTHER_VARIABLES = ['HOLDFAST_SERVER_TOKEN', 'HOLDFAST_URL']

/** What other stacks call it, or what has no effect yet: who sets it believes that it has. */
const INSTEAD: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['HOST', 'PORT', 'USER', 'USERNAME', 'PASSWORD', 'NAME', 'DATABASE', 'URL'].map((name) => [
      `DB_${name}`,
      'DATABASE_URL',
    ]),
  ),
  DB_POOL_PRE_PING: 'HOLDFAST_POOL_PRE_PING_AFTER_IDLE_MS',
  DB_POOL_MAX: 'DB_POOL_SIZE',
  DB_POOL_MIN: 'DB_POOL_SIZE',
  DB_SSL: 'sslmode in DATABASE_URL',
}
/** Known, and read by nothing yet. */
const UNUSED: ReadonlySet<string> = new Set(
  (['redis', 'sessions', 'encryption'] as const).flatMap((path) =>
    Object.values<OptionTable[string]>(CONFIG_TABLES[path]).flatMap(({ env }) => env),
  ),
)

/**
 * Variables that look like ours but are not known, probably misspelt or another stack's; and those that have no effect yet. Not an error:
 * orchestrators set some too.
 */
export function strayVariables(env: Readonly<Record<string, string | undefined>>): StrayVariable[] {
  const known = Object.values<OptionTable>(CONFIG_TABLES)
    .flatMap((table) => Object.values(table).flatMap((spec) => spec.env))
    .concat(OTHER_VARIABLES)
  return Object.keys(env)
    .filter(
      (name) => env[name] && (UNUSED.has(name) || (/^(HOLDFAST|DB)_/.test(name) && !known.includes(name))),
    )
    .map((name) => {
      if (UNUSED.has(name)) return { name, isUnused: true }
      const suggestion = INSTEAD[name] ?? nearest(name, known)
      return suggestion === undefined ? { name } : { name, suggestion }
    })
}

/** One of {@link strayVariables}, for people. */
export const strayInWords = ({ name, suggestion, isUnused }: StrayVariable): string =>
  isUnused
    ? `${inOneLine(name)} has no effect yet: nothing reads it.`
    : `${inOneLine(name)} is not known${suggestion ? `; did you mean ${suggestion}?` : '.'}`

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
  const found = name === undefined ? undefined : { name, values: await readConfigFile(join(cwd, name)) }
  const environment =
    args?.environment ?? (env.ENVIRONMENT || readableEnvironment(env).NODE_ENV || found?.values.environment)
  const file = found && { name: found.name, values: ofEnvironment(found.values, environment, found.name) }
  const dotenv = environment === 'production' ? {} : readDotenv(join(cwd, '.env'))
  return { ...resolveConfig({ file, dotenv, env, args }), strays: strayVariables({ ...dotenv, ...env }) }
}

/** A configuration file may say more for one environment: `environments: { production: { database: { ... } } }`. */
export type ConfigFile = ConfigInput & {
  readonly environments?: Readonly<Partial<Record<Config['environment'], Omit<ConfigInput, 'environment'>>>>
}

/** What the file says there, over what it says in general. @throws HF_OPTION_UNKNOWN, HF_OPTION_INVALID */
function ofEnvironment(values: ConfigFile, environment: string | undefined, source: string): ConfigInput {
  const { environments = {}, ...general } = values
  rejectUnknown('environments', ['development', 'test', 'production'], {
    source,
    values: environments,
  })
  // Also those of the others: what is misspelt there shows before it is deployed.
  for (const [name, own] of Object.entries(environments)) {
    if (typeof own !== 'object' || own === null) throw groupNotAnObject(`environments.${name}`, source)
    rejectStrayNames('', own as Nested, `${source}, environments.${name}`)
  }
  const own = environments[(environment ?? 'development') as Config['environment']]
  return own === undefined ? general : (over(general as Nested, own as Nested) as ConfigInput)
}

/** Groups are put together name by name; lists and values are the second's. */
function over(first: Nested, second: Nested): Nested {
  const isGroup = (value: unknown): value is Nested =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
  const merged = Object.entries(second).map(([name, value]) => {
    const before = first[name]
    return [name, isGroup(before) && isGroup(value) ? over(before, value) : value]
  })
  return { ...first, ...(Object.fromEntries(merged) as Nested) }
}

async function readConfigFile(path: string): Promise<ConfigFile> {
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
