import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { quoteIdentifier, quoteLiteral } from '../../core/index.ts'
import type { ArchivedColumn } from './columns.ts'

/** How rows are written, each value as PostgreSQL writes it as text: it reads that back to the same value, whatever its type. */
export interface Encoding {
  /** SQL of a row's text, without its end. */
  line(columns: readonly ArchivedColumn[]): string
  /** What stands before the rows. */
  head(columns: readonly ArchivedColumn[]): string
  /** Whether a newline within a value is written as one: then only those outside of quotes end a row. */
  readonly hasQuotedNewlines: boolean
  /** Puts rows into a table. @param content behind the head */
  put(
    client: pg.Client,
    table: string,
    columns: readonly ArchivedColumn[],
    content: AsyncIterable<Buffer>,
  ): Promise<void>
}

/** By the type's own output, not by a cast to text, which somebody may have written otherwise. */
const written = ({ name }: ArchivedColumn): string =>
  `CASE WHEN num_nulls(${quoteIdentifier(name)}) = 0 THEN format('%s', ${quoteIdentifier(name)}) END`

const namesOf = (columns: readonly ArchivedColumn[]): string =>
  columns.map(({ name }) => quoteIdentifier(name)).join(', ')

/** An object to a row. */
const ndjson: Encoding = {
  line(columns) {
    const names = columns.map(({ name }) => quoteLiteral(name)).join(', ')
    const values = columns.map(written).join(', ')
    return `json_object(ARRAY[${names}]::text[], ARRAY[${values}]::text[])::text`
  },
  head: () => '',
  hasQuotedNewlines: false,
  async put(client, table, columns, content) {
    const values = columns.map(({ name, type }) => `(line ->> ${quoteLiteral(name)})::${type}`).join(', ')
    const text = `INSERT INTO ${table} (${namesOf(columns)}) OVERRIDING SYSTEM VALUE SELECT ${values} FROM json_array_elements($1::json) WITH ORDINALITY rows (line, at) ORDER BY at`
    let batch: string[] = []
    const put = async (): Promise<void> => {
      if (batch.length > 0) await client.query(text, [`[${batch.join(',')}]`])
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

/** RFC 4180 with newlines alone: every value in quotes, NULL as nothing at all, names of columns in the first line. */
const csv: Encoding = {
  line: (columns) =>
    columns
      .map((column) => `coalesce('"' || replace(${written(column)}, '"', '""') || '"', '')`)
      .join(` || ',' || `),
  head: (columns) => `${columns.map(({ name }) => `"${name.replaceAll('"', '""')}"`).join(',')}\n`,
  hasQuotedNewlines: true,
  put: (client, table, columns, content) =>
    pipeline(
      Readable.from(content),
      client.query(copyFrom(`COPY ${table} (${namesOf(columns)}) FROM STDIN (FORMAT csv)`)),
    ),
}

/** By the ending of a file's name. */
export const ENCODINGS = { ndjson, csv } as const
export type ArchiveFormat = keyof typeof ENCODINGS
export const ARCHIVE_FORMATS = Object.keys(ENCODINGS) as ArchiveFormat[]
