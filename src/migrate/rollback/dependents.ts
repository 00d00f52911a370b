import type { Node } from '@pgsql/types'
import type { Catalog } from '../../schema/index.ts'
import { alterTableCommands } from '../format/special-statements.ts'
import { wordsOf } from '../format/tree.ts'
import { unquoted, type World } from '../lint/world.ts'

/** Kinds that a column takes with it when they are of its own table. */
const GO_ALONG = /^(index|constraint|statistics|column|sequence|trigger|policy|rule) /

const KINDS: Readonly<Record<string, readonly string[]>> = {
  OBJECT_TABLE: ['table'],
  OBJECT_VIEW: ['view'],
  OBJECT_MATVIEW: ['materialized view'],
  OBJECT_TYPE: ['enum', 'composite type', 'range type', 'domain'],
  OBJECT_DOMAIN: ['domain'],
  OBJECT_SEQUENCE: ['sequence'],
  OBJECT_FUNCTION: ['function'],
}

/**
 * What is built on the things that a statement takes away and does not go with them, leaving out what earlier
 * statements of the way back took already.
 */
export function dependentsOf(
  node: Node,
  world: World,
  catalog: Catalog,
  gone: Set<string>,
): { names: string[]; isCascade: boolean } {
  const keys = goingKeys(node, world, catalog)
  const isCascade =
    ('DropStmt' in node && node.DropStmt.behavior === 'DROP_CASCADE') ||
    ('AlterTableStmt' in node &&
      alterTableCommands(node).some(
        ({ behavior, subtype }) => subtype === 'AT_DropColumn' && behavior === 'DROP_CASCADE',
      ))
  const parents = new Map(catalog.objects.map(({ kind, name, parent }) => [`${kind} ${name}`, parent]))
  const isGone = (key: string): boolean => gone.has(key) || gone.has(parents.get(key) ?? '')
  const names = new Set<string>()
  for (const key of keys) gone.add(key)
  for (const [dependent, needed] of catalog.dependencies) {
    const isNeeded = keys.has(needed) || keys.has(parents.get(needed) ?? '')
    if (!isNeeded || isGone(dependent)) continue
    const isOwn =
      parents.get(dependent) !== null &&
      (parents.get(dependent) === parents.get(needed) || parents.get(dependent) === needed)
    if (isOwn && GO_ALONG.test(dependent)) continue
    // A partition goes with its table, a sequence with its column.
    if (dependent.startsWith('sequence ') || (dependent.startsWith('table ') && needed.startsWith('table ')))
      continue
    names.add(dependent)
  }
  return { names: [...names], isCascade }
}

function goingKeys(node: Node, world: World, catalog: Catalog): Set<string> {
  const keys = new Set<string>()
  const keyOf = (kinds: readonly string[], name: string): string | undefined => {
    const found = catalog.objects.find(
      (object) =>
        kinds.includes(object.kind) && unquoted(object.name.replace(/\(.*$/s, '')).join('.') === name,
    )
    return found && `${found.kind} ${found.name}`
  }
  if ('DropStmt' in node) {
    const kinds = KINDS[node.DropStmt.removeType ?? ''] ?? []
    for (const object of node.DropStmt.objects ?? []) {
      const key = keyOf(kinds, world.qualified(wordsOf(object)))
      if (key !== undefined) keys.add(key)
    }
  } else if ('AlterTableStmt' in node) {
    const table = world.nameOf(node.AlterTableStmt.relation)
    for (const { subtype, name = '' } of alterTableCommands(node)) {
      const kinds =
        subtype === 'AT_DropColumn' ? ['column'] : subtype === 'AT_DropConstraint' ? ['constraint'] : []
      const key = keyOf(kinds, `${table}.${name}`)
      if (key !== undefined) keys.add(key)
    }
  }
  return keys
}
