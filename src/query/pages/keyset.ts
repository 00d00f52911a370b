import {
  type AliasedExpression,
  type AliasNode,
  AndNode,
  expressionBuilder,
  ExpressionWrapper,
  type IdentifierNode,
  ParensNode,
  type SelectQueryBuilder,
  type SelectQueryNode,
  sql,
  type StringReference,
  WhereNode,
} from 'kysely'
import { cursorsClash, keysetKey, keysetNull, optionMissing, pageQuery as unpageable } from '../errors.ts'
import type { CursorKeys } from './cursor-keys.ts'
import { floatsIn } from './floats.ts'
import { limitOf } from './limits.ts'
import {
  assertOrder,
  directionOf,
  expressionOf,
  isDescending,
  type OrderTerm,
  rangesBehind,
  reversed,
  type Term,
} from './order.ts'
import { type Position, PositionSealer } from './position.ts'

/** What {@link keyset} needs to know. */
export interface KeysetOptions<DB, TB extends keyof DB> {
  /** The order, most significant first. What may be NULL must say where NULLs stand. Default: by `key` alone. */
  readonly order?: readonly OrderTerm<DB, TB>[] | undefined
  /**
   * What tells any two rows of the query apart and is never NULL, the primary key as a rule: decides between rows that
   * are equal in `order`.
   */
  readonly key: StringReference<DB, TB> | readonly StringReference<DB, TB>[]
  /** `next` of an earlier page: the rows behind it. */
  readonly after?: string | null | undefined
  /** `previous` of an earlier page: the rows before it. */
  readonly before?: string | null | undefined
  /** Rows on a page; default 20. */
  readonly limit?: number | undefined
  /** The greatest `limit` that is accepted; default 1,000. */
  readonly maxLimit?: number | undefined
  /** What seals the cursors. */
  readonly cursors: CursorKeys
  /** Whatever else a cursor is bound to, such as the tenant or the user: others' are refused. */
  readonly scope?: string | undefined
}

/** A page of a list. */
export interface KeysetPage<Row> {
  readonly rows: Row[]
  /** For `after`: there are more rows behind the last; null when there were none. */
  readonly next: string | null
  /** For `before`: there may be rows before the first; null at the beginning. */
  readonly previous: string | null
}

/** Names of letters alone, so that plugins that rename columns leave them as they are. */
const OURS = 'holdfastkeyset'
const POSITION = `${OURS}position` as const
const orderColumn = (n: number): string => `${OURS}${String.fromCodePoint(0x61 + n)}`

type AnyQuery = SelectQueryBuilder<any, any, any>
type OurRow = Record<string, unknown> & { [POSITION]: string }

/**
 * One page of a query by where it begins instead of how many rows come before: as quick for the last page as for the
 * first, given an index on the order. Rows that come or go between two pages move no other row to another page.
 *
 * @example
 * const page = await keyset(db.selectFrom('documents').select(['id', 'title']), {
 *   order: [{ by: 'updated_at', direction: 'desc' }],
 *   key: 'id',
 *   after: request.query.after,
 *   cursors,
 * })
 *
 * @param query without ORDER BY, LIMIT, GROUP BY, DISTINCT or UNION of its own: select from it as a subquery then.
 * @throws HF_CURSOR_INVALID, HF_CURSOR_EXPIRED, HF_CURSOR_FOREIGN, HF_ORDER_INVALID, HF_PAGE_INVALID, all of status
 *   400; HF_OPTION_INVALID, HF_PAGE_QUERY, HF_KEYSET_KEY, HF_KEYSET_NULL, the driver's errors
 */
export async function keyset<DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
  options: KeysetOptions<DB, TB>,
): Promise<KeysetPage<O>> {
  const { after, before } = options
  if (after && before) throw cursorsClash()
  if (!options.cursors) throw optionMissing('keyset.cursors', 'a CursorKeys, such as holdfast.cursors')
  if (!options.key?.length)
    throw optionMissing('keyset.key', 'the column or columns that tell any two rows apart')
  const limit = limitOf(options.limit, options.maxLimit)
  const order = withKey((options.order ?? []) as readonly Term[], options.key)
  assertOrder(order)
  const node = plainSelect(query as AnyQuery)
  const sealer = new PositionSealer(options.cursors, identityOf(node, order, options.scope))
  const position = after || before ? sealer.open(after || before) : undefined
  const isBackward = Boolean(before)
  const wanted = pageQuery(query as AnyQuery, isBackward ? reversed(order) : order, position, limit + 1)
  const found = (await wanted.execute()) as OurRow[]
  const double = found.findIndex((row, n) => row[POSITION] === found[n + 1]?.[POSITION])
  if (double >= 0) throw keysetKey(keysOf(options.key))
  const hasMore = found.length > limit
  if (hasMore) found.pop()
  if (isBackward) found.reverse()
  const positions = found.map((row) => positionOf(row, order))
  const seal = (values: Position['values'] | undefined): string =>
    values
      ? sealer.seal({ values, isInclusive: false })
      : // The page is empty: back over the row that it would have begun behind.
        sealer.seal({ ...(position as Position), isInclusive: !(position as Position).isInclusive })
  return {
    rows: found.map(withoutOurs) as O[],
    next: isBackward || hasMore ? seal(positions.at(-1)) : null,
    previous: (isBackward ? hasMore : position !== undefined) ? seal(positions[0]) : null,
  }
}

