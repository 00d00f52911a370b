import { formatDuration, inOneLine, systemClock } from '../../core/index.ts'
import type { Frame } from '../history/frame.ts'
import { LEVELS } from '../history/store.ts'
import { type Check, type Found } from '../finding.ts'

const HOUR_MS = 3_600_000
/** Rarely called ones vary. */
const FEWEST_CALLS = 50
/** Slower by so much, and so many times. */
const WARNING_MS = 10
const WARNING_TIMES = 2
const MOST_TOLD = 5

interface Use {
  readonly calls: number
  readonly totalMs: number
}

/** Statements that take longer in the last hours than in the same hours a week ago, or in that week where there are none. */
export const statementRegressions: Check = {
  id: 'statement-regressions',
  category: 'statements',
  good: 'no statement has become slower within a week',
  why: 'A plan that changed, a table that grew, or a release that asks otherwise: it is easiest to find while it is new.',
  run: async ({ history, clock = systemClock }) => {
    if (!history) return null
    const now = clock.now()
    const week = await history.read({
      level: LEVELS[2],
      kind: 'statements',
      fromMs: now - 8 * 24 * HOUR_MS,
      toMs: now,
    })
    const recent = week.filter(({ atMs }) => atMs >= now - 3 * HOUR_MS)
    const before = week.filter(({ atMs }) => atMs < now - 24 * HOUR_MS)
    if (recent.length === 0 || before.length === 0) return null
    const [then, today] = [usesOf(before), usesOf(recent)]
    const slower = [...today].flatMap(([key, use]) => {
      const was = then.get(key)
      if (!was || key === '' || use.calls < FEWEST_CALLS || was.calls < FEWEST_CALLS) return []
      const [nowMs, thenMs] = [use.totalMs / use.calls, was.totalMs / was.calls]
      return nowMs - thenMs >= WARNING_MS && nowMs >= WARNING_TIMES * thenMs
        ? [{ key, use, nowMs, thenMs }]
        : []
    })
    const told = slower.toSorted((a, b) => costOf(b) - costOf(a)).slice(0, MOST_TOLD)
    const texts = await history.readTexts(told.map(({ key }) => key))
    return told.map(({ key, use, nowMs, thenMs }): Found => {
      const text = inOneLine(texts.get(key) ?? key, 200)
      return {
        severity: 'warning',
        confidence: 'likely',
        subject: `statement ${key}`,
        message: `Each call takes ${formatDuration(nowMs)} where it took ${formatDuration(thenMs)} last week: ${text}`,
        evidence: { fingerprint: key, calls: use.calls, mean_ms: nowMs, mean_ms_before: thenMs },
        action: `Compare its plan with what was released and how its tables grew: holdfast query show ${key}`,
        sql: null,
      }
    })
  },
}

const costOf = ({ use, nowMs, thenMs }: { use: Use; nowMs: number; thenMs: number }): number =>
  use.calls * (nowMs - thenMs)

function usesOf(frames: readonly Frame[]): Map<string, Use> {
  const uses = new Map<string, Use>()
  for (const { keys, figures } of frames)
    for (const [place, key] of keys.entries()) {
      const known = uses.get(key)
      uses.set(key, {
        calls: (known?.calls ?? 0) + (figures['calls:sum']?.[place] ?? 0),
        totalMs: (known?.totalMs ?? 0) + (figures['total_ms:sum']?.[place] ?? 0),
      })
    }
  return uses
}
