import { type Kysely, sql } from 'kysely'

/** A table, as far as tenants go. */
export interface TableState {
  readonly oid: string
  /** As this session would write it. */
  readonly name: string
  readonly schema: string
  readonly relname: string
  readonly owner: string
  /** The type of the tenant's column; null where there is none. */
  readonly columnType: string | null
  readonly isEnabled: boolean
  readonly isForced: boolean
  /** This role may read or change rows. */
  readonly mayUse: boolean
  readonly mayTruncate: boolean
}

export interface PolicyState {
  readonly table: string
  readonly name: string
  /** 0 means everybody. */
  readonly roles: readonly string[]
  readonly using: string | null
  readonly check: string | null
}

export interface ViewState {
  readonly oid: string
  readonly name: string
  readonly owner: string
  readonly isStored: boolean
  readonly isInvoker: boolean
  readonly mayUse: boolean
}

/** What the catalogue says of whoever could reach rows of tenants. Oids are text. */
export interface Catalogue {
  readonly me: string
  readonly tables: readonly TableState[]
  /** Permissive ones only: the others narrow. */
  readonly policies: readonly PolicyState[]
  readonly views: readonly ViewState[]
  /** Which relations each view reads. */
  readonly reads: ReadonlyMap<string, readonly string[]>
  /** Functions that run as their owner, and that this role may call. */
  readonly definers: readonly { readonly name: string; readonly owner: string }[]
  /** Superusers, and those with BYPASSRLS, by name. */
  readonly passing: ReadonlyMap<string, string>
  isMember(role: string, of: string): boolean
}

const OURS = sql`n.nspname OPERATOR(pg_catalog.!~) '^pg_' AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'`
const MAY_USE = sql`pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  AND (pg_catalog.has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE') OR pg_catalog.has_table_privilege(c.oid, 'DELETE'))`

/** @param column of the tenant */
export async function readCatalogue(db: Kysely<any>, column: string): Promise<Catalogue> {
  const [
    { rows: tables },
    { rows: policies },
    { rows: views },
    { rows: reads },
    { rows: definers },
    { rows: roles },
  ] = await Promise.all([
    sql<TableState>`
        SELECT c.oid::text, c.oid::regclass::text AS name, n.nspname AS schema, c.relname, c.relowner::text AS owner,
               pg_catalog.format_type(a.atttypid, NULL) AS "columnType", c.relrowsecurity AS "isEnabled",
               c.relforcerowsecurity AS "isForced", ${MAY_USE} AS "mayUse",
               pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'TRUNCATE') AS "mayTruncate"
          FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
          LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attname OPERATOR(pg_catalog.=) ${column}::pg_catalog.name AND NOT a.attisdropped
         WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'f']::"char"[]) AND ${OURS}
         ORDER BY 2`.execute(db),
    sql<PolicyState>`
        SELECT polrelid::text AS table, polname AS name, polroles::text[] AS roles,
               pg_catalog.pg_get_expr(polqual, polrelid) AS using, pg_catalog.pg_get_expr(polwithcheck, polrelid) AS check
          FROM pg_catalog.pg_policy WHERE polpermissive ORDER BY polname`.execute(db),
    sql<ViewState>`
        SELECT c.oid::text, c.oid::regclass::text AS name, c.relowner::text AS owner, c.relkind OPERATOR(pg_catalog.=) 'm' AS "isStored",
               coalesce(c.reloptions::text OPERATOR(pg_catalog.~*) 'security_invoker=(true|on|1|yes)', false) AS "isInvoker", ${MAY_USE} AS "mayUse"
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
         WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['v', 'm']::"char"[]) AND ${OURS}
         ORDER BY 2`.execute(db),
    sql<{ view: string; relation: string }>`
        SELECT DISTINCT r.ev_class::text AS view, d.refobjid::text AS relation
          FROM pg_catalog.pg_rewrite r
          JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::regclass::oid AND d.objid OPERATOR(pg_catalog.=) r.oid AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::regclass::oid
         WHERE d.refobjid OPERATOR(pg_catalog.<>) r.ev_class`.execute(db),
    sql<{ name: string; owner: string }>`
        SELECT p.oid::regprocedure::text AS name, p.proowner::text AS owner
          FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
         WHERE p.prosecdef AND ${OURS} AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
           AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::regclass::oid AND d.objid OPERATOR(pg_catalog.=) p.oid AND d.deptype OPERATOR(pg_catalog.=) 'e')
         ORDER BY 1`.execute(db),
    sql<{ oid: string; name: string; passes: boolean; isMe: boolean; groups: string[] }>`
        SELECT r.oid::text, r.rolname AS name, r.rolsuper OR r.rolbypassrls AS passes, r.rolname OPERATOR(pg_catalog.=) current_user AS "isMe",
               ARRAY(SELECT g.oid::text FROM pg_catalog.pg_roles g WHERE pg_catalog.pg_has_role(r.oid, g.oid, 'MEMBER')) AS groups
          FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.!~) '^pg_'`.execute(db),
  ])
  const groups = new Map(roles.map((role) => [role.oid, new Set(role.groups)]))
  return {
    me: roles.find(({ isMe }) => isMe)?.oid ?? '',
    tables,
    policies,
    views,
    reads: new Map(
      [...Map.groupBy(reads, ({ view }) => view)].map(([view, of]) => [
        view,
        of.map(({ relation }) => relation),
      ]),
    ),
    definers,
    passing: new Map(roles.filter(({ passes }) => passes).map(({ oid, name }) => [oid, name])),
    isMember: (role, of) => role === of || (groups.get(role)?.has(of) ?? false),
  }
}

/** The role of this session, if it passes over row-level security. */
export async function roleThatPasses(db: Kysely<any>): Promise<string | undefined> {
  const { rows } = await sql<{ name: string }>`
    SELECT rolname AS name FROM pg_catalog.pg_roles
     WHERE rolname OPERATOR(pg_catalog.=) current_user AND (rolsuper OR rolbypassrls)`.execute(
    db.withoutPlugins(),
  )
  return rows[0]?.name
}

/** Foreign keys between tables of tenants that leave the tenant out. */
export async function looseForeignKeys(
  db: Kysely<any>,
  column: string,
): Promise<{ table: string; name: string; target: string }[]> {
  const { rows } = await sql<{ table: string; name: string; target: string }>`
    SELECT k.conrelid::regclass::text AS table, k.conname AS name, k.confrelid::regclass::text AS target
      FROM pg_catalog.pg_constraint k
      JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) k.conrelid
      JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
      JOIN pg_catalog.pg_attribute own ON own.attrelid OPERATOR(pg_catalog.=) k.conrelid AND own.attname OPERATOR(pg_catalog.=) ${column}::pg_catalog.name AND NOT own.attisdropped
      JOIN pg_catalog.pg_attribute theirs ON theirs.attrelid OPERATOR(pg_catalog.=) k.confrelid AND theirs.attname OPERATOR(pg_catalog.=) ${column}::pg_catalog.name AND NOT theirs.attisdropped
     WHERE k.contype OPERATOR(pg_catalog.=) 'f' AND k.conparentid OPERATOR(pg_catalog.=) 0::oid AND NOT own.attnum OPERATOR(pg_catalog.=) ANY (k.conkey) AND ${OURS}
       AND pg_catalog.has_any_column_privilege(c.oid, 'INSERT, UPDATE')
     ORDER BY 1, 2`.execute(db)
  return rows
}
