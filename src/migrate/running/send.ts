import { systemClock } from '../../core/index.ts'
import type { MigrationContext } from '../format/define.ts'
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

/** What a step in TypeScript is given. */
export function contextFor(run: Run, id: string): MigrationContext {
  return {
    query: (text, values) => run.client.query(text, values as unknown[]),
    say: (text) => run.onProgress({ kind: 'said', id, text }),
  }
}

/** Runs a step in TypeScript. @throws HF_MIGRATE_MODULE, and whatever the step throws */
export async function runStep(run: Run, { id, script }: Job): Promise<StatementRecord> {
  const step = await loadStep(script.path)
  run.onProgress({ kind: 'statement', id, step: 1, steps: 1, line: 1 })
  const began = systemClock.monotonicMs()
  await step(contextFor(run, id))
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
  return (await validation(contextFor(run, id))) ?? []
}
