import { canonical, type Catalog, type CatalogObject, indexed } from '../../schema/index.ts'
import { renameUnknown } from './errors.ts'

/** Something that is gone where something alike is new. */
export interface LikelyRename {
  readonly kind: 'table' | 'column'
  /** `public.orders` or `public.orders.note`, as SQL writes it. */
  readonly from: string
  readonly to: string
}

/** What somebody said about renames. */
export interface RenameAnswers {
  /** Old name to new name. */
  readonly renames: ReadonlyMap<string, string>
  /** Nothing else was renamed. */
  readonly areAll: boolean
}

/** Pairs that look like a rename: a table with the same columns, a column of the same type in the same table. */
export function likelyRenames(from: Catalog, to: Catalog): LikelyRename[] {
  const [before, after] = [indexed(from), indexed(to)]
  const gone = from.objects.filter((object) => !after.has(`${object.kind} ${object.name}`))
  const added = to.objects.filter((object) => !before.has(`${object.kind} ${object.name}`))
  const tables = pairs(gone, added, 'table', (object, catalog) => columnsOf(object, catalog), from, to)
  const columns = pairs(
    gone,
    added,
    'column',
    (object) => `${object.parent} ${String(object.attributes.type)}`,
    from,
    to,
  )
  // The columns of a table that is gone as a whole are not asked about.
  const isThere = ({ parent }: CatalogObject): boolean =>
    parent === null || (before.has(parent) && after.has(parent))
  const living = new Set(gone.filter(isThere).map(({ name }) => name))
  return [...tables, ...columns.filter((one) => living.has(one.from))]
}

function pairs(
  gone: readonly CatalogObject[],
  added: readonly CatalogObject[],
  kind: 'table' | 'column',
  likeness: (object: CatalogObject, catalog: Catalog) => string,
  from: Catalog,
  to: Catalog,
): LikelyRename[] {
  const candidates = added.filter((object) => object.kind === kind)
  return gone
    .filter((object) => object.kind === kind)
    .flatMap((object) => {
      const alike = candidates.filter((one) => likeness(one, to) === likeness(object, from))
      return alike.map((one) => ({ kind, from: object.name, to: one.name }))
    })
}

/** The columns of a table in words that do not name it. */
function columnsOf(table: CatalogObject, { objects }: Catalog): string {
  return objects
    .filter(({ kind, parent }) => kind === 'column' && parent === `table ${table.name}`)
    .map(({ name, attributes }) => `${name.slice(table.name.length)} ${canonical(attributes.type ?? null)}`)
    .toSorted()
    .join(',')
}

/** Statements that rename, and those that rename back. */
export interface RenameSql {
  readonly up: readonly string[]
  readonly down: readonly string[]
}

/**
 * The statements for the renames that were said.
 * @throws HF_GENERATE_RENAME_UNKNOWN
 */
export function renameSql({ renames }: RenameAnswers, from: Catalog, to: Catalog): RenameSql {
  const [before, after] = [indexed(from), indexed(to)]
  const up: string[] = []
  const down: string[] = []
  for (const [old, now] of renames) {
    const isTable = before.has(`table ${old}`) && after.has(`table ${now}`) && !after.has(`table ${old}`)
    const isColumn = before.has(`column ${old}`) && after.has(`column ${now}`) && !after.has(`column ${old}`)
    if (!isTable && !isColumn) throw renameUnknown(old, now)
    const [oldName, newName] = [lastPart(old), lastPart(now)]
    const table = old.slice(0, -oldName.length - 1)
    up.push(
      isTable
        ? `ALTER TABLE ${old} RENAME TO ${newName}`
        : `ALTER TABLE ${table} RENAME COLUMN ${oldName} TO ${newName}`,
    )
    down.unshift(
      isTable
        ? `ALTER TABLE ${now} RENAME TO ${oldName}`
        : `ALTER TABLE ${table} RENAME COLUMN ${newName} TO ${oldName}`,
    )
  }
  return { up, down }
}

const lastPart = (name: string): string => [...name.matchAll(/"(?:[^"]|"")*"|[^."]+/g)].at(-1)?.[0] ?? name
