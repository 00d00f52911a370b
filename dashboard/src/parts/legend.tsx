import type { Figure } from '../words/figures.ts'
import { Amount } from './amount.tsx'

/** One entry: a colour's name in the style sheet, what it is, its value. */
export interface LegendEntry {
  readonly label: string
  readonly figure: Figure
  readonly tone?: string
}

/** What the colours are, with their values. Columns keep their width whatever the values are. */
export function Legend({ entries }: { readonly entries: readonly LegendEntry[] }) {
  return (
    <dl class="legend">
      {entries.map(({ label, figure, tone }) => (
        <div key={label}>
          <dt>
            {tone !== undefined && <i class={`swatch ${tone}`} />}
            {label}
          </dt>
          <dd>
            <Amount figure={figure} />
          </dd>
        </div>
      ))}
    </dl>
  )
}
