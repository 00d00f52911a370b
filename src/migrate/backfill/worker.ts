import type pg from 'pg'
import {
  type Hand,
  isHoldfastError,
  messageOf,
  OWN_PATH,
  ownersHand,
  quoteIdentifier,
  quoteLiteral,
  quoteQualified,
  SQLSTATE,
  sqlstateOf,
  wait,
} from '../../core/index.ts'
import { advisoryKey, tryAdvisoryLock, withUsersPath } from '../../pool/index.ts'
import { validationFailed } from '../errors.ts'
import { loadDefault } from '../format/module.ts'
import type { Run } from '../running/job.ts'
import { jitteredMs, wasInTheWay } from '../running/lock-budget.ts'
import { findFaults, withContext } from '../running/send.ts'
import { oidOf, resetSession, usersPath, usersSchemas } from '../running/session.ts'
import type { Backfill } from './define.ts'
import { backfillBusy, backfillFailed, backfillInvalid, backfillPaused } from './errors.ts'
import { type BackfillRecord, BackfillRecords } from './records.ts'
import { Throttle } from './throttle.ts'

const DEFAULT_ROWS = 1_000
const HELD_BACK_POLL_MS = 500
const MOST_ROWS = 100_000

/** A backfill with its migration. */
export interface BackfillTask {
  readonly id: string
  readonly path: string
  /** `validate.ts` of its migration, which is due when the backfill is through. */
  readonly validate: string | undefined
}

/** @throws HF_MIGRATE_MODULE, HF_BACKFILL_INVALID */
export async function loadBackfill(path: string): Promise<Backfill> {
  const backfill = (await loadDefault(path, 'object')) as Partial<Backfill>
  const fault = faultOf(backfill)
  if (fault !== undefined) throw backfillInvalid(path, fault)
  return backfill as Backfill
}

function faultOf({ table, key, batch, batchRows = DEFAULT_ROWS }: Partial<Backfill>): string | undefined {
  if (typeof table !== 'string' || table === '') return 'it names no table'
  if (typeof key !== 'string' || key === '') return 'it names no key'
  if (typeof batch === 'string' && !batch.includes('$1'))
    return 'its batch has no $1, which stands for the keys'
  if (typeof batch !== 'string' && typeof batch !== 'function')
    return 'its batch is neither SQL nor a function'
  return Number.isInteger(batchRows) && batchRows > 0 && batchRows <= MOST_ROWS
    ? undefined
    : `batchRows must be a whole number from 1 to ${MOST_ROWS}`
}

/**
 * Runs a backfill to its end, from wherever an earlier run left it. While somebody has paused it, it waits.
 *
 * @throws HF_BACKFILL_BUSY, HF_BACKFILL_PAUSED when it is paused from the start, HF_BACKFILL_FAILED,
 *   HF_BACKFILL_INVALID, HF_MIGRATE_VALIDATION
 */
export async function runBackfill(run: Run, task: BackfillTask): Promise<void> {
  const { client, target } = run
  const records = new BackfillRecords(client, target.history.schema)
  const backfill = await loadBackfill(task.path)
  const lock = advisoryKey(`holdfast:backfill:${task.id}`)
  const before = await records.get(task.id)
  if (!(await tryAdvisoryLock(client, lock)))
    throw backfillBusy(task.id, before.worker ?? 'it has just begun')
  try {
    if (before.state === 'paused') throw backfillPaused(task.id)
    await resetSession(client)
    await goThrough(run, task, backfill, records)
    await resetSession(client)
    const faults = await withUsersPath(client, () => findFaults(run, task))
    if (faults.length > 0)
      throw validationFailed(task.id, faults, 'The migration and its backfill stay applied.')
    await records.finish(task.id)
    const { rowsDone } = await records.get(task.id)
    run.onProgress({ kind: 'said', id: task.id, text: `the backfill is through: ${rowsDone} rows` })
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {}) // the connection is gone, and its transaction with it
    if (isHoldfastError(error) && /^HF_BACKFILL_(BUSY|PAUSED)$/.test(error.code)) throw error
    const { position } = await records.get(task.id).catch(() => before)
    await records.fail(task.id, messageOf(error)).catch(() => {}) // whoever runs it hears of it anyway
    throw isHoldfastError(error) ? error : backfillFailed(task.id, position, error)
  } finally {
    await client.query('SELECT pg_advisory_unlock($1::bigint)', [lock]).catch(() => {}) // given back with the session
  }
}

async function goThrough(
  run: Run,
  task: BackfillTask,
  backfill: Backfill,
  records: BackfillRecords,
): Promise<void> {
  const { clock } = run
  const source = await readSource(run, backfill, task.path)
  await records.begin(task.id, source.rowsEstimated)
  const throttle = new Throttle(backfill, clock)
  const beganMs = clock.monotonicMs()
  const first = await records.get(task.id)
  for (;;) {
    const record = await untilFree(run, task, throttle, records)
    const rows = await tryBatch(run, task, backfill, records, source, record)
    if (rows === 0) return
    throttle.count(rows)
    const done = record.rowsDone + rows
    const elapsedMs = clock.monotonicMs() - beganMs
    run.onProgress({
      kind: 'backfill',
      id: task.id,
      rowsDone: done,
      rowsEstimated: Math.max(source.rowsEstimated, done),
      rowsPerSecond: ((done - first.rowsDone) / Math.max(1, elapsedMs)) * 1_000,
    })
    if (throttle.pauseMs > 0) await wait(clock, throttle.pauseMs)
  }
}

