import type { Insertable, Kysely, Transaction } from 'kysely'
import { transaction } from '../transaction.ts'
import { bySignature, type Chunk, inChunks, type ManyRows, type Row } from './chunks.ts'
import { copyWayOf } from './copy-way.ts'
import { Store } from './store.ts'

/** How many rows are stored at a time. */
export interface CreateManyOptions {
  /** From so many rows on they are sent by COPY; fewer by INSERT. Default 100; Infinity never copies. */
  readonly copyFromRows?: number
}

const COPY_FROM_ROWS = 100
/** Rows that are held in memory. */
const ROWS_AT_A_TIME = 2_000

/**
 * Stores all rows or none: few by INSERT, many by COPY, which is several times as fast. Columns that a row leaves out,
 * or has as undefined, get their default. Plugins see every row; rows with expressions, and tables with row-level
 * security, go by INSERT whatever their number.
 *
 * @example
 * const count = await createMany(db, 'readings', parseLines(file))
 *
 * @returns how many rows were stored
 * @throws the driver's errors; nothing is stored then
 */
export async function createMany<DB, Table extends keyof DB & string>(
  db: Kysely<DB> | Transaction<DB>,
  table: Table,
  rows: ManyRows<Insertable<NoInfer<DB>[Table]>>,
  options: CreateManyOptions = {},
): Promise<number> {
  const { copyFromRows = COPY_FROM_ROWS } = options
  const mayCopy = Number.isFinite(copyFromRows)
  const chunks = inChunks(rows as ManyRows<Row>, Math.max(mayCopy ? copyFromRows : 0, ROWS_AT_A_TIME))
  try {
    const { value: first } = await chunks.next()
    if (!first) return 0
    return await transaction(db as Kysely<any>, async (trx) => {
      const isMany = first.isFull || first.rows.length >= copyFromRows
      const way = mayCopy && isMany ? await copyWayOf(trx, table, first.rows[0] as Row) : undefined
      const store = new Store(trx, table, way)
      try {
        for (let chunk: Chunk | undefined = first; chunk; { value: chunk } = await chunks.next()) {
          for (const alike of bySignature(chunk.rows)) await store.take(alike)
          // The source may read through the same transaction, and must find it free.
          if (db.isTransaction) await store.settle()
        }
        return await store.settle()
      } catch (error) {
        await store.abandon()
        throw error
      }
    })
  } finally {
    await chunks.return(undefined) // a source that was not read to its end may hold something
  }
}
