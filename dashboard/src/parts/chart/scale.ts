/** The smallest round number from `value` up, whose half is round, too. */
export function roundUp(value: number): number {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  const step = [1, 2, 4, 6, 8, 10].find((candidate) => candidate * power >= value * 0.999_999) ?? 10
  return step * power
}

/** Where a share's axis begins: zero, or 90 when all of it is close to a hundred. */
export function shareFloor(values: readonly (number | null)[]): number {
  const lowest = values.reduce<number>((low, value) => (value !== null && value < low ? value : low), 100)
  return lowest > 90 ? 90 : 0
}

/** Series that stand on each other: each is its own value and those of all that come after it. */
export function stacked(series: readonly (readonly (number | null)[])[]): (number | null)[][] {
  const sums: (number | null)[][] = []
  for (const values of series.toReversed()) {
    const below = sums[0]
    sums.unshift(values.map((value, index) => (value === null ? null : value + (below?.[index] ?? 0))))
  }
  return sums
}

/** Values that stand alone, with nothing known on either side: a line would not show them. */
export function alone(values: readonly (number | null | undefined)[]): number[] {
  return values.flatMap((value, index) =>
    value != null && values[index - 1] == null && values[index + 1] == null ? [index] : [],
  )
}
