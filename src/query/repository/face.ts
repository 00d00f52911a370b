import type {
  Expression,
  ExpressionBuilder,
  Insertable,
  InsertType,
  Kysely,
  Selectable,
  SqlBool,
  Transaction,
  Updateable,
} from 'kysely'
import type { BatchSource } from '../batch.ts'
import type { CursorKeys } from '../pages/cursor-keys.ts'
import type { KeysetPage } from '../pages/keyset.ts'
import type { NullsOf } from '../pages/order.ts'
import type { Page, PageOptions } from '../pages/page.ts'
import type { ManyRows } from '../bulk/chunks.ts'
import type { CreateManyOptions } from '../bulk/create-many.ts'
import type { Filter } from './filter.ts'

type Column<Row> = keyof Selectable<Row> & string

/** Columns of such a type. */
type ColumnOf<Row, Type> = {
  [Name in Column<Row>]: Selectable<Row>[Name] extends Type ? Name : never
}[Column<Row>]

/** Columns of such a type that may be NULL. */
type MarkOf<Row, Type> = {
  [Name in ColumnOf<Row, Type | null>]: null extends Selectable<Row>[Name] ? Name : never
}[ColumnOf<Row, Type | null>]

/** What a repository needs to know of its table. */
export interface RepositoryOptions<Row> {
  /** The primary key: a column, or several. */
  readonly key: Column<Row> | readonly Column<Row>[]
  /** Makes the key of a row that is created without one, as `uuidv7` does. Without it the database does, or the caller. */
  readonly newKey?: () => unknown
  /** A whole number that each change counts up: `update` can ask for the one that it changes. */
  readonly version?: ColumnOf<Row, number>
  /** Is set to now() by each change. */
  readonly updatedAt?: ColumnOf<Row, Date | string | null>
  /** Is set where a row counts as deleted. */
  readonly deletedAt?: MarkOf<Row, Date | string>
  /** Who deleted it. */
  readonly deletedBy?: Column<Row>
  /** What seals the cursors of `list`. */
  readonly cursors?: CursorKeys
}

/** What a row is found by: the key's value, or its values by column. */
export type KeyOf<Row, Options> = Options extends { readonly key: infer Key }
  ? Key extends readonly (infer Columns)[]
    ? Pick<Selectable<Row>, Columns & keyof Selectable<Row>>
    : Selectable<Row>[Key & keyof Selectable<Row>]
  : never

type KeyColumn<Options> = Options extends { readonly key: infer Key }
  ? Key extends readonly (infer Columns)[]
    ? Columns
    : Key
  : never

/** What is given for a new row: without the key where the repository makes it. */
export type NewRow<Row, Options> = Options extends { readonly newKey: unknown }
  ? Omit<Insertable<Row>, KeyColumn<Options> & string> & {
      readonly [Name in KeyColumn<Options> & keyof Row]?: InsertType<Row[Name]>
    }
  : Insertable<Row>

type Given<Options, Name extends string> = Options extends { readonly [N in Name]: infer Value }
  ? Value
  : never

/** What may be changed: neither the key nor what the repository keeps itself. */
export type Changes<Row, Options> = Omit<
  Updateable<Row>,
  (KeyColumn<Options> | Given<Options, 'version'> | Given<Options, 'updatedAt'>) & string
>

/** One term of an order by columns. */
export type SortTerm<Row> = {
  [Name in Column<Row>]: {
    readonly by: Name
    readonly direction?: 'asc' | 'desc' | undefined
  } & NullsOf<Selectable<Row>[Name]>
}[Column<Row>]

/** Which rows are meant. */
export interface Selection<DB, Table extends keyof DB> {
  readonly filter?: Filter<DB[Table]> | undefined
  /** What a filter cannot say. */
  readonly where?: ((eb: ExpressionBuilder<DB, Table>) => Expression<SqlBool>) | undefined
  /** Deleted rows, too. Default false. */
  readonly withDeleted?: boolean | undefined
}

/** Which rows, in which order, from where on. */
export interface ListOptions<DB, Table extends keyof DB> extends Selection<DB, Table> {
  readonly sort?: readonly SortTerm<DB[Table]>[] | undefined
  readonly after?: string | null | undefined
  readonly before?: string | null | undefined
  readonly limit?: number | undefined
  readonly maxLimit?: number | undefined
  readonly scope?: string | undefined
}

/** Which rows, in which order, and which page of them. */
export interface ListPageOptions<DB, Table extends keyof DB> extends Selection<DB, Table>, PageOptions {
  readonly sort?: readonly SortTerm<DB[Table]>[] | undefined
}

