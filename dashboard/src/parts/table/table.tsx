import { useComputed, useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useArrangement } from './arrangement.ts'
import type { Column, Sort } from './column.ts'
import { ROW_PX, useRowCursor } from './row-cursor.ts'
import { Gap, Head, Line } from './rows.tsx'
import { Toolbar } from './toolbar.tsx'
import { useViewport } from './viewport.ts'
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
  /** With filter, choice of columns and CSV; order and filter are part of the address. */
  readonly hasTools?: boolean
  /** Rows that are seen at once; the rest is scrolled to. Default: all the height there is. */
  readonly lines?: number
  readonly empty?: ComponentChildren
}

/** Below this the minor columns are left out. */
const NARROW_PX = 500
/** What a column without a width needs at least. */
const FLEXIBLE_PX = 96
/** Assumed until the table is on the page. */
const USUAL_LINES = 20

/**
 * A table for five rows and for five thousand: only those that are seen are in the document. One stop for the
 * Tab key; arrows move, Enter opens.
 */
export function Table<Row>(props: TableProps<Row>) {
  const { id, label, columns: all, keyOf, onOpen, openKey, hasTools = false, lines, empty } = props
  const source = useSignal(props.rows)
  source.value = props.rows
  const arrangement = useArrangement(id, source, all, keyOf, props.sort, hasTools)
  const rows = arrangement.rows.value
  const viewport = useViewport({ height: (lines ?? USUAL_LINES) * ROW_PX, width: NARROW_PX })
  const columns = useComputed(() => {
    const isNarrow = viewport.seen.value.width < NARROW_PX
    return arrangement.columns.value.filter(({ isMinor }) => !(isNarrow && isMinor === true))
  }).value
  const { top, height } = viewport.seen.value
  const drawn = visibleRows(rows.length, ROW_PX, top, height)
  const cursor = useRowCursor(rows.length, viewport, onOpen && ((index) => onOpen(rows[index] as Row)))
  const stop = Math.min(cursor.at.value, Math.max(0, rows.length - 1))
  return (
    <div class="table">
      {hasTools && (
        <Toolbar table={id} label={label} arrangement={arrangement} all={all} total={props.rows.length} />
      )}
      <div
        ref={viewport.scroller}
        class="scroll"
        onScroll={() => viewport.look()}
        style={lines === undefined ? undefined : { height: `${(lines + 1) * ROW_PX}px` }}
      >
        <table
          role="grid"
          aria-label={label}
          aria-rowcount={rows.length + 1}
          style={{ minWidth: `${leastWidth(columns)}px` }}
        >
          <Widths columns={columns} />
          <Head columns={columns} sort={arrangement.sort.value} sortBy={arrangement.sortBy} />
          <tbody onKeyDown={cursor.onKey}>
            <Gap height={drawn.above} columns={columns.length} />
            {rows.slice(drawn.first, drawn.last).map((row, offset) => {
              const index = drawn.first + offset
              return (
                <Line
                  key={keyOf(row)}
                  row={row}
                  columns={columns}
                  index={index}
                  isActive={index === stop}
                  isOpen={keyOf(row) === openKey}
                  canOpen={onOpen !== undefined}
                  onOpen={() => {
                    cursor.at.value = index
                    onOpen?.(row)
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

function Widths<Row>({ columns }: { readonly columns: readonly Column<Row>[] }) {
  return (
    <colgroup>
      {columns.map(({ id, width }) => (
        <col key={id} style={{ width: width === undefined ? 'auto' : `${width}px` }} />
      ))}
    </colgroup>
  )
}

function leastWidth<Row>(columns: readonly Column<Row>[]): number {
  return columns.reduce((sum, { width = FLEXIBLE_PX }) => sum + width, 0)
}
