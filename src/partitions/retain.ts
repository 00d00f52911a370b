import type { HoldfastError, Recorder } from '../core/index.ts'
import { openStore, type Store } from '../storage/index.ts'
import type { ArchiveFormat } from './archive/encoding.ts'
import { requireKnownPlace } from './archive/places.ts'
import { Removals } from './archive/removals.ts'
import { Taker } from './archive/taker.ts'
import { partitionInUse, partitionUnknown, recordBroken } from './errors.ts'
import { type Layout, type Partition, readLayout } from './layout.ts'
import { periodAfter, periodAt, type Position } from './period.ts'
import type { Policy } from './policy.ts'
import type { Tender } from './tender.ts'
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
  /** How rows of archives are written: lines of JSON, or CSV. Default `ndjson`. */
  readonly format?: ArchiveFormat | undefined
  /** Told of what was dropped. */
  readonly recorder?: Recorder | undefined
  /** Told of each partition before it is taken. */
  readonly onPartition?: ((table: string, partition: string) => void) | undefined
}

/** What is archived, and where to. */
export interface ArchiveOptions extends RetainOptions {
  readonly table: string
  /** A folder, a bucket's address as `s3://bucket/prefix`, or a store of one's own. Default: what the table's policy says. */
  readonly to?: string | Store | undefined
  /** Names of partitions. Default: all that are older than the table keeps. */
  readonly partitions?: readonly string[] | undefined
}

/** What was taken from one table. */
interface Taken {
  /** Taken out of the table, and still there as tables of their own. */
  readonly detached: readonly string[]
  readonly dropped: readonly string[]
  /** Manifests of what was archived before it was dropped. */
  readonly archives: readonly string[]
}

/** What was done for one table. */
export type Retained = Outcome & Taken

const NOTHING: Taken = { detached: [], dropped: [], archives: [] }

/**
 * Takes away the partitions that are older than their table keeps, as its retention says: detached beside the traffic; or archived,
 * read back, detached and dropped; or dropped. The last one is never taken. Killed midway, the next run finishes.
 *
 * @throws HF_PARTITION_OWN_SCHEMA, HF_PARTITION_NOT_MANAGED, HF_CONNECT_*
 */
export function retain(target: PartitionTarget, options: RetainOptions = {}): Promise<Retained[]> {
  return tendEach(target, options, NOTHING, (tender, policy) => {
    if (policy.keep === null) return Promise.resolve(NOTHING)
    if (policy.archiveTo !== null) requireKnownPlace(target, policy.archiveTo)
    const store = policy.archiveTo === null ? undefined : openStore(policy.archiveTo)
    return takeAway(tender, target, policy, policy.retention, store, undefined, options)
  })
}

/**
 * Archives partitions of a table and drops them: those that are older than it keeps, or those that are named. An archive is read back
 * and compared before anything is dropped.
 *
 * @throws as {@link retain}
 */
