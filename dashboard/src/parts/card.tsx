import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { age } from '../words/times.ts'
import { type Definition, Meaning } from './meaning.tsx'

export interface CardProps {
  readonly title: string
  /** Columns of twelve. */
  readonly span: 4 | 5 | 6 | 7 | 8 | 12
  /** A few words beside the title. */
  readonly note?: ComponentChildren
  /** The current values, large. */
  readonly now?: ComponentChildren
  readonly definitions?: readonly Definition[]
  /** Links and buttons at the right of the head. */
  readonly tools?: ComponentChildren
  /** How old what is shown is, when it is no longer fresh; it is dimmed then. */
  readonly staleMs?: number | undefined
  /** Keeps the place for what will come. */
  readonly size?: string
  readonly children: ComponentChildren
}

/** One picture with its head: title, current values, what it means, and whether it is still true. */
export function Card(props: CardProps) {
  const { title, span, note, now, definitions, tools, staleMs, size = '', children } = props
  const id = useId()
  return (
    <section class={`card span${span} ${size}`} aria-labelledby={id} data-stale={staleMs !== undefined}>
      <header>
        <h2 id={id}>{title}</h2>
        {note !== undefined && <span class="note">{note}</span>}
        {staleMs !== undefined && <span class="age">{age(staleMs)} old</span>}
        {now !== undefined && <span class="nows">{now}</span>}
        <span class="tools">
          {tools}
          {definitions && <Meaning of={title} definitions={definitions} />}
        </span>
      </header>
      <div class="body">{children}</div>
    </section>
  )
}
