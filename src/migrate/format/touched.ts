import type { Node } from '@pgsql/types'

/**
 * Names of tables, views, indexes, types and functions that a statement mentions, without their schema where it
 * names none. For the question whether two statements touch the same thing, which a name too many does not spoil.
 */
export function relationsTouched(node: Node): string[] {
  const names = new Set<string>()
  walk(node, names)
  return [...names]
}

function walk(value: unknown, names: Set<string>): void {
  if (Array.isArray(value)) {
    for (const one of value) walk(one, names)
    return
  }
  if (typeof value !== 'object' || value === null) return
  const record = value as Record<string, unknown>
  if (typeof record.relname === 'string')
    names.add(
      record.schemaname === undefined ? record.relname : `${String(record.schemaname)}.${record.relname}`,
    )
  if (typeof record.idxname === 'string') names.add(record.idxname)
  for (const [key, one] of Object.entries(record)) {
    if (
      key === 'objects' ||
      key === 'object' ||
      key === 'typeName' ||
      key === 'typevar' ||
      key === 'funcname'
    )
      addDotted(one, names)
    walk(one, names)
  }
}

/** Names that the grammar gives as lists of words: of DROP, of types, of functions. */
function addDotted(value: unknown, names: Set<string>): void {
  const lists = Array.isArray(value) ? value : [value]
  const words: string[] = []
  for (const one of lists) {
    const node = one as { String?: { sval?: string }; List?: { items?: unknown[] }; TypeName?: unknown }
    if (node?.String?.sval !== undefined) words.push(node.String.sval)
    else if (node?.List?.items) addDotted(node.List.items, names)
  }
  if (words.length > 0 && words[0] !== 'pg_catalog') names.add(words.join('.'))
}
