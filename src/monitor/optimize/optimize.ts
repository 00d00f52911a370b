import type pg from 'pg'
import { messageOf, quoteQualified, type Recorder, systemClock, wait } from '../../core/index.ts'
import { advisoryKey, cancelRunning, tryAdvisoryLock, withDirectClient } from '../../pool/index.ts'
import { deadRows } from '../checks/dead-rows.ts'
import { indexBloat } from '../checks/index-bloat.ts'
import { invalidIndexes } from '../checks/invalid-indexes.ts'
import { plannerStatistics } from '../checks/planner-statistics.ts'
import { optimizeBusy, optimizeReplica } from '../errors.ts'
import type { CheckContext } from '../finding.ts'
import { recordWherePossible } from '../recording.ts'

/** One thing that is done to a table or an index. */
export interface OptimizeStep {
  /** Schema-qualified. */
  readonly subject: string
  /** The table that it is about. */
  readonly table: string
  readonly sql: string
  /** Why, in words. */
  readonly why: string
}

/** How one ended. */
export interface OptimizeOutcome extends OptimizeStep {
  readonly outcome: 'done' | 'failed'
  readonly seconds: number
  readonly error: string | null
}

/** How it is done. */
export interface OptimizeOptions {
  readonly signal?: AbortSignal | undefined
  readonly recorder?: Recorder | undefined
  /** Told before each step, and every second how far it is. */
  readonly onProgress?: ((progress: OptimizeProgress) => void) | undefined
  /** Rest after each step, for replicas and disks to catch up. Default a second. */
  readonly pauseMs?: number | undefined
}

/** How far it is. */
export interface OptimizeProgress {
  readonly step: OptimizeStep
  readonly number: number
  readonly of: number
  /** In PostgreSQL's words; null before it says so. */
  readonly phase: string | null
  /** Of this phase; null where that is not known. */
  readonly percent: number | null
}

/** What is done is what these advise. */
const ADVISERS = [deadRows, plannerStatistics, invalidIndexes, indexBloat]
const PAUSE_MS = 1_000
const PROGRESS_MS = 1_000
/** As slowly as autovacuum does it. */
const COST_DELAY_MS = 2
/** REINDEX waits for those who were there before it; whoever it would hold up must not wait. */
const LOCK_TIMEOUT_MS = 5_000

/**
 * What needs it: tables with many dead rows or without statistics, indexes that are bloated or were not built to their end. Changes
 * nothing. @param tables only these, schema-qualified; default all
 */
export async function planOptimize(
  context: CheckContext,
  tables?: readonly string[],
): Promise<OptimizeStep[]> {
  const steps = new Map<string, OptimizeStep>()
  for (const adviser of ADVISERS)
    for (const { subject, message, evidence, sql } of (await adviser.run(context)) ?? []) {
      const table = typeof evidence.table === 'string' ? evidence.table : subject
      if (sql === null || (tables && !tables.includes(table))) continue
      // VACUUM (ANALYZE) does what ANALYZE would.
      if (!steps.has(subject))
        steps.set(subject, { subject, table, sql: sql.replace(/;$/, ''), why: message })
    }
  return [...steps.values()]
}

/**
 * Does it, one step after another, as slowly as autovacuum works. Nobody who reads or writes waits: REINDEX is CONCURRENTLY. A step
 * that fails does not hold up the others.
 *
 * @param url a direct way to the server
 * @throws HF_MONITOR_OPTIMIZE_BUSY while somebody else does it, HF_MONITOR_OPTIMIZE_REPLICA
 */
export async function optimize(
  url: string,
  steps: readonly OptimizeStep[],
  options: OptimizeOptions = {},
): Promise<OptimizeOutcome[]> {
  const { signal, recorder, pauseMs = PAUSE_MS } = options
  return withDirectClient(url, 'holdfast optimize', async (client) => {
    const { rows } = await client.query('SELECT pg_is_in_recovery() AS replica, pg_backend_pid() AS pid')
    if (rows[0].replica) throw optimizeReplica()
    if (!(await tryAdvisoryLock(client, advisoryKey('holdfast:optimize')))) throw optimizeBusy()
    await client.query(
      `SET vacuum_cost_delay = ${COST_DELAY_MS}; SET lock_timeout = ${LOCK_TIMEOUT_MS}; SET statement_timeout = 0`,
    )
    const outcomes: OptimizeOutcome[] = []
    for (const [index, step] of steps.entries()) {
      if (signal?.aborted) break
      if (recorder)
        await recordWherePossible(recorder, {
          action: 'table.optimize',
          subject: step.subject,
          details: { sql: step.sql },
        })
      const telling = new Telling(
        url,
        rows[0].pid as number,
        { step, number: index + 1, of: steps.length },
        options,
      )
      try {
        outcomes.push(await run(client, step, signal))
      } finally {
        await telling.stop()
      }
      if (index < steps.length - 1) await rest(pauseMs, signal)
    }
    return outcomes
  })
}

