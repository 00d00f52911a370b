import { useComputed, useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { useArrangement } from './arrangement.ts'
import type { Column, Sort } from './column.ts'
import { Toolbar } from './toolbar.tsx'
import { visibleRows } from './visible-rows.ts'

export interface TableProps<Row> {
  /** Names the table in files and in what the browser remembers. */
  readonly id: string
  readonly label: string
  readonly rows: readonly Row[]
  readonly columns: readonly Column<Row>[]
  readonly keyOf: (row: Row) => string
  readonly sort?: Sort
  /** Enter or a click on a row. */
  readonly onOpen?: (row: Row) => void
  /** The row whose detail is open. */
  readonly openKey?: string | undefined
  /** With filter, choice of columns and CSV. */
  readonly hasTools?: boolean
  /** Rows that are seen at once; the rest is scrolled to. Default: all the height there is. */
  readonly lines?: number
  readonly empty?: ComponentChildren
}

const ROW_PX = 33
/** Below this the minor columns are left out. */
const NARROW_PX = 500
/** What a column without a width needs at least. */
const FLEXIBLE_PX = 96

/**
 * A table for five rows and for five thousand: only those that are seen are in the document. One stop for the
 * Tab key; arrows move, Enter opens.
 */
export function Table<Row>(props: TableProps<Row>) {
  const { id, label, columns: all, keyOf, hasTools = false, lines, empty } = props
  const source = useSignal(props.rows)
  source.value = props.rows
  const arrangement = useArrangement(id, source, all, keyOf, props.sort)
  const rows = arrangement.rows.value
  const scroller = useRef<HTMLDivElement>(null)
  const scrolled = useSignal({ top: 0, height: (lines ?? 20) * ROW_PX, width: NARROW_PX })
  const drawn = useComputed(() => {
    const { top, height } = scrolled.value
    return visibleRows(arrangement.rows.value.length, ROW_PX, top, height)
  }).value
  const columns = useComputed(() => {
    const isNarrow = scrolled.value.width < NARROW_PX
    return arrangement.columns.value.filter(({ isMinor }) => !(isNarrow && isMinor === true))
  }).value
  const current = useSignal(0)
  const focusAt = useRef<number | undefined>(undefined)

  const look = (): void => {
    const box = scroller.current
    if (!box) return
    const { top, height, width } = scrolled.peek()
    if (box.scrollTop !== top || box.clientHeight !== height || box.clientWidth !== width)
      scrolled.value = { top: box.scrollTop, height: box.clientHeight, width: box.clientWidth }
  }
  useLayoutEffect(look)
  useLayoutEffect(() => {
    const sizes = new ResizeObserver(look)
    if (scroller.current) sizes.observe(scroller.current)
    return () => sizes.disconnect()
  }, [])
  useLayoutEffect(() => {
    const at = focusAt.current
    if (at === undefined) return
    focusAt.current = undefined
    scroller.current
      ?.querySelector<HTMLElement>(`tr[aria-rowindex="${at + 2}"]`)
      ?.focus({ preventScroll: true })
  })

  const moveTo = (index: number): void => {
    const box = scroller.current
    if (!box || rows.length === 0) return
    const at = Math.max(0, Math.min(index, rows.length - 1))
    focusAt.current = at
    current.value = at
    // Below the head, which stays where it is.
    const room = box.clientHeight - ROW_PX
    if (at * ROW_PX < box.scrollTop) box.scrollTop = at * ROW_PX
    else if ((at + 1) * ROW_PX > box.scrollTop + room) box.scrollTop = (at + 1) * ROW_PX - room
    look()
  }
  const onKey = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(scrolled.peek().height / ROW_PX) - 2)
    const at = current.peek()
    const target = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: rows.length - 1,
    }[event.key]
    if (target !== undefined) {
      event.preventDefault()
      moveTo(target)
    } else if (event.key === 'Enter' && props.onOpen) {
      const row = rows[at]
      if (row !== undefined) props.onOpen(row)
    }
  }
  const active = Math.min(current.value, Math.max(0, rows.length - 1))
  return (
    <div class="table">
      {hasTools && (
        <Toolbar table={id} label={label} arrangement={arrangement} all={all} total={props.rows.length} />
      )}
      <div
        ref={scroller}
        class="scroll"
        onScroll={look}
        style={lines === undefined ? undefined : { height: `${(lines + 1) * ROW_PX}px` }}
      >
        <table
          role="grid"
          aria-label={label}
          aria-rowcount={rows.length + 1}
          style={{ minWidth: `${leastWidth(columns)}px` }}
        >
          <colgroup>
            {columns.map(({ id: column, width }) => (
              <col key={column} style={{ width: width === undefined ? 'auto' : `${width}px` }} />
            ))}
          </colgroup>
          <Head columns={columns} sort={arrangement.sort.value} sortBy={arrangement.sortBy} />
          <tbody onKeyDown={onKey}>
            <Gap height={drawn.above} columns={columns.length} />
            {rows.slice(drawn.first, drawn.last).map((row, offset) => {
              const index = drawn.first + offset
              const key = keyOf(row)
              return (
                <Line
                  key={key}
                  row={row}
                  columns={columns}
                  index={index}
                  isActive={index === active}
                  isOpen={key === props.openKey}
                  canOpen={props.onOpen !== undefined}
                  onOpen={() => {
                    current.value = index
                    props.onOpen?.(row)
                  }}
                />
              )
            })}
            <Gap height={drawn.below} columns={columns.length} />
          </tbody>
        </table>
        {rows.length === 0 &&
          (props.rows.length === 0 ? empty : <p class="state">No row holds all of these words.</p>)}
      </div>
    </div>
  )
}

function leastWidth<Row>(columns: readonly Column<Row>[]): number {
  return columns.reduce((sum, { width = FLEXIBLE_PX }) => sum + width, 0)
}

function Head<Row>({
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
function Gap({ height, columns }: { readonly height: number; readonly columns: number }) {
  if (height === 0) return null
  return (
    <tr aria-hidden="true" class="gap">
      <td colSpan={columns} style={{ height: `${height}px` }} />
    </tr>
  )
}

function Line<Row>({
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
