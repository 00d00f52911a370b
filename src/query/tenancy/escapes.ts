import { type Kysely, sql } from 'kysely'

/** One way around the tenants' borders. */
export interface TenantEscape {
  /** The table, view, function or role. */
  readonly name: string
  readonly problem: string
  /** What to do about it. */
  readonly fix: string
}

/** What is looked for. */
export interface EscapeQuestion {
  readonly tables: readonly string[]
  readonly shared: readonly string[]
  readonly column: string
  readonly schema: string
  readonly setting: string
}

/** All ways around the borders that the catalogue shows to this role. */
export async function findEscapes(db: Kysely<any>, question: EscapeQuestion): Promise<TenantEscape[]> {
  const plain = db.withoutPlugins()
  const found = await Promise.all([
    ofRole(plain),
    ofTables(plain, question),
    ofPolicies(plain, question),
    ofViews(plain, question),
    ofFunctions(plain, question),
  ])
  return found.flat()
}

async function ofRole(db: Kysely<any>): Promise<TenantEscape[]> {
  const { rows } = await sql<{ name: string }>`
    SELECT rolname AS name FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)`.execute(
    db,
  )
  return rows.map(({ name }) => ({
    name,
    problem: 'this role passes over row-level security: no policy holds for it',
    fix: 'connect as a role that is no superuser and has no BYPASSRLS',
  }))
}

/** Tables that this role may use: partitions too, since whoever names one is not held by its parent's policy. */
async function ofTables(db: Kysely<any>, question: EscapeQuestion): Promise<TenantEscape[]> {
  const { tables, shared, column, schema } = question
  const { rows } = await sql<TableState>`
    SELECT c.relname AS name, a.attname IS NOT NULL AS has_column, c.relrowsecurity AS is_enabled,
           c.relforcerowsecurity OR NOT pg_has_role(c.relowner, 'USAGE') AS is_forced
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = ${column} AND NOT a.attisdropped
     WHERE n.nspname = ${schema} AND c.relkind IN ('r', 'p', 'f')
       AND has_schema_privilege(n.oid, 'USAGE')
       AND (has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(c.oid, 'DELETE, TRUNCATE'))
     ORDER BY c.relname`.execute(db)
  const missing = tables
    .filter((name) => !rows.some((row) => row.name === name))
    .map((name) => ({
      name,
      problem: `is not there in schema ${schema}, or this role may not use it`,
      fix: 'correct its name in the list of tables, or run the check as the role of the application',
    }))
  return [...missing, ...rows.flatMap((row) => faultsOf(row, tables, shared, column))]
}

interface TableState {
  readonly name: string
  readonly has_column: boolean
  readonly is_enabled: boolean
  readonly is_forced: boolean
}

function faultsOf(
  { name, has_column, is_enabled, is_forced }: TableState,
  tables: readonly string[],
  shared: readonly string[],
  column: string,
): TenantEscape[] {
  if (shared.includes(name)) return []
  if (!has_column)
    return [
      {
        name,
        problem: `has no column ${column} and is not listed as shared`,
        fix: 'list it as shared if every tenant may see all of it; else give it the column and a policy',
      },
    ]
  const protect = tables.includes(name)
    ? 'run the statements of policies()'
    : 'add it to tables and run policies(), or revoke the rights on it'
  if (!is_enabled) return [{ name, problem: 'row-level security is off', fix: protect }]
  if (!is_forced)
    return [
      { name, problem: 'row-level security does not hold for its owner, which this role is', fix: protect },
    ]
  return []
}

