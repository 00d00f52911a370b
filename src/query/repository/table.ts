import { type Expression, expressionBuilder, type Kysely, type SqlBool, sql } from 'kysely'
import type { BatchSource } from '../batch.ts'
import { columnKept, filterInvalid, keyMissing } from '../errors.ts'
import { conditionsOf } from './filter.ts'
import type { RepositoryOptions } from './face.ts'

type Options = RepositoryOptions<any>
type Conditions = Expression<SqlBool>[]

export type Row = Record<string, unknown>
export type Db = Kysely<any>

/** Which rows are meant, whatever the types were. */
export interface LooseSelection {
  readonly filter?: Readonly<Record<string, unknown>> | undefined
  readonly where?: ((eb: any) => Expression<SqlBool>) | undefined
  readonly withDeleted?: boolean | undefined
}

const EB = expressionBuilder<any, any>()
/** Of letters alone: plugins that rename columns leave it. */
const PLACES = 'holdfastplaces'

/** A table as its repository knows it: how its rows are told apart, counted up and marked. */
export class Table {
  readonly name: string
  readonly options: Options
  readonly keyColumns: readonly string[]

  constructor(name: string, options: Options) {
    this.name = name
    this.options = options
    this.keyColumns = (typeof options.key === 'string' ? [options.key] : options.key) as readonly string[]
  }

  /** @throws HF_OPTION_INVALID when a column of the key has no value */
  keyConditions(key: unknown): Conditions {
    return this.keyColumns.map((column) => {
      const value = typeof this.options.key === 'string' ? key : (key as Record<string, unknown>)?.[column]
      if (value === undefined || value === null) throw keyMissing(this.name, column)
      return sql<boolean>`${EB.ref(column)} = ${value}`
    })
  }

  selectionConditions({ filter, where, withDeleted }: LooseSelection): Conditions {
    return [
      // Nothing else will do: what a request says is text.
      ...(withDeleted === true ? [] : this.alive()),
      ...conditionsOf(filter ?? {}),
      // It may be SQL with an OR of its own.
      ...(where ? [sql<boolean>`(${assertFunction(where)(EB)})`] : []),
    ]
  }

  alive(): Conditions {
    return this.#mark((column) => sql`${column} is null`)
  }

  deleted(): Conditions {
    return this.#mark((column) => sql`${column} is not null`)
  }

  /** @throws HF_VALUE_INVALID when changes, which may come from a request, name a column that the repository keeps. */
  assertChangeable(changes: Readonly<Record<string, unknown>>): void {
    const { version, updatedAt, deletedAt, deletedBy } = this.options
    const kept = new Set([...this.keyColumns, version, updatedAt, deletedAt, deletedBy])
    const named = Object.keys(changes).find((name) => changes[name] !== undefined && kept.has(name))
    if (named !== undefined) throw columnKept(this.name, named)
  }

  /** What every change of a row sets besides. */
  touched(): Record<string, unknown> {
    const { version, updatedAt } = this.options
    return {
      ...(version !== undefined && { [version]: sql`${EB.ref(version)} + 1` }),
      ...(updatedAt !== undefined && { [updatedAt]: sql`now()` }),
    }
  }

  /** A row with a key, if the repository makes it. */
  withKey(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const [column] = this.keyColumns
    const { newKey } = this.options
    return newKey && column !== undefined && row[column] === undefined ? { ...row, [column]: newKey() } : row
  }

  /** Rows by the values of a column, those that count as deleted left out. */
  source(db: Kysely<any>, column: string): BatchSource<unknown, any> {
    return {
      load: async (keys) => {
        const rows: any[] = await db
          .selectFrom(this.name)
          .selectAll()
          // Which of the keys it was, by the column's own idea of equal: case, scale and the like.
          .select(sql<number[]>`array_positions(${keys}, ${EB.ref(column)})`.as(PLACES))
          .where(EB.and([sql<boolean>`${EB.ref(column)} = any(${keys})`, ...this.alive()]))
          .execute()
        return rows.flatMap(({ [PLACES]: places, ...row }) =>
          (places as number[]).map((place) => [keys[place - 1], row] as const),
        )
      },
    }
  }

  #mark(condition: (column: Expression<unknown>) => Expression<SqlBool>): Conditions {
    const { deletedAt } = this.options
    return deletedAt === undefined ? [] : [condition(EB.ref(deletedAt))]
  }
}

/** All of these hold. */
export const all = (conditions: Conditions): Expression<SqlBool> => EB.and(conditions)

export async function counted(db: Db, table: Table, conditions: Expression<SqlBool>[]): Promise<number> {
  const { count } = await db
    .selectFrom(table.name)
    .select(({ fn }) => fn.countAll().as('count'))
    .where(all(conditions))
    .executeTakeFirstOrThrow()
  return Number(count)
}

function assertFunction<Its>(where: Its): Its {
  if (typeof where !== 'function') throw filterInvalid('where', typeof where, ['a function'])
  return where
}
