import { createHash } from 'node:crypto'

/** What a database is made of, as far as it is modelled. */
export type ObjectKind =
  | 'schema'
  | 'extension'
  | 'enum'
  | 'domain'
  | 'domain constraint'
  | 'composite type'
  | 'range type'
  | 'sequence'
  | 'table'
  | 'column'
  | 'constraint'
  | 'index'
  | 'trigger'
  | 'rule'
  | 'policy'
  | 'statistics'
  | 'view'
  | 'materialized view'
  | 'function'
  | 'procedure'
  | 'aggregate'
  | 'event trigger'
  | 'default privileges'

/** Anything that JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/** One thing in a database. */
export interface CatalogObject {
  readonly kind: ObjectKind
  /** Tells it from all others of its kind: qualified, and quoted where it has to be. Of a column: `public.orders.id`. */
  readonly name: string
  /** Key of what it is a part of: a column's table, a domain constraint's domain. */
  readonly parent: string | null
  /** What is compared. Definitions are PostgreSQL's own words with every name qualified. */
  readonly attributes: Readonly<Record<string, Json>>
}

/** A database's structure in normal form: two databases with the same structure have equal ones. */
export interface Catalog {
  /** Raised when the normal form changes. */
  readonly format: 1
  /** Major version of the server that was read: definitions are in its words. */
  readonly serverVersion: number
  /** By kind and name. */
  readonly objects: readonly CatalogObject[]
  /** What is there and not modelled, in words. */
  readonly notCompared: readonly string[]
  /** Key of an object, key of one that it needs. Not part of the hash. */
  readonly dependencies: readonly (readonly [dependent: string, needed: string])[]
}

/** Names an object within a catalog. */
export const keyOf = ({ kind, name }: Pick<CatalogObject, 'kind' | 'name'>): string => `${kind} ${name}`

/** SHA-256, hexadecimal, of what is compared: equal for databases with the same structure. */
export function hashOf({ objects }: Pick<Catalog, 'objects'>): string {
  const hash = createHash('sha256')
  for (const { kind, name, attributes } of objects) hash.update(`${kind} ${name} ${canonical(attributes)}\n`)
  return hash.digest('hex')
}

/** JSON with the names of each object in order, so that equal values have equal texts. */
export function canonical(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(canonical).join(',')}]`
  const entries = Object.entries(value as Record<string, Json>).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`).join(',')}}`
}

/** A catalog by key. */
export function indexed({ objects }: Pick<Catalog, 'objects'>): Map<string, CatalogObject> {
  return new Map(objects.map((object) => [keyOf(object), object]))
}
