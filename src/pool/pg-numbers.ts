/** pg.Pool takes the numbers of its options as the environment gives them, and what is none as not given. */
export function asNumber(value: unknown): unknown {
  if (value === null || Number.isNaN(value) || value === '') return undefined
  return typeof value === 'string' && Number.isFinite(Number(value)) ? Number(value) : value
}

export const isGiven = (value: unknown): boolean => asNumber(value) !== undefined

export function asSeconds(value: unknown): unknown {
  const seconds = asNumber(value)
  return typeof seconds === 'number' ? seconds * 1_000 : seconds
}
