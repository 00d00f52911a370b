import { formatDuration, inOneLine } from '../../core/index.ts'
import { DEFAULT_LIMITS, type Check } from '../finding.ts'
import { readStatements } from '../statements/reading.ts'
import { totalsByStatement } from '../statements/metrics.ts'
import { findStatementSource } from '../statements/source.ts'
import { StatementTexts } from '../statements/texts.ts'

/** Below the limit, what is slow for its users because it is called so often. */
const OFTEN_MS = 20
const OFTEN_CALLS = 100
/** What ran once or twice may have waited for something else. */
const FEWEST_CALLS = 3
const MOST_TOLD = 5
const LONGEST_TEXT = 200

/** Statements that take long, or long enough and often. */
export const slowStatements: Check = {
  id: 'slow-statements',
  category: 'statements',
  good: 'no statement is slow',
  why: 'Somebody waits for it, and it holds a connection meanwhile.',
  run: async ({ db, limits = DEFAULT_LIMITS }) => {
    const source = await findStatementSource(db)
    if (source.state !== 'collecting') return null
    const { entries } = await readStatements(db, source)
    const slow = totalsByStatement(entries.values())
      .map((one) => ({ ...one, meanMs: one.totalMs / Math.max(1, one.calls) }))
      .filter(
        ({ id, meanMs, calls }) =>
          id !== null &&
          calls >= FEWEST_CALLS &&
          (meanMs >= limits.slowStatementMs || (meanMs >= OFTEN_MS && calls >= OFTEN_CALLS)),
      )
    const ids = slow.flatMap(({ id }) => id ?? [])
    const texts = await new StatementTexts().read(db, source.schema, ids.slice(0, 50))
    return slow
      .filter(({ id }) => isAnApplications(texts.get(id ?? '')))
      .slice(0, MOST_TOLD)
      .map(({ id, meanMs, calls, totalMs, rows }) => ({
        severity: meanMs >= limits.slowStatementMs ? ('warning' as const) : ('info' as const),
        subject: `statement ${id}`,
        message: `Each of ${calls} calls took ${formatDuration(meanMs)}: ${inOneLine(texts.get(id ?? '') ?? 'a statement whose text this role may not read', LONGEST_TEXT)}`,
        evidence: {
          id,
          calls,
          mean_ms: round(meanMs),
          total_ms: round(totalMs),
          rows_per_call: round(rows / Math.max(1, calls)),
        },
        action: `See its plan: holdfast query explain ${id}`,
        sql: null,
      }))
  },
}

const round = (value: number): number => Math.round(value * 100) / 100

/** Upkeep takes as long as it takes. */
const isAnApplications = (text: string | undefined): boolean =>
  text === undefined ||
  !/^\s*(VACUUM|ANALYZE|CREATE|REINDEX|ALTER|CLUSTER|REFRESH|COPY|CALL|DO|CHECKPOINT)\b/i.test(text)
