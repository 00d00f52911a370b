import { type Expression, expressionBuilder, type Kysely, type SqlBool, sql } from 'kysely'
import type { BatchSource } from '../batch.ts'
import { keyMissing } from '../errors.ts'
import { conditionsOf } from './filter.ts'
import type { RepositoryOptions } from './face.ts'

type Options = RepositoryOptions<any>
type Conditions = Expression<SqlBool>[]

/** Which rows are meant, whatever the types were. */
export interface LooseSelection {
  readonly filter?: Readonly<Record<string, unknown>> | undefined
  readonly where?: ((eb: any) => Expression<SqlBool>) | undefined
  readonly withDeleted?: boolean | undefined
}

const EB = expressionBuilder<any, any>()

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

  selectionConditions({ filter, where, withDeleted = false }: LooseSelection): Conditions {
    return [
      ...(withDeleted ? [] : this.alive()),
      ...conditionsOf(filter ?? {}),
      ...(where ? [where(EB)] : []),
    ]
  }

  alive(): Conditions {
    return this.#mark((column) => sql`${column} is null`)
  }

  deleted(): Conditions {
    return this.#mark((column) => sql`${column} is not null`)
  }

  /** What every change of a row sets besides. */
  touched(): Record<string, unknown> {
    const { version, updatedAt } = this.options
    return {
      ...(version !== undefined && { [version]: sql`${EB.ref(version)} + 1` }),
      ...(updatedAt !== undefined && { [updatedAt]: sql`now()` }),
    }
  }

  /** What a change of nothing sets. */
  unchanged(): Record<string, unknown> {
    const [column] = this.keyColumns as [string]
    return { [column]: EB.ref(column) }
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
          .where(EB.and([sql<boolean>`${EB.ref(column)} = any(${keys})`, ...this.alive()]))
          .execute()
        return rows.map((row) => [row[column], row] as const)
      },
    }
  }

  #mark(condition: (column: Expression<unknown>) => Expression<SqlBool>): Conditions {
    const { deletedAt } = this.options
    return deletedAt === undefined ? [] : [condition(EB.ref(deletedAt))]
  }
}
