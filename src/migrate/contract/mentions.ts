import { sqlParser } from '../../core/index.ts'
import type { Node, RangeVar, SelectStmt } from '@pgsql/types'
import { stringOf, visit } from '../format/tree.ts'
import type { Removed } from './removed.ts'

/** A name with the schema that stands before it, if one does. */
interface Name {
  readonly schema: string | undefined
  readonly name: string
}

/** What one statement names. */
class Mentions {
  readonly relations: Name[] = []
  readonly functions: Name[] = []
  readonly columns = new Set<string>()
  /** Names that stand alone: a column, or the whole row of a table. */
  readonly alone = new Set<string>()
  /** Relations of which all columns are used, whichever they are. */
  readonly whole: Name[] = []
  /** It is not clear of which: then of each. */
  areAllWhole = false
  /** What names stand for; what WITH names is no table. */
  readonly aliases = new Map<string, Name>()
  readonly commonTables = new Set<string>()
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
  'PrepareStmt',
  'CreateTableAsStmt',
  'TruncateStmt',
])

/**
 * Whether a statement, as pg_stat_statements keeps it, uses one of these things.
 * @returns the first that it uses
 */
export async function firstUsed(text: string, removed: readonly Removed[]): Promise<Removed | undefined> {
  const { parse } = await sqlParser()
  let nodes: Node[]
  try {
    nodes = (parse(text).stmts ?? []).flatMap(({ stmt }) => (stmt ? [stmt] : []))
  } catch {
    // A parameter stands where the grammar wants a constant, as in `interval $1`: judged by its words.
    return /^\s*(select|insert|update|delete|merge|with|copy|call)\b/i.test(text)
      ? removed.find((one) => wordsMention(text, one))
      : undefined
  }
  const traffic = nodes.filter((node) => TRAFFIC.has(Object.keys(node)[0] as string) && !isBackup(node))
  const mentions = mentionsOf(traffic)
  return removed.find((one) => isUse(mentions, one))
}

/** COPY ... TO of a table is what pg_dump sends every night: it asks for the columns that there are. */
const isBackup = (node: Node): boolean =>
  'CopyStmt' in node && node.CopyStmt.is_from !== true && node.CopyStmt.relation !== undefined

function wordsMention(text: string, { name, column }: Removed): boolean {
  const words = new Set(text.toLowerCase().split(/[^\p{L}\p{N}_$]+/u))
  const has = (word: string): boolean => words.has(word.toLowerCase())
  return has(name) && (column === undefined || has(column))
}

function mentionsOf(nodes: readonly Node[]): Mentions {
  const mentions = new Mentions()
  const looked = new Set<unknown>()
  visit(nodes, (kind, node) => {
    if (kind === 'CommonTableExpr') mentions.commonTables.add((node as { ctename?: string }).ctename ?? '')
  })
  visit(nodes, (kind, node) => READERS[kind]?.(mentions, node as never, looked))
  // A name of a table or alias by itself is its whole row.
  for (const name of mentions.alone) {
    const row = mentions.aliases.get(name)
    if (row) mentions.whole.push(row)
  }
  return mentions
}

/** What the nodes of a tree name, by their kind. */
const READERS: Readonly<Record<string, (mentions: Mentions, node: never, looked: Set<unknown>) => void>> = {
  RangeVar: addRelation,
  ColumnRef: ({ columns, alone }, { fields = [] }: { fields?: Node[] }) => {
    for (const field of fields) columns.add(stringOf(field))
    if (fields.length === 1) alone.add(stringOf(fields[0]))
  },
  ResTarget: ({ columns }, { name = '' }: { name?: string }) => void columns.add(name),
  // `(row).field`
  A_Indirection: (mentions, { indirection = [] }: { indirection?: Node[] }) => {
    for (const part of indirection) {
      if ('A_Star' in part) mentions.areAllWhole = true
      mentions.columns.add(stringOf(part))
    }
  },
  FuncCall: addCall,
  CallStmt: (mentions, { funccall }: { funccall?: { funcname?: Node[] } }) =>
    funccall && addCall(mentions, funccall),
  JoinExpr: (mentions, { isNatural, usingClause = [] }: { isNatural?: boolean; usingClause?: Node[] }) => {
    if (isNatural === true) mentions.areAllWhole = true
    for (const one of usingClause) mentions.columns.add(stringOf(one))
  },
  IndexElem: ({ columns }, { name = '' }: { name?: string }) => void columns.add(name),
  MergeWhenClause: (mentions, { commandType, targetList, values }: Record<string, unknown>) => {
    if (commandType === 'CMD_INSERT' && targetList === undefined && values !== undefined)
      mentions.areAllWhole = true
  },
  // EXISTS does not care what its query selects.
  SubLink: (_, { subLinkType, subselect }: { subLinkType?: string; subselect?: Node }, looked) => {
    if (subLinkType === 'EXISTS_SUBLINK' && subselect && 'SelectStmt' in subselect)
      looked.add(subselect.SelectStmt)
  },
  SelectStmt: (mentions, select: SelectStmt, looked) => {
    if (!looked.has(select))
      addStars(mentions, select.targetList ?? [], directlyFrom(select.fromClause ?? []))
  },
  InsertStmt: addTarget,
  UpdateStmt: addTarget,
  DeleteStmt: addTarget,
  MergeStmt: addTarget,
  CopyStmt: addTarget,
}

