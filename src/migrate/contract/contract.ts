import { BackfillRecords } from '../backfill/records.ts'
import type { Migration } from '../format/folder.ts'
import { appliedEntries, readHistory } from '../history/history.ts'
import { readSteps } from '../history/steps.ts'
import type { Job, Run } from '../running/job.ts'
import {
  backfillUnfinished,
  expandTooYoung,
  statisticsHidden,
  statisticsOutdated,
  statisticsTooYoung,
  stillInUse,
} from './errors.ts'
import { removedBy } from './removed.ts'
import { type Sighting, sightUses } from './uses.ts'

const UNKNOWN = 'there are no statement statistics: whether what it removes is still used was not looked at'
const BLIND =
  'of steps in TypeScript, blocks and sequences the statement statistics cannot tell what is still used: that was not looked at'

/** Consent to contract early, as the directive `allow` names it. */
export const EARLY = 'contract-early'

/**
 * Refuses a contract migration that comes too early: a backfill that it needs is not through, its expand is younger
 * than the grace time, or the statement statistics show use of what it removes within it. A grace time of 0 leaves
 * the last two out.
 *
 * @param migrations of the folder, in the order of their ids
 * @throws HF_MIGRATE_CONTRACT_EARLY, HF_MIGRATE_CONTRACT_IN_USE
 */
export async function refuseEarly(run: Run, job: Job, migrations: readonly Migration[]): Promise<void> {
  const { client, target, onProgress } = run
  const { schema } = target.history
  const waiting = await new BackfillRecords(client, schema).unfinished()
  if (waiting.length > 0)
    throw backfillUnfinished(
      job.id,
      waiting.map(({ migrationId }) => migrationId),
    )
  const graceMs = run.options.contractGraceMs
  const isAllowed = job.script.directives.allows.some(({ rule }) => rule === EARLY)
  // What was begun is finished: half of it is gone already.
  const isBegun = (await readSteps(client, target.history, job.id)).length > 0
  if (graceMs === 0 || isAllowed || isBegun) return
  // Looked at first: from then on the statistics can tell.
  const removed = removedBy(job.statements)
  const sighting = await sightUses(client, schema, job.id, removed)
  const { rows } = await client.query<{ now: Date; role: string }>(
    'SELECT now() AS now, quote_ident(current_user) AS role',
  )
  const { now, role } = rows[0] as { now: Date; role: string }
  await refuseYoungExpand(run, job, migrations, now, graceMs)
  const say = (text: string): void => onProgress({ kind: 'said', id: job.id, text })
  if (removed.length === 0 || removed.some(({ isSequence }) => isSequence === true)) say(BLIND)
  if (!sighting.isLooked) return removed.length === 0 ? undefined : say(UNKNOWN)
  refuseUse(job.id, sighting, now, graceMs, role)
}

async function refuseYoungExpand(
  { client, target }: Run,
  { id, script }: Job,
  migrations: readonly Migration[],
  now: Date,
  graceMs: number,
): Promise<void> {
  const named = migrations.filter((one) => script.directives.after.includes(one.id))
  const expands = migrations.filter(
    ({ directives, id: other }) => directives.phase === 'expand' && other < id,
  )
  const applied = appliedEntries(await readHistory(client, target.history))
  for (const expand of named.length > 0 ? named : expands.slice(-1)) {
    const ranAt = applied.get(expand.id)?.finishedAt
    if (ranAt === undefined) continue
    const until = new Date(ranAt.getTime() + graceMs)
    if (until > now) throw expandTooYoung(id, expand.id, ranAt, until)
  }
}

function refuseUse(
  id: string,
  { uses, hidden, since }: Sighting,
  now: Date,
  graceMs: number,
  role: string,
): void {
  const inUse = uses.filter(({ quietSince }) => now.getTime() - quietSince.getTime() < graceMs)
  const last = Math.max(...inUse.map(({ quietSince }) => quietSince.getTime()))
  if (inUse.length > 0) throw stillInUse(id, inUse, new Date(last + graceMs))
  if (hidden > 0) throw statisticsHidden(id, hidden, role)
  if (since === null) throw statisticsOutdated(id)
  const until = new Date(since.getTime() + graceMs)
  if (until > now) throw statisticsTooYoung(id, since, until)
}
