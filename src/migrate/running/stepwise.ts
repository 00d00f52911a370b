import { isHoldfastError, SQLSTATE, sqlstateOf, wait } from '../../core/index.ts'
import { lockTimeout, statementFailed, stepChanged, stepUnknown, validationFailed } from '../errors.ts'
import { isSessionSetting, mayCommitItself, specialKindOf } from '../format/special-statements.ts'
import type { Statement } from '../format/statements.ts'
import { recordAttempt, type StatementRecord } from '../history/history.ts'
import {
  forgetStep,
  forgetSteps,
  readSteps,
  recordBegun,
  recordDone,
  type StepRecord,
} from '../history/steps.ts'
import { Course, type Job, type Run } from './job.ts'
import { jitteredMs, lostSession, wasInTheWay } from './lock-budget.ts'
import { dropInvalidLeftover, recover, refuseExistingIndex, requireValidIndex } from './recovery.ts'
import { findFaults, runStep, sendStatement } from './send.ts'
import { asOurselves, resetSession, usersPath } from './session.ts'
import { lockTimeoutOf, recordFailure } from './transactional.ts'

/**
 * Runs a migration without a transaction, statement by statement, and can go on where an earlier run stopped.
 *
 * What can be in a transaction is, together with the record that it is done. For what cannot, the record `begun` is
 * written before it is sent, and `done` behind it. Whoever finds `begun` asks the catalog what became of it; where
 * the catalog cannot tell, a person has to.
 *
 * @returns milliseconds it took
 */
export async function runStepwise(run: Run, job: Job): Promise<number> {
  const course = new Course(job, run.clock)
  const { client, target } = run
  const known = await stepsOf(run, job)
  for (const [index, { line, hash }] of job.statements.entries())
    if ((known.get(index + 1)?.hash ?? hash) !== hash) throw stepChanged(job.id, line)
  const gone = [...known.values()].find(({ step }) => step > Math.max(1, job.statements.length))
  if (gone) throw stepChanged(job.id, gone.line)
  if (known.size === 0) await guarded(run, job)
  try {
    await resetSession(client)
    await client.query(
      `SET statement_timeout = ${job.script.directives.statementTimeoutMs ?? 0}; SET search_path TO ${usersPath(target)}`,
    )
    if (job.script.language === 'typescript') await runUncertain(run, job, course, undefined, known.get(1))
    for (const [index, statement] of job.statements.entries()) {
      course.line = statement.line
      course.text = statement.text
      await runOne(run, job, course, { statement, step: index + 1, known: known.get(index + 1) })
    }
    course.text = null
    const faults = await findFaults(run, job)
    if (faults.length > 0)
      throw validationFailed(job.id, faults, 'Its statements stay applied; it counts as not run.')
    await resetSession(client)
    await client.query('BEGIN')
    await job.alsoRecord?.(client)
    await recordAttempt(client, target.history, course.attempt())
    await forgetSteps(client, target.history, job.id, job.direction)
    await client.query('COMMIT')
    return course.durationMs
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {}) // lost, and rolled back by itself
    await recordFailure(run, course, error)
    if (isHoldfastError(error)) throw error
    if (wasInTheWay(error))
      throw lockTimeout(job.id, course.line, course.retries + 1, run.watch.lastBlockers, error)
    throw statementFailed(job.id, course.line, error, restInWords(job, course, error))
  }
}

/** Nothing holds between this look and the first statement: it is the best that can be done without a transaction. */
async function guarded({ client }: Run, job: Job): Promise<void> {
  if (!job.guard) return
  await client.query('BEGIN')
  try {
    await job.guard(client)
  } finally {
    await client.query('ROLLBACK')
  }
}

interface Step {
  readonly statement: Statement
  readonly step: number
  readonly known: StepRecord | undefined
}

async function stepsOf({ client, target }: Run, { id, direction }: Job): Promise<Map<number, StepRecord>> {
  const steps = await readSteps(client, target.history, id)
  return new Map(steps.filter((step) => step.direction === direction).map((step) => [step.step, step]))
}

async function runOne(run: Run, job: Job, course: Course, one: Step): Promise<void> {
  const { statement, known } = one
  if (isSessionSetting(statement.node)) {
    // Whatever came before: the session that it was set for may be gone.
    await run.client.query(statement.text)
    course.done.push({ line: statement.line, hash: statement.hash, durationMs: 0, rows: null })
  } else if (known?.state === 'done') {
    course.done.push({
      line: statement.line,
      hash: statement.hash,
      durationMs: known.durationMs ?? 0,
      rows: known.rows,
    })
  } else if (mayCommitItself(statement.node)) {
    await runBlock(run, job, course, one)
  } else if (specialKindOf(statement.node) === undefined && known === undefined) {
    await runWrapped(run, job, course, one).catch(async (error: unknown) => {
      // Some only turn out to be of that kind: REINDEX and CLUSTER of a partitioned table.
      if (sqlstateOf(error) !== SQLSTATE.activeSqlTransaction) throw error
      await run.client.query('ROLLBACK')
      await runSpecial(run, job, course, one)
    })
  } else {
    await runSpecial(run, job, course, one)
  }
}

/** A statement that can be in a transaction, with the record that it is done. */
async function runWrapped(run: Run, job: Job, course: Course, { statement, step }: Step): Promise<void> {
  const { client } = run
  await again(run, job, course, async () => {
    await client.query('BEGIN')
    await client.query(`SET LOCAL lock_timeout = ${lockTimeoutOf(run, job)}`)
    const record = await sendStatement(run, job, statement, step)
    await writeDown(run, job, { statement, step }, 'in a transaction of its own', record)
    await client.query('COMMIT')
    course.done.push(record)
  })
}

