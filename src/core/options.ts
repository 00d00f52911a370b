import { invalidOption, unknownOption } from './errors.ts'

/** One option: what it means, what it accepts, where the environment may set it. */
export interface OptionSpec<T> {
  /** One sentence for people; goes into `.env.example` and the reference. */
  readonly doc: string
  readonly default: T
  /** The accepted values in words, for the error message: `a whole number from 1 to 10000`. */
  readonly accepts: string
  /** Environment variables that set it, the first that is set wins. */
  readonly env: readonly string[]
  /** Shown as `***`. */
  readonly isSecret: boolean
  /** Returns the value, or undefined when the input is not acceptable. Text comes from the environment. */
  readonly parse: (input: unknown) => T | undefined
  /** The same for the environment, where it is written in another unit. */
  readonly parseEnv: (input: string) => T | undefined
  /** A secret value's harmless rest, for people. */
  mask(value: T): string
}

/** The options of one capability by name. */
export type OptionTable = Readonly<Record<string, OptionSpec<unknown>>>

/** The values that a table resolves to. */
export type OptionValues<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends OptionSpec<infer T> ? T : never
}

/** One place that options come from. Later layers win. */
export type OptionLayer =
  | { readonly kind: 'object'; readonly source: string; readonly values: Readonly<Record<string, unknown>> }
  | {
      readonly kind: 'environment'
      readonly source: string
      readonly values: Readonly<Record<string, string | undefined>>
    }

/** Resolved values and, per option, the layer that decided it. */
export interface ResolvedOptions<Table extends OptionTable> {
  readonly values: OptionValues<Table>
  readonly sources: Readonly<Record<string, string>>
}

interface Common<T> {
  doc: string
  default: T
  env?: string | readonly string[]
}

const namesOf = (env: string | readonly string[] | undefined): readonly string[] =>
  env === undefined ? [] : typeof env === 'string' ? [env] : env

function option<T>(
  common: Common<T>,
  rest: Pick<OptionSpec<T>, 'accepts' | 'parse'> & Partial<OptionSpec<T>>,
): OptionSpec<T> {
  return {
    doc: common.doc,
    default: common.default,
    env: namesOf(common.env),
    isSecret: false,
    parseEnv: rest.parse,
    mask: () => '***',
    ...rest,
  }
}

/**
 * A whole number. `envScale`: the environment states it in another unit, e.g. 1000 for a variable in seconds
 * behind an option in milliseconds (fractions are then accepted).
 */
export function integer<D extends number | undefined>(
  spec: Common<D> & { min: number; max: number; envScale?: number },
): OptionSpec<D extends undefined ? number | undefined : number> {
  type Value = D extends undefined ? number | undefined : number
  const { min, max, envScale = 1 } = spec
  const inRange = (value: number): Value | undefined =>
    Number.isInteger(value) && value >= min && value <= max ? (value as Value) : undefined
  return option<Value>(spec as unknown as Common<Value>, {
    accepts:
      envScale === 1
        ? `a whole number from ${min} to ${max}`
        : `a whole number from ${min} to ${max} (from ${min / envScale} to ${max / envScale} in the environment)`,
    parse: (input) => (typeof input === 'number' ? inRange(input) : undefined),
    parseEnv: (input) =>
      /^\d+(\.\d+)?$/.test(input) ? inRange(Math.round(Number(input) * envScale)) : undefined,
  })
}

const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  yes: true,
  on: true,
  false: false,
  '0': false,
  no: false,
  off: false,
}

/** True or false; in the environment also 1/0, yes/no, on/off. */
export function flag(spec: Common<boolean>): OptionSpec<boolean> {
  return option(spec, {
    accepts: 'true or false',
    parse: (input) => (typeof input === 'boolean' ? input : undefined),
    parseEnv: (input) => BOOLEANS[input.toLowerCase()],
  })
}

/** Text; with `isSecret` it is never shown. */
export function text<D extends string | undefined>(
  spec: Common<D> & { accepts?: string; isSecret?: boolean; pattern?: RegExp },
): OptionSpec<D extends undefined ? string | undefined : string> {
  type Value = D extends undefined ? string | undefined : string
  return option<Value>(spec as unknown as Common<Value>, {
    accepts: spec.accepts ?? 'text that is not empty',
    isSecret: spec.isSecret ?? false,
    parse: (input) =>
      typeof input === 'string' && input !== '' && (spec.pattern?.test(input) ?? true)
        ? (input as Value)
        : undefined,
  })
}

