import { modelContradicts } from './errors.ts'
import { type AccessOptions, type Level, type ReachingKind, ROLE_KINDS, type RoleKind } from './options.ts'

/** Who is to have which rights. */
export interface AccessModel {
  /** Names of the roles that there are to be. */
  readonly roles: ReadonlyMap<RoleKind, string>
  /** Owns the schemas and all in them. */
  readonly owner: string
  /** Level of each kind in each schema, Holdfast's own among them. */
  readonly schemas: ReadonlyMap<string, Readonly<Record<ReachingKind, Level>>>
  /** Schema of Holdfast's own tables. */
  readonly ownSchema: string
}

/** Kinds of objects as privileges see them. */
export type PrivilegeClass = 'schema' | 'relation' | 'sequence' | 'routine'

const USUAL_LEVELS: Readonly<Record<ReachingKind, Level>> = {
  app: 'write',
  readonly: 'read',
  monitor: 'none',
  auditor: 'none',
}

/** A service, who watches and who audits see what Holdfast keeps; people who read data do not. */
const OWN_LEVELS: Readonly<Record<ReachingKind, Level>> = {
  app: 'read',
  readonly: 'none',
  monitor: 'read',
  auditor: 'read',
}

const READ: Readonly<Record<PrivilegeClass, readonly string[]>> = {
  schema: ['USAGE'],
  relation: ['SELECT'],
  sequence: ['SELECT'],
  routine: ['EXECUTE'],
}

/** TRUNCATE, REFERENCES, TRIGGER and MAINTAIN are the owner's; setval is, too. */
const PRIVILEGES: Readonly<Record<Level, typeof READ>> = {
  none: { schema: [], relation: [], sequence: [], routine: [] },
  read: READ,
  write: {
    ...READ,
    relation: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
    sequence: ['USAGE', 'SELECT'],
  },
}

/**
 * What a service may write of Holdfast's own: figures that it sees, and records of what it did, under its own name. All else steers
 * what is done with an owner's rights (upkeep of partitions, conversions, removals, backfills, what alerts say), or is evidence of it.
 */
const WRITTEN_BY_APP: Readonly<Record<string, readonly string[]>> = {
  operations: ['SELECT', 'INSERT'],
  history_minutes: PRIVILEGES.write.relation,
  history_ten_minutes: PRIVILEGES.write.relation,
  history_hours: PRIVILEGES.write.relation,
  statement_texts: PRIVILEGES.write.relation,
}

const LONGEST_NAME_BYTES = 63
const RESERVED = new Set(['public', 'none', 'current_role', 'current_user', 'session_user'])

/**
 * The configured roles and levels with the defaults filled in. Pure.
 * @param database its name, with which the roles' default names begin
 * @throws HF_ACCESS_MODEL
 */
export function accessModel(options: AccessOptions, database: string, ownSchema: string): AccessModel {
  const roles = new Map<RoleKind, string>()
  const kinds = new Map<string, RoleKind>()
  for (const kind of ROLE_KINDS) {
    const name = options.roles[kind] ?? `${database}_${kind}`
    if (name === false) continue
    if (Buffer.byteLength(name) > LONGEST_NAME_BYTES)
      throw modelContradicts(`the name "${name}" is longer than ${LONGEST_NAME_BYTES} bytes`)
    if (RESERVED.has(name.toLowerCase()))
      throw modelContradicts(`"${name}" is a word of PostgreSQL's own and cannot be a role`)
    const other = kinds.get(name)
    if (other) throw modelContradicts(`"${name}" cannot be both ${other} and ${kind}`)
    kinds.set(name, kind)
    roles.set(kind, name)
  }
  if (Object.hasOwn(options.schemas, ownSchema))
    throw modelContradicts(`"${ownSchema}" is Holdfast's own schema, whose rights are given by Holdfast`)
  const schemas = Object.entries(options.schemas).map(
    ([schema, levels]) => [schema, { ...USUAL_LEVELS, ...levels }] as const,
  )
  return {
    roles,
    owner: roles.get('owner') as string,
    schemas: new Map([...schemas, [ownSchema, OWN_LEVELS]]),
    ownSchema,
  }
}

/** The kinds with a level, and the name of each. */
export function reachingRoles({ roles }: AccessModel): (readonly [ReachingKind, string])[] {
  return [...roles].flatMap(([kind, name]) =>
    kind === 'owner' || kind === 'migrator' ? [] : [[kind, name] as const],
  )
}

/** All that an owner has of an object, unless somebody took it away. */
export function ownersPrivileges(of: PrivilegeClass, serverVersion: number): readonly string[] {
  if (of === 'schema') return ['USAGE', 'CREATE']
  if (of === 'sequence') return ['USAGE', 'SELECT', 'UPDATE']
  if (of === 'routine') return ['EXECUTE']
  const rows = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']
  return serverVersion >= 17 ? [...rows, 'MAINTAIN'] : rows
}

/** What a kind of role may do with an object. @param name without its schema; undefined for those to come */
export function wantedPrivileges(
  { schemas, ownSchema }: AccessModel,
  kind: ReachingKind,
  schema: string,
  of: PrivilegeClass,
  name?: string,
): readonly string[] {
  const written =
    schema === ownSchema && kind === 'app' && name !== undefined ? WRITTEN_BY_APP[name] : undefined
  if (written && of === 'relation') return written
  return PRIVILEGES[schemas.get(schema)?.[kind] ?? 'none'][of]
}
