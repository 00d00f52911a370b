import { type HoldfastError, isHoldfastError, messageOf, type Recorder } from '../core/index.ts'
import { endGrace, freeAtCutoff } from './convert/ending.ts'
import { Conversions } from './convert/records.ts'
import { drainDefault } from './drain.ts'
import { defaultHolds, recordBroken } from './errors.ts'
import { countAhead, missingPartitions } from './gaps.ts'
import { readLayout } from './layout.ts'
import { makePartition, readManner } from './make.ts'
import type { Period } from './period.ts'
import type { Policy } from './policy.ts'
import { takenNames } from './taken-names.ts'
import { isReplica, type Tender, withTender } from './tender.ts'
import {
  aloneIn,
  currentPlace,
  finishDetaching,
  type Outcome,
  type PartitionTarget,
  tendEach,
  type UpkeepOptions,
} from './upkeep.ts'

/** What was made for one table. */
interface Made {
  /** Names of partitions that were made. */
  readonly made: readonly string[]
  /** Partitions whose removal an earlier run had begun; it is finished now. */
  readonly finalized: readonly string[]
  /** Partitions that are ready behind the current one. */
  readonly ahead: number
  readonly notes: readonly string[]
}

/** How partitions are maintained. */
export interface MaintainOptions extends UpkeepOptions {
  /** Told of what was dropped. */
  readonly recorder?: Recorder | undefined
}

/** What was done for one table. */
export type Maintained = Outcome & Made

const NOTHING: Made = { made: [], finalized: [], ahead: 0, notes: [] }

/**
 * Looks after every table under upkeep, or one: finishes what was begun, fills gaps, and makes partitions ahead. Can be repeated;
 * two at once do it once; on a replica it does nothing. A table that fails does not hold up the others.
 *
 * @throws HF_PARTITION_OWN_SCHEMA, HF_PARTITION_NOT_MANAGED, HF_CONNECT_*
 */
export async function maintain(
  target: PartitionTarget,
  options: MaintainOptions = {},
): Promise<Maintained[]> {
  const tended = await tendEach(target, options, NOTHING, async (tender, policy) => {
    const made = await maintainOne(tender, policy)
    // What is left of a split must not keep next month's partition from being made.
    const conversions = new Conversions(tender.client, target.ownSchema)
    try {
      const ended = await endGrace(tender, conversions, policy.table, options.recorder)
      return { ...made, notes: [...made.notes, ...ended] }
    } catch (error) {
      const note = `the old table of a split could not be dropped: ${messageOf(error)}`
      return { ...made, notes: [...made.notes, note], failure: error }
    }
  })
  return [...tended, ...(await freeing(target, options))]
}

/** Tables whose conversion was left lying are not under upkeep yet. */
function freeing(target: PartitionTarget, { table: chosen, signal }: MaintainOptions): Promise<Maintained[]> {
  return withTender(target.url, signal, async (tender) => {
    if (chosen !== undefined || (await isReplica(tender))) return []
    const conversions = new Conversions(tender.client, target.ownSchema)
    const freed: Maintained[] = []
    for (const { table, state } of await conversions.list()) {
      if (state !== 'running') continue
      try {
        const words = await aloneIn(target.url, tender, table, (own) =>
          freeAtCutoff(own, new Conversions(own.client, target.ownSchema), table),
        )
        if (words !== undefined)
          freed.push({ ...NOTHING, table, outcome: 'done', error: null, code: null, notes: [words] })
      } catch (error) {
        signal?.throwIfAborted()
        const code = isHoldfastError(error) ? error.code : null
        freed.push({ ...NOTHING, table, outcome: 'failed', error: messageOf(error), code })
      }
    }
    return freed
  })
}

const overlap = (a: Period, b: Period): boolean => a.from < b.to && b.from < a.to

async function maintainOne(
  tender: Tender,
  policy: Policy,
): Promise<Made & { failure?: HoldfastError | undefined }> {
  const first = await readLayout(tender.client, policy.table)
  if (first.sql !== policy.table)
    throw recordBroken(policy.table, 'policy', `the table is called ${first.sql}`)
  const finalized = await finishDetaching(tender, first)
  const before = await readLayout(tender.client, policy.table)
  const now = await currentPlace(tender, before, policy.every)
  const drained = await drainDefault(tender, before, policy, now)
  const layout = await readLayout(tender.client, policy.table)
  const plan = missingPartitions(layout, policy, now, await takenNames(tender.client, layout.schema))
  const missing = plan.missing.filter(({ period }) => !drained.left.some((one) => overlap(one, period)))
  if (missing.length > 0) {
    const last = layout.partitions.findLast(({ isDefault }) => !isDefault)
    const manner = await readManner(tender.client, layout.sql, last?.sql)
    const locks = layout.partitions.filter(({ isDefault }) => isDefault).map(({ sql }) => sql)
    // What is needed next comes first: gaps of the past can wait.
    const ordered = missing.toSorted((a, b) => Number(a.period.to <= now) - Number(b.period.to <= now))
    for (const { name, period } of ordered) await makePartition(tender, layout, name, period, manner, locks)
  }
  const after = missing.length === 0 ? layout : await readLayout(tender.client, policy.table)
  return {
    made: [...drained.made, ...missing.map(({ name }) => name)],
    finalized,
    ahead: countAhead(after, policy.every, now),
    notes: [...plan.notes, ...drained.notes],
    failure: drained.reasons.length === 0 ? undefined : defaultHolds(layout.sql, drained.reasons),
  }
}
