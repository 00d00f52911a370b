import { messageOf, quoteIdentifier, quoteLiteral, quoteQualified } from '../core/index.ts'
import { everyDoesNotFit } from './errors.ts'
import { type Layout, type Partition, readLayout } from './layout.ts'
import { partitionName } from './name.ts'
import { type Every, type Period, periodAfter, periodAt, periodsBetween, type Position } from './period.ts'
import { Policies, type Policy } from './policy.ts'
import { alone, change, isReplica, type Tender, withTender } from './tender.ts'

/** Which tables are kept, and where that is written down. */
export interface PartitionTarget {
  /** A direct way to the server: a transaction pooler breaks the lock that keeps two of them apart. */
  readonly url: string
  /** Schema of Holdfast's own tables. */
  readonly ownSchema: string
}

/** How upkeep is done. */
export interface UpkeepOptions {
  /** Only this table, as SQL names it. Default: all that are under upkeep. */
  readonly table?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** What was done for one table. */
export interface Maintained {
  readonly table: string
  /** `replica`: nothing may be done here. `busy`: somebody else does it just now. `failed`: see `error`. */
  readonly outcome: 'done' | 'replica' | 'busy' | 'failed'
  /** Names of partitions that were made. */
  readonly made: readonly string[]
  /** Partitions whose removal an earlier run had begun; it is finished now. */
  readonly finalized: readonly string[]
  /** Partitions that are ready behind the current one. */
  readonly ahead: number
  readonly notes: readonly string[]
  readonly error: string | null
}

/** In one run; the next makes more. */
const MOST_MADE = 1_000

/**
 * Looks after every table under upkeep, or one: finishes what was begun, fills gaps, and makes partitions ahead. Can be repeated;
 * two at once do it once; on a replica it does nothing. A table that fails does not hold up the others.
 *
 * @throws HF_PARTITION_OWN_SCHEMA, HF_PARTITION_NOT_MANAGED, HF_CONNECT_*
 */
export async function maintain(target: PartitionTarget, options: UpkeepOptions = {}): Promise<Maintained[]> {
  return withTender(target.url, options.signal, async (tender) => {
    const policies = new Policies(tender.client, target.ownSchema)
    const done: Maintained[] = []
    for (const policy of await policies.chosen(tender.client, options.table))
      done.push(await tend(policy.table, policies, tender, () => maintainOne(tender, policy)))
    return done
  })
}

/** What nothing was done for. */
const NOTHING = { made: [], finalized: [], ahead: 0, notes: [], error: null } as const

async function tend(
  table: string,
  policies: Policies,
  tender: Tender,
  work: () => Promise<Maintained>,
): Promise<Maintained> {
  if (await isReplica(tender)) return { table, outcome: 'replica', ...NOTHING }
  try {
    const done = await alone(tender, table, work)
    if (!done) return { table, outcome: 'busy', ...NOTHING }
    await policies.note(table, null)
    return done
  } catch (error) {
    tender.signal?.throwIfAborted()
    await policies.note(table, messageOf(error))
    return { table, outcome: 'failed', ...NOTHING, error: messageOf(error) }
  }
}

async function maintainOne(tender: Tender, policy: Policy): Promise<Maintained> {
  const finalized = await finishDetaching(tender, await readLayout(tender.client, policy.table))
  const layout = await readLayout(tender.client, policy.table)
  const now = await currentPlace(tender, layout, policy.every)
  const plan = missingPartitions(layout, policy, now)
  for (const { name, period } of plan.missing) await makePartition(tender, layout, name, period)
  const after = plan.missing.length === 0 ? layout : await readLayout(tender.client, policy.table)
  return {
    table: policy.table,
    outcome: 'done',
    made: plan.missing.map(({ name }) => name),
    finalized,
    ahead: countAhead(after, policy.every, now),
    notes: plan.notes,
    error: null,
  }
}

/** A removal that was killed left the partition neither in nor out. @returns names of those that are out now */
export async function finishDetaching(tender: Tender, layout: Layout): Promise<string[]> {
  const half = layout.partitions.filter(({ isDetaching }) => isDetaching)
  for (const { sql } of half)
    await change(tender, layout, `finish detaching ${sql}`, [
      `ALTER TABLE ${layout.sql} DETACH PARTITION ${sql} FINALIZE`,
    ])
  return half.map(({ name }) => name)
}

/**
 * The place of now on a table's key: the server's clock, or the greatest integer there is.
 * @throws HF_PARTITION_EVERY
 */
export async function currentPlace({ client }: Tender, layout: Layout, every: Every): Promise<Position> {
  if ((layout.key.is === 'integer') !== (typeof every === 'bigint'))
    throw everyDoesNotFit(layout.sql, String(every), layout.key.is)
  const { rows } =
    layout.key.is === 'integer'
      ? await client.query<{ now: string }>(
          `SELECT coalesce(max(${quoteIdentifier(layout.column)}), 0)::text AS now FROM ${layout.sql}`,
        )
      : await client.query<{ now: string }>(
          `SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint::text AS now`,
        )
  return BigInt(rows[0]?.now ?? '0')
}

interface Missing {
  readonly name: string
  readonly period: Period
}

/** What has to be made so that there is no gap from the first partition on, and enough ahead. Pure. */
export function missingPartitions(
  layout: Layout,
  { every, premake }: Pick<Policy, 'every' | 'premake'>,
  now: Position,
): { readonly missing: readonly Missing[]; readonly notes: readonly string[] } {
  const current = periodAt(every, now)
  const end = periodAfter(every, current, premake).to
  const covered = layout.partitions.filter(({ isDefault }) => !isDefault)
  const notes: string[] = []
  if (layout.partitions.some(({ isDefault }) => isDefault))
    notes.push(
      'it has a default partition, which every new one has to be checked against: rows in it keep new ones from being made',
    )
  const unclear = covered.filter(({ from, to }) => from === null || to === null)
  if (unclear.length > 0)
    notes.push(
      `${unclear.map(({ name }) => name).join(', ')} begins or ends at no place that can be counted from: beside it no gap is filled`,
    )
  const starts = covered.flatMap(({ from, to }) =>
    typeof from === 'bigint' ? [from] : typeof to === 'bigint' ? [to] : [],
  )
  const start = starts.reduce((least, one) => (one < least ? one : least), current.from)
  const taken = new Set(layout.partitions.map(({ name }) => name))
  const missing: Missing[] = []
  for (const period of periodsBetween(every, start, end, MOST_MADE * 100))
    for (const piece of uncovered(period, covered)) {
      if (missing.length === MOST_MADE)
        return { missing, notes: [...notes, 'there is more to make: the next run goes on'] }
      const name = freeName(partitionName(layout.name, every, period.from), taken)
      taken.add(name)
      missing.push({ name, period: piece })
    }
  return { missing, notes }
}

/** What of a period no partition holds. */
function uncovered(period: Period, partitions: readonly Partition[]): Period[] {
  let pieces: Period[] = [period]
  for (const { from, to } of partitions) {
    if (from === null || to === null) continue
    pieces = pieces.flatMap((piece) => {
      if ((from !== 'open' && from >= piece.to) || (to !== 'open' && to <= piece.from)) return [piece]
      const before = from !== 'open' && from > piece.from ? [{ from: piece.from, to: from }] : []
      const behind = to !== 'open' && to < piece.to ? [{ from: to, to: piece.to }] : []
      return [...before, ...behind]
    })
  }
  return pieces
}

/** Two pieces of one period are told apart by a number. */
function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let count = 2, free = name; ; count += 1) {
    if (!taken.has(free)) return free
    free = `${name.slice(0, 60)}_${count}`
  }
}

/** How many whole periods behind the current one have their partition, without a gap. */
export function countAhead({ partitions }: Layout, every: Every, now: Position): number {
  const covered = partitions.filter(({ isDefault, isDetaching }) => !isDefault && !isDetaching)
  let period = periodAt(every, now)
  for (let count = 0; count < MOST_MADE; count += 1) {
    period = periodAfter(every, period, 1)
    if (uncovered(period, covered).length > 0) return count
  }
  return MOST_MADE
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
): Promise<void> {
  const sql = quoteQualified(layout.schema, name)
  const { key } = layout
  const like = await likeTheOthers(tender, layout)
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