/** One of a few words. */
export function oneOf<const Choice extends string>(
  choices: readonly Choice[],
  spec: Common<NoInfer<Choice>>,
): OptionSpec<Choice> {
  return option<Choice>(spec, {
    accepts: `one of ${choices.join(', ')}`,
    parse: (input) => choices.find((choice) => choice === input),
  })
}

/** Any other kind of value, with its own parser. */
export function custom<T>(
  spec: Common<T> & {
    accepts: string
    isSecret?: boolean
    parse: (input: unknown) => T | undefined
    mask?: (value: T) => string
  },
): OptionSpec<T> {
  return option(spec, {
    accepts: spec.accepts,
    isSecret: spec.isSecret ?? false,
    parse: spec.parse,
    ...(spec.mask && { mask: spec.mask }),
  })
}

/**
 * Resolves one table from its layers. Pure: reads nothing else, changes nothing, returns frozen objects. An
 * empty environment variable counts as not set; `undefined` in an object counts as not given.
 *
 * @param path where the table stands (`database.pool`), for messages; empty at the top.
 * @throws HF_OPTION_UNKNOWN for a name that is not in the table; HF_OPTION_INVALID for a value outside its range.
 */
export function resolveOptions<const Table extends OptionTable>(
  path: string,
  table: Table,
  layers: readonly OptionLayer[],
): ResolvedOptions<Table> {
  for (const layer of layers) if (layer.kind === 'object') rejectUnknown(path, Object.keys(table), layer)
  const values: Record<string, unknown> = {}
  const sources: Record<string, string> = {}
  for (const [name, spec] of Object.entries(table)) {
    values[name] = spec.default
    sources[name] = 'default'
    for (const layer of layers) {
      const found = read(spec, name, layer)
      if (found === undefined) continue
      const full = path === '' ? name : `${path}.${name}`
      const value = found.isText ? spec.parseEnv(found.input as string) : spec.parse(found.input)
      if (value === undefined) throw invalidOption(full, found.source, show(spec, found.input), spec.accepts)
      values[name] = value
      sources[name] = found.source
    }
  }
  return Object.freeze({
    values: Object.freeze(values) as OptionValues<Table>,
    sources: Object.freeze(sources),
  })
}

/** What an option's value looks like to people: secrets masked. */
export function showOption<T>(spec: OptionSpec<T>, value: T): unknown {
  return spec.isSecret && value !== undefined ? spec.mask(value) : value
}

function read(
  spec: OptionSpec<unknown>,
  name: string,
  layer: OptionLayer,
): { input: unknown; source: string; isText: boolean } | undefined {
  if (layer.kind === 'object') {
    const input = layer.values[name]
    return input === undefined ? undefined : { input, source: layer.source, isText: false }
  }
  const variable = spec.env.find((candidate) => (layer.values[candidate] ?? '') !== '')
  return variable === undefined
    ? undefined
    : { input: layer.values[variable], source: `${layer.source} ${variable}`, isText: true }
}

function show(spec: OptionSpec<unknown>, input: unknown): string {
  if (spec.isSecret) return 'a value that is not shown'
  return typeof input === 'string' ? JSON.stringify(input) : String(JSON.stringify(input) ?? typeof input)
}

/** @throws HF_OPTION_UNKNOWN when the layer has a name that is not known. */
export function rejectUnknown(
  path: string,
  known: readonly string[],
  layer: { readonly source: string; readonly values: Readonly<Record<string, unknown>> },
): void {
  for (const name of Object.keys(layer.values)) {
    if (known.includes(name)) continue
    throw unknownOption(path === '' ? name : `${path}.${name}`, layer.source, known, nearest(name, known))
  }
}

/** The known name that is at most two edits away; else the only one that goes on after an underscore where this one ends. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const scored = known.map((candidate) => ({
    candidate,
    distance: editDistance(name.toLowerCase(), candidate.toLowerCase()),
  }))
  const best = scored.toSorted((a, b) => a.distance - b.distance)[0]
  if (best !== undefined && best.distance <= 2 && best.distance < name.length) return best.candidate
  const longer = known.filter((candidate) => candidate.toLowerCase().startsWith(`${name.toLowerCase()}_`))
  return longer.length === 1 ? longer[0] : undefined
}

/** Levenshtein's distance, row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const substituted = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substituted, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
