/**
 * Who needs whom, as pg_depend has it, with the go-betweens replaced by what a person would name: a view for its
 * rule, a column for its default, a constraint for its index, a table for its row type. Both ends as
 * (class, oid, sub); whoever reads maps them to objects and drops the rest.
 */
export const DEPENDENCY_QUERY = `
WITH stands_for AS (
  SELECT 'pg_rewrite'::regclass AS class, r.oid, 'pg_class'::regclass AS for_class, r.ev_class AS for_oid, 0 AS for_sub
    FROM pg_rewrite r WHERE r.rulename = '_RETURN'
  UNION ALL SELECT 'pg_attrdef'::regclass, d.oid, 'pg_class'::regclass, d.adrelid, d.adnum FROM pg_attrdef d
  UNION ALL SELECT 'pg_class'::regclass, o.conindid, 'pg_constraint'::regclass, o.oid, 0 FROM pg_constraint o WHERE o.contype IN ('p', 'u', 'x')
  UNION ALL SELECT 'pg_type'::regclass, c.reltype, 'pg_class'::regclass, c.oid, 0 FROM pg_class c WHERE c.reltype <> 0 AND c.relkind <> 'c'
  UNION ALL SELECT 'pg_type'::regclass, t.oid, 'pg_type'::regclass, t.typelem, 0 FROM pg_type t WHERE t.typelem <> 0 AND t.typcategory = 'A'
  UNION ALL SELECT 'pg_type'::regclass, r.rngmultitypid, 'pg_type'::regclass, r.rngtypid, 0 FROM pg_range r
), edges AS (
  SELECT classid, objid, objsubid, refclassid, refobjid, refobjsubid FROM pg_depend WHERE objid >= 16384 AND deptype <> 'e'
  UNION SELECT 'pg_class'::regclass, i.inhrelid, 0, 'pg_class'::regclass, i.inhparent, 0 FROM pg_inherits i
)
SELECT DISTINCT
  coalesce(a.for_class, e.classid)::oid AS class, coalesce(a.for_oid, e.objid) AS oid, coalesce(a.for_sub, e.objsubid) AS sub,
  coalesce(b.for_class, e.refclassid)::oid AS "neededClass", coalesce(b.for_oid, e.refobjid) AS "neededOid",
  coalesce(b.for_sub, e.refobjsubid) AS "neededSub"
FROM edges e
LEFT JOIN stands_for a ON a.class = e.classid AND a.oid = e.objid
LEFT JOIN stands_for b ON b.class = e.refclassid AND b.oid = e.refobjid`
