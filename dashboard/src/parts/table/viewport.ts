import { type ReadonlySignal, useSignal } from '@preact/signals'
import { type RefObject } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

/** How far a table is scrolled, and how much of it is seen. */
export interface Viewport {
  readonly scroller: RefObject<HTMLDivElement | null>
  readonly seen: ReadonlySignal<{ readonly top: number; readonly height: number; readonly width: number }>
  /** Looks anew, after scrolling. */
  look(): void
}

/** Watches the element that scrolls a table. `first` is what is assumed until it is there. */
export function useViewport(first: { readonly height: number; readonly width: number }): Viewport {
  const scroller = useRef<HTMLDivElement>(null)
  const seen = useSignal({ top: 0, ...first })
  const look = (): void => {
    const box = scroller.current
    if (!box) return
    const { top, height, width } = seen.peek()
    if (box.scrollTop !== top || box.clientHeight !== height || box.clientWidth !== width)
      seen.value = { top: box.scrollTop, height: box.clientHeight, width: box.clientWidth }
  }
  useLayoutEffect(look)
  useLayoutEffect(() => {
    const sizes = new ResizeObserver(look)
    if (scroller.current) sizes.observe(scroller.current)
    return () => sizes.disconnect()
  }, [])
  return { scroller, seen, look }
}
