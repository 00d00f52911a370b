/** One stretch of a gauge. `tone` is a colour's name in the style sheet. */
export interface Stretch {
  readonly label: string
  readonly value: number
  readonly tone: 'busy' | 'idle' | 'opening' | 'free'
}

/** How a whole is divided, as a bar; a mark stands where what is kept ends and what is lent begins. */
export function Gauge({
  of,
  stretches,
  markAt,
}: {
  readonly of: string
  readonly stretches: readonly Stretch[]
  /** Position of the mark in the unit of the values. */
  readonly markAt?: number
}) {
  const total = Math.max(
    1,
    stretches.reduce((sum, { value }) => sum + value, 0),
  )
  const words = stretches.map(({ label, value }) => `${value} ${label}`).join(', ')
  return (
    <div class="gauge" role="img" aria-label={`${of}: ${words}`}>
      {stretches.map(({ label, value, tone }) => (
        <span key={label} class={tone} style={{ flexGrow: value, display: value === 0 ? 'none' : 'block' }} />
      ))}
      {markAt !== undefined && markAt < total && (
        <i class="mark" style={{ left: `${(markAt / total) * 100}%` }} />
      )}
    </div>
  )
}
