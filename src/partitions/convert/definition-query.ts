/** The query of {@link readDefinition}: every piece answers JSON, those that can be made anew with the statement that makes them. */

const GRANT = (columnName: string): string =>
  `jsonb_build_object('grantee', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
     'privilege', x.privilege_type, 'isGrantable', x.is_grantable, 'column', ${columnName})`
const MINE = (owner: string): string => `pg_has_role(${owner}, 'MEMBER')`
const array = (select: string): string => `coalesce((${select}), '[]')`
const namesOf = (numbers: string, table: string): string =>
  `(SELECT jsonb_agg(a.attname ORDER BY k.at) FROM unnest(${numbers}) WITH ORDINALITY k(num, at)
     JOIN pg_attribute a ON a.attrelid = ${table} AND a.attnum = k.num)`

const COLUMNS = `SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'type', ty.typname, 'collation', co.collname,
    'isNotNull', a.attnotnull, 'identity', a.attidentity, 'isGenerated', a.attgenerated <> '',
    'default', pg_get_expr(d.adbin, d.adrelid), 'shownType', format_type(a.atttypid, a.atttypmod),
    'statistics', nullif(a.attstattarget, -1), 'options', to_jsonb(a.attoptions)) ORDER BY a.attnum)
  FROM pg_attribute a JOIN pg_type ty ON ty.oid = a.atttypid LEFT JOIN pg_collation co ON co.oid = a.attcollation
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped`

const SEQUENCES = `SELECT jsonb_agg(jsonb_build_object('column', a.attname, 'kind', CASE p.deptype WHEN 'i' THEN 'identity' ELSE 'owned' END,
    'schema', sn.nspname, 'name', sc.relname, 'sql', format('%I.%I', sn.nspname, sc.relname),
    'options', format('INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s%s', s.seqincrement, s.seqmin, s.seqmax,
                      s.seqstart, s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END),
    'comment', obj_description(sc.oid, 'pg_class'),
    'grants', ${array(`SELECT jsonb_agg(${GRANT('NULL')} ORDER BY x.grantee, x.privilege_type) FROM aclexplode(sc.relacl) x WHERE x.grantee <> sc.relowner`)}) ORDER BY a.attnum)
  FROM pg_depend p JOIN pg_class sc ON sc.oid = p.objid AND sc.relkind = 'S' JOIN pg_namespace sn ON sn.oid = sc.relnamespace
  JOIN pg_sequence s ON s.seqrelid = sc.oid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.refobjsubid
 WHERE p.classid = 'pg_class'::regclass AND p.refclassid = 'pg_class'::regclass AND p.refobjid = c.oid AND p.deptype IN ('a', 'i')`

const INDEXES = `SELECT jsonb_agg(jsonb_build_object('name', ic.relname, 'sql', format('%I.%I', n.nspname, ic.relname),
    'rest', substr(pg_get_indexdef(i.indexrelid), 1 + length(format('CREATE %sINDEX %I ON %s%I.%I ',
       CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, ic.relname, CASE WHEN c.relkind = 'p' THEN 'ONLY ' ELSE '' END, n.nspname, c.relname))),
    'isUnique', i.indisunique, 'isValid', i.indisvalid AND i.indisready,
    'columns', (SELECT jsonb_agg(a.attname ORDER BY k.at) FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(num, at)
                  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.num AND k.num > 0 WHERE k.at <= i.indnkeyatts),
    'equals', ${array(`SELECT jsonb_agg(format('OPERATOR(%I.%s)', opn.nspname, op.oprname) ORDER BY k.at)
                  FROM unnest(i.indclass::oid[]) WITH ORDINALITY k(opclass, at) JOIN pg_opclass oc ON oc.oid = k.opclass
                  JOIN pg_amop ao ON ao.amopfamily = oc.opcfamily AND ao.amoplefttype = oc.opcintype AND ao.amoprighttype = oc.opcintype AND ao.amopstrategy = 3
                  JOIN pg_operator op ON op.oid = ao.amopopr JOIN pg_namespace opn ON opn.oid = op.oprnamespace`)},
    'included', ${array(`SELECT jsonb_agg(a.attname ORDER BY k.at) FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(num, at)
                  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.num WHERE k.at > i.indnkeyatts`)},
    'isPartial', i.indpred IS NOT NULL, 'comment', obj_description(ic.oid, 'pg_class'),
    'constraint', (SELECT jsonb_build_object('type', o.contype, 'definition', pg_get_constraintdef(o.oid), 'isDeferrable', o.condeferrable,
                     'isDeferred', o.condeferred, 'isTemporal', coalesce((to_jsonb(o) ->> 'conperiod')::boolean, false), 'comment', obj_description(o.oid, 'pg_constraint'))
                     FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.conrelid = c.oid AND o.contype IN ('p', 'u', 'x')),
    'nullsNotDistinct', coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
    'options', to_jsonb(ic.reloptions), 'tablespace', (SELECT quote_ident(spcname) FROM pg_tablespace WHERE oid = ic.reltablespace),
    'isReplicaIdentity', i.indisreplident) ORDER BY ic.relname)
  FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid WHERE i.indrelid = c.oid`

