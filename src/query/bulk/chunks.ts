/** Rows that are there, or come one after another. */
export type ManyRows<Given> = Iterable<Given> | AsyncIterable<Given>

/** A row by its columns. */
export type Row = Readonly<Record<string, unknown>>

/** How long the texts of the rows that are held in memory may be together. */
const LENGTH_AT_A_TIME = 8_000_000

/** Some rows, held in memory. */
export interface Chunk {
  readonly rows: readonly Row[]
  /** There may be more. */
  readonly isFull: boolean
}

/** @param size rows of a chunk, at most */
export async function* inChunks(source: ManyRows<Row>, size: number): AsyncGenerator<Chunk, undefined> {
  let rows: Row[] = []
  let length = 0
  for await (const row of source) {
    length += lengthOf(row)
    if (rows.push(row) < size && length < LENGTH_AT_A_TIME) continue
    yield { rows, isFull: true }
    rows = []
    length = 0
  }
  if (rows.length > 0) yield { rows, isFull: false }
  return undefined
}

/** Rows that name the same columns, as one COPY or INSERT must. */
export function bySignature(rows: readonly Row[]): Iterable<Row[]> {
  return Map.groupBy(rows, signatureOf).values()
}

function signatureOf(row: Row): string {
  let signature = ''
  for (const name in row) if (row[name] !== undefined) signature += `${name}\0`
  return signature
}

/** About how much memory a row takes; what is small counts for nothing. */
function lengthOf(row: Row): number {
  let length = 0
  for (const name in row) {
    const { length: its = 0 } = (row[name] ?? 0) as { length?: unknown }
    if (typeof its === 'number') length += its
  }
  return length
}
