import {
  type Hand,
  isHoldfastError,
  type OwnersQueryable,
  plainHand,
  type Queryable,
  quoteWhereNeeded,
  sqlstateOf,
  withOwners,
} from '../core/index.ts'
import { requireKnownPlace } from './archive/places.ts'
import { Removals } from './archive/removals.ts'
import { tablesOf } from './convert/plan.ts'
import { Conversions, isOpen } from './convert/records.ts'
import { partitionReplica } from './errors.ts'
import { findTable, type Layout, type Partition, readLayout, readLayoutNamed, readLayouts } from './layout.ts'
import { readLastScans } from './last-scans.ts'
import { countAhead, FEWEST_AHEAD } from './gaps.ts'
import { endOf, type Outlook, outlookOf } from './outlook.ts'
import { type Every, type Position } from './period.ts'
import { Policies, type Policy, type PolicyWishes, resolvePolicy } from './policy.ts'
import { isReplica, withTender } from './tender.ts'
import type { BrokenRecord } from './own-table.ts'
import { clockOf, fits, greatestKey, type PartitionTarget, refuseUnfitting } from './upkeep.ts'

/** A partition, and whether it is used. */
export interface ListedPartition extends Partition {
  /** When a query last read it; null where the server does not know: before PostgreSQL 16, or never since its statistics began. */
  readonly lastReadAt: Date | null
  /** Where it lies beside the place of now on the key; null where that cannot be said. */
  readonly when: 'past' | 'current' | 'ahead' | null
}

/** A table with its partitions and how they are kept. */
export interface PartitionList {
  readonly table: string
  readonly column: string
  /** What the key holds: instants in UTC, or integers. */
  readonly key: 'time' | 'integer'
  readonly partitions: readonly ListedPartition[]
  /** Undefined where the table is not under upkeep. */
  readonly policy: Policy | undefined
  /** From where on a row finds no partition; null where there is no end, a default partition takes it, or the place of now is not known. */
  readonly endsAt: Position | null
  /** Whether a row that is written now finds a partition; null where the place of now is not known. */
  readonly takesNow: boolean | null
  /** Partitions that are ready behind the current one; null where the place of now is not known. */
  readonly ahead: number | null
  /** Inserts are going to fail, or do: fewer are ready than three, or than are to be made ahead; of a table that nobody keeps, none. */
  readonly runsLow: boolean
  /** What lies before it; null without a policy, and where that does not fit the key any more. */
  readonly outlook: Outlook | null
}

/**
 * The partitions of a table in their order, with rows and sizes as PostgreSQL estimates them, what is done next, and a forecast.
 * @throws HF_PARTITION_TABLE, HF_PARTITION_NONE, HF_PARTITION_KEY, HF_PARTITION_OWN_SCHEMA
 */
export function listPartitions({ url, ownSchema }: PartitionTarget, table: string): Promise<PartitionList> {
  return withTender(url, undefined, async ({ client }) =>
    readPartitionList(withOwners(client), ownSchema, (await findTable(client, table)).sql),
  )
}

/** The same with the given connection. @param table its qualified name @throws as {@link listPartitions} */
export async function readPartitionList(
  db: OwnersQueryable,
  ownSchema: string,
  table: string,
): Promise<PartitionList> {
  const [list] = await describeAll(db, ownSchema, [await readLayout(db, table)])
  return list as PartitionList
}

/**
 * The same of every table that is partitioned by the range of one column, by their names; with the given connection.
 * @throws HF_PARTITION_OWN_SCHEMA
 */
export async function listPartitioned(db: OwnersQueryable, ownSchema: string): Promise<PartitionList[]> {
  const layouts = await readLayouts(db)
  const open = (await new Conversions(db, ownSchema).list()).filter(isOpen)
  // What a conversion is making is not anybody's table yet.
  const apart = new Set(open.map(({ plan }) => tablesOf(plan).apart))
  const lists = await describeAll(
    db,
    ownSchema,
    layouts.filter(({ sql }) => !apart.has(sql)),
  )
  // Holdfast's own tables are nobody's business until something is kept in them.
  const own = `${quoteWhereNeeded(ownSchema)}.`
  return lists.filter(({ table, policy }) => policy !== undefined || !table.startsWith(own))
}

