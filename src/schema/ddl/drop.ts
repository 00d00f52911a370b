import type { CatalogObject } from '../catalog.ts'
import { defaultPrivilegesSql, lastOf, ownerOf } from './words.ts'

const TYPE_KINDS = new Set(['enum', 'composite type', 'range type'])

/** The statement that takes an object away. */
export function dropSql(object: CatalogObject): string[] {
  const { kind, name } = object
  if (kind === 'column') return [`ALTER TABLE ${ownerOf(name)} DROP COLUMN ${lastOf(name)}`]
  if (kind === 'constraint') return [`ALTER TABLE ${ownerOf(name)} DROP CONSTRAINT ${lastOf(name)}`]
  if (kind === 'domain constraint') return [`ALTER DOMAIN ${ownerOf(name)} DROP CONSTRAINT ${lastOf(name)}`]
  if (kind === 'trigger' || kind === 'policy' || kind === 'rule')
    return [`DROP ${kind.toUpperCase()} ${lastOf(name)} ON ${ownerOf(name)}`]
  if (kind === 'default privileges')
    return defaultPrivilegesSql(object, { ...object, attributes: { ...object.attributes, grants: [] } })
  return [`DROP ${TYPE_KINDS.has(kind) ? 'TYPE' : kind.toUpperCase()} ${name}`]
}

/** What is lost for good with an object; undefined where making it again makes up for it. */
export function lossOf({ kind, name, attributes }: CatalogObject): string | undefined {
  if (kind === 'table') return `the rows of ${name}`
  if (kind === 'column' && attributes.generated === undefined) return `the values of ${name}`
  if (kind === 'sequence') return `the position of ${name}`
  return kind === 'schema' || kind === 'extension' ? `what is in ${name} and not compared` : undefined
}
