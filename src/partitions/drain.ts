import { quoteIdentifier, quoteLiteral, quoteQualified } from '../core/index.ts'
import type { Layout, Partition } from './layout.ts'
import { boundsOf, readManner, tableLike } from './make.ts'
import { freeName, partitionName } from './name.ts'
import { type Every, type Period, periodAt, type Position } from './period.ts'
import { givingWay, type Tender } from './tender.ts'

/** More would hold the lock for too long. */
const MOST_ROWS = 10_000
/** Of one run; the next goes on. */
const MOST_PERIODS = 60
/** What holds the lock for longer is not what it should be: PostgreSQL goes through the whole default partition for each new one. */
const STATEMENT_MS = 400

/** What was moved. */
export interface Drained {
  /** Names of partitions that were made for rows of the default partition. */
  readonly made: readonly string[]
  /** Periods whose rows stay in it: no partition can be made over them. */
  readonly left: readonly Period[]
  /** Why they stay. */
  readonly reasons: readonly string[]
}

const NOTHING: Drained = { made: [], left: [], reasons: [] }

/** Rows of a default partition that belong together. */
interface Stray {
  readonly period: Period
  readonly rows: number
}

/**
 * Moves rows out of a default partition into partitions of their own, one period in a transaction: whoever reads sees each row once
 * all the time. What is too much for a moment, or would set off triggers, stays and is told of.
 *

 */
export async function drainDefault(tender: Tender, layout: Layout, every: Every): Promise<Drained> {
  const stray = layout.partitions.find(({ isDefault }) => isDefault)
  if (!stray) return NOTHING
  const strays = await straysOf(tender, layout, stray, every)
  if (strays.length === 0) return NOTHING
  const obstacle = await obstacleOf(tender, layout)
  const [made, left, reasons]: [string[], Period[], string[]] = [[], [], []]
  const taken = new Set(layout.partitions.map(({ name }) => name))
  for (const { period, rows } of strays) {
    const name = freeName(partitionName(layout.name, every, period.from), taken)
    const why =
      obstacle ?? (rows > MOST_ROWS ? `more than ${MOST_ROWS} cannot be moved in a moment` : undefined)
    if (why === undefined) {
      await moveOut(tender, layout, stray, name, period)
      taken.add(name)
      made.push(name)
      continue
    }
    left.push(period)
    reasons.push(`${rows} rows of ${name} lie in ${stray.name}: ${why}`)
  }
  return { made, left, reasons }
}

/** The periods that have rows in the default partition, in their order, cut to what no other partition holds. */
async function straysOf(
  { client }: Tender,
  layout: Layout,
  { sql }: Partition,
  every: Every,
): Promise<Stray[]> {
  const { key } = layout
  const column = quoteIdentifier(layout.column)
  const strays: Stray[] = []
  let least: string | undefined
  while (strays.length < MOST_PERIODS) {
    const behind = least === undefined ? '' : `AND ${column} >= ${quoteLiteral(least)}`
    // Written as UTC, whatever the session's zone: it is read as a place.
    const { rows } = await client.query<{ key: string }>(
      `WITH manner AS MATERIALIZED (SELECT set_config('TimeZone', 'UTC', true) AS zone, set_config('DateStyle', 'ISO, YMD', true))
       SELECT least.key::text AS key FROM manner JOIN LATERAL
         (SELECT ${column} AS key FROM ${sql} WHERE ${column} IS NOT NULL ${behind} ORDER BY ${column} LIMIT 1) least ON manner.zone = 'UTC'`,
    )
    const place = key.floor(rows[0]?.key ?? '')
    if (place === undefined) break // no more, or infinity: that is where it belongs
    const period = freeAround(periodAt(every, place), layout.partitions, place)
    const counted = await client.query<{ rows: number }>(
      `SELECT count(*)::float8 AS rows FROM ${sql} WHERE ${within(layout, period)}`,
    )
    strays.push({ period, rows: counted.rows[0]?.rows ?? 0 })
    least = key.write(period.to)
  }
  return strays
}

/** What of a period around a place no other partition holds. */
function freeAround({ from, to }: Period, partitions: readonly Partition[], place: Position): Period {
  let free = { from, to }
  for (const one of partitions) {
    if (typeof one.to === 'bigint' && one.to <= place && one.to > free.from) free = { ...free, from: one.to }
    if (typeof one.from === 'bigint' && one.from > place && one.from < free.to)
      free = { ...free, to: one.from }
  }
  return free
}

function within({ column, key }: Pick<Layout, 'column' | 'key'>, { from, to }: Period): string {
  const name = quoteIdentifier(column)
  return `${name} >= ${quoteLiteral(key.write(from))} AND ${name} < ${quoteLiteral(key.write(to))}`
}

/** Rows are deleted where they were: what hangs on that must not be set off. */
async function obstacleOf({ client }: Tender, { oid }: Layout): Promise<string | undefined> {
  const { rows } = await client.query<{ what: string }>(
    `SELECT format('deleting sets off the trigger %I', tgname) AS what FROM pg_catalog.pg_trigger
      WHERE tgrelid = $1::int8::oid AND NOT tgisinternal AND tgtype & 8 <> 0 AND tgenabled <> 'D'
     UNION ALL SELECT format('the foreign key %I of %s hangs on them', conname, conrelid::regclass) FROM pg_catalog.pg_constraint
      WHERE confrelid = $1::int8::oid AND contype = 'f' AND conparentid = 0 LIMIT 1`,
    [oid],
  )
  return rows[0]?.what
}

/**
 * The table is locked for as long: who waited for its default partition alone would find rows gone, and not know the new partition.
 */
async function moveOut(
  tender: Tender,
  layout: Layout,
  stray: Partition,
  name: string,
  period: Period,
): Promise<void> {
  const sql = quoteQualified(layout.schema, name)
  const manner = await readManner(tender.client, layout.sql, stray.sql)
  await givingWay(
    tender,
    layout,
    `move rows of ${sql} out of ${stray.sql}`,
    async (client) => {
      await client.query(`SET LOCAL statement_timeout = ${STATEMENT_MS}; SET LOCAL row_security = off`)
      for (const statement of tableLike(layout, sql, manner)) await client.query(statement)
      await client.query(`LOCK TABLE ONLY ${layout.sql} IN ACCESS EXCLUSIVE MODE`)
      await client.query(`LOCK TABLE ${stray.sql} IN ACCESS EXCLUSIVE MODE`)
      const { rows } = await client.query<{ names: string[] }>(
        `SELECT array_agg(quote_ident(attname) ORDER BY attnum) AS names FROM pg_catalog.pg_attribute
          WHERE attrelid = $1::int8::oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`,
        [layout.oid],
      )
      const columns = rows[0]?.names.join(', ') ?? ''
      await client.query(
        `WITH moved AS (DELETE FROM ${stray.sql} WHERE ${within(layout, period)} RETURNING ${columns})
         INSERT INTO ${sql} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM moved`,
      )
      await client.query(`ALTER TABLE ${layout.sql} ATTACH PARTITION ${sql} ${boundsOf(layout, period)}`)
    },
    { locks: [stray.sql] },
  )
}
