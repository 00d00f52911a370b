import { finished } from 'node:stream/promises'
import {
  type ColumnNode,
  type Insertable,
  type InsertQueryNode,
  type Kysely,
  type PrimitiveValueListNode,
  sql,
  type TableNode,
  type Transaction,
  type ValuesNode,
} from 'kysely'
import { from as copyFrom } from 'pg-copy-streams'
import { quoteIdentifier, quoteQualified } from '../../core/index.ts'
import { connectionOf, transaction } from '../transaction.ts'
import { copyLine } from './copy-text.ts'

/** Rows that are there, or come one after another. */
export type ManyRows<Given> = Iterable<Given> | AsyncIterable<Given>

/** How many rows are stored at a time. */
export interface CreateManyOptions {
  /** From so many rows on they are sent by COPY; fewer by INSERT. Default 500. */
  readonly copyFromRows?: number
}

const COPY_FROM_ROWS = 500
/** Rows that are held in memory and sent as one COPY. */
const ROWS_OF_A_COPY = 10_000
/** The protocol counts parameters in 16 bits. */
const MOST_PARAMETERS = 65_535
const ROWS_OF_AN_INSERT = 500

type Row = Readonly<Record<string, unknown>>

/**
 * Stores all rows or none: few by INSERT, many by COPY, which is several times as fast. Columns that a row leaves out,
 * or has as undefined, get their default. Plugins see every row; rows with expressions, and tables with row-level
 * security, go by INSERT whatever their number.
 *
 * @example
 * const count = await createMany(db, 'readings', parseLines(file))
 *
 * @returns how many rows were stored
 * @throws the driver's errors; nothing is stored then
 */
export async function createMany<DB, Table extends keyof DB & string>(
  db: Kysely<DB> | Transaction<DB>,
  table: Table,
  rows: ManyRows<Insertable<NoInfer<DB>[Table]>>,
  options: CreateManyOptions = {},
): Promise<number> {
  const { copyFromRows = COPY_FROM_ROWS } = options
  const chunks = inChunks(rows as ManyRows<Row>, Math.max(copyFromRows, ROWS_OF_A_COPY))
  const { value: first } = await chunks.next()
  if (!first) return 0
  return transaction(db as Kysely<any>, async (trx) => {
    const byCopy = first.length >= copyFromRows && (await takesCopy(trx, table, first[0] as Row))
    let count = 0
    for (let chunk: readonly Row[] | undefined = first; chunk; { value: chunk } = await chunks.next()) {
      for (const alike of bySignature(chunk)) await store(trx, table, alike, byCopy)
      count += chunk.length
    }
    return count
  })
}

async function store(
  trx: Transaction<any>,
  table: string,
  rows: readonly Row[],
  byCopy: boolean,
): Promise<void> {
  const node = byCopy && signatureOf(rows[0] as Row) !== '' ? nodeOf(trx, table, rows) : undefined
  const lists = (node?.values as ValuesNode | undefined)?.values
  if (lists?.every((list) => list.kind === 'PrimitiveValueListNode'))
    await copy(trx, node as InsertQueryNode, lists)
  else await insert(trx, table, rows)
}

async function copy(
  trx: Transaction<any>,
  node: InsertQueryNode,
  lists: readonly PrimitiveValueListNode[],
): Promise<void> {
  const columns = (node.columns as readonly ColumnNode[]).map(({ column }) => quoteIdentifier(column.name))
  const client = await (await connectionOf(trx)).client()
  const stream = client.query(copyFrom(`COPY ${tableName(node)} (${columns.join(', ')}) FROM STDIN`))
  const sent = finished(stream)
  stream.end(lists.map(({ values }) => copyLine(values)).join(''))
  await sent
}

async function insert(trx: Transaction<any>, table: string, rows: readonly Row[]): Promise<void> {
  const columns = Object.values(rows[0] as Row).filter((value) => value !== undefined).length
  if (columns === 0) return insertDefaults(trx, table, rows.length)
  const size = Math.min(ROWS_OF_AN_INSERT, Math.floor(MOST_PARAMETERS / columns))
  for (let from = 0; from < rows.length; from += size)
    await trx
      .insertInto(table)
      .values(rows.slice(from, from + size))
      .execute()
}

async function insertDefaults(trx: Transaction<any>, table: string, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await trx.insertInto(table).defaultValues().execute()
}

/** The INSERT that it would be, as plugins leave it: whoever renames columns or rewrites values is heard. */
function nodeOf(trx: Transaction<any>, table: string, rows: readonly Row[]): InsertQueryNode {
  return trx.insertInto(table).values(rows).toOperationNode() as InsertQueryNode
}

function tableName(node: InsertQueryNode): string {
  const { schema, identifier } = (node.into as TableNode).table
  return schema ? quoteQualified(schema.name, identifier.name) : quoteIdentifier(identifier.name)
}

/** COPY knows neither row-level security nor views. */
async function takesCopy(trx: Transaction<any>, table: string, row: Row): Promise<boolean> {
  const name = tableName(nodeOf(trx, table, [row]))
  const { rows } = await sql<{ takes: boolean }>`
    SELECT relkind IN ('r', 'p', 'f') AND NOT row_security_active(oid) AS takes
      FROM pg_class WHERE oid = ${name}::regclass`.execute(trx.withoutPlugins())
  return rows[0]?.takes ?? false
}

/** Rows that name the same columns, as one COPY or INSERT must. */
function bySignature(rows: readonly Row[]): Iterable<Row[]> {
  return Map.groupBy(rows, signatureOf).values()
}

function signatureOf(row: Row): string {
  let signature = ''
  for (const name in row) if (row[name] !== undefined) signature += `${name}\0`
  return signature
}

async function* inChunks<T>(rows: ManyRows<T>, size: number): AsyncGenerator<T[], undefined> {
  let chunk: T[] = []
  for await (const row of rows) {
    if (chunk.push(row) < size) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
  return undefined
}
