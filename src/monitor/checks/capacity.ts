import { formatBytes, type Queryable } from '../../core/index.ts'
import type { Check, Found } from '../finding.ts'
import { readDatabaseSize } from '../queries.ts'
import { forecastInWords, readCapacity } from '../forecast/capacity.ts'

const WARNING_DAYS = 30
const ERROR_DAYS = 7
const NEARLY_FULL = 0.9

const ACTIONS: Readonly<Record<string, string>> = {
  database_bytes: 'Give it more room, or let partitions retire what is old: holdfast partition plan',
  connections_used_percent: 'Smaller pools, or a pooler in front: holdfast pool advise',
  transaction_ids_used_percent: 'Let vacuum catch up: holdfast doctor says what holds it back',
  pool_used_percent: 'See who holds connections for long: holdfast pool status',
}

/** What will be full, going by its past. */
export const capacity: Check = {
  id: 'capacity',
  category: 'availability',
  good: 'nothing reaches its limit within a month, as far as the history says',
  why: 'What fills up slowly is cheap to mend before it is full, and an outage after.',
  run: async ({ db, history, limits, clock }) => {
    const full = limits?.diskBytes === undefined ? [] : await lookAtRoom(db, limits.diskBytes)
    const now = clock?.now() ?? Date.now()
    const forecasts = history ? await readCapacity(history, { diskBytes: limits?.diskBytes }, now) : []
    if (full.length === 0 && forecasts.length === 0) return null
    const coming = forecasts.flatMap((forecast): Found[] => {
      if (full.some(({ subject }) => subject === forecast.metric)) return []
      const { metric, days, daysRange, current, limit, historyDays, backtests, perDay } = forecast
      // Only where growth is beyond doubt, and not further ahead than so many times what was seen.
      if (days === null || daysRange[1] === null || days > WARNING_DAYS || days > 4 * historyDays) return []
      return [
        {
          severity: days <= ERROR_DAYS ? 'error' : 'warning',
          confidence: 'estimate',
          subject: metric,
          message: forecastInWords(forecast),
          evidence: { current, limit, perDay, days, daysRange, historyDays, backtests },
          action: ACTIONS[metric] ?? 'See what grows: holdfast doctor --full',
          sql: null,
        },
      ]
    })
    return [...full, ...coming]
  },
}

/** What is full, or nearly so, needs no past to be told. */
async function lookAtRoom(db: Queryable, diskBytes: number): Promise<Found[]> {
  const bytes = (await readDatabaseSize(db)) ?? 0
  if (bytes < diskBytes * NEARLY_FULL) return []
  return [
    {
      severity: bytes < diskBytes ? 'warning' : 'error',
      subject: 'database_bytes',
      message: `The database takes ${formatBytes(bytes)} of the ${formatBytes(diskBytes)} that it may: when its disk is full, it stops.`,
      evidence: { current: bytes, limit: diskBytes },
      action: ACTIONS.database_bytes as string,
      sql: null,
    },
  ]
}
