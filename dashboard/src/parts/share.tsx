import { inWords, percent } from '../words/figures.ts'

const WIDEST_PX = 30

/** A share of a whole as a bar and in words. */
export function Share({ value }: { readonly value: number }) {
  return (
    <span class="share">
      <i style={{ width: `${Math.max(1, (Math.min(100, value) / 100) * WIDEST_PX)}px` }} />
      <span>{inWords(percent(value))}</span>
    </span>
  )
}