/** Policies widen each other: one that does not ask for the tenant opens the table, whatever the others say. */
async function ofPolicies(
  db: Kysely<any>,
  { column, schema, setting }: EscapeQuestion,
): Promise<TenantEscape[]> {
  const { rows } = await sql<{ table: string; policy: string }>`
    SELECT c.relname AS table, p.polname AS policy
      FROM pg_policy p
      JOIN pg_class c ON c.oid = p.polrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = ${column} AND NOT a.attisdropped
     WHERE n.nspname = ${schema} AND p.polpermissive
       AND (p.polroles = '{0}' OR EXISTS (SELECT 1 FROM unnest(p.polroles) AS r(oid) WHERE r.oid = 0 OR pg_has_role(r.oid, 'USAGE')))
       AND (strpos(coalesce(pg_get_expr(p.polqual, p.polrelid), ${setting}), ${setting}) = 0
            OR strpos(coalesce(pg_get_expr(p.polwithcheck, p.polrelid), ${setting}), ${setting}) = 0)
     ORDER BY 1, 2`.execute(db)
  return rows.map(({ table, policy }) => ({
    name: table,
    problem: `policy ${policy} lets rows through without asking for the tenant`,
    fix: `drop it, make it restrictive, or have it compare with current_setting('${setting}')`,
  }))
}

/** Views read as their owner does, unless they say otherwise; what a materialized one holds has no policies at all. */
async function ofViews(db: Kysely<any>, { column, schema }: EscapeQuestion): Promise<TenantEscape[]> {
  const { rows } = await sql<{ name: string; is_stored: boolean }>`
    WITH RECURSIVE tenants AS (
      SELECT c.oid FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = ${column} AND NOT a.attisdropped
       WHERE n.nspname = ${schema} AND c.relkind IN ('r', 'p', 'f')
    ), readers AS (
      SELECT oid FROM tenants
      UNION
      SELECT r.ev_class FROM readers
        JOIN pg_depend d ON d.refobjid = readers.oid AND d.refclassid = 'pg_class'::regclass AND d.classid = 'pg_rewrite'::regclass
        JOIN pg_rewrite r ON r.oid = d.objid
    )
    SELECT v.oid::regclass::text AS name, v.relkind = 'm' AS is_stored
      FROM readers
      JOIN pg_class v ON v.oid = readers.oid AND v.relkind IN ('v', 'm')
      JOIN pg_roles o ON o.oid = v.relowner
     WHERE has_table_privilege(v.oid, 'SELECT')
       AND (v.relkind = 'm'
            OR (NOT coalesce(v.reloptions && ARRAY['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false)
                AND (o.rolsuper OR o.rolbypassrls OR EXISTS (
                  SELECT 1 FROM tenants t JOIN pg_class c ON c.oid = t.oid
                   WHERE NOT c.relforcerowsecurity AND pg_has_role(v.relowner, c.relowner, 'USAGE')))))
     ORDER BY 1`.execute(db)
  return rows.map(({ name, is_stored }) =>
    is_stored
      ? {
          name,
          problem: 'this materialized view holds rows of tenants, and has no policies',
          fix: 'revoke the right to read it, or keep the tenant out of it',
        }
      : {
          name,
          problem: 'this view reads rows of tenants as its owner, for whom no policy holds',
          fix: 'ALTER VIEW ... SET (security_invoker = true), or give it to another owner',
        },
  )
}

/** What runs as a role that passes over policies may return anything: nobody can tell without reading it. */
async function ofFunctions(db: Kysely<any>, { schema }: EscapeQuestion): Promise<TenantEscape[]> {
  const { rows } = await sql<{ name: string; owner: string }>`
    SELECT p.oid::regprocedure::text AS name, o.rolname AS owner
      FROM pg_proc p
      JOIN pg_namespace n ON n.oid = p.pronamespace
      JOIN pg_roles o ON o.oid = p.proowner
     WHERE n.nspname = ${schema} AND p.prosecdef AND (o.rolsuper OR o.rolbypassrls)
       AND has_function_privilege(p.oid, 'EXECUTE')
     ORDER BY 1`.execute(db)
  return rows.map(({ name, owner }) => ({
    name,
    problem: `this function runs as ${owner}, for whom no policy holds`,
    fix: 'make it SECURITY INVOKER, give it to another owner, or revoke EXECUTE',
  }))
}
