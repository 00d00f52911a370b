import { type HistoryStore, levelFor } from '../monitor/index.ts'
import type { Moment, PastValue } from './book.ts'
import type { AlertRule } from './rule.ts'

/** Before what growth is measured from: some metrics are seen every ten minutes. */
const MARGIN_MS = 20 * 60_000

/** What was seen, by whatever process, of a metric whose growth a rule watches: as far back as it compares, the oldest first. */
export async function recall(
  { metric, growsBy }: AlertRule,
  history: HistoryStore,
  { nowMs }: Moment,
): Promise<PastValue[]> {
  if (!growsBy) return []
  const backMs = nowMs - growsBy.withinMs - MARGIN_MS
  const level = levelFor(backMs, nowMs)
  const fromMs = Math.min(backMs, nowMs - growsBy.withinMs - 2 * level.stepMs)
  const steps = await history.readGreatest({ level, kind: 'database', fromMs, toMs: nowMs }, [metric])
  return steps.flatMap(({ atMs, values: [value] }) =>
    // A step says what was the greatest by its end.
    value == null ? [] : [{ nowMs: Math.min(atMs + level.stepMs, nowMs), value }],
  )
}
