import { type Expression, expressionBuilder, type Kysely, type SqlBool, sql } from 'kysely'
import type { BatchSource } from '../batch.ts'
import { rejectUnknown, SQLSTATE, sqlstateOf } from '../../core/index.ts'
import {
  cursorsMissing,
  orderInvalid,
  rowNotFound,
  valueInvalid,
  versionConflict,
  versionMissing,
} from '../errors.ts'
import { keyset } from '../pages/keyset.ts'
import { assertOrder, directionOf, type Term } from '../pages/order.ts'
import { wholeNumber } from '../pages/limits.ts'
import { type PageOptions, paginate } from '../pages/page.ts'
import type { ManyRows } from '../bulk/chunks.ts'
import { createMany, type CreateManyOptions } from '../bulk/create-many.ts'
import type { Repository, RepositoryOn, RepositoryOptions } from './face.ts'
import { type LooseSelection, Table } from './table.ts'

type Row = Record<string, unknown>
type Db = Kysely<any>

const OPTIONS = ['key', 'newKey', 'version', 'updatedAt', 'deletedAt', 'deletedBy', 'cursors']

const all = (conditions: Expression<SqlBool>[]): Expression<SqlBool> =>
  expressionBuilder<any, any>().and(conditions)

/**
 * The usual work with one table as functions: find, list, create, change, delete and restore. No mapping, no
 * identity map, no magic: each function is one statement over Kysely's types, and whatever they do not say is said with
 * `db` itself.
 *
 * @example
 * const documents = repository(db, 'documents', {
 *   key: 'id', newKey: uuidv7, version: 'version', updatedAt: 'updated_at', deletedAt: 'deleted_at', cursors,
 * })
 * const page = await documents.list({
 *   filter: { project_id: projectId, title: { contains: 'plan' } },
 *   sort: [{ by: 'updated_at', direction: 'desc' }],
 * })
 * await documents.update(id, { title: 'Plan B' }, { version: 3 })
 * await transaction(db, (trx) => documents.using(trx).softDelete(id))
 */
export function repository<
  DB,
  Name extends keyof DB & string,
  const Options extends RepositoryOptions<DB[Name]>,
>(db: Kysely<DB>, name: Name, options: Options): Repository<DB, Name, Options> {
  rejectUnknown('repository', OPTIONS, { source: 'options', values: options as object as Row })
  return assemble(db, new Table(name, options as RepositoryOptions<any>)) as Repository<DB, Name, Options>
}

/**
 * A repository before it has a database: for tables that are reached inside a transaction only, as those of tenants.
 *
 * @example
 * const documents = defineRepository<Database>()('documents', { key: 'id' })
 * await tenancy.transaction(db, tenant, (trx) => documents.using(trx).get(id))
 */
export function defineRepository<DB>() {
  return <Name extends keyof DB & string, const Options extends RepositoryOptions<DB[Name]>>(
    name: Name,
    options: Options,
  ): RepositoryOn<DB, Name, Options> => ({
    using: (db) => repository(db as unknown as Kysely<DB>, name, options),
  })
}

function assemble(db: Db, table: Table): object {
  const { deletedAt } = table.options
  const functions = {
    ...reading(db, table),
    ...listing(db, table),
    ...writing(db, table),
    ...(deletedAt === undefined ? deleting(db, table) : softDeleting(db, table, deletedAt)),
  }
  const sources = new Map<string, BatchSource<unknown, Row>>()
  return {
    ...explained(table, functions),
    using: (other: Db) => assemble(other, table),
    by(column: string) {
      const source = sources.get(column) ?? table.source(db, column)
      sources.set(column, source)
      return source
    },
  }
}

