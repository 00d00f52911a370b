/**
 * Pieces that the queries of the reader share. Each query answers rows of one shape:
 * `class, oid, sub` (what pg_depend calls it), `name`, `parent` and `attributes` as jsonb.
 */

/** A name as SQL writes it. */
export const named = (namespace: string, name: string): string => `format('%I.%I', ${namespace}, ${name})`

/** The comment on something. */
export const comment = (oid: string, catalog: string): string => `obj_description(${oid}, '${catalog}')`

/**
 * Who may do what, the owner left out: an array of texts like `app=INSERT, SELECT`, a star behind what may be passed on.
 * @param kind of acldefault: r table, s sequence, n schema, f function, T type
 */
export const grants = (acl: string, kind: string, owner: string): string => `(
  SELECT coalesce(jsonb_agg(line ORDER BY line), '[]') FROM (
    SELECT CASE WHEN x.grantee = 0 THEN 'public' ELSE quote_ident(pg_get_userbyid(x.grantee)) END || '=' ||
           string_agg(x.privilege_type || CASE WHEN x.is_grantable THEN '*' ELSE '' END, ', ' ORDER BY x.privilege_type) AS line
      FROM aclexplode(coalesce(${acl}, acldefault('${kind}', ${owner}))) x
     WHERE x.grantee <> ${owner} GROUP BY x.grantee) lines)`

/** Not brought by an extension. */
export const notOfExtension = (oid: string, catalog: string): string =>
  `NOT EXISTS (SELECT FROM pg_depend brought WHERE brought.classid = '${catalog}'::regclass AND brought.objid = ${oid} AND brought.deptype = 'e')`

/** In a schema that is looked at: $1 lists those that are not. */
export const inScope = (namespace: string): string =>
  `${namespace} !~ '^pg_' AND ${namespace} <> 'information_schema' AND ${namespace} <> ALL ($1::text[])`

/** Storage parameters, in order; null where there are none. */
export const options = (column: string): string =>
  `(SELECT to_jsonb(array_agg(o ORDER BY o)) FROM unnest(${column}) o)`
