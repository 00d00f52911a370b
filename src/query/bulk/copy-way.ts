import { type InsertQueryNode, sql, type TableNode, type Transaction, type ValuesNode } from 'kysely'
import { quoteIdentifier, quoteQualified } from '../../core/index.ts'
import type { Row } from './chunks.ts'
import { copyLine } from './copy-text.ts'
import type { Copied } from './copying.ts'

/** Of a COPY, what is written at a time. */
const LENGTH_OF_A_PIECE = 256_000

/** How rows get into a table by COPY. */
export interface CopyWay {
  readonly table: string
  /** The table's name as SQL. */
  readonly name: string
  /** Whoever renames columns or rewrites values is heard: plugins see the INSERT that it would be. */
  readonly hasPlugins: boolean
  /** Columns for which INSERT takes no value. */
  readonly identities: readonly string[]
  /** Columns of bytes: only there do they mean the same in COPY's text as in INSERT. */
  readonly bytes: readonly string[]
}

/**
 * Undefined where COPY would do something else than INSERT: it knows neither row-level security nor views, passes over
 * rules, and takes values for identities that INSERT refuses.
 */
export async function copyWayOf(
  trx: Transaction<any>,
  table: string,
  row: Row,
): Promise<CopyWay | undefined> {
  const node = nodeOf(trx, table, [row])
  const name = tableName(node)
  const { rows } = await sql<{ takes: boolean; identities: string[]; bytes: string[] }>`
    SELECT relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'f']::"char"[]) AND NOT relhasrules AND NOT pg_catalog.row_security_active(oid) AS takes,
           ARRAY(SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid OPERATOR(pg_catalog.=) pg_class.oid AND attidentity OPERATOR(pg_catalog.=) 'a') AS identities,
           ARRAY(SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid OPERATOR(pg_catalog.=) pg_class.oid AND atttypid OPERATOR(pg_catalog.=) 'pg_catalog.bytea'::regtype::oid) AS bytes
      FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) ${name}::regclass::oid`.execute(
    trx.withoutPlugins(),
  )
  const [found] = rows
  if (!found?.takes) return undefined
  const { identities, bytes } = found
  return { table, name, hasPlugins: trx.getExecutor().plugins.length > 0, identities, bytes }
}

/** Rows of the same columns as COPY takes them; undefined when there is an expression among their values, or bytes for what is no column of bytes. */
export function copyOf(trx: Transaction<any>, way: CopyWay, rows: readonly Row[]): Copied | undefined {
  const { columns, lists } = way.hasPlugins ? transformed(trx, way.table, rows) : plain(rows)
  if (columns.length === 0 || !lists || columns.some((name) => way.identities.includes(name)))
    return undefined
  const isOddBytes = (value: unknown, at: number): boolean =>
    ArrayBuffer.isView(value) && !way.bytes.includes(columns[at] as string)
  const pieces: string[] = []
  let piece = ''
  for (const values of lists) {
    if (values.some(isExpression) || values.some(isOddBytes)) return undefined
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

function nodeOf(trx: Transaction<any>, table: string, rows: readonly Row[]): InsertQueryNode {
  return trx.insertInto(table).values(rows).toOperationNode() as InsertQueryNode
}

function tableName(node: InsertQueryNode): string {
  const { schema, identifier } = (node.into as TableNode).table
  return schema ? quoteQualified(schema.name, identifier.name) : quoteIdentifier(identifier.name)
}
