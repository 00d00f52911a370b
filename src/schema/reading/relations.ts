import { comment, grants, inScope, named, notOfExtension, options } from './fragments.ts'

const RELATION = `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace`
const MINE = `${inScope('n.nspname')} AND ${notOfExtension('c.oid', 'pg_class')} AND c.relpersistence <> 't'`
const TABLES = `c.relkind IN ('r', 'p', 'f')`

/** A sequence's own numbers. */
const SEQUENCE = `jsonb_build_object('type', format_type(s.seqtypid, NULL), 'start', s.seqstart::text, 'increment', s.seqincrement::text,
    'min', s.seqmin::text, 'max', s.seqmax::text, 'cache', s.seqcache::text, 'cycle', s.seqcycle)`

export const TABLE_QUERY = `
SELECT 'table' AS kind, 'pg_class'::regclass::oid AS class, c.oid, 0 AS sub, ${named('n.nspname', 'c.relname')} AS name, NULL AS parent,
  jsonb_build_object(
    'kind', CASE c.relkind WHEN 'p' THEN 'partitioned' WHEN 'f' THEN 'foreign' ELSE 'ordinary' END,
    'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'logged' END,
    'partitionKey', CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
    'partitionOf', CASE WHEN c.relispartition THEN (SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = c.oid) END,
    'bound', pg_get_expr(c.relpartbound, c.oid),
    'inherits', CASE WHEN NOT c.relispartition THEN (SELECT jsonb_agg(inhparent::regclass::text ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = c.oid) END,
    'options', ${options('c.reloptions')},
    'toastOptions', (SELECT ${options('t.reloptions')} FROM pg_class t WHERE t.oid = c.reltoastrelid),
    'rowSecurity', c.relrowsecurity, 'forceRowSecurity', c.relforcerowsecurity,
    'replicaIdentity', CASE c.relreplident WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full'
      WHEN 'i' THEN (SELECT 'index ' || quote_ident(x.relname) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
                      WHERE i.indrelid = c.oid AND i.indisreplident) ELSE 'default' END,
    'accessMethod', (SELECT nullif(amname, 'heap') FROM pg_am WHERE pg_am.oid = c.relam),
    'tablespace', (SELECT spcname FROM pg_tablespace WHERE pg_tablespace.oid = c.reltablespace),
    'comment', ${comment('c.oid', 'pg_class')},
    'grants', ${grants('c.relacl', 'r', 'c.relowner')}) AS attributes
FROM ${RELATION} WHERE ${TABLES} AND ${MINE}`

/** Columns that a table has of its own: those of a partition are its parent's. */
export const columnQuery = (version: number): string => `
SELECT 'column' AS kind, 'pg_class'::regclass::oid AS class, c.oid, a.attnum::int AS sub,
  format('%I.%I.%I', n.nspname, c.relname, a.attname) AS name, 'table ' || ${named('n.nspname', 'c.relname')} AS parent,
  jsonb_build_object(
    'type', format_type(a.atttypid, a.atttypmod),
    'collation', CASE WHEN a.attcollation <> t.typcollation THEN
      (SELECT ${named('cn.nspname', 'co.collname')} FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = a.attcollation) END,
    'notNull', ${
      version >= 18
        ? `CASE WHEN NOT a.attnotnull THEN 'false'::jsonb WHEN EXISTS (SELECT FROM pg_constraint nn WHERE nn.conrelid = c.oid AND nn.contype = 'n'
         AND nn.conkey = ARRAY[a.attnum] AND NOT nn.convalidated) THEN '"not valid"'::jsonb ELSE 'true'::jsonb END`
        : 'a.attnotnull'
    },
    'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
    'generated', CASE WHEN a.attgenerated <> '' THEN jsonb_build_object('expression', pg_get_expr(d.adbin, d.adrelid),
      'kind', CASE a.attgenerated WHEN 'v' THEN 'virtual' ELSE 'stored' END) END,
    'identity', CASE WHEN a.attidentity <> '' THEN (
      SELECT ${SEQUENCE} || jsonb_build_object('kind', CASE a.attidentity WHEN 'a' THEN 'always' ELSE 'by default' END)
        FROM pg_sequence s JOIN pg_depend p ON p.classid = 'pg_class'::regclass AND p.objid = s.seqrelid AND p.deptype = 'i'
       WHERE p.refobjid = c.oid AND p.refobjsubid = a.attnum) END,
    'storage', CASE WHEN a.attstorage <> t.typstorage THEN
      CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'm' THEN 'main' ELSE 'extended' END END,
    'compression', CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
    'statistics', nullif(a.attstattarget, -1),
    'options', ${options('a.attoptions')},
    'comment', col_description(c.oid, a.attnum),
    'grants', (SELECT coalesce(jsonb_agg(line ORDER BY line), '[]') FROM (
      SELECT CASE WHEN x.grantee = 0 THEN 'public' ELSE quote_ident(pg_get_userbyid(x.grantee)) END || '=' ||
             string_agg(x.privilege_type || CASE WHEN x.is_grantable THEN '*' ELSE '' END, ', ' ORDER BY x.privilege_type) AS line
        FROM aclexplode(a.attacl) x GROUP BY x.grantee) lines)) AS attributes
FROM ${RELATION}
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attinhcount = 0
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE ${TABLES} AND ${MINE} ORDER BY c.oid, a.attnum`

