import type pg from 'pg'

/** A column as an archive names it. */
export interface ArchivedColumn {
  readonly name: string
  readonly type: string
}

/** The columns of a table that hold something of their own, in their order. */
export async function columnsOf(client: pg.Client, table: string): Promise<ArchivedColumn[]> {
  const { rows } = await client.query<{ name: string; type: string }>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_catalog.pg_attribute
      WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`,
    [table],
  )
  return rows
}