const CHECKS = `SELECT jsonb_agg(jsonb_build_object('name', o.conname, 'definition', pg_get_constraintdef(o.oid), 'isValidated', o.convalidated,
    'isNoInherit', o.connoinherit) ORDER BY o.conname) FROM pg_constraint o WHERE o.conrelid = c.oid AND o.contype = 'c'`

const foreignKeys = (here: string, there: string, columns: string): string => `
  SELECT jsonb_agg(jsonb_build_object('name', o.conname, 'definition', pg_get_constraintdef(o.oid), 'isValidated', o.convalidated, 'isNoInherit', false,
    'other', (SELECT format('%I.%I', fn.nspname, fc.relname) FROM pg_class fc JOIN pg_namespace fn ON fn.oid = fc.relnamespace WHERE fc.oid = o.${there}),
    'isMine', (SELECT ${MINE('fc.relowner')} FROM pg_class fc WHERE fc.oid = o.${there}),
    'otherIsPartitioned', (SELECT fc.relkind = 'p' FROM pg_class fc WHERE fc.oid = o.${there}),
    'columns', ${namesOf(`o.${columns}`, 'c.oid')}, 'comment', obj_description(o.oid, 'pg_constraint')) ORDER BY o.conname, o.oid)
  FROM pg_constraint o WHERE o.${here} = c.oid AND o.contype = 'f' AND o.conparentid = 0`

const TRIGGERS = `SELECT jsonb_agg(jsonb_build_object('name', tg.tgname, 'definition', pg_get_triggerdef(tg.oid), 'enabled', tg.tgenabled,
    'isRow', tg.tgtype & 1 = 1, 'isBeforeInsert', tg.tgtype & 6 = 6, 'hasTransition', tg.tgnewtable IS NOT NULL OR tg.tgoldtable IS NOT NULL,
    'comment', obj_description(tg.oid, 'pg_trigger')) ORDER BY tg.tgname)
  FROM pg_trigger tg WHERE tg.tgrelid = c.oid AND NOT tg.tgisinternal AND tg.tgparentid = 0`

const POLICY_TAIL = `CASE WHEN po.polqual IS NOT NULL THEN format(' USING (%s)', pg_get_expr(po.polqual, po.polrelid)) ELSE '' END ||
    CASE WHEN po.polwithcheck IS NOT NULL THEN format(' WITH CHECK (%s)', pg_get_expr(po.polwithcheck, po.polrelid)) ELSE '' END`
const POLICIES = `SELECT jsonb_agg(jsonb_build_object('name', po.polname, 'comment', obj_description(po.oid, 'pg_policy'),
    'statement', format('CREATE POLICY %I ON %I.%I AS %s FOR %s TO %s', po.polname, n.nspname, c.relname,
      CASE WHEN po.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
      CASE po.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
      (SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END, ', ') FROM unnest(po.polroles) r)) || ${POLICY_TAIL})
    ORDER BY po.polname) FROM pg_policy po WHERE po.polrelid = c.oid`

const STATISTICS = `SELECT jsonb_agg(jsonb_build_object('name', st.stxname, 'sql', format('%I.%I', stn.nspname, st.stxname),
    'definition', pg_get_statisticsobjdef(st.oid), 'comment', obj_description(st.oid, 'pg_statistic_ext')) ORDER BY st.stxname)
  FROM pg_statistic_ext st JOIN pg_namespace stn ON stn.oid = st.stxnamespace WHERE st.stxrelid = c.oid`

