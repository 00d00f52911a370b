import type { Recorder } from '../core/index.ts'
import { type Layout, type Partition, readLayout } from './layout.ts'
import { periodAfter, periodAt, type Position } from './period.ts'
import type { Policy } from './policy.ts'
import { change, type Tender } from './tender.ts'
import {
  currentPlace,
  finishDetaching,
  type Outcome,
  type PartitionTarget,
  tendEach,
  type UpkeepOptions,
} from './upkeep.ts'

/** How old partitions are taken away. */
export interface RetainOptions extends UpkeepOptions {
  /** Only say which. Default false. */
  readonly isDryRun?: boolean | undefined
  /** Told of what was dropped. */
  readonly recorder?: Recorder | undefined
}

/** What was taken from one table. */
interface Taken {
  /** Taken out of the table, and still there as tables of their own. */
  readonly detached: readonly string[]
  readonly dropped: readonly string[]
}

/** What was done for one table. */
export type Retained = Outcome & Taken

const NOTHING: Taken = { detached: [], dropped: [] }

/**
 * Takes away the partitions that are older than their table keeps: detached beside the traffic, and dropped where the table's
 * retention says so. The last one is never taken. Killed midway, the next run finishes.
 *
 * @throws HF_PARTITION_OWN_SCHEMA, HF_PARTITION_NOT_MANAGED, HF_CONNECT_*
 */
export function retain(target: PartitionTarget, options: RetainOptions = {}): Promise<Retained[]> {
  return tendEach(target, options, NOTHING, (tender, policy) => retainOne(tender, policy, options))
}

/** The partitions that are older than is kept, the oldest first; never all. Pure. */
export function expiredPartitions(
  { partitions }: Pick<Layout, 'partitions'>,
  { every, keep }: Pick<Policy, 'every' | 'keep'>,
  now: Position,
): Partition[] {
  if (keep === null) return []
  const limit = periodAfter(every, periodAt(every, now), -keep).from
  const bounded = partitions.filter(({ isDefault }) => !isDefault)
  const expired = bounded.filter(
    ({ to, isDetaching }) => typeof to === 'bigint' && to <= limit && !isDetaching,
  )
  return expired.length === bounded.length ? expired.slice(0, -1) : expired
}

async function retainOne(
  tender: Tender,
  policy: Policy,
  { isDryRun = false, recorder }: RetainOptions,
): Promise<Taken> {
  const { table, retention, keep } = policy
  if (keep === null) return NOTHING
  const first = await readLayout(tender.client, table)
  const half = first.partitions.filter(({ isDetaching }) => isDetaching)
  if (!isDryRun) await finishDetaching(tender, first)
  const layout = isDryRun ? first : await readLayout(tender.client, table)
  const expired = expiredPartitions(layout, policy, await currentPlace(tender, layout, policy.every))
  const all = [...half, ...expired]
  const names = all.map(({ name }) => name)
  if (!isDryRun) {
    for (const partition of expired) await detach(tender, layout, partition)
    if (retention === 'drop') {
      for (const { sql } of all) await change(tender, layout, `drop ${sql}`, [`DROP TABLE ${sql}`])
      if (names.length > 0)
        await recorder?.record({ action: 'partitions.drop', subject: table, details: { dropped: names } })
    }
  }
  return retention === 'drop' ? { detached: [], dropped: names } : { detached: names, dropped: [] }
}

/** Beside the traffic; with a default partition PostgreSQL refuses that, and it takes a moment of ACCESS EXCLUSIVE. */
async function detach(tender: Tender, layout: Layout, { sql, name }: Partition): Promise<void> {
  const hasDefault = layout.partitions.some(({ isDefault }) => isDefault)
  const statement = `ALTER TABLE ${layout.sql} DETACH PARTITION ${sql}`
  if (hasDefault) return change(tender, layout, `detach ${sql}`, [statement])
  try {
    await change(tender, layout, `detach ${sql}`, [`${statement} CONCURRENTLY`], false)
  } catch (error) {
    // What was waited for may have gone, and the first half may have been done: then the second is due.
    const again = await readLayout(tender.client, layout.sql)
    const isHalf = again.partitions.some((one) => one.name === name && one.isDetaching)
    if (!isHalf) throw error
    await finishDetaching(tender, again)
  }
}
