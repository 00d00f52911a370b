/** The relation that somebody means by a name. */
export interface NamedRelation {
  readonly oid: number
  /** Qualified, and quoted where it has to be. */
  readonly sql: string
  /** `relkind` of pg_class. */
  readonly kind: string
}

/**
 * Looks the names in $1 up by the path of the session, which may have functions of anybody in it: every other name is qualified, and
 * so is each operator. A row of {@link NamedRelation} for each name, with nulls where there is none.
 */
export const NAMED_RELATIONS = `
  SELECT c.oid, c.relkind AS kind,
         CASE WHEN c.oid IS NOT NULL THEN pg_catalog.format('%I.%I', n.nspname::pg_catalog.text, c.relname::pg_catalog.text) END AS sql
    FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY u (name, place)
    LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace)
      ON c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(u.name)::pg_catalog.oid
   ORDER BY u.place`