async function run(
  client: pg.Client,
  step: OptimizeStep,
  signal: AbortSignal | undefined,
): Promise<OptimizeOutcome> {
  const began = performance.now()
  const cancel = (): void => void cancelRunning(client).catch(() => {}) // it is done, or gone
  signal?.addEventListener('abort', cancel, { once: true })
  let error: string | null = null
  const warnings: string[] = []
  const heed = ({
    message = '',
    severity,
  }: {
    message?: string | undefined
    severity?: string | undefined
  }): void => {
    // What a role may not do VACUUM skips with a warning.
    if (severity === 'WARNING') warnings.push(message)
  }
  client.on('notice', heed)
  try {
    await client.query(step.sql)
    error = warnings[0] ?? null
  } catch (failure) {
    error = messageOf(failure)
    await dropLeftOver(client, step)
  } finally {
    client.off('notice', heed)
    signal?.removeEventListener('abort', cancel)
  }
  const seconds = Math.round(performance.now() - began) / 1_000
  return { ...step, outcome: error === null ? 'done' : 'failed', seconds, error }
}

/** REINDEX CONCURRENTLY that fails leaves what it had begun: an index that nobody may use and everybody writes. */
async function dropLeftOver(client: pg.Client, { sql, table }: OptimizeStep): Promise<void> {
  if (!sql.startsWith('REINDEX')) return
  const { rows } = await client
    .query<{ schema: string; name: string }>(
      `SELECT n.nspname AS schema, i.relname AS name FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
         JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace
        WHERE x.indrelid = to_regclass($1) AND NOT x.indisvalid AND i.relname ~ '_ccnew\\d*$'`,
      [table],
    )
    .catch(() => ({ rows: [] })) // the connection is lost: doctor tells of it
  for (const { schema, name } of rows)
    await client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${quoteQualified(schema, name)}`).catch(() => {}) // doctor tells
}

/** Looks once a second how far a step is, from beside it. */
class Telling {
  readonly #stopping = new AbortController()
  readonly #done: Promise<void>

  constructor(
    url: string,
    pid: number,
    at: Pick<OptimizeProgress, 'step' | 'number' | 'of'>,
    { onProgress }: OptimizeOptions,
  ) {
    onProgress?.({ ...at, phase: null, percent: null })
    this.#done = onProgress ? this.#tell(url, pid, at, onProgress) : Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#done
  }

  async #tell(
    url: string,
    pid: number,
    at: Pick<OptimizeProgress, 'step' | 'number' | 'of'>,
    onProgress: (progress: OptimizeProgress) => void,
  ): Promise<void> {
    const { signal } = this.#stopping
    await rest(PROGRESS_MS, signal)
    if (signal.aborted) return
    // That it cannot be told how far it is does not stop it.
    await withDirectClient(url, 'holdfast optimize', async (client) => {
      while (!signal.aborted) {
        const { rows } = await client.query<{ phase: string; percent: number | null }>(PROGRESS, [pid])
        if (rows[0]) onProgress({ ...at, ...rows[0] })
        await rest(PROGRESS_MS, signal)
      }
    }).catch(() => {})
  }
}

const PROGRESS = `
  SELECT phase, round(100.0 * heap_blks_scanned / nullif(heap_blks_total, 0))::float8 AS percent FROM pg_catalog.pg_stat_progress_vacuum WHERE pid = $1
  UNION ALL
  SELECT phase, round(100.0 * blocks_done / nullif(blocks_total, 0))::float8 FROM pg_catalog.pg_stat_progress_create_index WHERE pid = $1
  UNION ALL
  SELECT phase, round(100.0 * sample_blks_scanned / nullif(sample_blks_total, 0))::float8 FROM pg_catalog.pg_stat_progress_analyze WHERE pid = $1`

/** Ends early when it is aborted. */
const rest = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  wait(systemClock, ms, signal).catch(() => {})
