import type { Transaction } from 'kysely'
import type { Row } from './chunks.ts'
import { copyOf, type CopyWay } from './copy-way.ts'
import { Copying } from './copying.ts'

/** The protocol counts parameters in 16 bits. */
const MOST_PARAMETERS = 65_535
const ROWS_OF_AN_INSERT = 500

/** Where rows go: into the COPY that runs, or by INSERT. */
export class Store {
  readonly #trx: Transaction<any>
  readonly #table: string
  readonly #way: CopyWay | undefined
  readonly #copying: Copying
  #inserted = 0

  constructor(trx: Transaction<any>, table: string, way: CopyWay | undefined) {
    this.#trx = trx
    this.#table = table
    this.#way = way
    this.#copying = new Copying(trx)
  }

  /** @param rows that name the same columns */
  async take(rows: readonly Row[]): Promise<void> {
    const copied = this.#way && copyOf(this.#trx, this.#way, rows)
    if (copied) return this.#copying.send(copied)
    await this.#copying.end()
    this.#inserted += await insert(this.#trx, this.#table, rows)
  }

  /** Waits until the server has all of it. @returns how many rows were stored so far, as the server counts */
  async settle(): Promise<number> {
    await this.#copying.end()
    return this.#inserted + this.#copying.stored
  }

  /** Nothing more comes. */
  abandon(): Promise<void> {
    return this.#copying.abandon()
  }
}

async function insert(trx: Transaction<any>, table: string, rows: readonly Row[]): Promise<number> {
  const columns = Object.values(rows[0] as Row).filter((value) => value !== undefined).length
  if (columns === 0) return insertDefaults(trx, table, rows.length)
  const size = Math.min(ROWS_OF_AN_INSERT, Math.floor(MOST_PARAMETERS / columns))
  let stored = 0
  for (let from = 0; from < rows.length; from += size) {
    const some = trx.insertInto(table).values(rows.slice(from, from + size))
    stored += Number((await some.executeTakeFirst()).numInsertedOrUpdatedRows ?? 0)
  }
  return stored
}

async function insertDefaults(trx: Transaction<any>, table: string, count: number): Promise<number> {
  let stored = 0
  for (let n = 0; n < count; n += 1) {
    const one = await trx.insertInto(table).defaultValues().executeTakeFirst()
    stored += Number(one.numInsertedOrUpdatedRows ?? 0)
  }
  return stored
}
