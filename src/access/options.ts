import { custom, type OptionValues } from '../core/index.ts'

/** What a role is for. */
export const ROLE_KINDS = ['owner', 'migrator', 'app', 'readonly', 'monitor', 'auditor'] as const
export type RoleKind = (typeof ROLE_KINDS)[number]

/** How far a role gets into a schema: not at all, reading, or reading and writing rows. */
export const LEVELS = ['none', 'read', 'write'] as const
export type Level = (typeof LEVELS)[number]

/** The kinds whose reach into a schema is a matter of choice; the owner owns, the migrator acts as the owner. */
export type ReachingKind = Exclude<RoleKind, 'owner' | 'migrator'>

/** Names of roles by kind; false: there is none of this kind. */
export type RoleNames = Readonly<Partial<Record<RoleKind, string | false>>>

/** Levels by schema and kind. What is not said is `write` for the app, `read` for readonly, `none` for the others. */
export type SchemaLevels = Readonly<Record<string, Readonly<Partial<Record<ReachingKind, Level>>>>>

const isObject = (input: unknown): input is Record<string, unknown> =>
  typeof input === 'object' && input !== null && !Array.isArray(input)

function parseRoles(input: unknown): RoleNames | undefined {
  if (!isObject(input)) return undefined
  const isRight = ([kind, name]: [string, unknown]): boolean =>
    (ROLE_KINDS as readonly string[]).includes(kind) &&
    (typeof name === 'string' ? /^(?!pg_)[^\0]+$/.test(name) : name === false && kind !== 'owner')
  return Object.entries(input).every(isRight) ? (Object.freeze({ ...input }) as RoleNames) : undefined
}

function parseSchemas(input: unknown): SchemaLevels | undefined {
  if (!isObject(input)) return undefined
  const kinds = new Set<string>(ROLE_KINDS.slice(2))
  const isRight = ([schema, levels]: [string, unknown]): boolean =>
    /^(?!pg_|information_schema$)[^\0]+$/.test(schema) &&
    isObject(levels) &&
    Object.entries(levels).every(
      ([kind, level]) => kinds.has(kind) && (LEVELS as readonly unknown[]).includes(level),
    )
  return Object.entries(input).every(isRight) ? (Object.freeze({ ...input }) as SchemaLevels) : undefined
}

/** Options of the access roles. */
export const ACCESS_OPTIONS = {
  roles: custom<RoleNames>({
    doc: 'Names of the roles by kind (owner, migrator, app, readonly, monitor, auditor); false leaves one out. Default: the name of the database, _ and the kind.',
    default: Object.freeze({}),
    accepts: 'an object of kinds, each with a name that does not begin with pg_, or false (not for owner)',
    parse: parseRoles,
  }),
  schemas: custom<SchemaLevels>({
    doc: 'Your schemas, each with the reach of app, readonly, monitor and auditor: none, read or write. Default of app: write, of readonly: read, of the others: none.',
    default: Object.freeze({ public: Object.freeze({}) }),
    accepts: 'an object of schemas, each an object of kinds with none, read or write',
    parse: parseSchemas,
  }),
} as const

/** Resolved options of the access roles. */
export type AccessOptions = OptionValues<typeof ACCESS_OPTIONS>
