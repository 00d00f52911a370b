import type { Definition } from '../parts/meaning.tsx'

/** When the page was opened; its charts end there. */
export const NOW = Date.now()

export const DEFINITIONS: readonly Definition[] = [
  { figure: 'A figure', means: 'What it is, in words.', source: 'pg_stat_example: column', window: 'Now.' },
]

/** Invented values that are the same in every run, for looking at parts without a server. */
export function course(
  length: number,
  from: number,
  step: number,
  low: number,
  high: number,
  seed = 7,
): number[] {
  let state = seed
  let value = from
  return Array.from({ length }, () => {
    state = (state * 16_807) % 2_147_483_647
    value = Math.min(high, Math.max(low, value + (state / 2_147_483_647 - 0.5) * step))
    return value
  })
}

/** A quarter of an hour that ends now, by the second. */
export const POINTS = 900

export function timesUpTo(nowMs: number): number[] {
  return Array.from({ length: POINTS }, (_, index) => Math.floor(nowMs / 1_000) - POINTS + 1 + index)
}

export interface Order {
  readonly id: number
  readonly customer: string
  readonly city: string
  readonly total: number | null
  readonly statement: string
}

const CITIES = ['Bergen', 'Cádiz', 'Hobart', 'Łódź', 'Malmö', 'Split', 'Valparaíso']

export function orders(count: number): Order[] {
  const totals = course(count, 400, 300, 1, 90_000)
  return Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    customer: `customer ${(index * 7_919) % 9_973}`,
    city: CITIES[(index * 31) % CITIES.length] as string,
    total: index % 50 === 49 ? null : Math.round((totals[index] as number) * 100) / 100,
    statement: `select * from orders where id = $1 and city = '${CITIES[index % CITIES.length]}' /* ${index} */`,
  }))
}
