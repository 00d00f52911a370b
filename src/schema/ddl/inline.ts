import type { CatalogObject } from '../catalog.ts'
import type { Changes } from './changes.ts'
import { lastOf, listOf, textOf } from './words.ts'

/** Constraints of new tables that need nothing but the table itself: they stand in its CREATE TABLE. */
export function inlineConstraints({ to, added, needsAfter }: Changes): Set<string> {
  const inline = new Set<string>()
  for (const key of added) {
    const object = to.get(key) as CatalogObject
    const { parent } = object
    if (object.kind !== 'constraint' || parent === null || !added.has(parent)) continue
    if (to.get(parent)?.attributes.partitionOf !== undefined) continue
    if (textOf(object, 'type') === 'foreign key' || textOf(object, 'comment') !== undefined) continue
    if (object.attributes.clustered === true || listOf(object, 'indexOptions').length > 0) continue
    const isOwn = needsAfter
      .needsOf(key)
      .every((needed) => needed === parent || to.get(needed)?.parent === parent)
    if (isOwn && object.attributes.validated === true) inline.add(key)
  }
  return inline
}

/** Puts constraints into the list of a CREATE TABLE, which is the first of the statements. */
export function withConstraints(
  table: CatalogObject,
  [create = '', ...rest]: readonly string[],
  constraints: readonly CatalogObject[],
): string[] {
  // A name may hold a bracket, too.
  const open = create.indexOf('(', create.indexOf(table.name) + table.name.length)
  const close = matching(create, open)
  const list = [
    create.slice(open + 1, close),
    ...constraints.map((one) => `CONSTRAINT ${lastOf(one.name)} ${textOf(one, 'definition') ?? ''}`),
  ]
  return [
    `${create.slice(0, open + 1)}${list.filter((part) => part !== '').join(', ')}${create.slice(close)}`,
    ...rest,
  ]
}

/** Where the bracket that opens at an index closes; strings and quoted names are passed over. */
function matching(sql: string, open: number): number {
  let depth = 0
  let quote: string | undefined
  for (let at = open; at < sql.length; at += 1) {
    const letter = sql[at] as string
    if (quote !== undefined) {
      if (letter === quote) quote = undefined
    } else if (letter === "'" || letter === '"') quote = letter
    else if (letter === '(') depth += 1
    else if (letter === ')') {
      depth -= 1
      if (depth === 0) return at
    }
  }
  return sql.length
}
