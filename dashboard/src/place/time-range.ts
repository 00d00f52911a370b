import { computed } from '@preact/signals'
import { query, setQuery } from './router.ts'

/** The ranges to choose from, by the name in the address. */
export const RANGES = {
  '15m': { label: '15 min', ms: 15 * 60_000 },
  '1h': { label: '1 h', ms: 3_600_000 },
  '24h': { label: '24 h', ms: 86_400_000 },
  '7d': { label: '7 d', ms: 7 * 86_400_000 },
} as const

export type RangeName = keyof typeof RANGES

/** What a page shows: up to now and moving on, or a span that stands still. */
export type TimeRange =
  | { readonly kind: 'last'; readonly name: RangeName; readonly ms: number }
  | { readonly kind: 'span'; readonly fromMs: number; readonly toMs: number }

/** The page's time range, from its address. */
export const timeRange = computed<TimeRange>(() => {
  const span = /^(\d{10,14})-(\d{10,14})$/.exec(query.value.get('span') ?? '')
  if (span) return { kind: 'span', fromMs: Number(span[1]), toMs: Number(span[2]) }
  const asked = query.value.get('range') ?? ''
  const name: RangeName = Object.hasOwn(RANGES, asked) ? (asked as RangeName) : '15m'
  return { kind: 'last', name, ms: RANGES[name].ms }
})

export function chooseRange(name: RangeName): void {
  setQuery({ range: name === '15m' ? undefined : name, span: undefined })
}

/** Less than this shows nothing: samples are a second apart. */
const SHORTEST_MS = 10_000

/** Zooms the page into a span. */
export function chooseSpan(fromMs: number, toMs: number): void {
  const missing = Math.max(0, SHORTEST_MS - (toMs - fromMs)) / 2
  setQuery({ span: `${Math.round(fromMs - missing)}-${Math.round(toMs + missing)}` })
}

/** Back to the range that was chosen before zooming in. */
export function leaveSpan(): void {
  setQuery({ span: undefined })
}

/** What belongs to every page's address; pages link to each other with it. */
export function rangeQuery(): Record<string, string | undefined> {
  return { range: query.value.get('range') ?? undefined, span: query.value.get('span') ?? undefined }
}
