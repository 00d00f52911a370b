import { comment, grants, inScope, named, notOfExtension } from './fragments.ts'

const NAMED_TYPE = `pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace`
const MINE = `${inScope('n.nspname')} AND ${notOfExtension('t.oid', 'pg_type')}`
const TYPE = `'pg_type'::regclass::oid AS class, t.oid, 0 AS sub, ${named('n.nspname', 't.typname')} AS name, NULL AS parent`
const TYPE_REST = `'comment', ${comment('t.oid', 'pg_type')}, 'grants', ${grants('t.typacl', 'T', 't.typowner')}`

export const SCHEMA_QUERY = `
SELECT 'schema' AS kind, 'pg_namespace'::regclass::oid AS class, n.oid, 0 AS sub, quote_ident(n.nspname) AS name, NULL AS parent,
  jsonb_build_object('comment', CASE WHEN n.nspname <> 'public' THEN ${comment('n.oid', 'pg_namespace')} END,
    'grants', ${grants('n.nspacl', 'n', 'n.nspowner')}) AS attributes
FROM pg_namespace n WHERE ${inScope('n.nspname')} AND ${notOfExtension('n.oid', 'pg_namespace')}`

export const EXTENSION_QUERY = `
SELECT 'extension' AS kind, 'pg_extension'::regclass::oid AS class, e.oid, 0 AS sub, quote_ident(e.extname) AS name, NULL AS parent,
  jsonb_build_object('schema', n.nspname, 'version', e.extversion) AS attributes
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname NOT IN ('plpgsql', 'pg_stat_statements') AND n.nspname <> ALL ($1::text[])`

export const ENUM_QUERY = `
SELECT 'enum' AS kind, ${TYPE}, jsonb_build_object(
  'labels', (SELECT jsonb_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), ${TYPE_REST}) AS attributes
FROM ${NAMED_TYPE} WHERE t.typtype = 'e' AND ${MINE}`

export const DOMAIN_QUERY = `
SELECT 'domain' AS kind, ${TYPE}, jsonb_build_object(
  'type', format_type(t.typbasetype, t.typtypmod), 'default', t.typdefault, 'notNull', t.typnotnull,
  'collation', CASE WHEN t.typcollation <> b.typcollation THEN (SELECT ${named('cn.nspname', 'co.collname')} FROM pg_collation co
    JOIN pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = t.typcollation) END, ${TYPE_REST}) AS attributes
FROM ${NAMED_TYPE} JOIN pg_type b ON b.oid = t.typbasetype WHERE t.typtype = 'd' AND ${MINE}`

export const DOMAIN_CONSTRAINT_QUERY = `
SELECT 'domain constraint' AS kind, 'pg_constraint'::regclass::oid AS class, o.oid, 0 AS sub,
  format('%I.%I.%I', n.nspname, t.typname, o.conname) AS name, 'domain ' || ${named('n.nspname', 't.typname')} AS parent,
  jsonb_build_object('definition', pg_get_constraintdef(o.oid), 'validated', o.convalidated) AS attributes
FROM pg_constraint o JOIN pg_type t ON t.oid = o.contypid JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE o.contype = 'c' AND ${MINE}`

export const COMPOSITE_QUERY = `
SELECT 'composite type' AS kind, ${TYPE}, jsonb_build_object(
  'fields', (SELECT jsonb_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
               FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), ${TYPE_REST}) AS attributes
FROM ${NAMED_TYPE} JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c' WHERE ${MINE}`

export const RANGE_QUERY = `
SELECT 'range type' AS kind, ${TYPE}, jsonb_build_object(
  'subtype', format_type(r.rngsubtype, NULL), 'canonical', nullif(r.rngcanonical::oid, 0)::regproc::text,
  'difference', nullif(r.rngsubdiff::oid, 0)::regproc::text, 'multirange', format_type(r.rngmultitypid, NULL), ${TYPE_REST}) AS attributes
FROM ${NAMED_TYPE} JOIN pg_range r ON r.rngtypid = t.oid WHERE ${MINE}`

