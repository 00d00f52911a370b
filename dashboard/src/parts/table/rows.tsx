import type { Column, Sort } from './column.ts'

/** The head: a click orders by its column. */
export function Head<Row>({
  columns,
  sort,
  sortBy,
}: {
  readonly columns: readonly Column<Row>[]
  readonly sort: Sort | undefined
  readonly sortBy: (column: Column<Row>) => void
}) {
  return (
    <thead>
      <tr aria-rowindex={1}>
        {columns.map((column) => {
          const isSorted = sort?.column === column.id
          const direction = isSorted ? (sort.isDescending ? 'descending' : 'ascending') : 'none'
          return (
            <th key={column.id} class={column.kind} aria-sort={direction} title={column.hint}>
              <button type="button" onClick={() => sortBy(column)}>
                {column.title}
                <span aria-hidden="true">{isSorted ? (sort.isDescending ? ' ↓' : ' ↑') : ''}</span>
              </button>
            </th>
          )
        })}
      </tr>
    </thead>
  )
}

/** Takes the room of the rows that are not drawn. */
export function Gap({ height, columns }: { readonly height: number; readonly columns: number }) {
  if (height === 0) return null
  return (
    <tr aria-hidden="true" class="gap">
      <td colSpan={columns} style={{ height: `${height}px` }} />
    </tr>
  )
}

/** One row. */
export function Line<Row>({
  row,
  columns,
  index,
  isActive,
  isOpen,
  canOpen,
  onOpen,
}: {
  readonly row: Row
  readonly columns: readonly Column<Row>[]
  readonly index: number
  readonly isActive: boolean
  readonly isOpen: boolean
  readonly canOpen: boolean
  readonly onOpen: () => void
}) {
  return (
    <tr
      tabIndex={isActive ? 0 : -1}
      aria-rowindex={index + 2}
      aria-selected={canOpen ? isOpen : undefined}
      class={canOpen ? 'opens' : ''}
      onClick={onOpen}
    >
      {columns.map((column) => {
        const value = column.value(row)
        return (
          <td
            key={column.id}
            class={column.kind}
            title={column.kind === 'number' ? undefined : String(value ?? '')}
          >
            {column.cell ? column.cell(row) : (value ?? '–')}
          </td>
        )
      })}
    </tr>
  )
}
