import { type Layout, type Partition, readLayout } from './layout.ts'
import { countAhead } from './gaps.ts'
import { type Every } from './period.ts'
import { Policies, type Policy, type PolicyWishes, resolvePolicy } from './policy.ts'
import { withTender } from './tender.ts'
import { currentPlace, type PartitionTarget, refuseUnfitting } from './upkeep.ts'

/** A table with its partitions and how they are kept. */
export interface PartitionList {
  readonly table: string
  readonly column: string
  readonly partitions: readonly Partition[]
  /** Undefined where the table is not under upkeep. */
  readonly policy: Policy | undefined
  /** Partitions that are ready behind the current one; null without a policy. */
  readonly ahead: number | null
}

/**
 * The partitions of a table in their order, with rows and sizes as PostgreSQL estimates them.
 * @throws HF_PARTITION_TABLE, HF_PARTITION_NONE, HF_PARTITION_KEY, HF_PARTITION_OWN_SCHEMA
 */
export async function listPartitions(
  { url, ownSchema }: PartitionTarget,
  table: string,
): Promise<PartitionList> {
  return withTender(url, undefined, async (tender) => {
    const layout = await readLayout(tender.client, table)
    const policy = (await new Policies(tender.client, ownSchema).list()).find(
      (one) => one.table === layout.sql,
    )
    const ahead = policy && countAhead(layout, policy.every, await currentPlace(tender, layout, policy.every))
    return {
      table: layout.sql,
      column: layout.column,
      partitions: layout.partitions,
      policy,
      ahead: ahead ?? null,
    }
  })
}

/** How a table is kept from now on. */
export interface ManageOptions extends PolicyWishes {
  readonly every: Every
}

/**
 * Puts a partitioned table under upkeep, or says anew how it is kept. Makes nothing yet: `maintain` does.
 * @throws as {@link listPartitions}; HF_PARTITION_EVERY; RangeError for what makes no sense
 */
export async function manage(
  { url, ownSchema }: PartitionTarget,
  table: string,
  { every, ...wishes }: ManageOptions,
): Promise<Layout> {
  const kept = resolvePolicy(wishes)
  return withTender(url, undefined, async ({ client }) => {
    const layout = await readLayout(client, table)
    refuseUnfitting(layout, every)
    await new Policies(client, ownSchema).set({ table: layout.sql, every, ...kept })
    return layout
  })
}

/** The tables under upkeep, by their names. @throws HF_PARTITION_OWN_SCHEMA */
export function keptTables({ url, ownSchema }: PartitionTarget): Promise<Policy[]> {
  return withTender(url, undefined, ({ client }) => new Policies(client, ownSchema).list())
}

/** How a table is kept, as the command line and the API print it. */
export const keptAsJson = ({ table, ...policy }: Policy) => ({ table, ...policyAsJson(policy) })

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
  return withTender(url, undefined, async ({ client }) => {
    const policies = new Policies(client, ownSchema)
    for (const policy of await policies.chosen(client, table)) await policies.remove(policy.table)
  })
}

/** A partition's state in a word. */
function stateOf({ isDefault, isDetaching }: Partition): 'attached' | 'default' | 'detaching' {
  return isDetaching ? 'detaching' : isDefault ? 'default' : 'attached'
}

/** A list as the command line and the API print it. */
export function partitionsAsJson({ table, column, partitions, policy, ahead }: PartitionList) {
  return {
    table,
    column,
    ahead,
    policy: policy ? policyAsJson(policy) : null,
    partitions: partitions.map((one) => ({
      name: one.name,
      from: one.fromText,
      to: one.toText,
      rows: one.rows,
      bytes: one.bytes,
      state: stateOf(one),
    })),
  }
}
