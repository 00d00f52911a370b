import type pg from 'pg'
import {
  type Hand,
  isHoldfastError,
  messageOf,
  quoteIdentifier,
  quoteLiteral,
  quoteQualified,
  SQLSTATE,
  sqlstateOf,
} from '../core/index.ts'
import { columnsOf } from './archive/columns.ts'
import type { Layout, Partition } from './layout.ts'
import { boundsOf, readManner, tableLike } from './make.ts'
import { freeName, partitionName } from './name.ts'
import { type Every, type Period, periodAfter, periodAt, type Position } from './period.ts'
import type { Policy } from './policy.ts'
import { takenNames } from './taken-names.ts'
import { givingWay, runAll, type Tender, withHand } from './tender.ts'

/** More would hold the lock for too long. */
const MOST_ROWS = 10_000
/** Of one run; the next goes on. */
const MOST_PERIODS = 240
/** What holds the lock for longer is not what it should be: PostgreSQL goes through the whole default partition for each new one. */
const STATEMENT_MS = 400
/** Behind whatever a key can be. */
const END_OF_TIME = 1n << 64n
/** Years that a bound is written with are of four digits. */
const LAST_TIME = BigInt(Date.UTC(9999, 11, 31))

/** What was moved. */
export interface Drained {
  /** Names of partitions that were made for rows of the default partition. */
  readonly made: readonly string[]
  /** Periods whose rows stay in it: no partition can be made over them. */
  readonly left: readonly Period[]
  /** Why they stay, where somebody has to do something about it. */
  readonly reasons: readonly string[]
  readonly notes: readonly string[]
}

/** Rows of a default partition that belong together. */
interface Stray {
  readonly period: Period
  readonly rows: number
}

/**
 * Moves rows out of a default partition into partitions of their own, one period in a transaction. Whoever reads with a snapshot of
 * each statement sees each row once all the time. What is too much for a moment, or would set something off, stays and is told of.
 */
export async function drainDefault(
  tender: Tender,
  layout: Layout,
  { every, keep }: Pick<Policy, 'every' | 'keep'>,
  now: Position,
): Promise<Drained> {
  const drained = {
    made: [] as string[],
    left: [] as Period[],
    reasons: [] as string[],
    notes: [] as string[],
  }
  const stray = layout.partitions.find(({ isDefault }) => isDefault)
  if (!stray) return drained
  const obstacle = await obstacleOf(tender, layout, stray)
  const oldest = keep === null ? undefined : periodAfter(every, periodAt(every, now), -keep).from
  const taken = await takenNames(tender.client, layout.schema)
  let cursor: Position | undefined
  for (let count = 0; ; count += 1) {
    const behind = cursor
    const found = await withHand(tender, layout, (hand) => nextStray(hand, layout, stray, every, behind))
    if (!found) break
    if (count === MOST_PERIODS) {
      drained.left.push({ from: found.period.from, to: END_OF_TIME })
      drained.notes.push(`${stray.name} holds rows of more periods: the next run goes on`)
      break
    }
    const { period, rows } = found
    cursor = period.to
    if (oldest !== undefined && period.to <= oldest) {
      drained.left.push(period)
      drained.notes.push(`${rows} rows in ${stray.name} are older than is kept: they stay there`)
      continue
    }
    const name = freeName(partitionName(layout.name, every, period.from), taken)
    const why =
      obstacle ??
      (rows > MOST_ROWS
        ? `more than ${MOST_ROWS} cannot be moved in a moment`
        : await moveOut(tender, layout, stray, name, period))
    taken.add(name)
    if (why === undefined) {
      drained.made.push(name)
      continue
    }
    drained.left.push(period)
    drained.reasons.push(`${rows} rows of ${name} lie in ${stray.name}: ${why}`)
  }
  // Else the rows are still counted that have gone.
  if (drained.made.length > 0) await tender.client.query(`ANALYZE ${stray.sql}`).catch(() => {}) // estimates only
  return drained
}

/** The next period that has rows in the default partition, cut to what no other partition holds. What is no place is passed over. */
async function nextStray(
  hand: Hand,
  layout: Layout,
  { sql }: Partition,
  every: Every,
  cursor: Position | undefined,
): Promise<Stray | undefined> {
  const { key } = layout
  const column = quoteIdentifier(layout.column)
  let behind = cursor === undefined ? '' : `AND ${column} >= ${quoteLiteral(key.write(cursor))}`
  for (;;) {
    // Written as UTC, which is the session's zone: it is read as a place.
    const rows = await hand.rows<{ key: string }>(
      `SELECT ${column}::text AS key FROM ${sql} WHERE ${column} IS NOT NULL ${behind} ORDER BY ${column} LIMIT 1`,
    )
    const text = rows[0]?.key
    if (text === undefined) return undefined
    const place = key.floor(text)
    const period = place === undefined ? undefined : boundable(layout, every, place)
    if (place !== undefined && !period) return undefined // beyond it there is nothing that a bound can say, either
    if (period) {
      const counted = await hand.rows<{ rows: number }>(
        `SELECT pg_catalog.count(*)::float8 AS rows FROM ${sql} WHERE ${within(layout, period)}`,
      )
      return { period, rows: counted[0]?.rows ?? 0 }
    }
    // Infinity, or before our era: no partition of a length takes it.
    behind = `AND ${column} > ${quoteLiteral(text)}`
  }
}