/** Qualified names of the tables that are under upkeep; none where Holdfast's schema is not there, or closed to this role. */
export async function listManaged(db: Queryable, ownSchema: string): Promise<string[]> {
  try {
    return (await new Policies(db, ownSchema).list()).map(({ table }) => table)
  } catch (error) {
    if (isHoldfastError(error)) return []
    throw error
  }
}

/** Rows of ours about partitions that nobody can go by: what they are about is not looked after. @throws HF_PARTITION_OWN_SCHEMA */
export async function listBroken(db: Queryable, ownSchema: string): Promise<BrokenRecord[]> {
  return [...(await new Policies(db, ownSchema).broken()), ...(await new Conversions(db, ownSchema).broken())]
}

/** Tables that are under upkeep and are gone, or no partitioned tables any more. @param lists of all that there are */
export async function listGone(
  db: Queryable,
  ownSchema: string,
  lists: readonly PartitionList[],
): Promise<string[]> {
  const there = new Set(lists.map(({ table }) => table))
  const kept = await new Policies(db, ownSchema).list()
  return kept.map(({ table }) => table).filter((table) => !there.has(table))
}

async function describeAll(
  db: OwnersQueryable,
  ownSchema: string,
  layouts: readonly Layout[],
): Promise<PartitionList[]> {
  const policies = new Map((await new Policies(db, ownSchema).list()).map((one) => [one.table, one]))
  const restored = await new Removals(db, ownSchema).restoredNames()
  const scans = await readLastScans(db, layouts)
  const lists: PartitionList[] = []
  const clock = layouts.some(({ key }) => key.is === 'time') ? await clockOf(db) : undefined
  for (const layout of layouts) {
    const policy = policies.get(layout.sql)
    const every = policy && fits(layout.key, policy.every) ? policy.every : undefined
    const now = layout.key.is === 'time' ? clock : await greatestOf(db, layout, every)
    const reach = reachOf(layout, every === undefined ? undefined : policy, now)
    lists.push({
      ...reach,
      table: layout.sql,
      column: layout.column,
      key: layout.key.is,
      partitions: layout.partitions.map((one) => ({
        ...one,
        lastReadAt: scans.get(one.oid) ?? null,
        when: now === undefined ? null : whenOf(one, now),
      })),
      policy,
      outlook:
        policy === undefined || every === undefined || now === undefined
          ? null
          : outlookOf(layout, policy, now, restored.get(layout.sql) ?? new Set()),
    })
  }
  return lists
}

/** How far the partitions of a table reach. */
function reachOf(
  layout: Layout,
  policy: Policy | undefined,
  now: Position | undefined,
): Pick<PartitionList, 'endsAt' | 'takesNow' | 'ahead' | 'runsLow'> {
  if (now === undefined) return { endsAt: null, takesNow: null, ahead: null, runsLow: false }
  const endsAt = endOf(layout, now)
  const takesNow = layout.partitions.some((one) => takes(one, now))
  const ahead = policy ? countAhead(layout, policy.every, now) : readyBefore(layout, now, endsAt)
  // Who keeps it otherwise knows how many are enough; that none is ready is never right.
  const fewest = policy ? Math.min(FEWEST_AHEAD, policy.premake) : 1
  return { endsAt, takesNow, ahead, runsLow: !takesNow || (endsAt !== null && ahead < fewest) }
}

const readyBefore = ({ partitions }: Layout, now: Position, end: Position | null): number =>
  partitions.filter(
    (one) => whenOf(one, now) === 'ahead' && (end === null || (typeof one.to === 'bigint' && one.to <= end)),
  ).length

/** A role may look at a table's partitions and not into it; a table that is locked is not waited for. */
async function greatestOf(
  db: OwnersQueryable,
  layout: Layout,
  every: Every | undefined,
): Promise<Position | undefined> {
  const { rowsAs } = db
  // Reading sets off code of its owner's: without the owner's rights it is not read.
  if (every === undefined || rowsAs === undefined) return undefined
  const read: Hand = { ...plainHand(db), rows: (text) => rowsAs.call(db, [layout.sql], text) as never }
  return greatestKey(read, layout).catch((error: unknown) => {
    if (sqlstateOf(error) === undefined && !isHoldfastError(error)) throw error
    return undefined
  })
}

const takes = (one: Partition, now: Position): boolean =>
  !one.isDetaching && (one.isDefault || whenOf(one, now) === 'current')