interface Reading<DB, Table extends keyof DB, Options> {
  /** The row of this key, undefined when there is none. */
  find(
    key: KeyOf<DB[Table], Options>,
    options?: { readonly withDeleted?: boolean },
  ): Promise<Selectable<DB[Table]> | undefined>
  /** The row of this key. @throws HF_ROW_NOT_FOUND, of status 404 */
  get(
    key: KeyOf<DB[Table], Options>,
    options?: { readonly withDeleted?: boolean },
  ): Promise<Selectable<DB[Table]>>
  /** A page by where it begins; see `keyset`. Needs `cursors`. */
  list(options?: ListOptions<DB, Table>): Promise<KeysetPage<Selectable<DB[Table]>>>
  /** A page by its number; see `paginate`. Sorted by the key last. */
  listPage(options?: ListPageOptions<DB, Table>): Promise<Page<Selectable<DB[Table]>>>
  count(selection?: Selection<DB, Table>): Promise<number>
  exists(selection?: Selection<DB, Table>): Promise<boolean>
  /** For `Batch`: rows by a column, several values in one statement. The same source for the same column. */
  by<Name extends Column<DB[Table]>>(
    column: Name,
  ): BatchSource<NonNullable<Selectable<DB[Table]>[Name]>, Selectable<DB[Table]>>
}

interface Writing<DB, Table extends keyof DB, Options> {
  /** @returns the row as it was stored. */
  create(row: NewRow<DB[Table], Options>): Promise<Selectable<DB[Table]>>
  /** Stores all rows or none, many by COPY; see `createMany`. @returns how many. */
  createMany(rows: ManyRows<NewRow<DB[Table], Options>>, options?: CreateManyOptions): Promise<number>
  /**
   * Changes the row of this key.
   * @param expected `version`: only if nobody has changed it since that was read.
   * @returns the row as it is now
   * @throws HF_ROW_NOT_FOUND, of status 404; HF_VERSION_CONFLICT, of status 409
   */
  update(
    key: KeyOf<DB[Table], Options>,
    changes: Changes<DB[Table], Options>,
    expected?: Options extends { readonly version: string }
      ? { readonly version: number } | undefined
      : never,
  ): Promise<Selectable<DB[Table]>>
}

interface Deleting<DB, Table extends keyof DB, Options> {
  /** Deletes the row of this key for good; false when there was none. */
  delete(key: KeyOf<DB[Table], Options>): Promise<boolean>
}

interface SoftDeleting<DB, Table extends keyof DB, Options> {
  /** Marks the row of this key as deleted. @throws HF_ROW_NOT_FOUND, also when it is deleted already */
  softDelete(
    key: KeyOf<DB[Table], Options>,
    options?: Options extends { readonly deletedBy: infer By }
      ? { readonly by?: Selectable<DB[Table]>[By & keyof Selectable<DB[Table]>] }
      : never,
  ): Promise<Selectable<DB[Table]>>
  /** Takes the mark away. @throws HF_ROW_NOT_FOUND, also when it is not deleted */
  restore(key: KeyOf<DB[Table], Options>): Promise<Selectable<DB[Table]>>
  /** Deletes the row of this key for good, if it is marked; false when there was none. */
  purge(key: KeyOf<DB[Table], Options>): Promise<boolean>
  /**
   * Deletes what was marked before then for good, `batchSize` rows in a statement (default 1,000).
   * @returns how many, or would be with `dryRun`
   */
  purgeDeleted(options: {
    readonly before: Date
    readonly batchSize?: number
    readonly dryRun?: boolean
  }): Promise<number>
}

/** Kysely takes a database without a table for one that has it: this does not. */
type Having<Table, Its> =
  Its extends Transaction<infer DB>
    ? Holding<Table, DB>
    : Its extends Kysely<infer DB>
      ? Holding<Table, DB>
      : never

type Holding<Table, DB> = Table extends keyof DB ? unknown : { readonly 'has no such table': Table }

/** A repository that has no database yet. */
export interface RepositoryOn<DB, Table extends keyof DB, Options> {
  /** The same on another `Kysely` that has the table, such as a transaction. */
  using<Its extends Kysely<any>>(db: Its & Having<Table, Its>): Repository<DB, Table, Options>
}

/** The usual work with the rows of one table. */
export type Repository<DB, Table extends keyof DB, Options> = RepositoryOn<DB, Table, Options> &
  Reading<DB, Table, Options> &
  Writing<DB, Table, Options> &
  (Options extends { readonly deletedAt: string }
    ? SoftDeleting<DB, Table, Options>
    : Deleting<DB, Table, Options>)
