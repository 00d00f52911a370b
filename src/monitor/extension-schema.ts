import type { Queryable } from '../core/index.ts'

/** Where an extension is, quoted; undefined where it is not. */
export async function schemaOfExtension(db: Queryable, name: string): Promise<string | undefined> {
  const { rows } = await db.query<{ schema: string }>(
    `SELECT quote_ident(n.nspname) AS schema FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
      WHERE e.extname = $1`,
    [name],
  )
  return rows[0]?.schema
}
