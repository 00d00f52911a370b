import type pg from 'pg'
import { quoteIdentifier, type Recorder } from '../../core/index.ts'
import { recordBroken, tableChanged } from '../errors.ts'
import { change, givingWay, runAll, type Tender, vacuumAside } from '../tender.ts'
import { isNearCutoff, markOf, oidOf } from './attach.ts'
import { majorVersion, readDefinition } from './definition.ts'
import { endingMirror, marksOf, watching } from './mirror.ts'
import { type ConversionPlan, limitName, tablesOf } from './plan.ts'
import type { Conversion, Conversions } from './records.ts'
import { verified } from './verified.ts'
import { subjectOf } from './work.ts'

/**
 * Ends the time in which a split could be undone: the old table is kept up to date no longer, and dropped.
 * @returns what was done, in words
 */
export async function endGrace(
  tender: Tender,
  conversions: Conversions,
  table: string,
  recorder: Recorder | undefined,
): Promise<string[]> {
  const said: string[] = []
  for (const conversion of await conversions.list(table)) {
    const { id, state, kind, plan, undoUntil } = conversion
    if (
      kind !== 'split' ||
      state !== 'done' ||
      undoUntil === null ||
      undoUntil.getTime() > tender.clock.now()
    )
      continue
    await dropOld(tender, await verified(tender.client, conversion))
    await conversions.undoable(id, null)
    await recorder?.record({
      action: 'partitions.drop',
      subject: table,
      details: { dropped: [plan.legacy], conversion: id },
    })
    said.push(`the time to undo the split is over: ${plan.legacy} is dropped`)
  }
  return said
}

/**
 * Whether the table that stands under the old one's name is what this conversion left: its mark says so, or the function by which
 * the partitions keep it up to date, which is the table's owner's.
 */
async function readOld(
  client: pg.Client,
  plan: ConversionPlan,
  id: string,
): Promise<{ isPart: boolean; isOurs: boolean } | undefined> {
  const { legacy, table } = tablesOf(plan)
  const { back } = marksOf(plan)
  const { rows } = await client.query<{ isPart: boolean; isOurs: boolean }>(
    `SELECT c.relispartition AS "isPart",
            c.relkind IN ('r', 'p') AND c.relowner = t.relowner
              AND (coalesce(obj_description(c.oid, 'pg_class') = $3, false)
                   OR EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.oid = to_regproc($4)::oid AND p.proowner = t.relowner
                                 AND strpos(p.prosrc, $5) > 0)) AS "isOurs"
       FROM pg_catalog.pg_class c, pg_catalog.pg_class t WHERE c.oid = to_regclass($1) AND t.oid = to_regclass($2)`,
    [legacy, table, markOf(id), back, watching(legacy)],
  )
  return rows[0]
}

/** Drops the old table of a split with what kept it up to date; never while it is a partition, and in use. @throws HF_PARTITION_CHANGED */
export async function dropOld(tender: Tender, conversion: Conversion): Promise<void> {
  const { id, plan } = conversion
  const { legacy } = tablesOf(plan)
  const { back, recheck } = marksOf(plan)
  await givingWay(tender, subjectOf(plan), `drop ${legacy}`, async (client, hand) => {
    const old = await readOld(client, plan, id)
    if (old?.isPart === true) throw tableChanged(plan.table, `${legacy} is a partition of it`)
    if (old && !old.isOurs)
      throw recordBroken(plan.table, `conversion ${id}`, `${legacy} is not the old table of this conversion`)
    if (old) await vacuumAside(client, [legacy])
    await runAll(client, hand, [
      ...(await endingMirror(client, back)),
      `DROP TABLE IF EXISTS ${legacy}, ${recheck}`,
    ])
  })
}

/**
 * A conversion that was begun and left lying must not stop the writers: its check refuses rows behind the cutoff. Taken away in time,
 * it costs only to be validated again.
 * @returns what was done, in words; undefined where there was nothing to do
 */
export async function freeAtCutoff(
  tender: Tender,
  conversions: Conversions,
  table: string,
): Promise<string | undefined> {
  const open = (await conversions.list(table)).find(
    ({ state, kind }) => state === 'running' && kind === 'attach',
  )
  if (!open || (open.step !== 'check' && open.step !== 'validate' && open.step !== 'swap')) return undefined
  const { plan } = await verified(tender.client, open)
  const oid = await oidOf(tender.client, plan.table)
  const definition =
    oid === undefined
      ? undefined
      : await readDefinition(tender.client, oid, await majorVersion(tender.client))
  if (!definition || !(await isNearCutoff(tender, plan, definition))) return undefined
  await change(
    tender,
    subjectOf(plan),
    `free ${plan.table}`,
    [`ALTER TABLE ${plan.table} DROP CONSTRAINT IF EXISTS ${quoteIdentifier(limitName(plan))}`],
    { locks: [plan.table] },
  )
  await conversions.ended(open.id, 'parent')
  return `its conversion was left lying, and ${plan.cutoff} is near: the old table takes all rows again. Plan anew: holdfast partition abort ${plan.table}`
}
