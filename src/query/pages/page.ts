import {
  expressionBuilder,
  ExpressionWrapper,
  SelectionNode,
  type SelectQueryBuilder,
  type SelectQueryNode,
  sql,
} from 'kysely'
import { pageQuery, pageUnordered } from '../errors.ts'
import { limitOf, wholeNumber } from './limits.ts'

/** What {@link paginate} needs to know. */
export interface PageOptions {
  /** From 1 on; default 1. */
  readonly page?: number | undefined
  /** Rows on a page; default 20. */
  readonly limit?: number | undefined
  /** The greatest `limit` that is accepted; default 1,000. */
  readonly maxLimit?: number | undefined
  /** The last row that may be asked for; the server reads all those before it. Default 100,000: further on, use `keyset`. */
  readonly maxRows?: number | undefined
  /**
   * How many rows there are altogether: `exact` counts them in the same statement, `estimated` asks the planner, `none`
   * tells only whether there are more. Default `exact`.
   */
  readonly count?: 'exact' | 'estimated' | 'none' | undefined
}

/** A page by its number, and what stands around it. */
export interface Page<Row> {
  readonly rows: Row[]
  readonly page: number
  readonly limit: number
  /** Null when it was not asked for. */
  readonly totalRows: number | null
  readonly totalPages: number | null
  /** The totals are the planner's guess. What the page itself shows is never contradicted. */
  readonly isEstimate: boolean
  readonly hasNext: boolean
  readonly hasPrevious: boolean
}

type AnyQuery = SelectQueryBuilder<any, any, any>

const TOTAL = 'holdfasttotal'

/**
 * One page of a query by its number, for lists that are short or that people leaf through. The server reads every row
 * before the page; rows that come or go move others to another page. `keyset` has neither fault.
 *
 * @example
 * const { rows, totalPages } = await paginate(
 *   db.selectFrom('documents').select(['id', 'title']).orderBy('title').orderBy('id'),
 *   { page: 2, limit: 50, count: 'estimated' },
 * )
 *
 * @param query with an ORDER BY that leaves no ties, or the pages overlap; without LIMIT and OFFSET.
 * @throws HF_PAGE_INVALID, of status 400; HF_PAGE_QUERY
 */
export async function paginate<DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
  options: PageOptions = {},
): Promise<Page<O>> {
  const { count = 'exact', maxRows = 100_000 } = options
  assertPageable(query as AnyQuery)
  const limit = limitOf(options.limit, options.maxLimit)
  const page = wholeNumber('page', options.page ?? 1, Math.max(1, Math.floor(maxRows / limit)))
  const offset = (page - 1) * limit
  const counted = count === 'exact' ? withTotal(query as AnyQuery) : (query as AnyQuery)
  const [found, guess] = await Promise.all([
    // One more than is shown tells whether there are more.
    counted
      .limit(limit + 1)
      .offset(offset)
      .execute() as Promise<Record<string, unknown>[]>,
    count === 'estimated' ? estimateRows(query as AnyQuery) : undefined,
  ])
  const hasNext = found.length > limit
  // The last row was seen, so that there is nothing to count and nothing to guess.
  const isEnd = !hasNext && (found.length > 0 || page === 1)
  const seen = offset + found.length
  const total = async (): Promise<number | null> => {
    if (count === 'none') return null
    if (isEnd) return seen
    if (guess === undefined) return totalOf(query as AnyQuery, found[0])
    return hasNext ? Math.max(guess, seen) : Math.min(guess, offset)
  }
  const totalRows = await total()
  return {
    rows: found.slice(0, limit).map(withoutTotal) as O[],
    page,
    limit,
    totalRows,
    totalPages: totalRows === null ? null : Math.ceil(totalRows / limit),
    isEstimate: guess !== undefined && !isEnd,
    hasNext,
    hasPrevious: page > 1,
  }
}

function assertPageable(query: AnyQuery): void {
  const { orderBy, limit, offset, fetch } = query.toOperationNode() as SelectQueryNode
  const [part] = Object.entries({ limit, offset, fetch }).find(([, value]) => value !== undefined) ?? []
  if (part !== undefined) throw pageQuery(part)
  if (!orderBy) throw pageUnordered()
}

/** Each row with the number of all rows: a subquery that the server runs once. */
function withTotal(query: AnyQuery): AnyQuery {
  return query.withPlugin({
    transformQuery: ({ node }) => {
      const select = node as SelectQueryNode
      // Of a union, the subquery would be a column of one part only.
      if (select.setOperations) return node
      const total = sql`(${new ExpressionWrapper(counting(select))})`.as(TOTAL).toOperationNode()
      return { ...select, selections: [...(select.selections ?? []), SelectionNode.create(total)] }
    },
    transformResult: async ({ result }) => result,
  })
}

/** Behind the end there is no row that could carry the total. */
async function totalOf(query: AnyQuery, first: Record<string, unknown> | undefined): Promise<number> {
  if (first?.[TOTAL] !== undefined) return Number(first[TOTAL])
  const counted = query.withPlugin({
    transformQuery: ({ node }) => counting(node as SelectQueryNode),
    transformResult: async ({ result }) => result,
  })
  return totalOf(query, (await counted.executeTakeFirstOrThrow()) as Record<string, unknown>)
}

/** How many rows a query has, wherever its page ends and whatever its order. */
function counting(select: SelectQueryNode): SelectQueryNode {
  const { orderBy: _order, limit: _limit, offset: _offset, endModifiers: _locks, ...rest } = select
  const rows = sql`(${new ExpressionWrapper(rest)})`.as('holdfastcounted')
  const count = expressionBuilder<any, any>()
    .selectFrom(rows)
    .select((eb) => eb.fn.countAll().as(TOTAL))
  return count.toOperationNode()
}

/** How many rows the planner expects, from its statistics. */
async function estimateRows(query: AnyQuery): Promise<number> {
  const [row] = (await query.clearOrderBy().explain('json')) as [Record<string, unknown>]
  const [plan] = Object.values(row) as [[{ Plan: { 'Plan Rows': number } }]] // whatever plugins call the column
  return plan[0].Plan['Plan Rows']
}

function withoutTotal(row: Record<string, unknown>): Record<string, unknown> {
  const { [TOTAL]: _total, ...rest } = row
  return rest
}