function reading(db: Db, table: Table) {
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

function listing(db: Db, table: Table) {
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

function writing(db: Db, table: Table) {
  const { version } = table.options
  return {
    create: async (row: Row) =>
      db.insertInto(table.name).values(table.withKey(row)).returningAll().executeTakeFirstOrThrow(),
    createMany: async (rows: ManyRows<Row>, options?: CreateManyOptions) =>
      createMany(
        db,
        table.name,
        mapped(rows, (row) => table.withKey(row)),
        options,
      ),
    async update(key: unknown, changes: Row, expected?: { version: number }) {
      if (expected && !Number.isInteger(expected.version)) throw versionMissing(table.name, expected.version)
      table.assertChangeable(changes)
      const conditions = [...table.keyConditions(key), ...table.alive()]
      const current =
        version === undefined || !expected ? [] : [sql<boolean>`${sql.ref(version)} = ${expected.version}`]
      const set = { ...changes, ...table.touched() }
      const select = (where: Expression<SqlBool>[]): Promise<Row | undefined> =>
        db.selectFrom(table.name).selectAll().where(all(where)).executeTakeFirst()
      // Nothing to change is no mistake: the row is asked for all the same.
      const changed = Object.values(set).some((value) => value !== undefined)
        ? await db
            .updateTable(table.name)
            .set(set)
            .where(all([...conditions, ...current]))
            .returningAll()
            .executeTakeFirst()
        : await select([...conditions, ...current])
      if (changed) return changed
      const found = current.length > 0 ? await select(conditions) : undefined
      if (!found) throw rowNotFound(table.name)
      throw versionConflict(table.name, expected?.version as number, Number(found[version as string]))
    },
  }
}

function deleting(db: Db, table: Table) {
  return {
    async delete(key: unknown) {
      const { numDeletedRows } = await db
        .deleteFrom(table.name)
        .where(all(table.keyConditions(key)))
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },
  }
}

function softDeleting(db: Db, table: Table, deletedAt: string) {
  const { deletedBy } = table.options
  const mark = async (key: unknown, where: Expression<SqlBool>[], set: Row): Promise<Row> => {
    const row = await db
      .updateTable(table.name)
      .set({ ...set, ...table.touched() })
      .where(all([...table.keyConditions(key), ...where]))
      .returningAll()
      .executeTakeFirst()
    if (!row) throw rowNotFound(table.name)
    return row
  }
  const by = (value: unknown): Row => (deletedBy === undefined ? {} : { [deletedBy]: value ?? null })
  const markedBefore = (before: Date): Expression<SqlBool> => sql<boolean>`${sql.ref(deletedAt)} < ${before}`
  return {
    softDelete: async (key: unknown, options: { by?: unknown } = {}) =>
      mark(key, table.alive(), { [deletedAt]: sql`now()`, ...by(options.by) }),
    restore: async (key: unknown) => mark(key, table.deleted(), { [deletedAt]: null, ...by(null) }),
    async purge(key: unknown) {
      const { numDeletedRows } = await db
        .deleteFrom(table.name)
        .where(all([...table.keyConditions(key), ...table.deleted()]))
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },
    async purgeDeleted({
      before,
      batchSize = 1_000,
      dryRun = false,
    }: {
      before: Date
      batchSize?: number
      dryRun?: boolean
    }) {
      if (dryRun) return counted(db, table, [markedBefore(before)])
      wholeNumber('batchSize', batchSize, 1_000_000)
      const keys = table.keyColumns.map((column) => sql.ref(column))
      for (let purged = 0; ;) {
        const batch = db
          .selectFrom(table.name)
          .select(table.keyColumns as string[])
          .where(markedBefore(before))
          // Whoever holds a row may be restoring it.
          .forUpdate()
          .skipLocked()
        const { numDeletedRows } = await db
          .deleteFrom(table.name)
          .where(sql<boolean>`(${sql.join(keys)}) in (${batch.limit(batchSize)})`)
          .where(markedBefore(before))
          .executeTakeFirstOrThrow()
        purged += Number(numDeletedRows)
        if (numDeletedRows < BigInt(batchSize)) return purged
      }
    },
  }
}

/** @throws HF_ORDER_INVALID: a sort may come from a request */
function assertSort(sort: readonly Term[]): void {
  if (!Array.isArray(sort)) throw orderInvalid('sort', sort, ['a list'])
  for (const term of sort) if (typeof term?.by !== 'string') throw orderInvalid('by', term?.by, ['a column'])
  assertOrder(sort)
}

type Work = (...given: never[]) => Promise<unknown>

/** Keys, values and columns may come from a request: what the server says of them is the asker's fault. */
function explained(table: Table, functions: Readonly<Record<string, Work>>): Record<string, Work> {
  const explain = (error: unknown): never => {
    const sqlstate = sqlstateOf(error)
    const isTheirs = sqlstate?.startsWith(DATA_EXCEPTION) || sqlstate === SQLSTATE.undefinedColumn
    throw isTheirs ? valueInvalid(table.name, sqlstate as string, error) : error
  }
  return Object.fromEntries(
    Object.entries(functions).map(([name, work]) => [
      name,
      async (...given: never[]) => work(...given).catch(explain),
    ]),
  )
}

/** The class of values that are malformed, too large, or of another type. */
const DATA_EXCEPTION = '22'

async function counted(db: Db, table: Table, conditions: Expression<SqlBool>[]): Promise<number> {
  const { count } = await db
    .selectFrom(table.name)
    .select(({ fn }) => fn.countAll().as('count'))
    .where(all(conditions))
    .executeTakeFirstOrThrow()
  return Number(count)
}

async function* mapped(rows: ManyRows<Row>, change: (row: Row) => Row): AsyncGenerator<Row> {
  for await (const row of rows) yield change(row)
}
