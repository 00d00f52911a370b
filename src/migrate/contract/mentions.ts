import type { Node, RangeVar } from '@pgsql/types'
import { stringOf, visit } from '../format/tree.ts'
import type { Removed } from './removed.ts'

/** What one statement names. */
interface Mentions {
  readonly relations: readonly { readonly schema: string | undefined; readonly name: string }[]
  readonly columns: ReadonlySet<string>
  readonly functions: readonly { readonly schema: string | undefined; readonly name: string }[]
  /** `SELECT *`, RETURNING *, an INSERT without a list of columns: all columns, whichever they are. */
  readonly isOfAllColumns: boolean
}

/** What runs with traffic. What changes the structure says nothing about use. */
const TRAFFIC = new Set([
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
  'CopyStmt',
  'CallStmt',
  'DeclareCursorStmt',
])

/**
 * Whether a statement, as pg_stat_statements keeps it, uses one of these things.
 * @returns the first that it uses
 */
export async function firstUsed(text: string, removed: readonly Removed[]): Promise<Removed | undefined> {
  const { parse } = await import('libpg-query')
  let nodes: Node[]
  try {
    nodes = ((await parse(text)).stmts ?? []).flatMap(({ stmt }) => (stmt ? [stmt] : []))
  } catch {
    // A parameter stands where the grammar wants a constant, as in `interval $1`: judged by its words.
    return /^\s*(select|insert|update|delete|merge|with|copy|call)\b/i.test(text)
      ? removed.find((one) => wordsMention(text, one))
      : undefined
  }
  const traffic = nodes.filter((node) => TRAFFIC.has(Object.keys(node)[0] as string))
  const mentions = mentionsOf(traffic)
  return removed.find((one) => isUse(mentions, one))
}

function wordsMention(text: string, { name, column }: Removed): boolean {
  const words = new Set(text.toLowerCase().split(/[^\p{L}\p{N}_$]+/u))
  const has = (word: string): boolean => words.has(word.toLowerCase())
  return has(name) && (column === undefined || has(column))
}

function mentionsOf(nodes: readonly Node[]): Mentions {
  const relations: { schema: string | undefined; name: string }[] = []
  const functions: { schema: string | undefined; name: string }[] = []
  const columns = new Set<string>()
  let isOfAllColumns = false
  const addRelation = ({ schemaname: schema, relname: name }: RangeVar): void => {
    if (name !== undefined) relations.push({ schema, name })
  }
  visit(nodes, (kind, node) => {
    if (kind === 'RangeVar') addRelation(node as RangeVar)
    if (kind === 'A_Star') isOfAllColumns = true
    if (kind === 'ColumnRef')
      for (const field of (node as { fields?: Node[] }).fields ?? []) columns.add(stringOf(field))
    if (kind === 'ResTarget') columns.add((node as { name?: string }).name ?? '')
    if (kind === 'FuncCall') {
      const words = ((node as { funcname?: Node[] }).funcname ?? []).map(stringOf)
      functions.push({ schema: words.at(-2), name: words.at(-1) ?? '' })
    }
    // The table of these stands in them without a node of its own.
    if (['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'CopyStmt'].includes(kind)) {
      const { relation, cols, attlist, query } = node as Record<string, unknown>
      if (relation !== undefined) addRelation(relation as RangeVar)
      const lists = kind === 'InsertStmt' ? cols : kind === 'CopyStmt' ? (attlist ?? query) : []
      if (lists === undefined) isOfAllColumns = true
      if (kind === 'CopyStmt')
        for (const one of (attlist as Node[] | undefined) ?? []) columns.add(stringOf(one))
    }
  })
  return { relations, columns, functions, isOfAllColumns }
}

function isUse(mentions: Mentions, { kind, schema, name, column }: Removed): boolean {
  // A schema that one of the two does not say may be the same.
  const isIt = (one: { schema: string | undefined; name: string }): boolean =>
    one.name === name && (schema === undefined || one.schema === undefined || one.schema === schema)
  if (kind === 'function') return mentions.functions.some(isIt)
  if (kind === 'schema')
    return [...mentions.relations, ...mentions.functions].some((one) => one.schema === name)
  if (!mentions.relations.some(isIt)) return false
  return column === undefined || mentions.isOfAllColumns || mentions.columns.has(column)
}
