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

/** What the command line reads itself. */
const OTHER_VARIABLES = ['HOLDFAST_SERVER_TOKEN', 'HOLDFAST_URL']

/** Variables that look like ours but are not known: probably misspelt. Not an error: orchestrators set some too. */
export function strayVariables(
  env: Readonly<Record<string, string | undefined>>,
): { name: string; suggestion?: string }[] {
  const known = Object.values<OptionTable>(CONFIG_TABLES)
    .flatMap((table) => Object.values(table).flatMap((spec) => spec.env))
    .concat(OTHER_VARIABLES)
  return Object.keys(env)
    .filter((name) => name.startsWith('HOLDFAST_') && !known.includes(name))
    .map((name) => {
      const suggestion = nearest(name, known)
      return suggestion === undefined ? { name } : { name, suggestion }
    })
}

/** One of {@link strayVariables}, for people. */
export const strayInWords = ({ name, suggestion }: { name: string; suggestion?: string }): string =>
  `${inOneLine(name)} is not known${suggestion ? `; did you mean ${suggestion}?` : '.'}`

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
