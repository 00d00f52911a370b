import type { Figure } from '../words/figures.ts'

/** A figure: the number, and its unit set smaller. */
export function Amount({ figure, of }: { readonly figure: Figure; readonly of?: string }) {
  const unit = [figure.unit, of].filter((part) => part !== undefined && part !== '').join(' ')
  const isGlued = unit === '' || /^[%/]/.test(unit)
  return (
    <>
      {figure.text}
      {/* Also when it is empty: the line keeps its height. */}
      <small>{isGlued ? unit : ` ${unit}`}</small>
    </>
  )
}
