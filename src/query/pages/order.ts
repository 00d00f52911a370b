import {
  type ExpressionBuilder,
  expressionBuilder,
  type ExtractTypeFromStringReference,
  type Expression,
  type OrderByItemBuilder,
  type RawBuilder,
  type ReferenceExpression,
  type StringReference,
  sql,
} from 'kysely'
import { orderInvalid } from '../errors.ts'
import type { Position } from './position.ts'

/** Where NULLs stand; must be said of what may be NULL. */
export type NullsOf<Value> =
  IsUntyped<Value> extends true ? MayPlace : null extends Value ? MustPlace : MayPlace

interface MayPlace {
  readonly nulls?: 'first' | 'last' | undefined
}

interface MustPlace {
  readonly nulls: 'first' | 'last'
}

/** Of `any`, nothing is known. */
type IsUntyped<Value> = 0 extends 1 & Value ? true : false

interface Directed {
  /** Default `asc`. */
  readonly direction?: 'asc' | 'desc' | undefined
}

type ColumnTerm<DB, TB extends keyof DB> = {
  [Column in StringReference<DB, TB>]: { readonly by: Column } & NullsOf<
    ExtractTypeFromStringReference<DB, TB, Column>
  >
}[StringReference<DB, TB>]

type Computed<DB, TB extends keyof DB, Value> =
  Expression<Value> | ((eb: ExpressionBuilder<DB, TB>) => Expression<Value>)

type ComputedTerm<DB, TB extends keyof DB> =
  | ({ readonly by: Computed<DB, TB, NonNullable<unknown>> } & NullsOf<never>)
  | ({ readonly by: Computed<DB, TB, unknown> } & NullsOf<null>)

/** One term of an order: a column or an expression, its direction, and where its NULLs stand. */
export type OrderTerm<DB, TB extends keyof DB> = (ColumnTerm<DB, TB> | ComputedTerm<DB, TB>) & Directed

/** A term, whatever its types were. */
export interface Term {
  readonly by: ReferenceExpression<any, any>
  readonly direction?: 'asc' | 'desc' | undefined
  readonly nulls?: 'first' | 'last' | undefined
}

type Condition = RawBuilder<boolean>

const EB = expressionBuilder<any, any>()

export const isDescending = ({ direction }: Term): boolean => direction === 'desc'

/** The same order from its end: what came last comes first, NULLs included. */
export function reversed(order: readonly Term[]): Term[] {
  return order.map((term) => ({
    by: term.by,
    direction: isDescending(term) ? 'asc' : 'desc',
    ...(term.nulls && { nulls: term.nulls === 'first' ? 'last' : 'first' }),
  }))
}

export function expressionOf({ by }: Term): Expression<any> {
  if (typeof by === 'string') return EB.ref(by)
  return (typeof by === 'function' ? by(EB) : by) as Expression<any>
}

const DIRECTIONS = new Set(['asc', 'desc'])
const PLACES = new Set(['first', 'last'])

/** @throws HF_ORDER_INVALID: an order may come from a request, and what is not `desc` must not be taken for `asc` */
export function assertOrder(order: readonly Term[]): void {
  for (const { by, direction = 'asc', nulls = 'last' } of order) {
    if (by === null || by === undefined) throw orderInvalid('by', by, ['a column', 'an expression'])
    if (!DIRECTIONS.has(direction)) throw orderInvalid('direction', direction, [...DIRECTIONS])
    if (!PLACES.has(nulls)) throw orderInvalid('nulls', nulls, [...PLACES])
  }
}

/** How a term is written behind ORDER BY. */
export function directionOf(term: Term): (item: OrderByItemBuilder) => OrderByItemBuilder {
  return (item) => {
    const directed = isDescending(term) ? item.desc() : item.asc()
    if (term.nulls === undefined) return directed
    return term.nulls === 'first' ? directed.nullsFirst() : directed.nullsLast()
  }
}

/**
 * What the rows behind a position have in common, as conditions that exclude each other: the rows of the first come
 * before those of the second, and so on. Each one is a range that an index on the order can go through, which one
 * condition for all of them is not, unless all terms run in one direction and have no NULLs.
 */
export function rangesBehind(
  order: readonly Term[],
  { values, isInclusive }: Position,
): readonly Condition[] {
  const terms = order.map((term) => sql`(${expressionOf(term)})`)
  if (order.every(({ nulls }) => nulls === undefined) && sameDirection(order)) {
    const operator = sql.raw(`${isDescending(order[0] as Term) ? '<' : '>'}${isInclusive ? '=' : ''}`)
    if (terms.length === 1) return [sql`${terms[0]} ${operator} ${values[0]}`]
    return [sql`(${sql.join(terms)}) ${operator} (${sql.join(values)})`]
  }
  const equal = terms.map((term, n) =>
    values[n] === null ? sql`${term} is null` : sql`${term} = ${values[n]}`,
  )
  const ranges: Condition[] = isInclusive ? [all(equal)] : []
  for (let n = order.length - 1; n >= 0; n -= 1)
    for (const range of rangesOfOne(terms[n] as RawBuilder<unknown>, order[n] as Term, values[n] ?? null))
      ranges.push(all([...equal.slice(0, n), range]))
  return ranges
}

/** What is strictly behind a value of one term, in the order of the term. */
function rangesOfOne(
  expression: RawBuilder<unknown>,
  term: Term,
  value: string | null,
): RawBuilder<unknown>[] {
  if (value === null) return term.nulls === 'first' ? [sql`${expression} is not null`] : []
  const behind = sql`${expression} ${sql.raw(isDescending(term) ? '<' : '>')} ${value}`
  return term.nulls === 'last' ? [behind, sql`${expression} is null`] : [behind]
}

function sameDirection(order: readonly Term[]): boolean {
  return order.every((term) => isDescending(term) === isDescending(order[0] as Term))
}

function all(conditions: readonly RawBuilder<unknown>[]): Condition {
  return sql<boolean>`(${sql.join(conditions, sql` and `)})`
}
