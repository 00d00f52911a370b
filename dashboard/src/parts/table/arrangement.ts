import { effect, useComputed, useSignal, type ReadonlySignal, type Signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { query, setQuery } from '../../place/router.ts'
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

/** @param hasAddress whether order and filter are part of the page's address. */
export function useArrangement<Row>(
  table: string,
  rows: ReadonlySignal<readonly Row[]>,
  columns: readonly Column<Row>[],
  keyOf: (row: Row) => string,
  first: Sort | undefined,
  hasAddress: boolean,
): Arrangement<Row> {
  const sort = useSignal((hasAddress && sortFromAddress(columns)) || first)
  const filter = useSignal(hasAddress ? (query.peek().get('filter') ?? '') : '')
  useEffect(() => {
    if (!hasAddress) return
    return effect(() => {
      const order = sortInAddress(sort.value)
      const changed = order === sortInAddress(first) ? undefined : order
      const wanted = { sort: changed, filter: filter.value === '' ? undefined : filter.value }
      const now = query.peek()
      if (
        (now.get('sort') ?? undefined) !== wanted.sort ||
        (now.get('filter') ?? undefined) !== wanted.filter
      )
        setQuery(wanted, 'replace')
    })
  }, [])
  const shown = useSignal<ReadonlySet<string>>(remembered(table, columns))
  const order = useRef<{ sort: Sort | undefined; keys: readonly string[] }>({ sort: undefined, keys: [] })
  const visible = useComputed(() => columns.filter(({ id }) => shown.value.has(id)))
  const ordered = useComputed(() => {
    const by = sort.value
    if (by === undefined) return rows.value // as they come: the first is first
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

/** `-share`: by share, the largest first. */
const sortInAddress = (sort: Sort | undefined): string | undefined =>
  sort && `${sort.isDescending ? '-' : ''}${sort.column}`

function sortFromAddress<Row>(columns: readonly Column<Row>[]): Sort | undefined {
  const asked = query.peek().get('sort') ?? ''
  const column = asked.replace(/^-/, '')
  return columns.some(({ id }) => id === column) ? { column, isDescending: asked.startsWith('-') } : undefined
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
