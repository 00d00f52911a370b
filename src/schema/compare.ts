import {
  canonical,
  type Catalog,
  type CatalogObject,
  indexed,
  type Json,
  keyOf,
  type ObjectKind,
} from './catalog.ts'

/** One difference between what is expected and what is there. */
export interface Difference {
  /** `missing`: expected and not there; `unexpected`: there and not expected. */
  readonly kind: 'missing' | 'unexpected' | 'changed'
  readonly object: ObjectKind
  readonly name: string
  /** What of it differs, for `changed`. */
  readonly fields: readonly FieldDifference[]
  /** The whole of it in a sentence. */
  readonly words: string
}

/** One attribute that differs; null where it is not said. */
export interface FieldDifference {
  readonly field: string
  readonly expected: Json
  readonly actual: Json
}

/**
 * What distinguishes two structures, by kind and name. What is part of something that is missing or unexpected as a
 * whole is not told again.
 */
export function compareCatalogs(expected: Catalog, actual: Catalog): Difference[] {
  const [wanted, found] = [indexed(expected), indexed(actual)]
  const differences: Difference[] = []
  for (const [key, object] of wanted) {
    const other = found.get(key)
    if (!other) {
      if (object.parent === null || found.has(object.parent) || !wanted.has(object.parent))
        differences.push(whole('missing', object))
      continue
    }
    const fields = compareFields(object, other)
    if (fields.length > 0) differences.push(changed(object, fields))
  }
  for (const [key, object] of found)
    if (
      !wanted.has(key) &&
      (object.parent === null || wanted.has(object.parent) || !found.has(object.parent))
    )
      differences.push(whole('unexpected', object))
  return differences
}

/** The attributes in which two states of one object differ. */
export function compareFields(expected: CatalogObject, actual: CatalogObject): FieldDifference[] {
  const names = new Set([...Object.keys(expected.attributes), ...Object.keys(actual.attributes)])
  return [...names].toSorted().flatMap((field) => {
    const [a, b] = [expected.attributes[field] ?? null, actual.attributes[field] ?? null]
    return canonical(a) === canonical(b) ? [] : [{ field, expected: a, actual: b }]
  })
}

function whole(kind: 'missing' | 'unexpected', object: CatalogObject): Difference {
  const words = `${keyOf(object)} is ${kind === 'missing' ? 'missing' : 'there and not expected'}`
  return { kind, object: object.kind, name: object.name, fields: [], words }
}

function changed(object: CatalogObject, fields: readonly FieldDifference[]): Difference {
  const parts = fields.map(
    ({ field, expected, actual }) => `${inWords(field)} is ${shown(actual)}, expected ${shown(expected)}`,
  )
  return {
    kind: 'changed',
    object: object.kind,
    name: object.name,
    fields,
    words: `${keyOf(object)}: ${parts.join('; ')}`,
  }
}

/** `notNull` as people say it. */
const inWords = (field: string): string =>
  field.replaceAll(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`)

function shown(value: Json): string {
  if (value === null) return 'none'
  const text = typeof value === 'string' ? value.replaceAll(/\s+/g, ' ').trim() : canonical(value)
  return text.length > 160 ? `${text.slice(0, 160)}...` : text
}
