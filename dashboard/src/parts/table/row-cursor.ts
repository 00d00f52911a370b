import { type Signal, useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Viewport } from './viewport.ts'

export const ROW_PX = 33

/** The one row of a table that the Tab key stops at; arrows move it. */
export interface RowCursor {
  readonly at: Signal<number>
  /** For the table's body. */
  onKey(event: KeyboardEvent): void
}

/** @param onOpen Enter on a row, by its index. */
export function useRowCursor(
  count: number,
  viewport: Viewport,
  onOpen: ((index: number) => void) | undefined,
): RowCursor {
  const at = useSignal(0)
  const toFocus = useRef<number | undefined>(undefined)
  // A row far away is drawn first, then it can have the focus.
  useLayoutEffect(() => {
    const index = toFocus.current
    if (index === undefined) return
    toFocus.current = undefined
    const row = viewport.scroller.current?.querySelector<HTMLElement>(`tr[aria-rowindex="${index + 2}"]`)
    row?.focus({ preventScroll: true })
  })
  const moveTo = (wanted: number): void => {
    const box = viewport.scroller.current
    if (!box || count === 0) return
    const index = Math.max(0, Math.min(wanted, count - 1))
    toFocus.current = index
    at.value = index
    // Below the head, which stays where it is.
    const room = box.clientHeight - ROW_PX
    if (index * ROW_PX < box.scrollTop) box.scrollTop = index * ROW_PX
    else if ((index + 1) * ROW_PX > box.scrollTop + room) box.scrollTop = (index + 1) * ROW_PX - room
    viewport.look()
  }
  return {
    at,
    onKey(event) {
      const page = Math.max(1, Math.floor(viewport.seen.peek().height / ROW_PX) - 2)
      const here = Math.min(at.peek(), count - 1)
      const target = {
        ArrowDown: here + 1,
        ArrowUp: here - 1,
        PageDown: here + page,
        PageUp: here - page,
        Home: 0,
        End: count - 1,
      }[event.key]
      if (target !== undefined) {
        event.preventDefault()
        moveTo(target)
      } else if (event.key === 'Enter' && here >= 0) {
        event.preventDefault() // what opens may take the focus, and must not be pressed by the same key
        onOpen?.(here)
      }
    },
  }
}
