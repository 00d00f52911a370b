/** One stretch of a gauge. `tone` is a colour's name in the style sheet. */
export interface Stretch {
  readonly label: string
  readonly value: number
  readonly tone: 'c1' | 'c2' | 'c3' | 'c4' | 'sunken'
}

const GAP_PX = 2

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
    <div
      class="gauge"
      role="img"
      aria-label={`${of}: ${words}`}
      style={{ backgroundImage: paint(stretches, total) }}
    >
      {markAt !== undefined && markAt < total && (
        <i class="mark" style={{ left: `${(markAt / total) * 100}%` }} />
      )}
    </div>
  )
}

/** One background with hard stops: stretches that change their length move nothing around them. */
function paint(stretches: readonly Stretch[], total: number): string {
  let at = 0
  const stops = stretches
    .filter(({ value }) => value > 0)
    .flatMap(({ value, tone }) => {
      const from = (at / total) * 100
      at += value
      const to = `calc(${(at / total) * 100}% - ${GAP_PX}px)`
      return [`var(--${tone}) ${from}% ${to}`, `var(--surface) ${to} ${(at / total) * 100}%`]
    })
  return `linear-gradient(to right, ${stops.slice(0, -1).join(', ')})`
}
