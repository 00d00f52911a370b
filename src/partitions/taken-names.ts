import type { Queryable } from '../core/index.ts'

/** Names in a schema that nothing new can have. */
export async function takenNames(client: Queryable, schema: string): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1`,
    [schema],
  )
  return new Set(rows.map(({ name }) => name))
}
