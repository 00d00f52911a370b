import type pg from 'pg'
import {
  type Hand,
  messageOf,
  quoteIdentifier,
  quoteLiteral,
  SQLSTATE,
  sqlstateOf,
} from '../../core/index.ts'
import type { Layout, Partition } from '../layout.ts'
import { withHand } from '../tender.ts'
import type { Definition } from './definition.ts'
import { subjectOf, type Work } from './work.ts'

/** Partitions that a row is put into on trial; with hundreds, the first and last ones tell. */
const MOST_TRIED = 24

/** What proves that a partitioned table works, and what does not, in words. Leaves nothing behind. */
export function proofs({ tender, plan }: Work, layout: Layout, definition: Definition): Promise<string[]> {
  return withHand(tender, subjectOf(plan), async (hand) => [
    await tryRows(tender.client, hand, layout, definition),
    await readOnlyOne(hand, layout),
    ...(await sequencesAhead(hand, definition)),
  ])
}

/** A copy of a row, with its key within each partition, in a transaction that is rolled back. */
async function tryRows(
  client: pg.Client,
  hand: Hand,
  { sql, column, partitions }: Layout,
  d: Definition,
): Promise<string> {
  const chosen = partitions.filter(({ from, to }) => from !== 'open' && from !== null && to !== null)
  const tried =
    chosen.length > MOST_TRIED
      ? [...chosen.slice(0, MOST_TRIED / 2), ...chosen.slice(-MOST_TRIED / 2)]
      : chosen
  const columns = d.columns.filter(({ isGenerated }) => !isGenerated)
  const names = columns.map(({ name }) => quoteIdentifier(name)).join(', ')
  const failed: string[] = []
  let count = 0
  await client.query('BEGIN')
  try {
    await client.query(`SET LOCAL lock_timeout = '200ms'`)
    for (const partition of tried) {
      await client.query('SAVEPOINT trial')
      const values = columns.map(({ name, shownType }) =>
        name === column ? `${quoteLiteral(partition.fromText)}::${shownType}` : quoteIdentifier(name),
      )
      try {
        const rows = await hand.rows<{ into: string }>(
          `INSERT INTO ${sql} (${names}) OVERRIDING SYSTEM VALUE SELECT ${values.join(', ')} FROM ${sql} LIMIT 1
           RETURNING tableoid::regclass::text AS into`,
        )
        if (rows.length === 0) return 'there is no row yet that could be tried in each partition'
        count += 1
      } catch (error) {
        // The row that was copied stands there itself, with another value that is unique: it got that far.
        if (sqlstateOf(error) === SQLSTATE.uniqueViolation) count += 1
        else failed.push(`${partition.name} (${messageOf(error)})`)
      }
      await client.query('ROLLBACK TO SAVEPOINT trial')
    }
  } finally {
    await client.query('ROLLBACK').catch(() => {}) // the connection is gone: so is its transaction
  }
  return failed.length === 0
    ? `a row was put into each of ${count} partitions on trial, and taken back`
    : `a row on trial was refused by ${failed.join(', ')}: look whether a check or trigger of yours means it so`
}

/** A query by the key reads the partition that it needs, and no other. */
async function readOnlyOne(hand: Hand, { sql, column, partitions }: Layout): Promise<string> {
  const chosen = partitions.find(({ from, to }) => from !== 'open' && from !== null && to !== null)
  if (!chosen) return 'there is no partition with two limits yet that reading only one could be shown with'
  const read = await partitionsRead(hand, sql, column, chosen)
  return read.length === 1 && read[0] === chosen.name
    ? `a query for the range of ${chosen.name} reads that partition alone`
    : `a query for the range of ${chosen.name} reads ${read.join(', ') || 'nothing'}: see whether enable_partition_pruning is off`
}

async function partitionsRead(
  hand: Hand,
  table: string,
  column: string,
  { fromText, toText }: Partition,
): Promise<string[]> {
  const name = quoteIdentifier(column)
  const rows = await hand.rows<Record<string, unknown>>(
    `EXPLAIN (FORMAT JSON, COSTS OFF) SELECT * FROM ${table} WHERE ${name} >= ${quoteLiteral(fromText)} AND ${name} < ${quoteLiteral(toText)}`,
  )
  const read = new Set<string>()
  const walk = (node: unknown): void => {
    if (Array.isArray(node)) for (const one of node) walk(one)
    else if (node !== null && typeof node === 'object')
      for (const [key, value] of Object.entries(node))
        if (key === 'Relation Name') read.add(String(value))
        else walk(value)
  }
  walk(rows[0]?.['QUERY PLAN'])
  return [...read]
}

async function sequencesAhead(hand: Hand, { sequences, sql }: Definition): Promise<string[]> {
  const said: string[] = []
  for (const { column, sql: sequence } of sequences) {
    const rows = await hand.rows<{ last: string; greatest: string | null }>(
      `SELECT last_value::text AS last, (SELECT pg_catalog.max(${quoteIdentifier(column)})::text FROM ${sql}) AS greatest FROM ${sequence}`,
    )
    const [{ last, greatest } = { last: '0', greatest: null }] = rows
    said.push(
      greatest === null || !/^-?\d+$/.test(greatest) || BigInt(last) >= BigInt(greatest)
        ? `the sequence ${sequence} stands at ${last}`
        : `the sequence ${sequence} stands at ${last}, behind the greatest ${column}, ${greatest}: somebody wrote numbers past it`,
    )
  }
  return said
}
