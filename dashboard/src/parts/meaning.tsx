import { useId, useRef } from 'preact/hooks'

/** What one figure is: in words, where it comes from, and the time it covers. */
export interface Definition {
  readonly figure: string
  readonly means: string
  readonly source: string
  readonly window: string
}

/** "What does this mean": opens the definitions of a card's figures. */
export function Meaning({
  of,
  definitions,
}: {
  readonly of: string
  readonly definitions: readonly Definition[]
}) {
  const id = useId()
  const popover = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const place = (): void => {
    const from = button.current?.getBoundingClientRect()
    const box = popover.current
    if (!from || !box) return
    const left = Math.max(8, Math.min(from.right - box.offsetWidth, window.innerWidth - box.offsetWidth - 8))
    const below = from.bottom + 6
    const fits = below + box.offsetHeight < window.innerHeight - 8
    box.style.left = `${left}px`
    box.style.top = `${fits ? below : Math.max(8, window.innerHeight - box.offsetHeight - 8)}px`
  }
  return (
    <>
      <button
        ref={button}
        type="button"
        class="what"
        popovertarget={id}
        aria-label={`What does this mean: ${of}`}
      >
        <span class="long">what does this mean</span>
        <span class="short" aria-hidden="true">
          ?
        </span>
      </button>
      <div
        ref={popover}
        id={id}
        popover="auto"
        class="meaning"
        role="dialog"
        aria-label={`What this means: ${of}`}
        onToggle={(event) => event.newState === 'open' && place()}
      >
        {definitions.map(({ figure, means, source, window: span }) => (
          <dl key={figure}>
            <dt>{figure}</dt>
            <dd>{means}</dd>
            <dd>
              <span>Source</span> <code>{source}</code>
            </dd>
            <dd>
              <span>Window</span> {span}
            </dd>
          </dl>
        ))}
      </div>
    </>
  )
}
