import type { Node, PartitionBoundSpec } from '@pgsql/types'
import { stringOf } from '../format/tree.ts'

/** The condition of a CHECK in the parts that all have to hold. */
export interface CheckExpression {
  /** `column operator constant`, as in `at >= 2026-01-01`. */
  readonly comparisons: readonly string[]
  /** Columns that it keeps from being NULL. */
  readonly notNull: readonly string[]
}

/** Takes a condition apart at its ANDs. */
export function readCheck(expression: Node | undefined): CheckExpression {
  const comparisons: string[] = []
  const notNull: string[] = []
  for (const part of conjuncts(expression)) {
    if ('NullTest' in part) {
      const column = columnOf(part.NullTest.arg)
      if (part.NullTest.nulltesttype === 'IS_NOT_NULL' && column !== undefined) notNull.push(column)
    } else if ('A_Expr' in part) comparisons.push(...comparison(part.A_Expr))
  }
  return { comparisons, notNull }
}

function conjuncts(node: Node | undefined): Node[] {
  if (node === undefined) return []
  if ('BoolExpr' in node && node.BoolExpr.boolop === 'AND_EXPR')
    return (node.BoolExpr.args ?? []).flatMap(conjuncts)
  return [node]
}

function comparison({
  name,
  lexpr,
  rexpr,
  kind,
}: {
  name?: Node[]
  lexpr?: Node
  rexpr?: Node
  kind?: string
}): string[] {
  const column = columnOf(lexpr)
  const operator = stringOf(name?.[0])
  if (column === undefined) return []
  if (kind === 'AEXPR_IN' || kind === 'AEXPR_OP_ANY') {
    const values = listOf(rexpr).map(constantOf)
    return values.includes(undefined) ? [] : [`${column} in ${values.toSorted().join(', ')}`]
  }
  const value = constantOf(rexpr)
  if (value === undefined) return []
  return operator === '=' ? [`${column} in ${value}`] : [`${column} ${operator} ${value}`]
}

function listOf(node: Node | undefined): Node[] {
  if (node === undefined) return []
  if ('List' in node) return node.List.items ?? []
  if ('A_ArrayExpr' in node) return node.A_ArrayExpr.elements ?? []
  return 'TypeCast' in node ? listOf(node.TypeCast.arg) : []
}

function columnOf(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined
  // varchar columns are looked at as text.
  if ('TypeCast' in node) return columnOf(node.TypeCast.arg)
  return 'ColumnRef' in node ? stringOf(node.ColumnRef.fields?.at(-1)) : undefined
}

/** A constant as text, whatever it is cast to. */
export function constantOf(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined
  if ('TypeCast' in node) return constantOf(node.TypeCast.arg)
  if (!('A_Const' in node)) return undefined
  const constant = node.A_Const
  if (constant.isnull) return 'NULL'
  if (constant.sval) return constant.sval.sval ?? ''
  if (constant.fval) return constant.fval.fval ?? ''
  if (constant.boolval) return String(constant.boolval.boolval ?? false)
  return constant.ival ? String(constant.ival.ival ?? 0) : undefined
}

/**
 * Whether a CHECK says what a partition's bound says, so that ATTACH need not look at the rows.
 * @param key of the parent as the catalog writes it: `RANGE (at)`
 */
export function provesBound(
  check: CheckExpression,
  bound: PartitionBoundSpec,
  key: string,
  isNotNull: (column: string) => boolean,
): boolean {
  const match = /^(RANGE|LIST) \("?([^"(),]+)"?\)$/.exec(key)
  if (!match) return false
  const column = match[2] as string
  const wanted = match[1] === 'LIST' ? listBound(bound, column) : rangeBound(bound, column)
  if (wanted === undefined) return false
  const holdsNoNull = isNotNull(column) || check.notNull.includes(column)
  return holdsNoNull && wanted.every((one) => check.comparisons.includes(one))
}

function listBound({ listdatums = [] }: PartitionBoundSpec, column: string): string[] | undefined {
  const values = listdatums.map(constantOf)
  return values.includes(undefined) || values.includes('NULL')
    ? undefined
    : [`${column} in ${values.toSorted().join(', ')}`]
}

function rangeBound(
  { lowerdatums = [], upperdatums = [] }: PartitionBoundSpec,
  column: string,
): string[] | undefined {
  if (lowerdatums.length !== 1 || upperdatums.length !== 1) return undefined
  const wanted: string[] = []
  for (const [operator, [datum]] of [
    ['>=', lowerdatums],
    ['<', upperdatums],
  ] as const) {
    if (datum && 'ColumnRef' in datum) continue // MINVALUE, MAXVALUE
    const value = constantOf(datum)
    if (value === undefined) return undefined
    wanted.push(`${column} ${operator} ${value}`)
  }
  return wanted
}
