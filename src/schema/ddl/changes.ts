import { type Catalog, type CatalogObject, indexed } from '../catalog.ts'
import { type Alteration, alterationOf } from './alter.ts'
import { textOf } from './words.ts'

/** Kinds that can go and come again without losing anything. */
const REPLACEABLE = new Set([
  'view',
  'materialized view',
  'function',
  'procedure',
  'aggregate',
  'trigger',
  'rule',
  'policy',
  'constraint',
  'domain constraint',
  'index',
  'statistics',
  'event trigger',
])

/** Kinds that PostgreSQL does not carry along when a column's type changes. */
const BOUND_TO_TYPE = new Set([
  'view',
  'materialized view',
  'rule',
  'policy',
  'trigger',
  'function',
  'procedure',
])

/** Who needs whom in one structure. */
export class Dependencies {
  readonly #needs = new Map<string, Set<string>>()
  readonly #neededBy = new Map<string, Set<string>>()

  constructor(catalog: Catalog) {
    for (const [dependent, needed] of catalog.dependencies) {
      // A sequence belongs to its column; to be made, the column needs the sequence.
      if (dependent.startsWith('sequence ') && /^(column|table) /.test(needed)) continue
      put(this.#needs, dependent, needed)
      put(this.#neededBy, needed, dependent)
    }
  }

  needsOf(key: string): readonly string[] {
    return [...(this.#needs.get(key) ?? [])]
  }

  neededBy(key: string): readonly string[] {
    return [...(this.#neededBy.get(key) ?? [])]
  }

  get pairs(): (readonly [dependent: string, needed: string])[] {
    return [...this.#needs].flatMap(([dependent, all]) =>
      [...all].map((needed) => [dependent, needed] as const),
    )
  }
}

function put(map: Map<string, Set<string>>, key: string, value: string): void {
  const known = map.get(key)
  if (known) known.add(value)
  else map.set(key, new Set([value]))
}

/** What has to happen to each object on the way from one structure to another. */
export class Changes {
  readonly from: ReadonlyMap<string, CatalogObject>
  readonly to: ReadonlyMap<string, CatalogObject>
  readonly needsBefore: Dependencies
  readonly needsAfter: Dependencies
  readonly removed = new Set<string>()
  readonly added = new Set<string>()
  readonly replaced = new Set<string>()
  readonly altered = new Map<string, readonly string[]>()
  /** Columns whose default uses something that is replaced. */
  readonly detachedDefaults = new Set<string>()
  /** Enums that lose a label: made anew, their columns with them. */
  readonly rebuiltEnums = new Set<string>()
  readonly unsupported: string[] = []

  constructor(from: Catalog, to: Catalog) {
    this.from = indexed(from)
    this.to = indexed(to)
    this.needsBefore = new Dependencies(from)
    this.needsAfter = new Dependencies(to)
    this.#classify()
    this.#spread()
  }

  /** The table that a part belongs to becomes a partition, or is none any more: its columns are the parent's. */
  #isInherited(object: CatalogObject): boolean {
    if (!['column', 'constraint', 'index'].includes(object.kind) || object.parent === null) return false
    const [before, after] = [this.from.get(object.parent), this.to.get(object.parent)]
    return (
      before !== undefined &&
      after !== undefined &&
      textOf(before, 'partitionOf') !== textOf(after, 'partitionOf')
    )
  }

  #classify(): void {
    for (const [key, object] of this.from) {
      const after = this.to.get(key)
      if (this.#isInherited(object)) continue
      if (!after) this.removed.add(key)
      else this.#decide(key, object, after)
    }
    for (const [key, object] of this.to)
      if (!this.from.has(key) && !this.#isInherited(object)) this.added.add(key)
  }

  #decide(key: string, before: CatalogObject, after: CatalogObject): void {
    const alteration: Alteration | undefined = alterationOf(before, after)
    if (alteration === undefined) return
    if (alteration.way === 'alter') this.altered.set(key, alteration.sql)
    else if (alteration.way === 'replace') this.replaced.add(key)
    else if (before.kind === 'enum') this.rebuiltEnums.add(key)
    else this.unsupported.push(alteration.why)
  }

  /** What is built on something that goes has to go before it, and to come again behind it. */
  #spread(): void {
    const queue: string[] = [...this.replaced, ...this.rebuiltEnums, ...this.#retyped()]
    for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
      const isRetyped = !this.replaced.has(key) && !this.rebuiltEnums.has(key)
      for (const dependent of this.needsBefore.neededBy(key)) {
        const object = this.from.get(dependent)
        if (!object || !this.to.has(dependent) || this.replaced.has(dependent)) continue
        if (object.kind === 'column') this.#touchColumn(dependent, key)
        else if (isRetyped ? BOUND_TO_TYPE.has(object.kind) : REPLACEABLE.has(object.kind)) {
          this.replaced.add(dependent)
          this.altered.delete(dependent)
          queue.push(dependent)
        }
      }
    }
  }

  #touchColumn(column: string, needed: string): void {
    const [object, other] = [this.from.get(column), this.from.get(needed)]
    if (object?.attributes.generated !== undefined)
      this.unsupported.push(
        `${object.name} is worked out from ${other?.name ?? needed}, which changes: change it by hand`,
      )
    else if (
      object?.attributes.default !== undefined &&
      !this.altered.has(column) &&
      !this.rebuiltEnums.has(needed)
    )
      this.detachedDefaults.add(column)
  }

  /** Columns that get another type, or go and come again. */
  #retyped(): string[] {
    return [...this.altered]
      .filter(
        ([key, sql]) => key.startsWith('column ') && sql.some((one) => / TYPE | DROP COLUMN /.test(one)),
      )
      .map(([key]) => key)
  }

  /** Something is made or changed as part of what it belongs to. */
  isWithParent(key: string, set: ReadonlySet<string>): boolean {
    const parent = (this.to.get(key) ?? this.from.get(key))?.parent
    return parent !== null && parent !== undefined && set.has(parent)
  }

  /** Keys of the columns that an enum is the type of, before and after. */
  columnsOf(enumKey: string): string[] {
    return this.needsAfter
      .neededBy(enumKey)
      .filter(
        (key) =>
          key.startsWith('column ') && this.from.has(key) && this.needsBefore.needsOf(key).includes(enumKey),
      )
  }
}
