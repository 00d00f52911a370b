import { type Expression, expressionBuilder, type Selectable, type SqlBool, sql } from 'kysely'
import { filterInvalid } from '../errors.ts'

/** Values that stand for themselves in a filter; others need an operator around them. */
type Plain = string | number | bigint | boolean | Date | Uint8Array

type Comparisons<Value> = {
  readonly eq?: Value | undefined
  readonly ne?: Value | undefined
  readonly in?: readonly Value[] | undefined
  readonly notIn?: readonly Value[] | undefined
  readonly lt?: Value | undefined
  readonly lte?: Value | undefined
  readonly gt?: Value | undefined
  readonly gte?: Value | undefined
}

interface TextComparisons {
  /** With `%` and `_` as wildcards. */
  readonly like?: string | undefined
  /** The same, whatever the case. */
  readonly ilike?: string | undefined
  /** Taken as it is. */
  readonly startsWith?: string | undefined
  /** Taken as it is, whatever the case. */
  readonly contains?: string | undefined
}

/** Operators that fit a column of this type; all of them hold together. */
export type Operators<Value> = Comparisons<NonNullable<Value>> &
  ([NonNullable<Value>] extends [string] ? TextComparisons : unknown) &
  (null extends Value ? { readonly isNull?: boolean | undefined } : unknown)

/** What a column is held against: a value, null where it may be that, or operators. */
export type Condition<Value> =
  | Operators<Value>
  | (NonNullable<Value> extends Plain ? NonNullable<Value> : never)
  | (null extends Value ? null : never)

/** Conditions by column, which hold all together. A column that is undefined is not asked about. */
export type Filter<Row> = {
  readonly [Column in keyof Selectable<Row>]?: Condition<Selectable<Row>[Column]> | undefined
}

type Write = (column: Expression<any>, value: any) => Expression<SqlBool>

const escapeLike = (text: unknown): string => String(text).replaceAll(/[\\%_]/g, '\\$&')

// One parameter for a list, so that the text stays the same, whatever its length.
const OPERATORS: Readonly<Record<string, Write>> = {
  eq: (column, value) => sql`${column} = ${value}`,
  ne: (column, value) => sql`${column} <> ${value}`,
  lt: (column, value) => sql`${column} < ${value}`,
  lte: (column, value) => sql`${column} <= ${value}`,
  gt: (column, value) => sql`${column} > ${value}`,
  gte: (column, value) => sql`${column} >= ${value}`,
  in: (column, value) => sql`${column} = any(${value})`,
  notIn: (column, value) => sql`${column} <> all(${value})`,
  like: (column, value) => sql`${column} like ${value}`,
  ilike: (column, value) => sql`${column} ilike ${value}`,
  startsWith: (column, value) => sql`${column} like ${`${escapeLike(value)}%`}`,
  contains: (column, value) => sql`${column} ilike ${`%${escapeLike(value)}%`}`,
  isNull: (column, value) => (value ? sql`${column} is null` : sql`${column} is not null`),
}

/**
 * The conditions of a filter.
 * @throws HF_FILTER_INVALID for an operator that is none, or a value that fits no operator
 */
export function conditionsOf(filter: Readonly<Record<string, unknown>>): Expression<SqlBool>[] {
  const eb = expressionBuilder<any, any>()
  return Object.entries(filter).flatMap(([name, condition]) => {
    if (condition === undefined) return []
    const column = eb.ref(name)
    if (condition === null) return [sql<boolean>`${column} is null`]
    if (!isOperators(condition)) return [sql<boolean>`${column} = ${condition}`]
    return Object.entries(condition).flatMap(([operator, value]) => {
      const write = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined
      if (!write) throw filterInvalid(name, operator, Object.keys(OPERATORS))
      if (value === undefined) return []
      const isList = operator === 'in' || operator === 'notIn'
      const fits = operator === 'isNull' ? typeof value === 'boolean' : !isList || Array.isArray(value)
      if (!fits) throw filterInvalid(name, operator, Object.keys(OPERATORS))
      return [write(column, value)]
    })
  })
}

/** An object without a class of its own; dates, buffers and the like are values. */
function isOperators(condition: unknown): condition is Record<string, unknown> {
  if (typeof condition !== 'object' || condition === null) return false
  const prototype: unknown = Object.getPrototypeOf(condition)
  return prototype === Object.prototype || prototype === null
}
