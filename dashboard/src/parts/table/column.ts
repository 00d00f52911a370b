import type { ComponentChildren } from 'preact'

/** What a table knows about one of its columns. */
export interface Column<Row> {
  /** Stable: the address and the choice of columns use it. */
  readonly id: string
  readonly title: string
  /** Text is sorted by the language's order, numbers by size and stand at the right, code is monospaced. */
  readonly kind: 'text' | 'number' | 'code'
  /** What is sorted, filtered and exported. Null: not known; always last. */
  readonly value: (row: Row) => string | number | null
  /** What is shown; default: the value. */
  readonly cell?: (row: Row) => ComponentChildren
  /** Width in pixels; one column without takes what is left. */
  readonly width?: number
  /** Left out where there is little room. */
  readonly isMinor?: boolean
  /** Hidden until somebody chooses it. */
  readonly isExtra?: boolean
  /** The unit of the value, for files; what is shown says its own. */
  readonly unit?: string
  /** Has no value of its own: left out of files. */
  readonly isPicture?: boolean
  /** Explains the title to whoever hovers. */
  readonly hint?: string
}

/** By which column rows are ordered. */
export interface Sort {
  readonly column: string
  readonly isDescending: boolean
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

/** The rows in order. The order of rows that are equal stays. */
export function sortRows<Row>(
  rows: readonly Row[],
  column: Column<Row> | undefined,
  isDescending: boolean,
): readonly Row[] {
  if (!column) return rows
  const sign = isDescending ? -1 : 1
  const keyed = rows.map((row) => ({ row, key: column.value(row) }))
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return a.key === b.key ? 0 : a.key === null ? 1 : -1
    const order =
      typeof a.key === 'number' && typeof b.key === 'number'
        ? a.key - b.key
        : collator.compare(String(a.key), String(b.key))
    return order * sign
  })
  return keyed.map(({ row }) => row)
}

/** The rows that hold every word of the filter, in any of these columns. */
export function filterRows<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  filter: string,
): readonly Row[] {
  const words = filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  if (words.length === 0) return rows
  return rows.filter((row) => {
    const text = columns
      .map((column) => column.value(row) ?? '')
      .join('\n')
      .toLowerCase()
    return words.every((word) => text.includes(word))
  })
}

/**
 * Rows that were there keep their order when their values change; new ones come last. Nothing jumps under the
 * hand of whoever reads: only a click on a head orders anew.
 */
export function keepOrder<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  before: readonly string[],
): readonly Row[] {
  if (before.length === 0) return rows
  const byKey = new Map(rows.map((row) => [keyOf(row), row]))
  const stayed = before.flatMap((key) => {
    const row = byKey.get(key)
    byKey.delete(key)
    return row === undefined ? [] : [row]
  })
  return [...stayed, ...byKey.values()]
}
