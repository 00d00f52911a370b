import { type Queryable, quoteWhereNeeded } from '../../core/index.ts'
import {
  listPartitions,
  maintain,
  manage,
  type ManageOptions,
  type PartitionTarget,
  retain,
} from '../../partitions/index.ts'
import { LEVELS } from '../history/store.ts'

/** How the partitions of each level are kept unless somebody says otherwise: a little longer than it is read. */
const POLICIES: Readonly<Record<(typeof LEVELS)[number]['name'], ManageOptions>> = {
  minutes: { every: 'day', premake: 6, keep: 1, retention: 'drop' },
  ten_minutes: { every: 'day', premake: 6, keep: 14, retention: 'drop' },
  hours: { every: 'month', premake: 3, keep: 12, retention: 'drop' },
}

/**
 * Looks after the partitions of the history: they are under upkeep from the first time on. Whoever may not make any leaves everything
 * in the default partitions.
 */
export async function keepHistory(db: Queryable, target: PartitionTarget): Promise<void> {
  for (const { name } of LEVELS) {
    const table = `${quoteWhereNeeded(target.ownSchema)}.history_${name}`
    if (!(await isOurs(db, table))) continue
    const { policy } = await listPartitions(target, table)
    if (!policy) await manage(target, table, POLICIES[name])
    await maintain(target, { table })
    await retain(target, { table })
  }
}

/** Only the owner of a table makes partitions of it. */
async function isOurs(db: Queryable, table: string): Promise<boolean> {
  const { rows } = await db.query<{ ours: boolean }>(
    `SELECT pg_has_role(relowner, 'USAGE') AS ours FROM pg_catalog.pg_class WHERE oid = to_regclass($1)`,
    [table],
  )
  return rows[0]?.ours === true
}
