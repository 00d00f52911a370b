/** Which rows are drawn, and how much room those above and below take. */
export interface VisibleRows {
  readonly first: number
  readonly last: number
  readonly above: number
  readonly below: number
}

/** Drawn beyond both edges, so that scrolling by a little shows no gap. */
const BEYOND = 10

/** The rows of a long table that a window of `height` pixels shows when scrolled down by `top`. */
export function visibleRows(count: number, rowHeight: number, top: number, height: number): VisibleRows {
  const first = Math.max(0, Math.min(Math.floor(top / rowHeight) - BEYOND, count - 1))
  const last = Math.min(count, Math.ceil((top + height) / rowHeight) + BEYOND)
  return { first, last, above: first * rowHeight, below: Math.max(0, count - last) * rowHeight }
}
