import type { Period } from '../monitor/index.ts'

const DAY_MS = 86_400_000

/**
 * What of a digest is due at this moment, in UTC: every day, or Mondays; with the week's on Mondays, the month's on its first Monday,
 * the quarter's on that of January, April, July and October.
 *
 * @returns the topic, told once, and the periods; undefined where nothing is due
 */
export function dueDigest(
  every: 'off' | 'daily' | 'weekly',
  hour: number,
  nowMs: number,
): { readonly topic: string; readonly periods: readonly Period[] } | undefined {
  const now = new Date(nowMs)
  const isMonday = now.getUTCDay() === 1
  if (every === 'off' || now.getUTCHours() < hour || (every === 'weekly' && !isMonday)) return undefined
  const isFirst = isMonday && now.getUTCDate() <= 7
  const isQuarter = isFirst && now.getUTCMonth() % 3 === 0
  return {
    topic: `digest ${new Date(Math.floor(nowMs / DAY_MS) * DAY_MS).toISOString().slice(0, 10)}`,
    periods: [
      'daily',
      ...(isMonday ? (['weekly'] as const) : []),
      ...(isFirst ? (['monthly'] as const) : []),
      ...(isQuarter ? (['quarterly'] as const) : []),
    ],
  }
}
