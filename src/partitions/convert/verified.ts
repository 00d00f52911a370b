import type pg from 'pg'
import { recordBroken } from '../errors.ts'
import type { Conversion } from './records.ts'
import { AS_OURSELVES } from './work.ts'

const FACTS = `
  SELECT n.nspname AS schema, c.relname AS name, pg_get_userbyid(c.relowner) AS owner,
         (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a
           WHERE a.attrelid = c.oid AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped) AS type
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p')`

/**
 * A conversion as it is written down, with the names, the owner and the type that the catalog says: what a row says of them never
 * becomes SQL.
 * @throws HF_PARTITION_RECORD where the table is not there, or not what the row says
 */
export async function verified(client: pg.Client, conversion: Conversion): Promise<Conversion> {
  const { id, table, plan } = conversion
  const { rows } = await client.query<{ schema: string; name: string; owner: string; type: string | null }>(
    FACTS,
    [table, plan.column],
  )
  const broken = (why: string): Error => recordBroken(table, `conversion ${id}`, why)
  const [facts] = rows
  if (!facts) throw broken('there is no such table')
  const { schema, name, owner, type } = facts
  if (schema !== plan.schema || name !== plan.name) throw broken('the table has another name')
  if (type === null) throw broken(`there is no column ${plan.column}`)
  // What somebody agreed to holds for the call in which they did.
  const accepted = plan.accepted.filter((one) => one !== AS_OURSELVES)
  return { ...conversion, plan: { ...plan, owner, columnType: type, accepted } }
}
