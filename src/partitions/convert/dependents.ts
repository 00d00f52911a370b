import type pg from 'pg'
import { tableChanged } from '../errors.ts'
import type { Definition } from './definition.ts'

/**
 * Views and functions were made anew by us, in the place of those that were there. One that was dropped meanwhile would be ours now, and
 * run with our rights what its former owner wrote.
 * @throws HF_PARTITION_CHANGED, which takes all of it back
 */
export async function requireSameDependents(
  client: pg.Client,
  table: string,
  { dependents }: Definition,
): Promise<void> {
  const known = dependents.filter(({ oid, statement }) => oid !== null && statement !== null)
  const { rows } = await client.query<{ name: string }>(
    `SELECT w.name FROM unnest($1::oid[], $2::text[], $3::text[]) w (oid, owner, name)
      WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = w.oid AND pg_get_userbyid(c.relowner) = w.owner)
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.oid = w.oid AND pg_get_userbyid(p.proowner) = w.owner)`,
    [known.map(({ oid }) => oid), known.map(({ owner }) => owner), known.map(({ name }) => name)],
  )
  if (rows.length > 0)
    throw tableChanged(table, `${rows.map(({ name }) => name).join(', ')} is not there any more`)
}
