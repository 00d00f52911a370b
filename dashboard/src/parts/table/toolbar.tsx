import { useId } from 'preact/hooks'
import { type Arrangement, rememberColumns } from './arrangement.ts'
import type { Column } from './column.ts'
import { download, toCsv } from './csv.ts'

/** Filter, columns and CSV of one table. */
export function Toolbar<Row>({
  table,
  label,
  arrangement,
  all,
  total,
}: {
  readonly table: string
  readonly label: string
  readonly arrangement: Arrangement<Row>
  readonly all: readonly Column<Row>[]
  readonly total: number
}) {
  const { filter, rows, columns } = arrangement
  const isFiltered = filter.value.trim() !== ''
  return (
    <div class="toolbar">
      <input
        type="search"
        data-filter
        placeholder="Filter"
        aria-label={`Filter ${label}`}
        aria-keyshortcuts="/"
        value={filter.value}
        onInput={(event) => {
          filter.value = event.currentTarget.value
        }}
        onKeyDown={(event) => {
          if (event.key !== 'Escape' || filter.value === '') return
          event.stopPropagation()
          filter.value = ''
        }}
      />
      <span class="note" role="status">
        {isFiltered ? `${rows.value.length.toLocaleString('en')} of ` : ''}
        {total.toLocaleString('en')} {total === 1 ? 'row' : 'rows'}
      </span>
      <ColumnChoice table={table} arrangement={arrangement} all={all} />
      <button
        type="button"
        class="quiet"
        onClick={() => download(`${table}.csv`, toCsv(rows.peek(), columns.peek()))}
      >
        CSV
      </button>
    </div>
  )
}

function ColumnChoice<Row>({
  table,
  arrangement,
  all,
}: {
  readonly table: string
  readonly arrangement: Arrangement<Row>
  readonly all: readonly Column<Row>[]
}) {
  const id = useId()
  const { shown } = arrangement
  const toggle = (column: string, isShown: boolean): void => {
    const next = new Set(
      all.map((one) => one.id).filter((one) => (one === column ? isShown : shown.peek().has(one))),
    )
    if (next.size === 0) return // a table of no columns is no table
    shown.value = next
    rememberColumns(table, next)
  }
  return (
    <span class="columns">
      <button type="button" class="quiet" popovertarget={id}>
        Columns
      </button>
      <fieldset id={id} popover="auto" class="choice">
        <legend>Columns</legend>
        {all.map((column) => (
          <label key={column.id}>
            <input
              type="checkbox"
              checked={shown.value.has(column.id)}
              disabled={shown.value.size === 1 && shown.value.has(column.id)}
              onChange={(event) => toggle(column.id, event.currentTarget.checked)}
            />
            {column.title}
          </label>
        ))}
      </fieldset>
    </span>
  )
}
