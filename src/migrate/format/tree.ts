import { quoteWhereNeeded } from '../../core/index.ts'
import type { AlterTableCmd, ColumnDef, Constraint, Node, RangeVar, TypeName } from '@pgsql/types'

/** The text of a String node. */
export const stringOf = (node: Node | undefined): string =>
  node && 'String' in node ? (node.String.sval ?? '') : ''

/** The words of a list of names: `{s, t}` of DROP TABLE s.t. */
export function wordsOf(node: Node | undefined): string[] {
  if (node === undefined) return []
  if ('List' in node) return (node.List.items ?? []).map(stringOf)
  if ('TypeName' in node) return (node.TypeName.names ?? []).map(stringOf)
  if ('ObjectWithArgs' in node) return (node.ObjectWithArgs.objname ?? []).map(stringOf)
  return 'String' in node ? [stringOf(node)] : []
}

/** A type without its modifiers as PostgreSQL calls it inside: `int4`, `varchar`, `public.mood`. */
export function typeNameOf(type: TypeName | undefined): string {
  const words = (type?.names ?? []).map(stringOf).filter((word) => word !== 'pg_catalog')
  return words.join('.') + (type?.arrayBounds?.length ? '[]' : '')
}

/** The numbers in a type's parentheses. */
export function modifiersOf(type: TypeName | undefined): number[] {
  return (type?.typmods ?? []).flatMap((node) =>
    'A_Const' in node && node.A_Const.ival ? [node.A_Const.ival.ival ?? 0] : [],
  )
}

/** The constraint that a definition holds. */
export const constraintIn = (node: Node | undefined): Constraint | undefined =>
  node && 'Constraint' in node ? node.Constraint : undefined

/** The column that a definition holds. */
export const columnIn = (node: Node | undefined): ColumnDef | undefined =>
  node && 'ColumnDef' in node ? node.ColumnDef : undefined

/** Constraints written behind a column. */
export const inlineConstraints = (column: ColumnDef): Constraint[] =>
  (column.constraints ?? []).flatMap((node) => ('Constraint' in node ? [node.Constraint] : []))

/** Names of all functions that an expression calls, without their schema where that is pg_catalog. */
export function functionsIn(value: unknown): string[] {
  const found: string[] = []
  visit(value, (name, node) => {
    if (name === 'FuncCall') {
      const words = ((node as { funcname?: Node[] }).funcname ?? []).map(stringOf)
      found.push(words.filter((word) => word !== 'pg_catalog').join('.'))
    }
    if (name === 'SQLValueFunction') found.push(String((node as { op?: string }).op))
  })
  return found
}

/** Names of all columns that an expression mentions. */
export function columnsIn(value: unknown): string[] {
  const found: string[] = []
  visit(value, (name, node) => {
    if (name === 'ColumnRef') found.push(stringOf((node as { fields?: Node[] }).fields?.at(-1)))
  })
  return found
}

/** Calls `look` with every node of a tree and its name. */
export function visit(value: unknown, look: (name: string, node: unknown) => void): void {
  if (Array.isArray(value)) {
    for (const one of value) visit(one, look)
    return
  }
  if (typeof value !== 'object' || value === null) return
  for (const [name, one] of Object.entries(value)) {
    if (/^[A-Z]/.test(name)) look(name, one)
    visit(one, look)
  }
}

/** A condition that compares a column with a value; `WHERE true` and none are none. */
export function isNarrow(where: Node | undefined): boolean {
  if (where === undefined) return false
  let isNarrowing = false
  visit({ where }, (name, one) => {
    if (name !== 'A_Expr') return
    const { name: operator = [], lexpr, rexpr } = one as { name?: Node[]; lexpr?: Node; rexpr?: Node }
    const isConstant = (side: Node | undefined): boolean =>
      side !== undefined &&
      ('A_Const' in side ||
        'TypeCast' in side ||
        'List' in side ||
        'SubLink' in side ||
        'A_ArrayExpr' in side)
    if (
      ['=', '~~', '<', '>', '<=', '>='].includes(stringOf(operator[0])) &&
      (isConstant(rexpr) || isConstant(lexpr)) &&
      columnsIn([lexpr, rexpr]).length > 0
    )
      isNarrowing = true
  })
  return isNarrowing
}

/** A name of the tree as SQL writes it; what stands in it may be missing. */
export const sqlName = (name = ''): string => (name === '' ? '""' : quoteWhereNeeded(name))

/** `schema.table` or `table` as SQL writes it. */
export function writtenName({ schemaname, relname }: RangeVar): string {
  return schemaname === undefined ? sqlName(relname) : `${sqlName(schemaname)}.${sqlName(relname)}`
}

/** A statement of one sub-command of ALTER TABLE. */
export function alterWith(relation: RangeVar, cmd: AlterTableCmd, objtype = 'OBJECT_TABLE'): Node {
  return {
    AlterTableStmt: { relation, cmds: [{ AlterTableCmd: cmd }], objtype: objtype as 'OBJECT_TABLE' },
  }
}

/** PostgreSQL's parse tree as SQL. */
export async function toSql(node: Node): Promise<string> {
  const { deparse } = await import('pgsql-deparser')
  return deparse(node, { pretty: false })
}
