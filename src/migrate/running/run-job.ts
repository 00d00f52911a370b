import { indexUnnamed, interrupted, lockGivenUp, needsTransactionOff, stepChanged } from '../errors.ts'
import type { Script } from '../format/script.ts'
import { givesUpLocks, specialKindOf } from '../format/special-statements.ts'
import { refuseTransactionCommands, splitStatements, type Statement } from '../format/statements.ts'
import type { Direction } from '../history/history.ts'
import { readSteps } from '../history/steps.ts'
import type { Job, Run } from './job.ts'
import { resetSession } from './session.ts'
import { runStepwise } from './stepwise.ts'
import { runInTransaction } from './transactional.ts'

/**
 * The statements of a script, having seen that it can run the way it asks for.
 * @throws HF_MIGRATE_SYNTAX, HF_MIGRATE_TRANSACTION_COMMAND, HF_MIGRATE_NEEDS_TRANSACTION_OFF, HF_MIGRATE_INDEX_UNNAMED
 */
export async function readStatements(script: Script): Promise<Statement[]> {
  if (script.language === 'typescript') return []
  const statements = await splitStatements(script)
  refuseTransactionCommands(statements, script.path)
  for (const { node, line } of statements) {
    const kind = specialKindOf(node)
    if (kind !== undefined && script.directives.inTransaction)
      throw needsTransactionOff(script.path, line, kind)
    if (givesUpLocks(node)) throw lockGivenUp(script.path, line)
    if ('IndexStmt' in node && node.IndexStmt.concurrent && !node.IndexStmt.idxname)
      throw indexUnnamed(script.path, line)
  }
  return statements
}

/**
 * What stopped midway has to be finished in the way it was begun, before anything else is done about it.
 * @throws HF_MIGRATE_INTERRUPTED, HF_MIGRATE_STEP_CHANGED
 */
export async function refuseInterrupted(
  { client, target }: Run,
  going: Direction,
  jobs: readonly Job[],
): Promise<void> {
  for (const { migrationId, direction, line } of await readSteps(client, target.history)) {
    const job = jobs.find(({ id }) => id === migrationId)
    // One that waits for its turn upwards is in nobody's way upwards.
    if (!job && direction === 'up' && going === 'up') continue
    if (job?.direction !== direction) throw interrupted(migrationId, direction)
    if (job.script.directives.inTransaction) throw stepChanged(migrationId, line)
  }
}

/** Runs one job in the way that its directives ask for. */
export async function runJob(run: Run, job: Job, index: number, count: number): Promise<void> {
  const { id, direction } = job
  run.onProgress({ kind: 'started', id, direction, index, count })
  const durationMs = job.script.directives.inTransaction
    ? await runInTransaction(run, job)
    : await runStepwise(run, job)
  await resetSession(run.client)
  run.onProgress({ kind: 'applied', id, direction, durationMs })
}
