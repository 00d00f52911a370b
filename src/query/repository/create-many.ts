import {
  type Insertable,
  type InsertQueryNode,
  type Kysely,
  sql,
  type TableNode,
  type Transaction,
  type ValuesNode,
} from 'kysely'
import { quoteIdentifier, quoteQualified } from '../../core/index.ts'
import { transaction } from '../transaction.ts'
import { type Copied, Copying } from './copying.ts'
import { copyLine } from './copy-text.ts'

/** Rows that are there, or come one after another. */
export type ManyRows<Given> = Iterable<Given> | AsyncIterable<Given>

/** How many rows are stored at a time. */
export interface CreateManyOptions {
  /** From so many rows on they are sent by COPY; fewer by INSERT. Default 100. */
  readonly copyFromRows?: number
}

const COPY_FROM_ROWS = 100
/** Rows that are held in memory, and how long their texts may be together. */
const ROWS_AT_A_TIME = 2_000
const LENGTH_AT_A_TIME = 8_000_000
/** Of a COPY, what is written at a time. */
const LENGTH_OF_A_PIECE = 256_000
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
  const chunks = inChunks(
    rows as ManyRows<Row>,
    Number.isFinite(copyFromRows) ? Math.max(copyFromRows, ROWS_AT_A_TIME) : ROWS_AT_A_TIME,
  )
  try {
    const { value: first } = await chunks.next()
    if (!first) return 0
    return await transaction(db as Kysely<any>, async (trx) => {
      const isMany = first.rows.length >= copyFromRows || (first.isFull && Number.isFinite(copyFromRows))
      const way = isMany ? await wayOf(trx, table, first.rows[0] as Row) : undefined
      const store = new Store(trx, table, way)
      try {
        for (let chunk: Chunk | undefined = first; chunk; { value: chunk } = await chunks.next()) {
          for (const alike of bySignature(chunk.rows)) await store.take(alike)
          // The source may read through the same transaction, and must find it free.
          if (db.isTransaction) await store.settle()
        }
        return await store.settle()
      } catch (error) {
        await store.abandon()
        throw error
      }
    })
  } finally {
    await chunks.return(undefined) // a source that was not read to its end may hold something
  }
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
    if (copied) this.#count += await this.#copying.send(copied)
    else {
      this.#count += await this.#copying.end()
      this.#count += await insert(this.#trx, this.#table, rows)
    }
  }

  /** Waits until the server has all of it. @returns how many rows were stored so far, as the server counts */
  async settle(): Promise<number> {
    this.#count += await this.#copying.end()
    return this.#count
  }

  /** Nothing more comes. */
  async abandon(): Promise<void> {
    await this.#copying.abandon()
  }
}

/** How rows get into a table by COPY. */
interface CopyWay {
  readonly table: string
  /** The table's name as SQL. */
  readonly name: string
  /** Whoever renames columns or rewrites values is heard: plugins see the INSERT that it would be. */
  readonly hasPlugins: boolean
  /** Columns for which INSERT takes no value. */
  readonly identities: readonly string[]
}

/**
 * Undefined where COPY would do something else than INSERT: it knows neither row-level security nor views, passes over
 * rules, and takes values for identities that INSERT refuses.
 */
async function wayOf(trx: Transaction<any>, table: string, row: Row): Promise<CopyWay | undefined> {
  const node = nodeOf(trx, table, [row])
  const name = tableName(node)
  const { rows } = await sql<{ takes: boolean; identities: string[] }>`
    SELECT relkind IN ('r', 'p', 'f') AND NOT relhasrules AND NOT row_security_active(oid) AS takes,
           ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = pg_class.oid AND attidentity = 'a') AS identities
      FROM pg_class WHERE oid = ${name}::regclass`.execute(trx.withoutPlugins())
  const [found] = rows
  if (!found?.takes) return undefined
  return { table, name, hasPlugins: trx.getExecutor().plugins.length > 0, identities: found.identities }
}

/** Rows of the same columns as COPY takes them; undefined when there is an expression among their values. */
function copyOf(trx: Transaction<any>, way: CopyWay, rows: readonly Row[]): Copied | undefined {
  const { columns, lists } = way.hasPlugins ? transformed(trx, way.table, rows) : plain(rows)
  if (columns.length === 0 || !lists || columns.some((name) => way.identities.includes(name)))
    return undefined
  const pieces: string[] = []
  let piece = ''
  for (const values of lists) {
    if (values.some(isExpression)) return undefined
    piece += copyLine(values)
    if (piece.length < LENGTH_OF_A_PIECE) continue
    pieces.push(piece)
    piece = ''
  }
  if (piece !== '') pieces.push(piece)
  return { statement: `COPY ${way.name} (${columns.map(quoteIdentifier).join(', ')}) FROM STDIN`, pieces }
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

async function insert(trx: Transaction<any>, table: string, rows: readonly Row[]): Promise<number> {
  const columns = Object.values(rows[0] as Row).filter((value) => value !== undefined).length
  if (columns === 0) return insertDefaults(trx, table, rows.length)
  const size = Math.min(ROWS_OF_AN_INSERT, Math.floor(MOST_PARAMETERS / columns))
  let stored = 0
  for (let from = 0; from < rows.length; from += size) {
    const some = trx.insertInto(table).values(rows.slice(from, from + size))
    stored += Number((await some.executeTakeFirst()).numInsertedOrUpdatedRows ?? 0)
  }
  return stored
}

async function insertDefaults(trx: Transaction<any>, table: string, count: number): Promise<number> {
  let stored = 0
  for (let n = 0; n < count; n += 1) {
    const one = await trx.insertInto(table).defaultValues().executeTakeFirst()
    stored += Number(one.numInsertedOrUpdatedRows ?? 0)
  }
  return stored
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

/** Some rows, held in memory. */
interface Chunk {
  readonly rows: readonly Row[]
  /** There may be more. */
  readonly isFull: boolean
}

async function* inChunks(source: ManyRows<Row>, size: number): AsyncGenerator<Chunk, undefined> {
  let rows: Row[] = []
  let length = 0
  for await (const row of source) {
    length += lengthOf(row)
    if (rows.push(row) < size && length < LENGTH_AT_A_TIME) continue
    yield { rows, isFull: true }
    rows = []
    length = 0
  }
  if (rows.length > 0) yield { rows, isFull: false }
  return undefined
}

/** About how much memory a row takes; what is small counts for nothing. */
function lengthOf(row: Row): number {
  let length = 0
  for (const name in row) {
    const { length: its = 0 } = (row[name] ?? 0) as { length?: unknown }
    if (typeof its === 'number') length += its
  }
  return length
}
