import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { type Hand, quoteIdentifier, quoteLiteral } from '../../core/index.ts'
import type { ArchivedColumn } from './columns.ts'

/** How rows are written, each value as PostgreSQL writes it as text: it reads that back to the same value, whatever its type. */
export interface Encoding {
  /** SQL of a row's text, without its end. */
  line(columns: readonly ArchivedColumn[]): string
  /** What stands before the rows. */
  head(columns: readonly ArchivedColumn[]): string
  /** Whether a newline within a value is written as one: then only those outside of quotes end a row. */
  readonly hasQuotedNewlines: boolean
  /** Puts rows into a table, in a transaction. @param content behind the head */
  put(
    client: pg.Client,
    hand: Hand,
    table: string,
    columns: readonly ArchivedColumn[],
    content: AsyncIterable<Buffer>,
  ): Promise<void>
}

/** By the type's own output, not by a cast to text, which somebody may have written otherwise. */
const written = ({ name }: ArchivedColumn): string =>
  `CASE WHEN pg_catalog.num_nulls(${quoteIdentifier(name)}) = 0 THEN pg_catalog.format('%s', ${quoteIdentifier(name)}) END`

const namesOf = (columns: readonly ArchivedColumn[]): string =>
  columns.map(({ name }) => quoteIdentifier(name)).join(', ')

/** An object to a row. */
const ndjson: Encoding = {
  line(columns) {
    const names = columns.map(({ name }) => quoteLiteral(name)).join(', ')
    const values = columns.map(written).join(', ')
    return `pg_catalog.json_object(ARRAY[${names}]::text[], ARRAY[${values}]::text[])::text`
  },
  head: () => '',
  hasQuotedNewlines: false,
  async put(_, hand, table, columns, content) {
    const values = columns.map(({ name, type }) => `(line ->> ${quoteLiteral(name)})::${type}`).join(', ')
    const text = `INSERT INTO ${table} (${namesOf(columns)}) OVERRIDING SYSTEM VALUE SELECT ${values} FROM pg_catalog.json_array_elements($1::json) WITH ORDINALITY rows (line, at) ORDER BY at`
    let batch: string[] = []
    const put = async (): Promise<void> => {
      if (batch.length > 0) await hand.run(text, [`[${batch.join(',')}]`])
      batch = []
    }
    for await (const line of linesIn(content)) {
      batch.push(line)
      if (batch.length === MOST_INSERTED) await put()
    }
    await put()
  },
}

const MOST_INSERTED = 2_000

/** Not by the line reader: it takes other characters for the end of a line, too. */
async function* linesIn(content: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf8', { fatal: true })
  let rest = ''
  for await (const chunk of content) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

const STAGE = 'pg_temp.holdfast_restored'

/** One that no column has. */
function freeName(columns: readonly ArchivedColumn[]): string {
  let name = 'place'
  while (columns.some((column) => column.name === name)) name += '_'
  return name
}

/** RFC 4180 with newlines alone: every value in quotes, NULL as nothing at all, names of columns in the first line. */
const csv: Encoding = {
  line: (columns) =>
    columns
      .map((column) => `coalesce('"' || pg_catalog.replace(${written(column)}, '"', '""') || '"', '')`)
      .join(` || ',' || `),
  head: (columns) => `${columns.map(({ name }) => `"${name.replaceAll('"', '""')}"`).join(',')}\n`,
  hasQuotedNewlines: true,
  async put(client, hand, table, columns, content) {
    const into = (where: string): Promise<void> =>
      pipeline(
        Readable.from(content),
        client.query(copyFrom(`COPY ${where} (${namesOf(columns)}) FROM STDIN (FORMAT csv)`)),
      )
    if (!hand.isConfined) return into(table)
    // COPY is the session's own to do: as text into a table that is nobody else's, from which the owner takes the values.
    const place = quoteIdentifier(freeName(columns))
    const texts = columns.map(({ name }) => `${quoteIdentifier(name)} text`).join(', ')
    await client.query(
      `CREATE TEMP TABLE ${STAGE} (${place} bigint GENERATED ALWAYS AS IDENTITY, ${texts}) ON COMMIT DROP; GRANT SELECT ON ${STAGE} TO PUBLIC`,
    )
    await into(STAGE)
    const values = columns.map(({ name, type }) => `${quoteIdentifier(name)}::${type}`).join(', ')
    await hand.run(
      `INSERT INTO ${table} (${namesOf(columns)}) OVERRIDING SYSTEM VALUE SELECT ${values} FROM ${STAGE} ORDER BY ${place}`,
    )
    await client.query(`DROP TABLE ${STAGE}`)
  },
}

/** By the ending of a file's name. */
export const ENCODINGS = { ndjson, csv } as const
export type ArchiveFormat = keyof typeof ENCODINGS
export const ARCHIVE_FORMATS = Object.keys(ENCODINGS) as ArchiveFormat[]
