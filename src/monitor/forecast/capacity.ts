import { formatBytes } from '../../core/index.ts'
import {
  METRICS,
  type MetricMeaning,
  type MetricName,
  PROCESS_METRICS,
  type ProcessMetricName,
} from '../collect/metrics.ts'
import type { FrameKind } from '../history/frame.ts'
import { type HistoryStore, LEVELS } from '../history/store.ts'
import { type Point, trendOf } from './trend.ts'

/** What may be looked ahead of: whatever the history has. */
export type ForecastMetric = MetricName | ProcessMetricName

/** When something reaches its limit if it goes on as it did. */
export interface Forecast {
  readonly metric: ForecastMetric
  readonly current: number
  /** Null: nobody said how much there may be. */
  readonly limit: number | null
  /** Growth in a day, and what it may be in eight of ten cases. */
  readonly perDay: number
  readonly perDayRange: readonly [least: number, most: number]
  /** Days until the limit; null: not within ten years, or it does not grow. */
  readonly days: number | null
  readonly daysRange: readonly [least: number | null, most: number | null]
  /** How far back was looked, in days. */
  readonly historyDays: number
  readonly backtests: number
}

/** Limits that nobody can read from the database. */
export interface Room {
  /** Bytes that the database may take. */
  readonly diskBytes?: number | undefined
}

const DAY_MS = 86_400_000
/** Older growth says little of what comes. */
const LOOKED_BACK_MS = 60 * DAY_MS
/** From there on the greatest of each day counts: what goes up and down with the hours is no growth. */
const DAILY_FROM_DAYS = 4
const LEAST_DAYS = 0.25
/** Further than so many times what was seen nobody can tell. */
const MOST_DAYS = 3_650

/** What fills up, and somebody has to be told of. */
export const CAPACITIES: readonly ForecastMetric[] = [
  'database_bytes',
  'connections_used_percent',
  'transaction_ids_used_percent',
  'pool_used_percent',
]

const meaningOf = (metric: ForecastMetric): MetricMeaning => ({ ...METRICS, ...PROCESS_METRICS })[metric]

/** Shares that are used up at 100; others, as that of blocks found in memory, are no room. */
const isRoom = (metric: ForecastMetric): boolean => metric.endsWith('_used_percent')

const limitOf = (metric: ForecastMetric, { diskBytes }: Room): number | null =>
  metric === 'database_bytes' ? (diskBytes ?? null) : isRoom(metric) ? 100 : null

/**
 * Looks ahead, as far as the history allows. What was not seen for long enough is left out.
 * @param metrics any that the history has; default those that fill up
 */
export async function readCapacity(
  history: HistoryStore,
  room: Room,
  nowMs: number,
  metrics: readonly ForecastMetric[] = CAPACITIES,
): Promise<Forecast[]> {
  const forecasts: Forecast[] = []
  for (const kind of ['database', 'process'] as const) {
    const wanted = metrics.filter((metric) => metric in PROCESS_METRICS === (kind === 'process'))
    if (wanted.length === 0) continue
    const series = await readSeries(history, kind, wanted, nowMs)
    for (const metric of wanted) {
      const forecast = forecastOf(metric, series.get(metric) ?? [], limitOf(metric, room))
      if (forecast) forecasts.push(forecast)
    }
  }
  return forecasts
}

/** The greatest of all processes, by day since the first step. */
async function readSeries(
  history: HistoryStore,
  kind: FrameKind,
  names: readonly string[],
  nowMs: number,
): Promise<Map<string, Point[]>> {
  const fromMs = nowMs - LOOKED_BACK_MS
  const hours = await history.readGreatest({ level: LEVELS[2], kind, fromMs, toMs: nowMs }, names)
  const [oldest] = hours
  // Where there is little history yet, it is in shorter steps.
  const isShort = oldest === undefined || nowMs - oldest.atMs < DAILY_FROM_DAYS * DAY_MS
  const rows = isShort
    ? await history.readGreatest({ level: LEVELS[1], kind, fromMs, toMs: nowMs }, names)
    : hours
  const begin = rows[0]?.atMs ?? nowMs
  const series = new Map<string, Point[]>()
  for (const [index, name] of names.entries()) {
    const steps = new Map<number, number>()
    for (const { atMs, values } of rows) {
      const value = values[index]
      if (typeof value !== 'number') continue
      const day = (atMs - begin) / DAY_MS
      const step = isShort ? day : Math.floor(day)
      steps.set(step, Math.max(steps.get(step) ?? Number.NEGATIVE_INFINITY, value))
    }
    series.set(
      name,
      [...steps].map(([day, value]) => ({ day, value })),
    )
  }
  return series
}

/** @param points the oldest first @returns undefined where that is too little */
export function forecastOf(
  metric: ForecastMetric,
  points: readonly Point[],
  limit: number | null,
): Forecast | undefined {
  const [first, last] = [points[0], points.at(-1)]
  const historyDays = first && last ? last.day - first.day : 0
  const trend = historyDays >= LEAST_DAYS ? trendOf(points) : undefined
  if (!trend || !last) return undefined
  const { perDay, perDayRange, backtests } = trend
  const room = limit === null ? null : Math.max(0, limit - last.value)
  const until = (growth: number): number | null => {
    if (room === 0) return 0
    if (room === null || growth <= 0) return null
    const days = room / growth
    return days <= MOST_DAYS ? days : null
  }
  const [least, most] = perDayRange
  return {
    metric,
    current: last.value,
    limit,
    perDay,
    perDayRange,
    days: until(perDay),
    daysRange: [until(most), until(least)],
    historyDays,
    backtests,
  }
}

const WORDS: Readonly<Partial<Record<ForecastMetric, readonly [subject: string, limit: string]>>> = {
  database_bytes: ['The database', 'fills its disk'],
  connections_used_percent: ['Connections', 'reach the limit of the server'],
  transaction_ids_used_percent: ['Transaction ids', 'run out'],
  pool_used_percent: ['The pool', 'is used up'],
}

/** A forecast in one sentence. */
export function forecastInWords({ metric, days, daysRange, perDay, historyDays }: Forecast): string {
  const [subject, limit] = WORDS[metric] ?? [metric, 'reaches its limit']
  const growth = growthInWords(meaningOf(metric).unit, perDay)
  const seen = `${round(historyDays)} days of history`
  if (days === 0) return `${subject}: at the limit now.`
  if (days === null) return `${subject}: ${growth} a day, no limit in sight (${seen}).`
  const [least, most] = daysRange
  return `${subject} ${limit} in about ${round(days)} days (${least === null ? '?' : round(least)} to ${most === null ? 'never' : round(most)}): ${growth} a day, ${seen}.`
}

function growthInWords(unit: MetricMeaning['unit'], perDay: number): string {
  if (unit.startsWith('bytes')) return `${perDay < 0 ? '-' : ''}${formatBytes(Math.abs(perDay))}`
  return `${round(perDay)} ${unit === 'percent' ? 'points' : unit === 'count' ? 'more' : unit}`
}

/** The same for the HTTP API and reports. */
export const forecastAsJson = (forecast: Forecast) => ({
  metric: forecast.metric,
  current: forecast.current,
  limit: forecast.limit,
  per_day: forecast.perDay,
  per_day_range: [...forecast.perDayRange],
  days: forecast.days,
  days_range: [...forecast.daysRange],
  history_days: round(forecast.historyDays),
  backtests: forecast.backtests,
  in_words: forecastInWords(forecast),
})

const round = (value: number): number =>
  Math.abs(value) >= 10 ? Math.round(value) : Math.round(value * 10) / 10
