import type pg from 'pg'
import { ownersParts, quoteIdentifier } from '../../core/index.ts'
import { readMigrations } from '../format/folder.ts'
import { OperationRecorder } from '../operation-recorder.ts'
import { downJob, type DownTarget } from '../running/down.ts'
import type { MigrateTarget } from '../running/session.ts'
import { asRunner, type RunOptions } from '../running/runner.ts'
import { refuseInterrupted, runJob } from '../running/run-job.ts'
import { rollbackBlocked, rollbackChanged, rollbackMoreRows } from './errors.ts'
import type { Loss } from './losses.ts'
import { countPlan, hashOf, LIMITS, type RollbackPlan } from './plan.ts'

/** How a plan is run. */
export interface ApplyOptions extends RunOptions, DownTarget {
  /** {@link RollbackPlan.hash} of the plan that was shown. */
  readonly plan: string
  /** Holdfast's own, which is left out. */
  readonly ownSchema?: string | undefined
}

/**
 * Takes migrations back as a plan showed it, and only so. Under the lock of what is lost it counts once more: no
 * row more goes than the plan allows.
 *
 * @param options the same `to` or `count` that the plan was made with
 * @returns the plan as it was run
 * @throws HF_ROLLBACK_CHANGED, HF_ROLLBACK_BLOCKED, HF_ROLLBACK_MORE_ROWS; else as `migrateDown`
 */
export async function applyRollback(target: MigrateTarget, options: ApplyOptions): Promise<RollbackPlan> {
  const migrations = readMigrations(target.directory)
  return asRunner(target, options, async (run) => {
    const { structure, losses, ...plan } = await countPlan(
      run.client,
      target,
      options,
      options.ownSchema ?? 'holdfast',
    )
    const limit = LIMITS.find((one) => hashOf(structure, one) === options.plan)
    if (limit === undefined) throw rollbackChanged(options.plan)
    if (plan.verdict === 'blocked') throw rollbackBlocked(plan.steps.flatMap(({ reasons }) => reasons))
    if (plan.rowsAtRisk > limit) throw rollbackMoreRows(plan.rowsAtRisk, limit)
    const ids = plan.steps.map(({ id }) => id)
    const jobs = []
    // One limit for all of them together; by migration, since one that had to step back counts anew.
    const counted = new Map<string, number>()
    // All is read and parsed before the first one runs.
    for (const id of ids) {
      const job = await downJob(id, migrations, target.history.schema)
      const guard = async (client: pg.Client): Promise<void> => {
        counted.set(id, await countUnderLock(client, losses.get(id) ?? [], limit))
        const rows = [...counted.values()].reduce((sum, one) => sum + one, 0)
        if (rows > limit) throw rollbackMoreRows(rows, limit)
      }
      jobs.push({ ...job, guard })
    }
    await refuseInterrupted(run, 'down', jobs)
    for (const [index, job] of jobs.entries()) await runJob(run, job, index, jobs.length)
    await new OperationRecorder(run.client, target.history.schema).record({
      action: 'migrations.rollback',
      subject: ids.join(', '),
      details: { plan: options.plan, verdict: plan.verdict, rows: plan.rowsAtRisk, limit },
    })
    return plan
  })
}

/** Nobody writes any more: what is there now is what goes. It counts no further than it has to. */
async function countUnderLock(client: pg.Client, losses: readonly Loss[], limit: number): Promise<number> {
  let total = 0
  for (const { relation, column } of losses) {
    if ((await ownersParts(client, relation)).length === 0) continue
    await client.query(`LOCK TABLE ${relation} IN ACCESS EXCLUSIVE MODE`)
    // Whose it is now that nobody can change it.
    const parts = await ownersParts(client, relation)
    const where = column === undefined ? '' : ` WHERE ${quoteIdentifier(column)} IS NOT NULL`
    for (const { hand, from } of parts) {
      const [counted] = await hand.rows<{ rows: number }>(
        `SELECT pg_catalog.count(*)::float8 AS rows FROM (SELECT FROM ${from}${where} LIMIT ${limit + 1}) AS bounded`,
      )
      total += counted?.rows ?? 0
    }
  }
  return total
}
