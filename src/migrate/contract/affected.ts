import type pg from 'pg'
import { quoteIdentifier } from '../../core/index.ts'
import { withUsersPath } from '../../pool/index.ts'
import { oidOf } from '../running/session.ts'
import type { Removed } from './removed.ts'

/**
 * What goes along with what a migration names: partitions and children with their parents, views with what they are built on, and
 * with a schema all that is in it. As the catalog has it now.
 */
export async function withDependents(client: pg.Client, removed: readonly Removed[]): Promise<Removed[]> {
  const all = [...removed]
  for (const one of removed) {
    if (one.kind === 'schema') all.push(...(await inSchema(client, one.name)))
    if (one.kind === 'relation' || one.kind === 'column') all.push(...(await builtOn(client, one)))
  }
  return all
}

const WITHIN_QUERY = `
  SELECT 'relation' AS kind, $1::text AS schema, relname AS name FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND relkind IN ('r', 'p', 'v', 'm', 'f')
  UNION SELECT 'function', $1::text, proname FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1`

async function inSchema(client: pg.Client, schema: string): Promise<Removed[]> {
  const { rows } = await client.query<Removed & pg.QueryResultRow>(WITHIN_QUERY, [schema])
  return rows
}

/** Of a column only views that read it; a view is used under its own name. */
const BUILT_ON_QUERY = `
  WITH RECURSIVE start AS (
    SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE CASE WHEN $1::text IS NULL THEN c.oid = $4 ELSE c.relname = $2 AND n.nspname = $1 END
  ), children AS (
    SELECT oid FROM start
    UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN children ON i.inhparent = children.oid
  ), views AS (
    SELECT r.ev_class AS oid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid JOIN children c ON c.oid = d.refobjid
      LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
     WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
       AND ($3::text IS NULL OR a.attname = $3)
    UNION SELECT r.ev_class FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid JOIN views v ON v.oid = d.refobjid
     WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
  )
  SELECT n.nspname AS schema, c.relname AS name, c.oid IN (SELECT oid FROM children) AS "isChild"
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.oid IN (SELECT oid FROM children UNION SELECT oid FROM views) AND c.oid NOT IN (SELECT oid FROM start)`

async function builtOn(client: pg.Client, { schema, name, column }: Removed): Promise<Removed[]> {
  const { rows } = await client.query<{ schema: string; name: string; isChild: boolean }>(BUILT_ON_QUERY, [
    schema ?? null,
    name,
    column ?? null,
    schema === undefined ? await withUsersPath(client, () => oidOf(client, quoteIdentifier(name))) : null,
  ])
  return rows.map(({ isChild, ...found }): Removed =>
    isChild && column !== undefined ? { kind: 'column', ...found, column } : { kind: 'relation', ...found },
  )
}