/** What tells a list from others: where it is read from and its order, not what is read nor which rows. */
function identityOf(
  { with: named, from, joins }: SelectQueryNode,
  order: readonly Term[],
  scope: string | undefined,
): string {
  const terms = order.map((term) => [expressionOf(term).toOperationNode(), isDescending(term), term.nulls])
  return JSON.stringify([named, from, joins, terms, scope], (key, value: unknown) =>
    key === 'value' || key === 'values' || typeof value === 'bigint' ? '?' : value,
  )
}

/** @throws HF_PAGE_QUERY for a query whose pages are not a matter of one more condition. */
function plainSelect(query: AnyQuery): SelectQueryNode {
  const node = query.toOperationNode() as SelectQueryNode
  const { orderBy, limit, offset, fetch, groupBy, distinctOn, setOperations, frontModifiers } = node
  const parts = { orderBy, limit, offset, fetch, groupBy, distinctOn, setOperations, frontModifiers }
  const [part] = Object.entries(parts).find(([, value]) => value !== undefined) ?? []
  if (part !== undefined) throw unpageable(part)
  return node
}

/** The rows behind a position: one range of the order, or several that follow each other. */
function pageQuery(
  query: AnyQuery,
  order: readonly Term[],
  position: Position | undefined,
  limit: number,
): AnyQuery {
  const whole = query.select(ourColumns(order))
  if (!position) return inOrder(whole, order).limit(limit)
  const ranges = rangesBehind(order, position)
  if (ranges.length === 0) return whole.where(sql<boolean>`false`)
  const parts = ranges.map((range) => enclosed(inOrder(whole.where(range), order).limit(limit)))
  return instead(whole, parts.length === 1 ? (parts[0] as SelectQueryNode) : together(parts, order, limit))
}

/** The query with its own condition in parentheses, since that may be SQL with an OR in it and ours stands behind. */
function enclosed(query: AnyQuery): SelectQueryNode {
  const node = query.toOperationNode() as SelectQueryNode
  const condition = node.where?.where as AndNode
  if (condition.kind !== 'AndNode') return node
  const { left, right } = condition
  return { ...node, where: WhereNode.create(AndNode.create(ParensNode.create(left), right)) }
}

function together(parts: readonly SelectQueryNode[], order: readonly Term[], limit: number): SelectQueryNode {
  const all = parts.map((part) => sql`(${new ExpressionWrapper(part)})`)
  const page = sql<Record<string, unknown>>`(${sql.join(all, sql` union all `)})`.as('holdfastpage')
  const names = namesOfOurs(parts[0] as SelectQueryNode)
  return inOrder(expressionBuilder<any, any>().selectFrom(page).selectAll(), order, names)
    .limit(limit)
    .toOperationNode() as SelectQueryNode
}

/** Sends another query in place of the one that is built, on its way through everything else. */
function instead(query: AnyQuery, node: SelectQueryNode): AnyQuery {
  return query.withPlugin({
    transformQuery: () => node,
    transformResult: async ({ result }) => result,
  })
}

/** What our columns are called once plugins have seen them. */
function namesOfOurs({ selections = [] }: SelectQueryNode): string[] {
  const aliases = selections.map(
    ({ selection }) => (selection as AliasNode).alias as IdentifierNode | undefined,
  )
  return aliases.map((alias) => alias?.name ?? '').filter((name) => name.toLowerCase().startsWith(OURS))
}

function inOrder(
  query: AnyQuery,
  order: readonly Term[],
  names: readonly string[] = order.map((_, n) => orderColumn(n)),
): AnyQuery {
  return order.reduce((its, term, n) => its.orderBy(sql.ref(names[n] as string), directionOf(term)), query)
}

/** Each term under a name of ours, to order by, and all of them as text, to go on from. */
function ourColumns(order: readonly Term[]): AliasedExpression<unknown, string>[] {
  const terms = order.map((term) => expressionOf(term))
  const texts = terms.map((term) => sql`(${term})::text`)
  return [
    ...terms.map((term, n) => sql`${term}`.as(orderColumn(n))),
    // A letter ahead keeps plugins from taking it for JSON. Where floats are written with fewer digits than they have, their bytes go along.
    sql`'k' || json_build_array(${sql.join(texts)}, CASE WHEN pg_catalog.current_setting('extra_float_digits')::int OPERATOR(pg_catalog.<) 1 THEN pg_catalog.encode(pg_catalog.record_send(ROW(${sql.join(terms)})), 'hex') END)::text`.as(
      POSITION,
    ),
  ]
}

function positionOf(row: OurRow, order: readonly Term[]): Position['values'] {
  const found = JSON.parse(row[POSITION].slice(1)) as (string | null)[]
  const bytes = found[order.length]
  const values = found.slice(0, order.length)
  if (typeof bytes === 'string') for (const [n, exact] of floatsIn(bytes)) values[n] = exact
  const unplaced = order.findIndex(({ nulls }, n) => nulls === undefined && values[n] === null)
  if (unplaced >= 0) throw keysetNull(unplaced, order.length)
  return values
}

function withoutOurs(row: OurRow): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !name.startsWith(OURS)))
}

function keysOf(key: string | readonly string[]): readonly string[] {
  return typeof key === 'string' ? [key] : key
}

/** The order with what decides between equals, in the direction of its last term: one index serves both. */
function withKey(order: readonly Term[], key: string | readonly string[]): readonly Term[] {
  const keys = keysOf(key)
  const direction = order.at(-1)?.direction
  const rest = keys.filter((by) => !order.some((term) => term.by === by))
  return [...order, ...rest.map((by) => ({ by, direction }))]
}