/** A function's name holds the types of its arguments: there may be several. */
export const FUNCTION_QUERY = `
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END AS kind,
  'pg_proc'::regclass::oid AS class, p.oid, 0 AS sub,
  format('%I.%I(%s)', n.nspname, p.proname,
    (SELECT string_agg(format_type(a, NULL), ', ' ORDER BY at) FROM unnest(p.proargtypes) WITH ORDINALITY u(a, at))) AS name, NULL AS parent,
  jsonb_build_object(
    'definition', CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE (
      SELECT format('CREATE AGGREGATE %I.%I(%s) (SFUNC = %s, STYPE = %s%s%s%s)', n.nspname, p.proname, pg_get_function_arguments(p.oid),
        a.aggtransfn, format_type(a.aggtranstype, NULL),
        CASE WHEN a.aggfinalfn <> 0 THEN ', FINALFUNC = ' || a.aggfinalfn::regproc ELSE '' END,
        CASE WHEN a.agginitval IS NOT NULL THEN ', INITCOND = ' || quote_literal(a.agginitval) ELSE '' END,
        CASE WHEN p.proparallel = 's' THEN ', PARALLEL = SAFE' ELSE '' END) FROM pg_aggregate a WHERE a.aggfnoid = p.oid) END,
    'result', pg_get_function_result(p.oid), 'arguments', pg_get_function_arguments(p.oid),
    'comment', ${comment('p.oid', 'pg_proc')}, 'grants', ${grants('p.proacl', 'f', 'p.proowner')}) AS attributes
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ${inScope('n.nspname')} AND ${notOfExtension('p.oid', 'pg_proc')}
  AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass AND i.objid = p.oid AND i.deptype = 'i')`

export const EVENT_TRIGGER_QUERY = `
SELECT 'event trigger' AS kind, 'pg_event_trigger'::regclass::oid AS class, e.oid, 0 AS sub, quote_ident(e.evtname) AS name, NULL AS parent,
  jsonb_build_object('event', e.evtevent, 'function', e.evtfoid::regproc::text, 'tags', to_jsonb(e.evttags),
    'enabled', e.evtenabled, 'comment', ${comment('e.oid', 'pg_event_trigger')}) AS attributes
FROM pg_event_trigger e JOIN pg_proc p ON p.oid = e.evtfoid JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE ${inScope('n.nspname')} AND ${notOfExtension('e.oid', 'pg_event_trigger')}`

export const DEFAULT_PRIVILEGES_QUERY = `
SELECT 'default privileges' AS kind, 'pg_default_acl'::regclass::oid AS class, d.oid, 0 AS sub,
  format('%s of %I%s', CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' ELSE 'schemas' END,
    pg_get_userbyid(d.defaclrole), CASE WHEN n.oid IS NULL THEN '' ELSE format(' in %I', n.nspname) END) AS name, NULL AS parent,
  jsonb_build_object('role', quote_ident(pg_get_userbyid(d.defaclrole)), 'schema', quote_ident(n.nspname), 'on',
    CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' ELSE 'SCHEMAS' END,
    'grants', (SELECT coalesce(jsonb_agg(line ORDER BY line), '[]') FROM (
      SELECT CASE WHEN x.grantee = 0 THEN 'public' ELSE quote_ident(pg_get_userbyid(x.grantee)) END || '=' ||
             string_agg(x.privilege_type || CASE WHEN x.is_grantable THEN '*' ELSE '' END, ', ' ORDER BY x.privilege_type) AS line
        FROM aclexplode(d.defaclacl) x WHERE x.grantee <> d.defaclrole GROUP BY x.grantee) lines)) AS attributes
FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
WHERE n.nspname IS NULL OR (${inScope('n.nspname')})`

/** What there is and is not modelled: how many of each. */
export const NOT_MODELLED_QUERY = `
SELECT words FROM (
  SELECT 'collations' AS words, count(*) FROM pg_collation t JOIN pg_namespace n ON n.oid = t.collnamespace WHERE ${inScope('n.nspname')} AND ${notOfExtension('t.oid', 'pg_collation')}
  UNION ALL SELECT 'operators', count(*) FROM pg_operator t JOIN pg_namespace n ON n.oid = t.oprnamespace WHERE ${inScope('n.nspname')} AND ${notOfExtension('t.oid', 'pg_operator')}
  UNION ALL SELECT 'operator classes', count(*) FROM pg_opclass t JOIN pg_namespace n ON n.oid = t.opcnamespace WHERE ${inScope('n.nspname')} AND ${notOfExtension('t.oid', 'pg_opclass')}
  UNION ALL SELECT 'text search configurations', count(*) FROM pg_ts_config t JOIN pg_namespace n ON n.oid = t.cfgnamespace WHERE ${inScope('n.nspname')} AND ${notOfExtension('t.oid', 'pg_ts_config')}
  UNION ALL SELECT 'base types', count(*) FROM ${NAMED_TYPE} WHERE t.typtype = 'b' AND t.typelem = 0 AND ${MINE}
  UNION ALL SELECT 'casts', count(*) FROM pg_cast t WHERE t.oid >= 16384 AND ${notOfExtension('t.oid', 'pg_cast')}
  UNION ALL SELECT 'foreign servers', count(*) FROM pg_foreign_server
  UNION ALL SELECT 'publications', count(*) FROM pg_publication
  UNION ALL SELECT 'large objects', count(*) FROM pg_largeobject_metadata
) counts WHERE count > 0`