interface Source {
  /** The next keys behind a position. */
  readonly select: (isFirst: boolean) => string
  readonly rowsEstimated: number
  /** Of the table's owner: a batch in SQL sets off its triggers, checks and expressions. */
  readonly hand: Hand
}

/** @throws HF_BACKFILL_INVALID when the table or the key is not there */
async function readSource(run: Run, { table, key, where }: Backfill, path: string): Promise<Source> {
  const { client, target } = run
  const name = quoteQualified(...table.split('.'))
  const { rows } = await client.query<{ type: string; estimate: number; usable: boolean; sql: string }>(
    `SELECT format_type(a.atttypid, a.atttypmod) AS type, greatest(c.reltuples, 0)::float8 AS estimate, (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_namespace n WHERE n.oid = c.relnamespace) AS sql,
            EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum AND i.indisvalid AND i.indpred IS NULL) AS usable
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
      WHERE c.oid = $1 AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped`,
    [await withUsersPath(client, () => oidOf(client, name)), key],
  )
  const [found] = rows
  if (!found) throw backfillInvalid(path, `there is no column ${table}.${key}`)
  if (!found.usable)
    throw backfillInvalid(
      path,
      `${table}.${key} is not the first column of an index, so that each batch would read the whole table`,
    )
  const hand = await ownersHand(client, [found.sql], await usersSchemas(client, target))
  if (!hand) throw backfillInvalid(path, `there is no table ${table}`)
  const column = quoteIdentifier(key)
  const condition = where === undefined ? '' : ` AND (${where})`
  return {
    rowsEstimated: found.estimate,
    hand,
    select: (isFirst) =>
      `SELECT ${column}::text AS key FROM ${name} WHERE ${isFirst ? 'true' : `${column} > $2::text::${found.type}`}${condition} ORDER BY ${column} LIMIT $1::text::int8`,
  }
}

/** With another role's rights as a prepared statement: its parameter has the type that the statement wants. */
async function runSql(client: pg.Client, hand: Hand, batch: string, keys: readonly string[]): Promise<void> {
  if (!hand.isConfined) return void (await client.query(batch, [keys]))
  const list = keys.map((key) => `"${key.replaceAll(/["\\]/g, '\\$&')}"`).join(',')
  await hand.run(`PREPARE holdfast_batch AS ${batch}`)
  await hand.run(`EXECUTE holdfast_batch(${quoteLiteral(`{${list}}`)})`)
  await hand.run('DEALLOCATE holdfast_batch')
}

/** Waits while it is paused, or others suffer. */
async function untilFree(
  run: Run,
  { id }: BackfillTask,
  throttle: Throttle,
  records: BackfillRecords,
): Promise<BackfillRecord> {
  for (let isHeldBack = false; ; isHeldBack = true) {
    const record = await records.get(id)
    const reason = record.state === 'paused' ? 'paused' : await throttle.reason(run.client)
    if (reason === undefined) {
      if (isHeldBack || record.state !== 'running') await records.begin(id, record.rowsEstimated ?? 0)
      return record
    }
    if (!isHeldBack) run.onProgress({ kind: 'held back', id, reason })
    await records.holdBack(id, reason)
    await wait(run.clock, HELD_BACK_POLL_MS)
  }
}

/** One batch, again when somebody was in the way. @returns its rows; 0 at the end */
async function tryBatch(
  run: Run,
  task: BackfillTask,
  backfill: Backfill,
  records: BackfillRecords,
  source: Source,
  { position }: BackfillRecord,
): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await runBatch(run, task, backfill, records, source, position)
    } catch (error) {
      const mayDoBetter = wasInTheWay(error) || sqlstateOf(error) === SQLSTATE.serializationFailure
      if (!mayDoBetter || tries > run.options.lockRetries) throw error
      await run.client.query('ROLLBACK').catch(() => {}) // the connection is gone, and its transaction with it
      await wait(run.clock, jitteredMs(tries))
    }
  }
}

async function runBatch(
  run: Run,
  { id, path }: BackfillTask,
  { batch, batchRows = DEFAULT_ROWS }: Backfill,
  records: BackfillRecords,
  source: Source,
  position: string | null,
): Promise<number> {
  const { client, options, target } = run
  await client.query(
    `BEGIN; SET LOCAL lock_timeout = ${options.lockTimeoutMs}; SET LOCAL search_path TO ${usersPath(target)}`,
  )
  const rows = await source.hand.rows<{ key: string }>(
    source.select(position === null),
    position === null ? [String(batchRows)] : [String(batchRows), position],
  )
  const keys = rows.map(({ key }) => key)
  const last = keys.at(-1)
  if (last === undefined) {
    await client.query('COMMIT')
    return 0
  }
  if (typeof batch === 'string') await runSql(client, source.hand, batch, keys)
  else {
    // The owner's hand has left the path of our own SQL.
    await client.query(`SET LOCAL search_path TO ${usersPath(target)}`)
    await withContext(run, id, path, async ({ query }) => batch({ keys, query }))
  }
  await client.query(`SET LOCAL search_path = ${OWN_PATH}`)
  await records.advance(id, last, keys.length)
  await client.query('COMMIT')
  return keys.length
}
