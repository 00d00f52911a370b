const WIDTH = 92
const HEIGHT = 20
/** Two points are no course. */
const FEWEST = 3

/** A small course of values, from zero to their maximum. Says in words what it shows. */
export function Sparkline({ values, label }: { readonly values: readonly number[]; readonly label: string }) {
  const top = Math.max(...values, Number.EPSILON)
  const step = (WIDTH - 2) / Math.max(1, values.length - 1)
  const line = values
    .map(
      (value, index) =>
        `${index === 0 ? 'M' : 'L'}${(1 + index * step).toFixed(1)} ${(HEIGHT - 2 - (value / top) * (HEIGHT - 5)).toFixed(1)}`,
    )
    .join('')
  return (
    <svg
      class="spark"
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={label}
    >
      {values.length >= FEWEST && <path d={line} />}
    </svg>
  )
}
