import { quoteLiteral } from '../../core/index.ts'
import type { CatalogObject, Json } from '../catalog.ts'

/** An attribute as text; undefined where it is not said. */
export function textOf({ attributes }: CatalogObject, name: string): string | undefined {
  const value = attributes[name]
  return value === undefined || value === null ? undefined : String(value)
}

/** An attribute as a list of texts. */
export function listOf({ attributes }: CatalogObject, name: string): string[] {
  const value = attributes[name]
  return Array.isArray(value) ? (value as Json[]).map(String) : []
}

/** The parts of a quoted name: `public."a.b".c` has three. */
export function partsOf(name: string): string[] {
  return [...name.matchAll(/"(?:[^"]|"")*"|[^."]+/g)].map(([part]) => part)
}

/** The last part of a name, quoted as it is: of a column, of a constraint. */
export const lastOf = (name: string): string => partsOf(name).at(-1) as string

/** Where something is: the name without its last part. */
export const ownerOf = (name: string): string => partsOf(name).slice(0, -1).join('.')

const COMMENT_KINDS: Readonly<Record<string, string>> = {
  enum: 'TYPE',
  'composite type': 'TYPE',
  'range type': 'TYPE',
}

/** How COMMENT ON and GRANT name an object. */
export function addressOf(object: CatalogObject): string {
  const { kind, name } = object
  if (kind === 'constraint' || kind === 'trigger' || kind === 'policy' || kind === 'rule')
    return `${kind.toUpperCase()} ${lastOf(name)} ON ${ownerOf(name)}`
  return `${COMMENT_KINDS[kind] ?? kind.toUpperCase()} ${name}`
}

/** Sets or takes away the comment, where the two states differ in it. */
export function commentSql(before: CatalogObject | undefined, after: CatalogObject): string[] {
  const [was, is] = [before && textOf(before, 'comment'), textOf(after, 'comment')]
  if (was === is) return []
  return [`COMMENT ON ${addressOf(after)} IS ${is === undefined ? 'NULL' : quoteLiteral(is)}`]
}

const GRANT_KINDS: Readonly<Record<string, string>> = {
  table: 'TABLE',
  view: 'TABLE',
  'materialized view': 'TABLE',
  sequence: 'SEQUENCE',
  schema: 'SCHEMA',
  function: 'FUNCTION',
  aggregate: 'FUNCTION',
  procedure: 'PROCEDURE',
  enum: 'TYPE',
  domain: 'TYPE',
  'composite type': 'TYPE',
  'range type': 'TYPE',
}

/** What an object of a kind grants to everybody when it is new. */
const GRANTED_AT_FIRST: Readonly<Record<string, readonly string[]>> = {
  function: ['public=EXECUTE'],
  aggregate: ['public=EXECUTE'],
  procedure: ['public=EXECUTE'],
  enum: ['public=USAGE'],
  domain: ['public=USAGE'],
  'composite type': ['public=USAGE'],
  'range type': ['public=USAGE'],
}

interface Grant {
  readonly role: string
  readonly privilege: string
  readonly canGrant: boolean
}

/** One grant for each privilege of the lines `role=A, B*`. */
function parseGrants(lines: readonly string[]): Map<string, Grant> {
  const grants = new Map<string, Grant>()
  for (const line of lines) {
    const at = line.lastIndexOf('=')
    const role = line.slice(0, at)
    for (const word of line.slice(at + 1).split(', ')) {
      const canGrant = word.endsWith('*')
      const privilege = canGrant ? word.slice(0, -1) : word
      grants.set(`${role} ${privilege}`, { role, privilege, canGrant })
    }
  }
  return grants
}

const grantee = (role: string): string => (role === 'public' ? 'PUBLIC' : role)

/** Grants and revokes until the second state is reached. */
export function grantSql(before: CatalogObject | undefined, after: CatalogObject): string[] {
  if (after.kind === 'column') {
    const column = `(${lastOf(after.name)})`
    const was = before ? listOf(before, 'grants') : []
    return changeGrants(
      was,
      listOf(after, 'grants'),
      (word) => `${word} ${column}`,
      `TABLE ${ownerOf(after.name)}`,
    )
  }
  const kind = GRANT_KINDS[after.kind]
  if (kind === undefined) return []
  const was = before ? listOf(before, 'grants') : (GRANTED_AT_FIRST[after.kind] ?? [])
  return changeGrants(was, listOf(after, 'grants'), (word) => word, `${kind} ${after.name}`)
}

/** The same for default privileges. */
export function defaultPrivilegesSql(before: CatalogObject | undefined, after: CatalogObject): string[] {
  const schema = textOf(after, 'schema')
  const head = `ALTER DEFAULT PRIVILEGES FOR ROLE ${textOf(after, 'role') ?? ''}${schema ? ` IN SCHEMA ${schema}` : ''}`
  const was = before ? listOf(before, 'grants') : []
  return changeGrants(was, listOf(after, 'grants'), (word) => word, textOf(after, 'on') ?? '').map(
    (sql) => `${head} ${sql}`,
  )
}

function changeGrants(
  was: readonly string[],
  is: readonly string[],
  word: (privilege: string) => string,
  on: string,
): string[] {
  const [old, wanted] = [parseGrants(was), parseGrants(is)]
  const sql: string[] = []
  for (const [key, { role, privilege, canGrant }] of old) {
    const now = wanted.get(key)
    if (!now) sql.push(`REVOKE ${word(privilege)} ON ${on} FROM ${grantee(role)}`)
    else if (canGrant && !now.canGrant)
      sql.push(`REVOKE GRANT OPTION FOR ${word(privilege)} ON ${on} FROM ${grantee(role)}`)
  }
  for (const [key, { role, privilege, canGrant }] of wanted) {
    const then = old.get(key)
    if (!then || (canGrant && !then.canGrant))
      sql.push(`GRANT ${word(privilege)} ON ${on} TO ${grantee(role)}${canGrant ? ' WITH GRANT OPTION' : ''}`)
  }
  return sql
}
