import { quoteIdentifier, quoteLiteral, quoteQualified } from '../core/index.ts'
import { countAhead, missingPartitions } from './gaps.ts'
import { type Layout, readLayout } from './layout.ts'
import type { Period } from './period.ts'
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

/** What was done for one table. */
export type Maintained = Outcome & Made

const NOTHING: Made = { made: [], finalized: [], ahead: 0, notes: [] }

/**
 * Looks after every table under upkeep, or one: finishes what was begun, fills gaps, and makes partitions ahead. Can be repeated;
 * two at once do it once; on a replica it does nothing. A table that fails does not hold up the others.
 *
 * @throws HF_PARTITION_OWN_SCHEMA, HF_PARTITION_NOT_MANAGED, HF_CONNECT_*
 */
export function maintain(target: PartitionTarget, options: UpkeepOptions = {}): Promise<Maintained[]> {
  return tendEach(target, options, NOTHING, maintainOne)
}

async function maintainOne(tender: Tender, policy: Policy): Promise<Made> {
  const finalized = await finishDetaching(tender, await readLayout(tender.client, policy.table))
  const layout = await readLayout(tender.client, policy.table)
  const now = await currentPlace(tender, layout, policy.every)
  const plan = missingPartitions(layout, policy, now)
  const like = plan.missing.length === 0 ? '' : await likeTheOthers(tender, layout)
  for (const { name, period } of plan.missing) await makePartition(tender, layout, name, period, like)
  const after = plan.missing.length === 0 ? layout : await readLayout(tender.client, policy.table)
  return {
    made: plan.missing.map(({ name }) => name),
    finalized,
    ahead: countAhead(after, policy.every, now),
    notes: plan.notes,
  }
}

/**
 * Makes a table like the others and attaches it: CREATE ... PARTITION OF would take ACCESS EXCLUSIVE on the parent, ATTACH
 * takes SHARE UPDATE EXCLUSIVE.
 */
async function makePartition(
  tender: Tender,
  layout: Layout,
  name: string,
  { from, to }: Period,
  like: string,
): Promise<void> {
  const sql = quoteQualified(layout.schema, name)
  const { key } = layout
  await change(tender, layout, `make ${sql}`, [
    `CREATE TABLE ${sql} (LIKE ${layout.sql} INCLUDING ALL EXCLUDING IDENTITY EXCLUDING INDEXES)${like}`,
    `ALTER TABLE ${sql} OWNER TO ${quoteIdentifier(layout.owner)}`,
    `ALTER TABLE ${layout.sql} ATTACH PARTITION ${sql} FOR VALUES FROM (${quoteLiteral(key.write(from))}) TO (${quoteLiteral(key.write(to))})`,
  ])
}

/** Storage options and tablespace, which LIKE does not copy: those of the partition that was made last. */
async function likeTheOthers({ client }: Tender, { partitions }: Layout): Promise<string> {
  const last = partitions.findLast(({ isDefault }) => !isDefault)
  if (!last) return ''
  const { rows } = await client.query<{ options: string | null; space: string | null }>(
    `SELECT array_to_string(c.reloptions, ', ') AS options, quote_ident(t.spcname) AS space
       FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_tablespace t ON t.oid = c.reltablespace WHERE c.oid = to_regclass($1)`,
    [last.sql],
  )
  const { options, space } = rows[0] ?? { options: null, space: null }
  return `${options === null ? '' : ` WITH (${options})`}${space === null ? '' : ` TABLESPACE ${space}`}`
}