/** The period of a place as far as no other partition holds it; undefined where a bound cannot be written. */
function boundable({ key, partitions }: Layout, every: Every, place: Position): Period | undefined {
  const period = freeAround(periodAt(every, place), partitions, place)
  if (key.is === 'time' && period.to > LAST_TIME) return undefined
  try {
    key.write(period.from)
    key.write(period.to)
    return period
  } catch (error) {
    if (error instanceof RangeError) return undefined // at the end of what the key's type can hold
    throw error
  }
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

/** Rows are deleted where they were, and written to a table that is no partition yet: nothing that hangs on either must be set off. */
async function obstacleOf(
  { client }: Tender,
  { oid }: Layout,
  stray: Partition,
): Promise<string | undefined> {
  const { rows } = await client.query<{ what: string }>(
    `WITH RECURSIVE below AS (
       SELECT $2::int8::oid AS relid UNION ALL SELECT i.inhrelid FROM below b JOIN pg_catalog.pg_inherits i ON i.inhparent = b.relid),
     above AS (
       SELECT $1::int8::oid AS relid UNION ALL SELECT i.inhparent FROM above a JOIN pg_catalog.pg_inherits i ON i.inhrelid = a.relid)
     SELECT format('deleting sets off the trigger %I', tgname) AS what FROM pg_catalog.pg_trigger
      WHERE tgrelid IN (SELECT relid FROM below) AND (NOT tgisinternal OR tgconstraint = 0) AND tgtype & 8 <> 0 AND tgenabled <> 'D'
     UNION ALL SELECT format('the foreign key %I of %s hangs on them', conname, conrelid::regclass) FROM pg_catalog.pg_constraint
      WHERE confrelid IN (SELECT relid FROM below UNION ALL SELECT relid FROM above) AND contype = 'f'
     UNION ALL SELECT format('the rule %I hangs on them', rulename) FROM pg_catalog.pg_rewrite WHERE ev_class IN (SELECT relid FROM below)
     UNION ALL SELECT format('subscribers of the publication %I would lose them', pubname) FROM pg_catalog.pg_publication_tables p
      WHERE format('%I.%I', p.schemaname, p.tablename)::regclass IN (SELECT relid FROM below UNION ALL SELECT relid FROM above)
     UNION ALL SELECT 'the default partition is no table of this server' FROM pg_catalog.pg_class
      WHERE oid IN (SELECT relid FROM below) AND relkind NOT IN ('r', 'p')
     UNION ALL SELECT 'row security is forced, and hides rows of it' FROM pg_catalog.pg_class
      WHERE oid IN (SELECT relid FROM below) AND relforcerowsecurity
     LIMIT 1`,
    [oid, stray.oid],
  )
  return rows[0]?.what
}

/**
 * The table is locked for as long: who waited for its default partition alone would find rows gone, and not know the new partition.
 * @returns why it could not be done
 */
async function moveOut(
  tender: Tender,
  layout: Layout,
  stray: Partition,
  name: string,
  period: Period,
): Promise<string | undefined> {
  const sql = quoteQualified(layout.schema, name)
  try {
    const manner = await readManner(tender.client, layout.sql, stray.sql)
    await givingWay(
      tender,
      layout,
      `move rows of ${sql} out of ${stray.sql}`,
      async (client, hand) => {
        await client.query(`SET LOCAL statement_timeout = ${STATEMENT_MS}`)
        await runAll(client, hand, tableLike(layout, sql, manner))
        await client.query(`LOCK TABLE ONLY ${layout.sql} IN ACCESS EXCLUSIVE MODE`)
        await client.query(`LOCK TABLE ${stray.sql} IN ACCESS EXCLUSIVE MODE`)
        await movingRows(client, hand, layout, stray, sql, period).catch((error: unknown) => {
          throw sqlstateOf(error) === SQLSTATE.queryCanceled ? new TooSlow() : error
        })
      },
      { locks: [stray.sql] },
    )
    return undefined
  } catch (error) {
    tender.signal?.throwIfAborted()
    if (error instanceof TooSlow) return `looking through it takes longer than ${STATEMENT_MS} ms`
    // A lost connection ends the run; all else is this period's own.
    if (!isHoldfastError(error) && sqlstateOf(error) === undefined) throw error
    return messageOf(error)
  }
}

/** It holds the lock: doing it again would hold it again. */
class TooSlow extends Error {}

async function movingRows(
  client: pg.Client,
  hand: Hand,
  layout: Layout,
  stray: Partition,
  sql: string,
  period: Period,
): Promise<void> {
  const columns = (await columnsOf(client, layout.sql)).map(({ name }) => quoteIdentifier(name)).join(', ')
  await hand.run(
    `WITH moved AS (DELETE FROM ${stray.sql} WHERE ${within(layout, period)} RETURNING ${columns})
     INSERT INTO ${sql} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM moved`,
  )
  await hand.run(`ALTER TABLE ${layout.sql} ATTACH PARTITION ${sql} ${boundsOf(layout, period)}`)
}
