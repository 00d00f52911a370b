import { endsSession, isHoldfastError, messageOf, OWN_PATH, sqlstateOf, wait } from '../../core/index.ts'
import { commitUnknown, lockTimeout, statementFailed, transactionEnded, validationFailed } from '../errors.ts'
import { recordAttempt } from '../history/history.ts'
import { Course, type Job, withoutValues, type Run } from './job.ts'
import { jitteredMs, LockBudget, wasInTheWay } from './lock-budget.ts'
import { findFaults, runStep, sendStatement } from './send.ts'
import { resetSession, usersPath } from './session.ts'

const NOTHING_APPLIED = 'Nothing of this migration was applied.'

/**
 * Runs one migration in one transaction together with its history row, again after a lock was not free.
 * @returns milliseconds it took, waiting included
 */
export async function runInTransaction(run: Run, job: Job): Promise<number> {
  const course = new Course(job, run.clock)
  for (;;) {
    course.done = []
    try {
      await attempt(run, job, course)
      return course.durationMs
    } catch (error) {
      const blockedBy = wasInTheWay(error) ? run.watch.lastBlockers : ''
      await run.client.query('ROLLBACK').catch(() => {}) // a lost connection has rolled back by itself
      if (wasInTheWay(error) && course.retries < run.options.lockRetries) {
        course.retries += 1
        const { line, retries } = course
        run.onProgress({ kind: 'retrying', id: job.id, line, attempt: retries + 1, blockedBy })
        await wait(run.clock, jitteredMs(retries))
        continue
      }
      if (isHoldfastError(error) && error.code === 'HF_MIGRATE_COMMIT_UNKNOWN') throw error
      await recordFailure(run, course, error)
      if (isHoldfastError(error)) throw error
      if (wasInTheWay(error)) throw lockTimeout(job.id, course.line, course.retries + 1, blockedBy, error)
      throw statementFailed(job.id, course.line, error, NOTHING_APPLIED)
    }
  }
}

async function attempt(run: Run, job: Job, course: Course): Promise<void> {
  const { client, target } = run
  const budget = new LockBudget(lockTimeoutOf(run, job), run.watch, run.clock)
  await resetSession(client)
  await client.query(
    `BEGIN; SET LOCAL statement_timeout = ${job.script.directives.statementTimeoutMs ?? 0};
     SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = ${budget.leftMs}`,
  )
  if (job.guard) {
    await job.guard(client)
    // What was counted may have set off code of others, which may have left tables in the session.
    await client.query('DISCARD TEMP')
  }
  await client.query(`SET LOCAL search_path TO ${usersPath(target)}`)
  // What is written in TypeScript might end the transaction, and leave what it did without its history row.
  const isWatched = job.script.language === 'typescript' || job.validate !== undefined
  const before = isWatched ? await transactionId(run) : undefined
  if (job.script.language === 'typescript') course.done.push(await runStep(run, job))
  else await runStatements(run, job, course, budget)
  course.text = null
  const faults = await findFaults(run, job)
  if (isWatched && (await transactionId(run)) !== before) throw transactionEnded(job.id)
  if (faults.length > 0) throw validationFailed(job.id, faults, NOTHING_APPLIED)
  // The history is ours to write, whatever role the migration took on.
  await client.query(`RESET SESSION AUTHORIZATION; RESET ROLE; SET LOCAL search_path = ${OWN_PATH}`)
  await job.alsoRecord?.(client)
  await recordAttempt(client, target.history, course.attempt())
  await commit(run, job)
}

async function runStatements(run: Run, job: Job, course: Course, budget: LockBudget): Promise<void> {
  for (const [index, statement] of job.statements.entries()) {
    course.line = statement.line
    course.text = statement.text
    const began = run.clock.monotonicMs()
    course.done.push(await sendStatement(run, job, statement, index + 1))
    if (index + 1 === job.statements.length) break
    const before = budget.leftMs
    await budget.settle(began)
    // Only where it shrank: a migration may have set its own.
    if (budget.leftMs !== before) await run.client.query(`SET LOCAL lock_timeout = ${budget.leftMs}`)
  }
}

async function transactionId({ client }: Run): Promise<unknown> {
  return (await client.query<{ id: string }>('SELECT pg_catalog.txid_current() AS id')).rows[0]?.id
}

/** Milliseconds that a statement may wait for a lock. */
export function lockTimeoutOf({ options }: Run, { script }: Job): number {
  return script.directives.lockTimeoutMs ?? options.lockTimeoutMs
}

/** Best effort: the failure itself matters more than its record. */
export async function recordFailure(run: Run, course: Course, error: unknown): Promise<void> {
  const failure = { message: messageOf(error), line: course.line, statement: withoutValues(course.text) }
  await resetSession(run.client)
    .then(() => recordAttempt(run.client, run.target.history, course.attempt(failure)))
    .catch(() => {}) // the connection is gone, or the history may not be written: the caller hears of the failure
}

async function commit({ client }: Run, { id }: Job): Promise<void> {
  try {
    await client.query('COMMIT')
  } catch (error) {
    const state = sqlstateOf(error)
    // A deferred constraint that fails here is an answer. A session that ends here may have committed before it
    // did: a shutdown while it waits for a synchronous standby comes after the commit itself.
    if (state === undefined || endsSession(state)) throw commitUnknown(id, error)
    throw error
  }
}