/** Constraints of tables; what a partition has from its parent, and NOT NULL, which is the column's, left out. */
export const constraintQuery = (version: number): string => `
SELECT 'constraint' AS kind, 'pg_constraint'::regclass::oid AS class, o.oid, 0 AS sub,
  format('%I.%I.%I', n.nspname, c.relname, o.conname) AS name, 'table ' || ${named('n.nspname', 'c.relname')} AS parent,
  jsonb_build_object(
    'type', CASE o.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' WHEN 'f' THEN 'foreign key' WHEN 'x' THEN 'exclusion'
      WHEN 't' THEN 'trigger' ELSE 'check' END,
    'definition', pg_get_constraintdef(o.oid), 'validated', o.convalidated${version >= 18 ? `, 'notEnforced', NOT o.conenforced` : ''},
    'indexOptions', (SELECT ${options('x.reloptions')} FROM pg_class x WHERE x.oid = o.conindid AND o.contype IN ('p', 'u', 'x')),
    'columns', (SELECT jsonb_agg(a.attname ORDER BY k.at) FROM unnest(o.conkey) WITH ORDINALITY k(num, at)
                  JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.num),
    'clustered', (SELECT i.indisclustered FROM pg_index i WHERE i.indexrelid = o.conindid AND o.contype IN ('p', 'u', 'x')),
    'comment', ${comment('o.oid', 'pg_constraint')}) AS attributes
FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE ${TABLES} AND ${MINE} AND o.conparentid = 0 AND o.coninhcount = 0 AND o.contype IN ('p', 'u', 'f', 'x', 'c')`

export const INDEX_QUERY = `
SELECT 'index' AS kind, 'pg_class'::regclass::oid AS class, x.oid, 0 AS sub, ${named('n.nspname', 'x.relname')} AS name,
  CASE WHEN c.relkind = 'm' THEN 'materialized view ' ELSE 'table ' END || ${named('n.nspname', 'c.relname')} AS parent,
  jsonb_build_object(
    'definition', pg_get_indexdef(x.oid), 'valid', i.indisvalid, 'unique', i.indisunique, 'method', m.amname,
    'clustered', i.indisclustered, 'comment', ${comment('x.oid', 'pg_class')}) AS attributes
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND ${MINE} AND NOT x.relispartition
  AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = x.oid AND o.contype IN ('p', 'u', 'x'))`

export const TRIGGER_QUERY = `
SELECT 'trigger' AS kind, 'pg_trigger'::regclass::oid AS class, t.oid, 0 AS sub,
  format('%I.%I.%I', n.nspname, c.relname, t.tgname) AS name,
  CASE c.relkind WHEN 'v' THEN 'view ' ELSE 'table ' END || ${named('n.nspname', 'c.relname')} AS parent,
  jsonb_build_object(
    'definition', pg_get_triggerdef(t.oid),
    'enabled', CASE t.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' ELSE 'origin' END,
    'comment', ${comment('t.oid', 'pg_trigger')}) AS attributes
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND ${MINE}`

