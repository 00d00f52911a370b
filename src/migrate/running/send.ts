import { systemClock } from '../../core/index.ts'
import type { MigrationContext } from '../format/define.ts'
import { moduleInvalid } from '../format/errors.ts'
import { loadStep, loadValidation } from '../format/module.ts'
import type { Statement } from '../format/statements.ts'
import type { StatementRecord } from '../history/history.ts'
import type { Job, Run } from './job.ts'

/** Sends one statement and tells whoever watches how it goes. */
export async function sendStatement(
  run: Run,
  job: Pick<Job, 'id' | 'statements'>,
  statement: Statement,
  step: number,
): Promise<StatementRecord> {
  const { id } = job
  const { line, text, hash } = statement
  run.onProgress({ kind: 'statement', id, step, steps: job.statements.length, line })
  const began = systemClock.monotonicMs()
  const stop = run.watch.observe((sight) =>
    run.onProgress({ kind: 'running', id, line, elapsedMs: systemClock.monotonicMs() - began, ...sight }),
  )
  try {
    const result = await run.client.query(text)
    const durationMs = Math.round(systemClock.monotonicMs() - began)
    run.onProgress({ kind: 'finished', id, step, line, durationMs })
    return { line, hash, durationMs, rows: result.rowCount }
  } finally {
    stop()
  }
}

/**
 * Gives a function of the user's the migration's connection, for as long as it runs. A query that nobody waits for
 * would go on behind the end of the transaction: that is a failure, and later ones go nowhere.
 * @throws HF_MIGRATE_MODULE
 */
export async function withContext<T>(
  run: Pick<Run, 'client' | 'onProgress'>,
  id: string,
  path: string,
  work: (context: MigrationContext) => T | Promise<T>,
): Promise<T> {
  const state = { isOver: false, running: 0 }
  const context: MigrationContext = {
    async query(text, values) {
      // Whoever asks now is not heard: the migration has been judged already.
      if (state.isOver) return new Promise(() => {})
      state.running += 1
      try {
        return await run.client.query(text, values as unknown[])
      } finally {
        state.running -= 1
      }
    },
    say: (text) => run.onProgress({ kind: 'said', id, text }),
  }
  let result: T
  try {
    result = await work(context)
  } finally {
    // Also when it threw: what other branches of it ask later would run behind the end of the transaction.
    state.isOver = true
  }
  if (state.running > 0)
    throw moduleInvalid(path, 'ended while queries of it were still running: await each of them', undefined)
  return result
}

/** Runs a step in TypeScript. @throws HF_MIGRATE_MODULE, and whatever the step throws */
export async function runStep(run: Run, { id, script }: Job): Promise<StatementRecord> {
  const step = await loadStep(script.path)
  run.onProgress({ kind: 'statement', id, step: 1, steps: 1, line: 1 })
  const began = systemClock.monotonicMs()
  await withContext(run, id, script.path, step)
  const durationMs = Math.round(systemClock.monotonicMs() - began)
  run.onProgress({ kind: 'finished', id, step: 1, line: 1, durationMs })
  return { line: 1, durationMs, rows: null }
}

/** What is wrong afterwards, in words. @throws HF_MIGRATE_MODULE */
export async function findFaults(
  run: Run,
  { id, validate }: Pick<Job, 'id' | 'validate'>,
): Promise<readonly string[]> {
  if (validate === undefined) return []
  const validation = await loadValidation(validate)
  return (await withContext(run, id, validate, validation)) ?? []
}
