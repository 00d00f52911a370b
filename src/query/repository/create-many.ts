import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import {
  type Insertable,
  type InsertQueryNode,
  type Kysely,
  sql,
  type TableNode,
  type Transaction,
  type ValuesNode,
} from 'kysely'
import { type CopyStreamQuery, from as copyFrom } from 'pg-copy-streams'
import { quoteIdentifier, quoteQualified } from '../../core/index.ts'
import { connectionOf, transaction } from '../transaction.ts'
import { copyLine } from './copy-text.ts'

/** Rows that are there, or come one after another. */
export type ManyRows<Given> = Iterable<Given> | AsyncIterable<Given>

/** How many rows are stored at a time. */
export interface CreateManyOptions {
  /** From so many rows on they are sent by COPY; fewer by INSERT. Default 100. */
  readonly copyFromRows?: number
}

const COPY_FROM_ROWS = 100
/** Rows that are held in memory. */
const ROWS_AT_A_TIME = 2_000
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
  const chunks = inChunks(rows as ManyRows<Row>, Math.max(copyFromRows, ROWS_AT_A_TIME))
  const { value: first } = await chunks.next()
  if (!first) return 0
  return transaction(db as Kysely<any>, async (trx) => {
    const way = first.length >= copyFromRows ? await wayOf(trx, table, first[0] as Row) : undefined
    const store = new Store(trx, table, way)
    try {
      for (let chunk: readonly Row[] | undefined = first; chunk; { value: chunk } = await chunks.next())
        for (const alike of bySignature(chunk)) await store.take(alike)
      return await store.end()
    } catch (error) {
      await store.abandon()
      throw error
    }
  })
}

/** Where rows go: into the COPY that runs, or by INSERT. */
class Store {
  readonly #trx: Transaction<any>
  readonly #table: string
  readonly #way: CopyWay | undefined
  readonly #copying: Copying
  #count = 0

  constructor(trx: Transaction<any>, table: string, way: CopyWay | undefined) {
    this.#trx = trx
    this.#table = table
    this.#way = way
    this.#copying = new Copying(trx)
  }

  /** @param rows that name the same columns */
  async take(rows: readonly Row[]): Promise<void> {
    const copied = this.#way && copyOf(this.#trx, this.#way, rows)
    if (copied) await this.#copying.send(copied)
    else {
      await this.#copying.end()
      await insert(this.#trx, this.#table, rows)
    }
    this.#count += rows.length
  }

  /** @returns how many rows were stored */
  async end(): Promise<number> {
    await this.#copying.end()
    return this.#count
  }

  /** Nothing more comes. */
  async abandon(): Promise<void> {
    await this.#copying.abandon()
  }
}

/** The COPY that runs: as long as the statement stays the same it goes on, and the server reads while rows are written. */
class Copying {
  readonly #trx: Transaction<any>
  #statement: string | undefined
  #stream: CopyStreamQuery | undefined
  #finished: Promise<void> | undefined

  constructor(trx: Transaction<any>) {
    this.#trx = trx
  }

  async send({ statement, lines }: Copied): Promise<void> {
    const stream = this.#statement === statement && this.#stream ? this.#stream : await this.#begin(statement)
    // What failed does not drain: `finished` tells why.
    if (!stream.write(lines)) await Promise.race([once(stream, 'drain'), this.#finished])
  }

  /** Resolves when the server has taken everything. */
  async end(): Promise<void> {
    this.#stream?.end()
    this.#statement = undefined
    await this.#finished
  }

  /** Nothing more comes: the server is told, so that it takes the ROLLBACK that follows. */
  async abandon(): Promise<void> {
    this.#stream?.destroy()
    await this.#finished?.catch(() => {}) // why is known
  }

  async #begin(statement: string): Promise<CopyStreamQuery> {
    await this.end()
    const client = await (await connectionOf(this.#trx)).client()
    const stream = client.query(copyFrom(statement))
    this.#stream = stream
    this.#statement = statement
    this.#finished = finished(stream)
    this.#finished.catch(() => {}) // told by whoever waits next
    return stream
  }
}

interface Copied {
  readonly statement: string
  readonly lines: string
}

/** How rows get into a table by COPY. */
interface CopyWay {
  readonly table: string
  /** The table's name as SQL. */
  readonly name: string
  /** Whoever renames columns or rewrites values is heard: plugins see the INSERT that it would be. */
  readonly hasPlugins: boolean
}

/** Undefined where COPY cannot go: it knows neither row-level security nor views. */
async function wayOf(trx: Transaction<any>, table: string, row: Row): Promise<CopyWay | undefined> {
  const name = tableName(nodeOf(trx, table, [row]))
  const { rows } = await sql<{ takes: boolean }>`
    SELECT relkind IN ('r', 'p', 'f') AND NOT row_security_active(oid) AS takes
      FROM pg_class WHERE oid = ${name}::regclass`.execute(trx.withoutPlugins())
  return rows[0]?.takes ? { table, name, hasPlugins: trx.getExecutor().plugins.length > 0 } : undefined
}

/** Rows of the same columns as COPY takes them; undefined when there is an expression among their values. */
function copyOf(trx: Transaction<any>, way: CopyWay, rows: readonly Row[]): Copied | undefined {
  const { columns, lists } = way.hasPlugins ? transformed(trx, way.table, rows) : plain(rows)
  if (columns.length === 0 || !lists) return undefined
  let lines = ''
  for (const values of lists) {
    if (values.some(isExpression)) return undefined
    lines += copyLine(values)
  }
  return { statement: `COPY ${way.name} (${columns.map(quoteIdentifier).join(', ')}) FROM STDIN`, lines }
}

interface Columnar {
  readonly columns: readonly string[]
  readonly lists: Iterable<readonly unknown[]> | undefined
}

function plain(rows: readonly Row[]): Columnar {
  const first = rows[0] as Row
  const columns = Object.keys(first).filter((name) => first[name] !== undefined)
  return { columns, lists: rows.map((row) => columns.map((name) => row[name])) }
}

function transformed(trx: Transaction<any>, table: string, rows: readonly Row[]): Columnar {
  const node = nodeOf(trx, table, rows)
  const { values: lists } = node.values as ValuesNode
  return {
    columns: (node.columns ?? []).map(({ column }) => column.name),
    lists: lists.every((list) => list.kind === 'PrimitiveValueListNode')
      ? lists.map(({ values }) => values)
      : undefined,
  }
}

/** Something that is to become SQL rather than a value. */
function isExpression(value: unknown): boolean {
  return (
    typeof value === 'function' || (typeof value === 'object' && value !== null && 'toOperationNode' in value)
  )
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

function nodeOf(trx: Transaction<any>, table: string, rows: readonly Row[]): InsertQueryNode {
  return trx.insertInto(table).values(rows).toOperationNode() as InsertQueryNode
}

function tableName(node: InsertQueryNode): string {
  const { schema, identifier } = (node.into as TableNode).table
  return schema ? quoteQualified(schema.name, identifier.name) : quoteIdentifier(identifier.name)
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