export function archive(target: PartitionTarget, options: ArchiveOptions): Promise<Retained[]> {
  const { to, partitions } = options
  return tendEach(target, options, NOTHING, (tender, policy) => {
    const chosen = to ?? policy.archiveTo
    if (chosen === null)
      throw new RangeError(
        `${policy.table} has no folder or bucket to archive to: say which (--to on the command line)`,
      )
    if (to === undefined && policy.archiveTo !== null) requireKnownPlace(target, policy.archiveTo)
    const store = typeof chosen === 'string' ? openStore(chosen) : chosen
    return takeAway(tender, target, policy, 'archive', store, partitions, options)
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

/** Partitions whose removal was begun, by us or by hand, and that are too old: what somebody takes out of those in use is theirs. */
function halfTaken(layout: Layout, policy: Policy, now: Position): string[] {
  // Once it is out only its name is known: one of another schema is left as it is.
  const half = layout.partitions.filter(({ isDetaching, schema }) => isDetaching && schema === layout.schema)
  const asAttached = layout.partitions.map((one) => ({ ...one, isDetaching: false }))
  const expired = new Set(expiredPartitions({ partitions: asAttached }, policy, now).map(({ name }) => name))
  return half.map(({ name }) => name).filter((name) => expired.has(name))
}

async function takeAway(
  tender: Tender,
  { ownSchema }: PartitionTarget,
  policy: Policy,
  how: Policy['retention'],
  store: Store | undefined,
  named: readonly string[] | undefined,
  { isDryRun = false, format = 'ndjson', recorder, onPartition }: RetainOptions,
): Promise<Taken & { failure?: HoldfastError | undefined }> {
  const { table } = policy
  const removals = new Removals(tender.client, ownSchema)
  const known = await removals.list(table)
  const first = await readLayout(tender.client, table)
  if (first.sql !== table) throw recordBroken(table, 'policy', `the table is called ${first.sql}`)
  const half = halfTaken(first, policy, await currentPlace(tender, first, policy.every))
  if (!isDryRun) await finishDetaching(tender, first)
  const layout = isDryRun ? first : await readLayout(tender.client, table)
  const now = await currentPlace(tender, layout, policy.every)
  const restored = new Set(known.flatMap(({ partition, state }) => (state === 'restored' ? [partition] : [])))
  const chosen = named
    ? namedOf(layout, named, now)
    : expiredPartitions(layout, policy, now).filter(({ name }) => !restored.has(name))
  const attached = chosen.map(({ name }) => name)
  const taker = new Taker(tender, layout, removals, known, how, store, format)
  // What an earlier run had begun and taken out is ended the way that it was begun; what is still attached, as is wanted now.
  const isAttached = (name: string): boolean => layout.partitions.some((one) => one.name === name)
  const begun = new Map(
    (named ? [] : known)
      .filter(({ state, partition }) => state === 'begun' && !isAttached(partition))
      .map(({ partition, how: as }) => [partition, as]),
  )
  const wayOf = (name: string): Policy['retention'] => begun.get(name) ?? how
  const names = [...new Set([...half, ...begun.keys()])].filter((name) => !attached.includes(name))
  const { found: loose, foreign } = await taker.detachedOf(names, half)
  const all = [...loose, ...attached]
  if (isDryRun) return how === 'detach' ? { ...NOTHING, detached: all } : { ...NOTHING, dropped: all }
  const archives: string[] = []
  for (const name of all) {
    tender.signal?.throwIfAborted()
    onPartition?.(table, name)
    const archived = await taker.take(name, wayOf(name))
    if (archived !== undefined) archives.push(archived)
  }
  const dropped = all.filter((name) => wayOf(name) !== 'detach')
  if (dropped.length > 0)
    await recorder?.record({
      action: 'partitions.drop',
      subject: table,
      details: { dropped, ...(archives.length > 0 && { archives }) },
    })
  return {
    detached: all.filter((name) => !dropped.includes(name)),
    dropped,
    archives,
    failure:
      foreign.length === 0
        ? undefined
        : recordBroken(
            table,
            'removals',
            `${foreign.join(', ')} ${foreign.length === 1 ? 'was' : 'were'} not taken out of it by the removal that says so`,
          ),
  }
}

/** @throws HF_PARTITION_UNKNOWN; also for the last one that there is, and for those that rows may still be written to */
function namedOf(layout: Layout, names: readonly string[], now: Position): Partition[] {
  const bounded = layout.partitions.filter(({ isDefault }) => !isDefault)
  const chosen = names.map((name) => {
    const found = bounded.find((one) => one.name === name)
    if (!found) throw partitionUnknown(layout.sql, name)
    if (typeof found.to !== 'bigint' || found.to > now) throw partitionInUse(layout.sql, name, found.toText)
    return found
  })
  if (new Set(names).size === bounded.length)
    throw partitionUnknown(layout.sql, `besides ${names.join(', ')}`)
  return chosen
}
