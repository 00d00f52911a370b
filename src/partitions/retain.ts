import { messageOf, type Recorder } from '../core/index.ts'
import { type Layout, type Partition, readLayout } from './layout.ts'
import { currentPlace, finishDetaching, type PartitionTarget, type UpkeepOptions } from './maintain.ts'
import { periodAfter, periodAt, type Position } from './period.ts'
import { Policies, type Policy } from './policy.ts'
import { alone, change, isReplica, type Tender, withTender } from './tender.ts'

/** How old partitions are taken away. */
export interface RetainOptions extends UpkeepOptions {
  /** Only say which. Default false. */
  readonly isDryRun?: boolean | undefined
  /** Told of what was dropped. */
  readonly recorder?: Recorder | undefined
}

/** What was done for one table. */
export interface Retained {
  readonly table: string
  readonly outcome: 'done' | 'replica' | 'busy' | 'failed'
  /** Taken out of the table, and still there as tables of their own. */
  readonly detached: readonly string[]
  readonly dropped: readonly string[]
  readonly error: string | null
}

const NOTHING = { detached: [], dropped: [], error: null } as const

/**
 * Takes away the partitions that are older than their table keeps: detached beside the traffic, and dropped where the table's
 * retention says so. The last one is never taken. Killed midway, the next run finishes.
 *
 * @throws HF_PARTITION_OWN_SCHEMA, HF_PARTITION_NOT_MANAGED, HF_CONNECT_*
 */
export async function retain(target: PartitionTarget, options: RetainOptions = {}): Promise<Retained[]> {
  return withTender(target.url, options.signal, async (tender) => {
    const policies = new Policies(tender.client, target.ownSchema)
    const done: Retained[] = []
    for (const policy of await policies.chosen(tender.client, options.table)) {
      const { table } = policy
      if (policy.keep === null) continue
      if (await isReplica(tender)) {
        done.push({ table, outcome: 'replica', ...NOTHING })
        continue
      }
      try {
        const one = await alone(tender, table, () => retainOne(tender, policy, options))
        done.push(one ?? { table, outcome: 'busy', ...NOTHING })
      } catch (error) {
        options.signal?.throwIfAborted()
        await policies.note(table, messageOf(error))
        done.push({ table, outcome: 'failed', ...NOTHING, error: messageOf(error) })
      }
    }
    return done
  })
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
): Promise<Retained> {
  const { table, retention } = policy
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
  return {
    table,
    outcome: 'done',
    detached: retention === 'drop' ? [] : names,
    dropped: retention === 'drop' ? names : [],
    error: null,
  }
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