const GRANTS = `SELECT jsonb_agg(g ORDER BY g ->> 'column' NULLS FIRST, g ->> 'grantee', g ->> 'privilege') FROM (
    SELECT ${GRANT('NULL')} AS g FROM aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) x
    UNION ALL SELECT ${GRANT('a.attname')} FROM pg_attribute a, aclexplode(a.attacl) x WHERE a.attrelid = c.oid AND NOT a.attisdropped) all_grants`

/** Columns and row filters came with PostgreSQL 15. */
const publications = (
  version: number,
): string => `SELECT jsonb_agg(jsonb_build_object('name', pu.pubname, 'isViaRoot', pu.pubviaroot,
    'isNamed', pr.oid IS NOT NULL, 'isMine', ${MINE('pu.pubowner')}, 'rest', ${
      version >= 15
        ? `coalesce(' (' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum = ANY (pr.prattrs::int2[])) || ')', '') || coalesce(' WHERE (' || pg_get_expr(pr.prqual, pr.prrelid) || ')', '')`
        : `''`
    }) ORDER BY pu.pubname)
  FROM pg_publication pu LEFT JOIN pg_publication_rel pr ON pr.prpubid = pu.oid AND pr.prrelid = c.oid
 WHERE pr.oid IS NOT NULL OR pu.puballtables${version >= 15 ? ' OR EXISTS (SELECT FROM pg_publication_namespace pn WHERE pn.pnpubid = pu.oid AND pn.pnnspid = c.relnamespace)' : ''}`

/** What of pg_depend is the table's own and moves with it, or is looked at elsewhere. */
const OWN = `(x.classid = 'pg_attrdef'::regclass AND EXISTS (SELECT FROM pg_attrdef ad WHERE ad.oid = x.objid AND ad.adrelid = c.oid))
  OR (x.classid = 'pg_constraint'::regclass AND EXISTS (SELECT FROM pg_constraint o WHERE o.oid = x.objid AND (c.oid IN (o.conrelid, o.confrelid))))
  OR (x.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class oc WHERE oc.oid = x.objid AND (oc.relkind IN ('i', 'I', 't') OR oc.relkind = 'S')))
  OR (x.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_inherits ih WHERE ih.inhrelid = x.objid AND ih.inhparent = c.oid))
  OR (x.classid = 'pg_trigger'::regclass AND EXISTS (SELECT FROM pg_trigger tg WHERE tg.oid = x.objid AND (tg.tgrelid = c.oid OR tg.tgisinternal)))
  OR (x.classid = 'pg_policy'::regclass AND EXISTS (SELECT FROM pg_policy po WHERE po.oid = x.objid AND po.polrelid = c.oid))
  OR (x.classid = 'pg_rewrite'::regclass AND EXISTS (SELECT FROM pg_rewrite rw WHERE rw.oid = x.objid AND rw.ev_class = c.oid))
  OR (x.classid = 'pg_type'::regclass AND x.objid IN (c.reltype, (SELECT typarray FROM pg_type WHERE oid = c.reltype)))
  OR (x.classid = 'pg_class'::regclass AND x.objid = c.oid)
  OR x.classid IN ('pg_publication_rel'::regclass, 'pg_statistic_ext'::regclass)`

