import { isHoldfastError } from '../../core/index.ts'
import { listPartitioned, type PartitionList } from '../../partitions/index.ts'
import type { Check, Finding } from '../finding.ts'

/** With fewer ready, the next period may come before somebody has looked. */
const FEWEST_AHEAD = 3

/** Next period's partition is there, and whoever makes it does so. */
export const partitions: Check = {
  id: 'partitions',
  good: 'every partitioned table has its partitions ahead',
  run: async ({ db, schema }) => {
    const lists = await listPartitioned(db, schema).catch((error: unknown) => {
      if (isHoldfastError(error)) return null // the checks of schema and rights tell
      throw error
    })
    return lists === null
      ? null
      : lists.flatMap((list) => [...runsOut(list), ...failed(list), ...stray(list)])
  },
}

/** Inserts are going to fail, or do. */
function runsOut({ table, partitions: all, policy, outlook }: PartitionList): Finding[] {
  const last = all.findLast(({ isDefault }) => !isDefault)
  const takesAll = all.some(({ isDefault, to }) => isDefault || to === 'open')
  const ahead = outlook?.ahead ?? all.filter(({ when }) => when === 'ahead').length
  const fewest = policy ? Math.min(FEWEST_AHEAD, policy.premake) : 1
  if (takesAll || ahead >= fewest || (!policy && last?.when == null)) return []
  const end = last?.toText ?? 'now'
  const isLast = ahead === 0
  return [
    {
      check: 'partitions',
      severity: isLast ? 'error' : 'warning',
      subject: table,
      message: last
        ? `Inserts into ${table} fail from ${end} on: ${last.name} is ${isLast ? 'the last partition' : `its last partition, and only ${ahead} ${ahead === 1 ? 'is' : 'are'} ready behind the current one`}.`
        : `Inserts into ${table} fail: it has no partitions.`,
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

function failed({ table, policy }: PartitionList): Finding[] {
  if (!policy?.lastError) return []
  return [
    {
      check: 'partitions',
      severity: 'warning',
      subject: table,
      message: `The partitions of ${table} could not be looked after: ${policy.lastError}`,
      evidence: { last_error: policy.lastError, maintained_at: policy.maintainedAt?.toISOString() ?? null },
      action: `holdfast partition maintain ${table}`,
      sql: null,
    },
  ]
}

/** Rows in a default partition keep the partitions that they belong to from being made. */
function stray({ table, partitions: all }: PartitionList): Finding[] {
  return all
    .filter(({ isDefault, rows }) => isDefault && rows > 0)
    .map(({ name, rows }) => ({
      check: 'partitions',
      severity: 'warning',
      subject: table,
      message: `Partitions of ${table} cannot be made where rows lie in its default partition: ${name} has about ${rows}.`,
      evidence: { partition: name, rows },
      action: `holdfast partition maintain ${table} moves them to partitions of their own`,
      sql: null,
    }))
}
