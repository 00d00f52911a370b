import type { Queryable } from '../../core/index.ts'
import { statementUnknown } from '../errors.ts'
import { type HistoryStore, levelFor } from '../history/store.ts'
import { fingerprintOf } from './fingerprints.ts'
import { totalsByStatement } from './metrics.ts'
import { readStatements, type StatementTotals } from './reading.ts'
import { findStatementSource, type StatementSource } from './source.ts'
import { StatementTexts } from './texts.ts'

/** One statement: its text, what it did since the reset, and over time. */
export interface StatementStory {
  /** PostgreSQL's queryid; null for one that only the history knows. */
  readonly id: string | null
  /** The same for statements that differ only in values and layout, on every server. */
  readonly fingerprint: string
  readonly text: string
  /** Since the statistics were last reset; null where they know it no more. */
  readonly totals: StatementTotals | null
  readonly history: StatementHistory | null
}

/** Null where nothing was collected; 0 where it did nothing, or so little that it is among the others. */
export interface StatementHistory {
  readonly fromMs: number
  readonly stepMs: number
  readonly calls: readonly (number | null)[]
  readonly totalMs: readonly (number | null)[]
}

/**
 * All that is known of a statement.
 * @param key its queryid, or its fingerprint
 * @throws HF_MONITOR_STATEMENT_UNKNOWN
 */
export async function readStatement(
  db: Queryable,
  key: string,
  history: HistoryStore | undefined,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Promise<StatementStory> {
  // Whoever has a fingerprint asks the history alone.
  const source = /^-?\d+$/.test(key) ? await findStatementSource(db) : undefined
  const known = source?.state === 'collecting' ? await readKnown(db, key, source) : undefined
  const fingerprint = known ? await fingerprintOf(known.text) : key
  const text = known?.text ?? (await history?.readTexts([key]))?.get(key)
  if (text === undefined)
    throw statementUnknown(key, source?.state === 'collecting' ? undefined : source?.state)
  return {
    id: known ? key : null,
    fingerprint,
    text,
    totals: known?.totals ?? null,
    history: history ? await historyOf(history, fingerprint, fromMs, toMs) : null,
  }
}

async function readKnown(
  db: Queryable,
  id: string,
  source: Extract<StatementSource, { state: 'collecting' }>,
): Promise<{ text: string; totals: StatementTotals } | undefined> {
  const text = (await new StatementTexts().read(db, source.schema, [id])).get(id)
  const { entries } = await readStatements(db, source)
  const totals = totalsByStatement([...entries.values()].filter((one) => one.id === id))[0]
  return text === undefined || !totals ? undefined : { text, totals }
}

async function historyOf(
  history: HistoryStore,
  fingerprint: string,
  fromMs: number,
  toMs: number,
): Promise<StatementHistory> {
  const level = levelFor(fromMs, toMs)
  const { stepMs } = level
  const first = Math.ceil(fromMs / stepMs)
  const length = Math.max(0, Math.floor(toMs / stepMs) - first + 1)
  const frames = await history.read({ level, kind: 'statements', fromMs: first * stepMs, toMs })
  const [calls, totalMs] = [Array<number | null>(length).fill(null), Array<number | null>(length).fill(null)]
  for (const { atMs, keys, figures } of frames) {
    const place = keys.indexOf(fingerprint)
    const step = Math.round(atMs / stepMs) - first
    // Where something was collected and it is not named, it did nothing or is among the others.
    calls[step] = place < 0 ? 0 : (figures['calls:sum']?.[place] ?? null)
    totalMs[step] = place < 0 ? 0 : (figures['total_ms:sum']?.[place] ?? null)
  }
  return { fromMs: first * stepMs, stepMs, calls, totalMs }
}
