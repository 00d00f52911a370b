import { createHash, type Hash } from 'node:crypto'
import { type Hand, quoteIdentifier } from '../../core/index.ts'
import type { ArchivedColumn } from './columns.ts'
import type { Encoding } from './encoding.ts'

const FETCHED = 2_000

/** The rows of a table as text, some at a time. The session's settings decide how times and floats are written: {@link exactly} first. */
export async function* rowsAsText(
  hand: Hand,
  table: string,
  columns: readonly ArchivedColumn[],
  encoding: Encoding,
): AsyncGenerator<Buffer> {
  await hand.run(
    `DECLARE archived NO SCROLL CURSOR FOR SELECT ${encoding.line(columns)} AS line FROM ${table}`,
  )
  try {
    for (;;) {
      const rows = await hand.rows<{ line: string }>(`FETCH ${FETCHED} FROM archived`)
      if (rows.length === 0) return
      yield Buffer.from(`${rows.map(({ line }) => line).join('\n')}\n`)
    }
  } finally {
    await hand.run('CLOSE archived').catch(() => {}) // the transaction failed: it is gone with it
  }
}

/** Has values written so that reading them gives the same again. */
export const exactly = `SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true), set_config('IntervalStyle', 'iso_8601', true),
  set_config('extra_float_digits', '3', true), set_config('bytea_output', 'hex', true), set_config('row_security', 'off', true),
  set_config('synchronize_seqscans', 'off', true)`

/** What the rows of a table are, whatever their order: their number, and a sum of hashes. */
export async function fingerprint(
  hand: Hand,
  table: string,
  columns: readonly ArchivedColumn[],
): Promise<string> {
  const row = columns.map(({ name }) => `x.${quoteIdentifier(name)}`).join(', ')
  const rows = await hand.rows<{ rows: string; sum: string }>(
    `SELECT pg_catalog.count(*)::text AS rows, coalesce(pg_catalog.sum(pg_catalog.hashtextextended(ROW(${row})::text, 0)::numeric), 0)::text AS sum FROM ${table} x`,
  )
  return `${rows[0]?.rows} ${rows[0]?.sum}`
}

const NEWLINE = 10
const QUOTE = 34
const MASK = (1n << 128n) - 1n

/** Counts and hashes bytes. */
export class Tally {
  readonly #hash: Hash = createHash('sha256')
  bytes = 0

  add(data: Buffer): void {
    this.#hash.update(data)
    this.bytes += data.length
  }

  digest(): string {
    return this.#hash.digest('hex')
  }
}

/** Counts rows of text and sums up their hashes; a row may begin in one piece and end in the next. */
export class RowTally {
  readonly #hasQuotedNewlines: boolean
  #row = createHash('sha256')
  #isWithinQuotes = false
  #isBegun = false
  #sum = 0n
  rows = 0

  constructor({ hasQuotedNewlines }: Pick<Encoding, 'hasQuotedNewlines'>) {
    this.#hasQuotedNewlines = hasQuotedNewlines
  }

  add(data: Buffer): void {
    let from = 0
    for (let at = this.#nextEnd(data, 0); at >= 0; at = this.#nextEnd(data, from)) {
      this.#row.update(data.subarray(from, at))
      this.#end()
      from = at + 1
    }
    if (from === data.length) return
    this.#row.update(data.subarray(from))
    this.#isBegun = true
  }

  /** Whether the last row has its end. */
  get isWhole(): boolean {
    return !this.#isBegun
  }

  /** Does not depend on the order of the rows: a table gives none. */
  get sum(): string {
    return this.#sum.toString(16).padStart(32, '0')
  }

  #nextEnd(data: Buffer, from: number): number {
    if (!this.#hasQuotedNewlines) return data.indexOf(NEWLINE, from)
    for (let at = from; at < data.length; at += 1) {
      // A quote within a value is written twice: within and without change twice as well.
      if (data[at] === QUOTE) this.#isWithinQuotes = !this.#isWithinQuotes
      else if (data[at] === NEWLINE && !this.#isWithinQuotes) return at
    }
    return -1
  }

  #end(): void {
    this.rows += 1
    const digest = this.#row.digest()
    this.#sum = (this.#sum + ((digest.readBigUInt64BE(0) << 64n) | digest.readBigUInt64BE(8))) & MASK
    this.#row = createHash('sha256')
    this.#isBegun = false
  }
}
