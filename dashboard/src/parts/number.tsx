import type { Figure } from '../words/figures.ts'

/** A figure: the number, and its unit set smaller. */
export function Number({ figure, of }: { readonly figure: Figure; readonly of?: string }) {
  const unit = [figure.unit, of].filter((part) => part !== undefined && part !== '').join(' ')
  const isGlued = unit === '' || /^[%/]/.test(unit)
  return (
    <>
      {figure.text}
      {unit !== '' && <small>{isGlued ? unit : ` ${unit}`}</small>}
    </>
  )
}
