import { sql } from 'kysely'
import { cursorsMissing, orderInvalid, rowNotFound } from '../errors.ts'
import { keyset } from '../pages/keyset.ts'
import { assertOrder, directionOf, type Term } from '../pages/order.ts'
import { type PageOptions, paginate } from '../pages/page.ts'
import { all, counted, type Db, type LooseSelection, type Row, type Table } from './table.ts'

/** Finding, counting and listing rows. */
export function reading(db: Db, table: Table) {
  const find = (key: unknown, { withDeleted = false } = {}): Promise<Row | undefined> =>
    db
      .selectFrom(table.name)
      .selectAll()
      .where(all([...table.keyConditions(key), ...(withDeleted ? [] : table.alive())]))
      .executeTakeFirst()
  return {
    find: async (key: unknown, options?: { withDeleted?: boolean }) => find(key, options),
    async get(key: unknown, options?: { withDeleted?: boolean }) {
      const row = await find(key, options)
      if (!row) throw rowNotFound(table.name)
      return row
    },
    async count(selection: LooseSelection = {}) {
      return counted(db, table, table.selectionConditions(selection))
    },
    async exists(selection: LooseSelection = {}) {
      const query = db
        .selectFrom(table.name)
        .select(sql.lit(1).as('one'))
        .where(all(table.selectionConditions(selection)))
      return (await query.limit(1).executeTakeFirst()) !== undefined
    },
  }
}

export function listing(db: Db, table: Table) {
  const select = (selection: LooseSelection) =>
    db
      .selectFrom(table.name)
      .selectAll()
      .where(all(table.selectionConditions(selection)))
  return {
    async list({ sort = [], ...options }: LooseSelection & { sort?: readonly Term[] } = {}) {
      const { cursors } = table.options
      if (!cursors) throw cursorsMissing(table.name)
      assertSort(sort)
      return keyset(select(options), { ...options, order: sort as [], key: table.keyColumns, cursors })
    },
    async listPage({
      sort = [],
      ...options
    }: LooseSelection & PageOptions & { sort?: readonly Term[] } = {}) {
      assertSort(sort)
      const order = [...sort, ...table.keyColumns.map((by): Term => ({ by }))]
      const query = order.reduce((its, term) => its.orderBy(term.by, directionOf(term)), select(options))
      return paginate(query, options)
    },
  }
}

/** @throws HF_ORDER_INVALID: a sort may come from a request */
function assertSort(sort: readonly Term[]): void {
  if (!Array.isArray(sort)) throw orderInvalid('sort', sort, ['a list'])
  for (const term of sort) if (typeof term?.by !== 'string') throw orderInvalid('by', term?.by, ['a column'])
  assertOrder(sort)
}