function addRelation(mentions: Mentions, { schemaname: schema, relname: name, alias }: RangeVar): void {
  if (name === undefined || (schema === undefined && mentions.commonTables.has(name))) return
  mentions.relations.push({ schema, name })
  mentions.aliases.set(alias?.aliasname ?? name, { schema, name })
}

function addCall(mentions: Mentions, { funcname = [] }: { funcname?: Node[] }): void {
  const words = funcname.map(stringOf)
  mentions.functions.push({ schema: words.at(-2), name: words.at(-1) ?? '' })
}

/** The table that a statement changes stands in it without a node of its own. */
function addTarget(
  mentions: Mentions,
  node: {
    relation?: RangeVar
    cols?: Node[]
    attlist?: Node[]
    selectStmt?: Node
    returningList?: Node[]
    returningClause?: { exprs?: Node[] }
    onConflictClause?: { infer?: { conname?: string } }
  },
): void {
  const { relation } = node
  if (relation === undefined) return
  addRelation(mentions, relation)
  const name = { schema: relation.schemaname, name: relation.relname ?? '' }
  const isInsert = 'selectStmt' in node && node.cols === undefined
  const isCopy = 'is_from' in node && node.attlist === undefined
  if (isInsert || isCopy) mentions.whole.push(name)
  // Of which columns a constraint is stands in the catalog.
  if (node.onConflictClause?.infer?.conname !== undefined) mentions.whole.push(name)
  for (const one of node.attlist ?? []) mentions.columns.add(stringOf(one))
  addStars(mentions, node.returningList ?? node.returningClause?.exprs ?? [], [relation])
}

/** Tables that stand in a FROM themselves, not in a query within it. */
function directlyFrom(from: readonly Node[]): RangeVar[] {
  return from.flatMap((node) => {
    if ('RangeVar' in node) return [node.RangeVar]
    if (!('JoinExpr' in node)) return []
    const { larg, rarg } = node.JoinExpr
    return directlyFrom([larg, rarg].filter((one) => one !== undefined))
  })
}

/** `*` is of every table of its FROM, `x.*` of that one. */
function addStars(
  { whole, commonTables }: Mentions,
  targets: readonly Node[],
  from: readonly RangeVar[],
): void {
  for (const target of targets) {
    const value = 'ResTarget' in target ? target.ResTarget.val : undefined
    const fields = value && 'ColumnRef' in value ? (value.ColumnRef.fields ?? []) : []
    const last = fields.at(-1)
    if (!last || !('A_Star' in last)) continue
    const of = fields.length > 1 ? stringOf(fields.at(-2)) : undefined
    for (const { relname = '', schemaname: schema, alias } of from)
      if (
        (of === undefined || of === (alias?.aliasname ?? relname)) &&
        !(schema === undefined && commonTables.has(relname))
      )
        whole.push({ schema, name: relname })
  }
}

function isUse(mentions: Mentions, { kind, schema, name, column }: Removed): boolean {
  // A schema that one of the two does not say may be the same.
  const isIt = (one: Name): boolean =>
    one.name === name && (schema === undefined || one.schema === undefined || one.schema === schema)
  if (kind === 'function') return mentions.functions.some(isIt)
  if (kind === 'schema')
    return [...mentions.relations, ...mentions.functions].some((one) => one.schema === name)
  if (!mentions.relations.some(isIt)) return false
  if (column === undefined || mentions.areAllWhole || mentions.columns.has(column)) return true
  return mentions.whole.some(isIt)
}