async function writeDown(
  { client, target }: Run,
  { id, direction }: Job,
  { statement, step }: Pick<Step, 'statement' | 'step'>,
  kind: string,
  record: StatementRecord,
): Promise<void> {
  const { line, hash } = statement
  await asOurselves(client, async () => {
    await recordBegun(client, target.history, { migrationId: id, direction, step, line, hash, kind })
    await recordDone(
      client,
      target.history,
      { migrationId: id, direction, step },
      record.durationMs,
      record.rows,
    )
  })
}

/** A statement that cannot be in a transaction: what became of it is in the catalog. */
async function runSpecial(
  run: Run,
  job: Job,
  course: Course,
  { statement, step, known }: Step,
): Promise<void> {
  const { client, target } = run
  const { id, direction } = job
  const { line, hash } = statement
  const kind = specialKindOf(statement.node) ?? 'outside of a transaction'
  const key = { migrationId: id, direction, step }
  if (known?.state === 'begun') {
    const outcome = await recover(client, statement)
    if (outcome === 'unknown') throw stepUnknown(id, step, line, kind, known.beganAt)
    run.onProgress({ kind: 'recovered', id, line, outcome })
    if (outcome === 'done') {
      await asOurselves(client, () => recordDone(client, target.history, key, null, null))
      course.done.push({ line, hash, durationMs: 0, rows: null })
      return
    }
  }
  if (known === undefined) {
    // Before the first word is written down: what is refused here was never begun.
    await refuseExistingIndex(client, id, statement)
    await dropInvalidLeftover(client, id, statement)
  }
  await asOurselves(client, () => recordBegun(client, target.history, { ...key, line, hash, kind }))
  await again(run, job, course, async () => {
    await dropInvalidLeftover(client, id, statement)
    // These wait for old transactions to end, and nothing that reads or writes waits behind them.
    const waitsInPeace = /^(create|drop) index|^reindex/.test(kind)
    await client.query(
      `SET lock_timeout = ${job.script.directives.lockTimeoutMs ?? (waitsInPeace ? 0 : run.options.lockTimeoutMs)}`,
    )
    const record = await sendStatement(run, job, statement, step).catch(async (error: unknown) => {
      // The server said no: it did not take effect, and nobody needs to ask what became of it.
      if (!lostSession(error) && !wasInTheWay(error))
        await asOurselves(client, () => forgetStep(client, target.history, key))
      throw error
    })
    await requireValidIndex(client, id, statement)
    await asOurselves(client, () => recordDone(client, target.history, key, record.durationMs, record.rows))
    course.done.push(record)
  })
}

/** A block or a procedure: in a transaction, unless that is where it turns out to commit on its own. */
async function runBlock(run: Run, job: Job, course: Course, one: Step): Promise<void> {
  if (one.known === undefined) {
    try {
      return await runWrapped(run, job, course, one)
    } catch (error) {
      if (sqlstateOf(error) !== SQLSTATE.invalidTransactionTermination) throw error
      await run.client.query('ROLLBACK')
    }
  }
  await runUncertain(run, job, course, one, one.known)
}

/** What commits on its own. It is sent once; when it is not known what became of it, a person is asked. */
async function runUncertain(
  run: Run,
  job: Job,
  course: Course,
  one: Pick<Step, 'statement' | 'step'> | undefined,
  known: StepRecord | undefined,
): Promise<void> {
  const { client, target } = run
  const { id, direction } = job
  const { line, hash } = one?.statement ?? { line: 1, hash: job.checksum.slice(0, 16) }
  const step = one?.step ?? 1
  const kind = one === undefined ? 'a step in TypeScript' : 'a block or procedure'
  if (known && known.hash !== hash) throw stepChanged(id, line)
  if (known?.state === 'done') {
    course.done.push({ line, hash, durationMs: known.durationMs ?? 0, rows: known.rows })
    return
  }
  if (known?.state === 'begun') throw stepUnknown(id, step, line, kind, known.beganAt)
  const key = { migrationId: id, direction, step }
  await asOurselves(client, () => recordBegun(client, target.history, { ...key, line, hash, kind }))
  await client.query(`SET lock_timeout = ${lockTimeoutOf(run, job)}`)
  const record =
    one === undefined ? await runStep(run, job) : await sendStatement(run, job, one.statement, one.step)
  await asOurselves(client, () => recordDone(client, target.history, key, record.durationMs, record.rows))
  course.done.push(record)
}

/** Does it, and does it again after a pause while somebody is in the way. */
async function again(run: Run, job: Job, course: Course, work: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      if (!wasInTheWay(error) || tries > run.options.lockRetries) throw error
      const blockedBy = run.watch.lastBlockers
      await run.client.query('ROLLBACK').catch(() => {}) // lost, and rolled back by itself
      course.retries += 1
      run.onProgress({ kind: 'retrying', id: job.id, line: course.line, attempt: tries + 1, blockedBy })
      await wait(run.clock, jitteredMs(tries))
    }
  }
}

function restInWords({ id, script, statements }: Job, course: Course, error: unknown): string {
  const failed = statements[course.done.length]?.node
  if (script.language === 'typescript' || (failed && mayCommitItself(failed)))
    return `What it committed stays, and nobody can tell how far it came: look, then say so with holdfast migrate repair ${id}.`
  if (lostSession(error))
    return 'The connection is lost: run up again, it looks at the catalog and goes on where this run stopped.'
  if (failed && 'IndexStmt' in failed)
    return 'The server may have left an invalid index; run up again, it drops that and builds anew.'
  const before = course.done.length
  if (before === 0) return 'Nothing of this migration was applied.'
  return `${before} of its ${statements.length} statements are applied and stay; correct the rest and run up again, it goes on from here.`
}
