import { useComputed, useSignal, type ReadonlySignal, type Signal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { type Column, filterRows, keepOrder, type Sort, sortRows } from './column.ts'

/** How one table is arranged now. */
export interface Arrangement<Row> {
  readonly sort: Signal<Sort | undefined>
  readonly filter: Signal<string>
  /** Ids of the columns that are shown. */
  readonly shown: Signal<ReadonlySet<string>>
  readonly columns: ReadonlySignal<readonly Column<Row>[]>
  /** Filtered and ordered. */
  readonly rows: ReadonlySignal<readonly Row[]>
  /** Orders by a column; the second click turns it around. */
  sortBy(column: Column<Row>): void
}

/** Chosen columns are remembered by the browser, for each table. */
const storageKey = (table: string): string => `holdfast.columns.${table}`

export function useArrangement<Row>(
  table: string,
  rows: ReadonlySignal<readonly Row[]>,
  columns: readonly Column<Row>[],
  keyOf: (row: Row) => string,
  first: Sort | undefined,
): Arrangement<Row> {
  const sort = useSignal(first)
  const filter = useSignal('')
  const shown = useSignal<ReadonlySet<string>>(remembered(table, columns))
  const order = useRef<{ sort: Sort | undefined; keys: readonly string[] }>({ sort: undefined, keys: [] })
  const visible = useComputed(() => columns.filter(({ id }) => shown.value.has(id)))
  const ordered = useComputed(() => {
    const by = sort.value
    const isSame = order.current.sort === by && order.current.keys.length > 0
    const arranged = isSame
      ? keepOrder(rows.value, keyOf, order.current.keys)
      : sortRows(
          rows.value,
          columns.find(({ id }) => id === by?.column),
          by?.isDescending ?? false,
        )
    order.current = { sort: by, keys: arranged.map(keyOf) }
    return arranged
  })
  return {
    sort,
    filter,
    shown,
    columns: visible,
    rows: useComputed(() => filterRows(ordered.value, visible.value, filter.value)),
    sortBy(column) {
      const now = sort.peek()
      const isDescending = now?.column === column.id ? !now.isDescending : column.kind === 'number'
      sort.value = { column: column.id, isDescending }
    },
  }
}

export function rememberColumns(table: string, shown: ReadonlySet<string>): void {
  try {
    localStorage.setItem(storageKey(table), JSON.stringify([...shown]))
  } catch {
    // A browser that keeps nothing: the choice lasts as long as the page.
  }
}

function remembered<Row>(table: string, columns: readonly Column<Row>[]): ReadonlySet<string> {
  const usual = new Set(columns.filter(({ isExtra }) => isExtra !== true).map(({ id }) => id))
  try {
    const kept = JSON.parse(localStorage.getItem(storageKey(table)) ?? 'null') as unknown
    if (!Array.isArray(kept)) return usual
    const known = new Set(columns.map(({ id }) => id).filter((id) => kept.includes(id)))
    return known.size === 0 ? usual : known
  } catch {
    return usual
  }
}