export const POLICY_QUERY = `
SELECT 'policy' AS kind, 'pg_policy'::regclass::oid AS class, p.oid, 0 AS sub,
  format('%I.%I.%I', n.nspname, c.relname, p.polname) AS name, 'table ' || ${named('n.nspname', 'c.relname')} AS parent,
  jsonb_build_object(
    'command', CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
    'permissive', p.polpermissive,
    'roles', (SELECT jsonb_agg(CASE WHEN r = 0 THEN 'public' ELSE quote_ident(pg_get_userbyid(r)) END ORDER BY r) FROM unnest(p.polroles) r),
    'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid),
    'comment', ${comment('p.oid', 'pg_policy')}) AS attributes
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${MINE}`

export const RULE_QUERY = `
SELECT 'rule' AS kind, 'pg_rewrite'::regclass::oid AS class, r.oid, 0 AS sub,
  format('%I.%I.%I', n.nspname, c.relname, r.rulename) AS name,
  CASE c.relkind WHEN 'v' THEN 'view ' ELSE 'table ' END || ${named('n.nspname', 'c.relname')} AS parent,
  jsonb_build_object('definition', pg_get_ruledef(r.oid), 'enabled', r.ev_enabled, 'comment', ${comment('r.oid', 'pg_rewrite')}) AS attributes
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN' AND ${MINE}`

export const STATISTICS_QUERY = `
SELECT 'statistics' AS kind, 'pg_statistic_ext'::regclass::oid AS class, s.oid, 0 AS sub, ${named('sn.nspname', 's.stxname')} AS name,
  'table ' || ${named('n.nspname', 'c.relname')} AS parent,
  jsonb_build_object('definition', pg_get_statisticsobjdef(s.oid), 'comment', ${comment('s.oid', 'pg_statistic_ext')}) AS attributes
FROM pg_statistic_ext s JOIN pg_namespace sn ON sn.oid = s.stxnamespace
JOIN pg_class c ON c.oid = s.stxrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${MINE}`

export const VIEW_QUERY = `
SELECT CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END AS kind, 'pg_class'::regclass::oid AS class, c.oid, 0 AS sub,
  ${named('n.nspname', 'c.relname')} AS name, NULL AS parent,
  jsonb_build_object(
    'definition', pg_get_viewdef(c.oid), 'options', ${options('c.reloptions')},
    'columns', (SELECT jsonb_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
                  FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0),
    'comment', ${comment('c.oid', 'pg_class')}, 'grants', ${grants('c.relacl', 'r', 'c.relowner')}) AS attributes
FROM ${RELATION} WHERE c.relkind IN ('v', 'm') AND ${MINE}`

/** Sequences that stand by themselves or belong to a column as serial does; those of an identity are the column's. */
export const SEQUENCE_QUERY = `
SELECT 'sequence' AS kind, 'pg_class'::regclass::oid AS class, c.oid, 0 AS sub, ${named('n.nspname', 'c.relname')} AS name, NULL AS parent,
  ${SEQUENCE} || jsonb_build_object(
    'ownedBy', (SELECT format('%s.%I', p.refobjid::regclass, a.attname) FROM pg_depend p
      JOIN pg_attribute a ON a.attrelid = p.refobjid AND a.attnum = p.refobjsubid
      WHERE p.classid = 'pg_class'::regclass AND p.objid = c.oid AND p.refclassid = 'pg_class'::regclass AND p.deptype = 'a'),
    'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'logged' END,
    'comment', ${comment('c.oid', 'pg_class')}, 'grants', ${grants('c.relacl', 's', 'c.relowner')}) AS attributes
FROM ${RELATION} JOIN pg_sequence s ON s.seqrelid = c.oid
WHERE ${MINE} AND NOT EXISTS (SELECT FROM pg_depend p WHERE p.classid = 'pg_class'::regclass AND p.objid = c.oid AND p.deptype = 'i')`
