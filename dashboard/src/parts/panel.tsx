import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { Copy } from './copy.tsx'

/** Detail beside the list that it belongs to. Has an address of its own; Escape closes it. */
export function Panel({
  title,
  onClose,
  children,
}: {
  readonly title: string
  readonly onClose: () => void
  readonly children: ComponentChildren
}) {
  const close = useRef<HTMLButtonElement>(null)
  const opener = useRef<Element | null>(null)
  // Before it is seen: there is no moment in which a key still goes to the list.
  useLayoutEffect(() => {
    const focused = document.activeElement
    if (!focused?.closest('.panel')) opener.current = focused
    close.current?.focus({ preventScroll: true })
  }, [title])
  // Whoever closes it is back where they came from.
  useLayoutEffect(
    () => () => {
      if (opener.current instanceof HTMLElement) opener.current.focus({ preventScroll: true })
    },
    [],
  )
  return (
    <aside
      class="panel"
      aria-label={title}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return
        event.stopPropagation()
        onClose()
      }}
    >
      <header>
        <h2>{title}</h2>
        <Copy text={window.location.href} label="Copy link" />
        <button ref={close} type="button" class="quiet" aria-label="Close" onClick={onClose}>
          ✕
        </button>
      </header>
      <div class="body">{children}</div>
    </aside>
  )
}

/** Names and values, one below the other. */
export function Facts({ facts }: { readonly facts: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