function whenOf({ from, to }: Partition, now: Position): ListedPartition['when'] {
  if (from === null || to === null) return null
  if (from !== 'open' && from > now) return 'ahead'
  return to !== 'open' && to <= now ? 'past' : 'current'
}

/** How a table is kept from now on. */
export interface ManageOptions extends PolicyWishes {
  readonly every: Every
}

/**
 * Puts a partitioned table under upkeep, or says anew how it is kept. Makes nothing yet: `maintain` does.
 * @throws as {@link listPartitions}; HF_PARTITION_EVERY, HF_PARTITION_ARCHIVE_PLACE; RangeError for what makes no sense
 */
export async function manage(
  target: PartitionTarget,
  table: string,
  { every, ...wishes }: ManageOptions,
): Promise<Layout> {
  const { url, ownSchema } = target
  const kept = resolvePolicy(wishes)
  if (kept.archiveTo !== null) requireKnownPlace(target, kept.archiveTo)
  return withTender(url, undefined, async (tender) => {
    const { client } = tender
    const layout = await readLayoutNamed(client, table)
    refuseUnfitting(layout, every)
    if (await isReplica(tender)) throw partitionReplica(layout.sql)
    await new Policies(client, ownSchema).set({ table: layout.sql, every, ...kept })
    return layout
  })
}

const policyAsJson = (policy: Omit<Policy, 'table'>) => ({
  every: String(policy.every),
  premake: policy.premake,
  keep: policy.keep,
  retention: policy.retention,
  archive_to: policy.archiveTo,
  maintained_at: policy.maintainedAt?.toISOString() ?? null,
  last_error: policy.lastError,
})

/** Ends the upkeep of a table. Its partitions stay as they are. @throws HF_PARTITION_NOT_MANAGED */
export async function unmanage({ url, ownSchema }: PartitionTarget, table: string): Promise<void> {
  return withTender(url, undefined, async (tender) => {
    const { client } = tender
    const policies = new Policies(client, ownSchema)
    if (await isReplica(tender)) throw partitionReplica(table)
    // One that is gone has no other name than that under which it was kept.
    const known = [...(await policies.list()), ...(await policies.broken())]
    const gone = known.find((one) => one.table === table)
    for (const policy of gone ? [gone] : await policies.chosen(client, table))
      await policies.remove(policy.table)
  })
}

/** A partition's state in a word. */
function stateOf({ isDefault, isDetaching }: Partition): 'attached' | 'default' | 'detaching' {
  return isDetaching ? 'detaching' : isDefault ? 'default' : 'attached'
}

/** A list as the command line and the API print it. */
export function partitionsAsJson(list: PartitionList) {
  return {
    ...outlookAsJson(list),
    partitions: list.partitions.map((one) => ({
      name: one.name,
      from: one.fromText,
      to: one.toText,
      rows: one.rows,
      bytes: one.bytes,
      state: stateOf(one),
      when: one.when,
      last_read_at: one.lastReadAt?.toISOString() ?? null,
    })),
  }
}

/** What stands in a list of tables: how each is kept and what lies before it, with its partitions added up. */
export function partitionedAsJson(list: PartitionList) {
  const { partitions } = list
  const sum = (figure: 'rows' | 'bytes'): number => partitions.reduce((total, one) => total + one[figure], 0)
  return { ...outlookAsJson(list), count: partitions.length, rows: sum('rows'), bytes: sum('bytes') }
}

function outlookAsJson({
  table,
  column,
  key,
  policy,
  ahead,
  endsAt,
  takesNow,
  runsLow,
  outlook,
}: PartitionList) {
  const at = (place: Position): string =>
    key === 'integer' ? String(place) : new Date(Number(place)).toISOString()
  const forecast = outlook?.forecast
  return {
    table,
    column,
    key,
    policy: policy ? policyAsJson(policy) : null,
    ahead,
    ends_at: endsAt === null ? null : at(endsAt),
    takes_now: takesNow,
    runs_low: runsLow,
    next: (outlook?.next ?? []).map(({ at: place, action, partitions }) => ({
      at: place === null ? null : at(place),
      action,
      partitions: [...partitions],
    })),
    forecast: forecast ? { ...forecast, from: at(forecast.from), to: at(forecast.to) } : null,
  }
}