/** By the number of the table, of its primary key (GROUP BY id), or of its row type; the latter cannot be made anew. */
const DEPENDENTS = `SELECT jsonb_agg(DISTINCT jsonb_build_object(
    'kind', CASE WHEN vc.relkind = 'v' AND NOT x.fixed AND rw.rulename = '_RETURN' THEN 'view' WHEN vc.relkind = 'm' THEN 'materialized view'
                 WHEN x.classid = 'pg_proc'::regclass AND NOT x.fixed THEN 'function'
                 WHEN x.classid = 'pg_policy'::regclass AND NOT x.fixed THEN 'policy' ELSE 'other' END,
    'oid', coalesce(vc.oid, f.oid)::int8, 'owner', pg_get_userbyid(coalesce(vc.relowner, f.proowner)),
    'name', CASE WHEN vc.oid IS NOT NULL THEN format('%I.%I', vn.nspname, vc.relname) ELSE pg_describe_object(x.classid, x.objid, 0) END,
    'isMine', ${MINE('coalesce(vc.relowner, f.proowner, pc.relowner, c.relowner)')},
    'statement', CASE WHEN x.fixed OR rw.rulename <> '_RETURN' THEN NULL
      WHEN vc.relkind = 'v' THEN format('CREATE OR REPLACE VIEW %I.%I%s AS %s', vn.nspname, vc.relname,
        CASE WHEN vc.reloptions IS NOT NULL THEN format(' WITH (%s)', array_to_string(vc.reloptions, ', ')) ELSE '' END, rtrim(pg_get_viewdef(vc.oid), ';'))
      WHEN f.oid IS NOT NULL THEN pg_get_functiondef(f.oid)
      WHEN po.oid IS NOT NULL THEN format('ALTER POLICY %I ON %I.%I', po.polname, pn.nspname, pc.relname) || ${POLICY_TAIL} END))
  FROM (SELECT DISTINCT x.classid, x.objid, x.refclassid <> 'pg_class'::regclass AS fixed FROM pg_depend x
         WHERE ((x.refclassid = 'pg_class'::regclass AND x.refobjid = c.oid)
             OR (x.refclassid = 'pg_type'::regclass AND x.refobjid IN (c.reltype, (SELECT typarray FROM pg_type WHERE oid = c.reltype)))
             OR (x.refclassid = 'pg_constraint'::regclass AND x.classid = 'pg_rewrite'::regclass
                 AND x.refobjid IN (SELECT oid FROM pg_constraint WHERE conrelid = c.oid)))
           AND x.deptype <> 'e' AND NOT (${OWN})) x
  LEFT JOIN pg_rewrite rw ON x.classid = 'pg_rewrite'::regclass AND rw.oid = x.objid
  LEFT JOIN pg_class vc ON vc.oid = rw.ev_class LEFT JOIN pg_namespace vn ON vn.oid = vc.relnamespace
  LEFT JOIN pg_proc f ON x.classid = 'pg_proc'::regclass AND f.oid = x.objid
  LEFT JOIN pg_policy po ON x.classid = 'pg_policy'::regclass AND po.oid = x.objid
  LEFT JOIN pg_class pc ON pc.oid = po.polrelid LEFT JOIN pg_namespace pn ON pn.oid = pc.relnamespace`

/** @param version the server's major version */
export const definitionQuery = (version: number): string => `
SELECT jsonb_build_object('oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname, 'sql', format('%I.%I', n.nspname, c.relname),
  'owner', pg_get_userbyid(c.relowner), 'isMine', ${MINE('c.relowner')}, 'mayCreate', has_schema_privilege(n.oid, 'CREATE'),
  'kind', c.relkind, 'persistence', c.relpersistence, 'isPartition', c.relispartition, 'isTyped', c.reloftype <> 0,
  'accessMethod', (SELECT nullif(amname, 'heap') FROM pg_am WHERE oid = c.relam),
  'tablespace', (SELECT quote_ident(spcname) FROM pg_tablespace WHERE oid = c.reltablespace), 'options', to_jsonb(c.reloptions),
  'replicaIdentity', c.relreplident, 'rowSecurity', c.relrowsecurity, 'forceRowSecurity', c.relforcerowsecurity,
  'comment', obj_description(c.oid, 'pg_class'), 'bytes', pg_table_size(c.oid), 'rows', greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 0)::int8,
  'parents', ${array(`SELECT jsonb_agg(inhparent::regclass::text) FROM pg_inherits WHERE inhrelid = c.oid`)},
  'children', (SELECT count(*) FROM pg_inherits WHERE inhparent = c.oid),
  'extension', (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                 WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'),
  'hasSecurityLabel', EXISTS (SELECT FROM pg_seclabel WHERE classoid = 'pg_class'::regclass AND objoid = c.oid),
  'subscriptions', (SELECT count(*) FROM pg_subscription_rel WHERE srrelid = c.oid),
  'columns', ${array(COLUMNS)}, 'sequences', ${array(SEQUENCES)}, 'indexes', ${array(INDEXES)}, 'checks', ${array(CHECKS)},
  'references', ${array(foreignKeys('conrelid', 'confrelid', 'conkey'))}, 'referencedBy', ${array(foreignKeys('confrelid', 'conrelid', 'confkey'))},
  'triggers', ${array(TRIGGERS)}, 'policies', ${array(POLICIES)},
  'rules', ${array(`SELECT jsonb_agg(rulename) FROM pg_rewrite WHERE ev_class = c.oid`)},
  'statistics', ${array(STATISTICS)}, 'grants', ${array(GRANTS)}, 'publications', ${array(publications(version))},
  'dependents', ${array(DEPENDENTS)}) AS definition
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::int8::oid`
