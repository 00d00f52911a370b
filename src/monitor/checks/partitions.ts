import { isHoldfastError } from '../../core/index.ts'
import {
  type BrokenRecord,
  type Conversion,
  listBroken,
  listConversions,
  listGone,
  listPartitioned,
  partitionedAsJson,
  type PartitionList,
} from '../../partitions/index.ts'
import type { Check, Found } from '../finding.ts'

/** Next period's partition is there, and whoever makes it does so. */
export const partitions: Check = {
  id: 'partitions',
  category: 'schema',
  good: 'every partitioned table has its partitions ahead',
  why: 'A row without a partition is an insert that fails.',
  run: async ({ db, schema }) => {
    try {
      const lists = await listPartitioned(db, schema)
      const gone = await listGone(db, schema, lists)
      const conversions = await listConversions(db, schema)
      return [
        ...lists.flatMap((list) => [...runsOut(list), ...failed(list), ...stray(list)]),
        ...gone.map(forgotten),
        ...conversions.flatMap(leftLying),
        ...(await listBroken(db, schema)).map(broken),
      ]
    } catch (error) {
      // The checks of schema and rights tell.
      if (isHoldfastError(error) && error.code.startsWith('HF_PARTITION_OWN_')) return null
      throw error
    }
  },
}

/** Inserts are going to fail, or do. */
function runsOut(list: PartitionList): Found[] {
  const { table, partitions: all, policy, ahead, endsAt, takesNow, runsLow } = list
  if (!runsLow) return []
  // Whatever is ready behind it.
  const failsNow = takesNow === false
  const last = all.find(({ to }) => to === endsAt)
  const { ends_at: end } = partitionedAsJson(list)
  const cause = failsNow
    ? 'no partition takes what is written now'
    : ahead === 0
      ? `${last?.name ?? 'what there is'} is the last partition without a gap`
      : `only ${ahead} ${ahead === 1 ? 'is' : 'are'} ready behind the current one, up to ${last?.name ?? 'it'}`
  return [
    {
      // What ended long ago and nobody keeps may be there to be read only.
      severity: isArchive(list) ? 'info' : failsNow || ahead === 0 ? 'error' : 'warning',
      subject: table,
      message: failsNow
        ? `Inserts into ${table} fail: ${cause}.`
        : `Inserts into ${table} fail from ${end} on: ${cause}.`,
      evidence: {
        ahead,
        ends_at: end,
        premake: policy?.premake ?? null,
        maintained_at: policy?.maintainedAt?.toISOString() ?? null,
      },
      action: policy
        ? `holdfast partition maintain ${table}, and have holdfast serve or a timer do it from then on`
        : `holdfast partition manage ${table} --every <month|day|hour|year|n>, then holdfast partition maintain ${table}`,
      sql: null,
    },
  ]
}

const ARCHIVE_MS = 90 * 86_400_000

function isArchive({ policy, key, partitions: all }: PartitionList): boolean {
  const ends = all.flatMap(({ to }) => (typeof to === 'bigint' ? [Number(to)] : []))
  return !policy && key === 'time' && ends.length > 0 && Math.max(...ends) < Date.now() - ARCHIVE_MS
}

/** Nobody has written a step of it down for so long: who is at it does so with every batch. */
const LEFT_MS = 600_000

function leftLying({ table, state, step, error, updatedAt }: Conversion): Found[] {
  const isOpen = state === 'running' || state === 'aborting'
  const idleMs = Date.now() - updatedAt.getTime()
  if (!isOpen || (error === null && idleMs < LEFT_MS)) return []
  return [
    {
      severity: 'warning',
      subject: table,
      message: `The conversion of ${table} is not ended, and nobody is at it: it stopped at ${step ?? 'its beginning'}.`,
      evidence: { state, step, error, updated_at: updatedAt.toISOString() },
      action:
        state === 'running'
          ? `holdfast partition resume ${table}, or holdfast partition abort ${table}`
          : `holdfast partition abort ${table}`,
      sql: null,
    },
  ]
}

const broken = ({ table, record, why }: BrokenRecord): Found => ({
  severity: 'error',
  subject: table,
  message: `What is written down of ${table} (${record}) cannot be gone by: ${why}. Nothing is done for it.`,
  evidence: { table, record, why },
  action:
    'See who wrote it, put right by hand what it was about, and delete the row: docs/errors/HF_PARTITION_RECORD.md',
  sql: null,
})

const forgotten = (table: string): Found => ({
  severity: 'warning',
  subject: table,
  message: `Upkeep of partitions fails each time: ${table} is kept, and is gone or no partitioned table any more.`,
  evidence: { table },
  action: `holdfast partition unmanage ${table}`,
  sql: null,
})

function failed({ table, policy }: PartitionList): Found[] {
  if (!policy?.lastError) return []
  return [
    {
      severity: 'warning',
      subject: table,
      message: `The partitions of ${table} could not be looked after.`,
      evidence: { error: policy.lastError, maintained_at: policy.maintainedAt?.toISOString() ?? null },
      action: `holdfast partition maintain ${table}`,
      sql: null,
    },
  ]
}

/** Rows in a default partition keep the partitions that they belong to from being made; upkeep that fails for them says so itself. */
function stray({ table, partitions: all }: PartitionList): Found[] {
  return all
    .filter(({ isDefault, rows }) => isDefault && rows > 0)
    .map(({ name, rows }) => ({
      severity: 'info',
      subject: table,
      message: `Partitions of ${table} cannot be made where rows lie in its default partition: ${name} has about ${rows}.`,
      evidence: { partition: name, rows },
      action: `holdfast partition maintain ${table} moves those that have a place of their own, and says which stay`,
      sql: null,
    }))
}
