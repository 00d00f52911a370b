import { createHash, type Hash } from 'node:crypto'
import type pg from 'pg'
import { quoteIdentifier, quoteLiteral } from '../../core/index.ts'

/** A column as an archive names it. */
export interface ArchivedColumn {
  readonly name: string
  readonly type: string
}

const FETCHED = 2_000

/** The columns of a table that hold something of their own, in their order. */
export async function columnsOf(client: pg.Client, table: string): Promise<ArchivedColumn[]> {
  const { rows } = await client.query<{ name: string; type: string }>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_catalog.pg_attribute
      WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`,
    [table],
  )
  return rows
}

/**
 * The rows of a table as lines of JSON: an object to a row, each value as PostgreSQL writes it as text, which it reads back to the
 * same value, whatever its type. The session's settings decide how times and floats are written: {@link exactly} first.
 */
export async function* linesOf(
  client: pg.Client,
  table: string,
  columns: readonly ArchivedColumn[],
): AsyncGenerator<string> {
  const names = columns.map(({ name }) => quoteLiteral(name)).join(', ')
  const values = columns.map(({ name }) => `${quoteIdentifier(name)}::text`).join(', ')
  await client.query(
    `DECLARE archived NO SCROLL CURSOR FOR SELECT json_object(ARRAY[${names}]::text[], ARRAY[${values}]::text[])::text AS line FROM ${table}`,
  )
  try {
    for (;;) {
      const { rows } = await client.query<{ line: string }>(`FETCH ${FETCHED} FROM archived`)
      if (rows.length === 0) return
      yield `${rows.map(({ line }) => line).join('\n')}\n`
    }
  } finally {
    await client.query('CLOSE archived').catch(() => {}) // the transaction failed: it is gone with it
  }
}

/** Has values written so that reading them gives the same again. */
export const exactly = `SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true), set_config('IntervalStyle', 'iso_8601', true),
  set_config('extra_float_digits', '3', true), set_config('bytea_output', 'hex', true), set_config('row_security', 'off', true),
  set_config('synchronize_seqscans', 'off', true)`

/** What the rows of a table are, whatever their order: their number, and a sum of hashes. */
export async function fingerprint(
  client: pg.Client,
  table: string,
  columns: readonly ArchivedColumn[],
): Promise<string> {
  const row = columns.map(({ name }) => `x.${quoteIdentifier(name)}`).join(', ')
  const { rows } = await client.query<{ rows: string; sum: string }>(
    `SELECT count(*)::text AS rows, coalesce(sum(hashtextextended(ROW(${row})::text, 0)::numeric), 0)::text AS sum FROM ${table} x`,
  )
  return `${rows[0]?.rows} ${rows[0]?.sum}`
}

const NEWLINE = 10
const NOTHING = Buffer.alloc(0)
const MASK = (1n << 128n) - 1n

/** Counts and hashes what goes through. */
export class Tally {
  readonly #hash: Hash = createHash('sha256')
  #rest = NOTHING
  #sum = 0n
  rows = 0
  bytes = 0

  chunk(data: Buffer): void {
    this.#hash.update(data)
    this.bytes += data.length
  }

  /** The same for text of which each line is a row; lines may begin in one piece and end in the next. */
  lines(data: Buffer): void {
    this.chunk(data)
    let from = 0
    for (let at = data.indexOf(NEWLINE); at >= 0; at = data.indexOf(NEWLINE, from)) {
      this.#row(Buffer.concat([this.#rest, data.subarray(from, at)]))
      this.#rest = NOTHING
      from = at + 1
    }
    this.#rest = Buffer.concat([this.#rest, data.subarray(from)])
  }

  /** A sum over the rows that does not depend on their order: a table gives none. */
  get sum(): string {
    return this.#sum.toString(16).padStart(32, '0')
  }

  #row(line: Buffer): void {
    this.rows += 1
    const digest = createHash('sha256').update(line).digest()
    const value = (digest.readBigUInt64BE(0) << 64n) | digest.readBigUInt64BE(8)
    this.#sum = (this.#sum + value) & MASK
  }

  digest(): string {
    return this.#hash.digest('hex')
  }
}

/** Puts lines of JSON into a table, a batch to a statement. */
export async function insertLines(
  client: pg.Client,
  table: string,
  columns: readonly ArchivedColumn[],
  lines: AsyncIterable<string>,
): Promise<number> {
  const names = columns.map(({ name }) => quoteIdentifier(name)).join(', ')
  const values = columns.map(({ name, type }) => `(line ->> ${quoteLiteral(name)})::${type}`).join(', ')
  const text = `INSERT INTO ${table} (${names}) OVERRIDING SYSTEM VALUE SELECT ${values} FROM json_array_elements($1::json) WITH ORDINALITY rows (line, at) ORDER BY at`
  let batch: string[] = []
  let count = 0
  const put = async (): Promise<void> => {
    if (batch.length === 0) return
    await client.query(text, [`[${batch.join(',')}]`])
    count += batch.length
    batch = []
  }
  for await (const line of lines) {
    batch.push(line)
    if (batch.length === FETCHED) await put()
  }
  await put()
  return count
}
