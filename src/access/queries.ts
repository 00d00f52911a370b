/** One entry of an ACL as JSON. @param column expression for the column that it is about */
const grantJson = (column: string): string => `
  jsonb_build_object('grantee', CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee) END,
    'privilege', a.privilege_type, 'isGrantable', a.is_grantable, 'grantor', pg_get_userbyid(a.grantor), 'column', ${column})`

/** An ACL as JSON, by grantee and privilege. @param acl expression that is never null */
const grantsOf = (acl: string): string => `
  (SELECT coalesce(jsonb_agg(${grantJson('NULL')} ORDER BY a.grantee, a.privilege_type, a.grantor), '[]') FROM aclexplode(${acl}) a)`

/** $1: name of the owner role. */
export const DATABASE_QUERY = `
  SELECT current_setting('server_version_num')::int / 10000 AS "serverVersion", d.datname AS database,
         pg_get_userbyid(d.datdba) AS "databaseOwner",
         ${grantsOf("coalesce(d.datacl, acldefault('d', d.datdba))")} AS "databaseGrants",
         jsonb_build_object('name', current_user,
           'isSuperuser', (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
           'mayActAsOwner', coalesce((
             SELECT pg_has_role(current_user, oid, 'USAGE') AND
                    CASE WHEN current_setting('server_version_num')::int >= 160000
                         THEN pg_has_role(current_user, oid, 'SET') ELSE pg_has_role(current_user, oid, 'MEMBER') END
               FROM pg_roles WHERE rolname = $1), false)) AS applier
    FROM pg_database d WHERE d.datname = current_database()`

/** $1: names. */
export const ROLES_QUERY = `
  SELECT rolname AS name, rolsuper AS "isSuperuser", rolcanlogin AS "canLogin", rolinherit AS inherits,
         array_remove(ARRAY[CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
           CASE WHEN rolreplication THEN 'REPLICATION' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' END], NULL) AS attributes
    FROM pg_roles WHERE rolname = ANY ($1) ORDER BY rolname`

export const SUPERUSERS_QUERY = 'SELECT rolname AS name FROM pg_roles WHERE rolsuper ORDER BY rolname'

/** $1: names, of which it tells what they are members of, and who is a member of them, also by way of others. */
export const membershipQuery = (version: number): string => `
  WITH RECURSIVE reaching AS (
    SELECT oid FROM pg_roles WHERE rolname = ANY ($1)
    UNION SELECT a.member FROM pg_auth_members a JOIN reaching ON a.roleid = reaching.oid)
  SELECT m.rolname AS member, r.rolname AS role, a.admin_option AS "isAdmin",
         ${version >= 16 ? 'g.rolname' : 'NULL'} AS grantor,
         ${version >= 16 ? 'a.inherit_option AND a.set_option' : 'm.rolinherit'} AS "isWhole"
    FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member JOIN pg_roles r ON r.oid = a.roleid
    LEFT JOIN pg_roles g ON g.oid = a.grantor
   WHERE m.rolname = ANY ($1) OR a.roleid IN (SELECT oid FROM reaching) ORDER BY 1, 2, 4`

/** $1: names. */
export const SETTINGS_QUERY = `
  SELECT r.rolname AS name, substr(setting, 6) AS role, s.setdatabase = 0 AS "isEverywhere"
    FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
    LEFT JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS setting
   WHERE r.rolname = ANY ($1) AND setting LIKE 'role=%' AND (s.setdatabase = 0 OR d.datname = current_database())
   ORDER BY 1, 3`

/** $1: names, $2: schemas, $3: the owner. What is worth a word and is not managed. */
export const BESIDE_QUERY = `
  SELECT format('%s has rights in the schema %I, which is not configured: not looked into.', r.rolname, n.nspname) AS words
    FROM pg_namespace n, pg_roles r
   WHERE r.rolname = ANY ($1) AND n.nspname <> ALL ($2) AND n.nspname !~ '^pg_|^information_schema$'
     AND (n.nspowner = r.oid OR EXISTS (SELECT FROM aclexplode(n.nspacl) a WHERE a.grantee = r.oid))
  UNION ALL
  SELECT format('What %s makes in %s is granted to %s by default privileges of its own: left alone.', r.rolname,
                coalesce(quote_ident(n.nspname), 'any schema'), string_agg(DISTINCT g.rolname, ', '))
    FROM pg_default_acl d JOIN pg_roles r ON r.oid = d.defaclrole LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace,
         aclexplode(d.defaclacl) a JOIN pg_roles g ON g.oid = a.grantee
   WHERE r.rolname <> $3 AND (n.nspname IS NULL OR n.nspname = ANY ($2)) AND g.rolname = ANY ($1) AND g.oid <> r.oid
   GROUP BY r.rolname, n.nspname
   ORDER BY 1`

/** What an extension made is the extension's. */
const isNotOfExtension = (catalog: string, oid: string): string =>
  `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${catalog}'::regclass AND e.objid = ${oid} AND e.deptype = 'e')`

const IS_OWNERS_VIEW = `(c.relkind IN ('v', 'm') AND NOT coalesce((SELECT option_value::bool FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_invoker'), false))`
/** Its indexes or statistics call functions, which run as the table's owner whenever it is analysed or indexed anew. */
const SETS_OFF_CODE = `EXISTS (
           SELECT FROM pg_depend d JOIN pg_proc f ON f.oid = d.refobjid JOIN pg_roles r ON r.oid = f.proowner
            WHERE d.refclassid = 'pg_proc'::regclass AND NOT r.rolsuper
              AND ((d.classid = 'pg_class'::regclass AND d.objid IN (SELECT i.indexrelid FROM pg_index i WHERE i.indrelid = c.oid))
                OR (d.classid = 'pg_statistic_ext'::regclass AND d.objid IN (SELECT s.oid FROM pg_statistic_ext s WHERE s.stxrelid = c.oid))))`

/** What makes something run with its owner's rights, or be another thing: the same when it is handed over as when it was looked at. */
const RELATION_FACTS = `format('%s %s %s', c.relkind, ${IS_OWNERS_VIEW}, ${SETS_OFF_CODE})`
const ROUTINE_FACTS = `format('%s %s', p.prokind, p.prosecdef)`

/** $1: oids, $2: facts, $3: names, $4: the new owner. Those that are something else by now. */
export const CHANGED_QUERY = `
  SELECT w.sql FROM unnest($1::oid[], $2::text[], $3::text[]) w (oid, facts, sql)
   WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = w.oid AND pg_get_userbyid(c.relowner) = $4 AND ${RELATION_FACTS} = w.facts)
     AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.oid = w.oid AND pg_get_userbyid(p.proowner) = $4 AND ${ROUTINE_FACTS} = w.facts)
     AND NOT EXISTS (SELECT FROM pg_type t WHERE t.oid = w.oid AND pg_get_userbyid(t.typowner) = $4 AND t.typtype::text = w.facts)
     AND NOT EXISTS (SELECT FROM pg_namespace n WHERE n.oid = w.oid AND pg_get_userbyid(n.nspowner) = $4 AND w.facts = 'n')`

/** $1: schemas. Schemas first, tables before the sequences that belong to them. */
export const OBJECTS_QUERY = `
  SELECT n.oid::int8::text AS oid, 'n' AS facts, 'SCHEMA' AS noun, 'schema' AS class, n.nspname AS schema, n.nspname AS name, quote_ident(n.nspname) AS sql,
         pg_get_userbyid(n.nspowner) AS owner, NULL AS "belongsTo", false AS "runsAsOwner", false AS "hasPolicies",
         ${grantsOf("coalesce(n.nspacl, acldefault('n', n.nspowner))")} AS grants, 1 AS rank
    FROM pg_namespace n WHERE n.nspname = ANY ($1)
  UNION ALL
  SELECT t.oid::int8::text, t.typtype::text, 'TYPE', NULL, n.nspname, t.typname, format('%I.%I', n.nspname, t.typname), pg_get_userbyid(t.typowner), NULL,
         false, false, '[]', 2
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
   WHERE n.nspname = ANY ($1) AND ${isNotOfExtension('pg_type', 't.oid')}
     AND (t.typtype IN ('e', 'd', 'r') OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
  UNION ALL
  SELECT p.oid::int8::text, ${ROUTINE_FACTS}, CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'ROUTINE' ELSE 'FUNCTION' END, 'routine', n.nspname, p.proname,
         CASE p.prokind WHEN 'a' THEN p.oid::regprocedure::text
                        ELSE format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) END,
         pg_get_userbyid(p.proowner), NULL, p.prosecdef, false,
         ${grantsOf("coalesce(p.proacl, acldefault('f', p.proowner))")}, 3
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE n.nspname = ANY ($1) AND ${isNotOfExtension('pg_proc', 'p.oid')}
     AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass AND i.objid = p.oid AND i.deptype = 'i')
  UNION ALL
  SELECT c.oid::int8::text, ${RELATION_FACTS}, CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE'
                        WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
         CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'relation' END,
         n.nspname, c.relname, format('%I.%I', n.nspname, c.relname), pg_get_userbyid(c.relowner),
         (SELECT format('%I.%I', tn.nspname, t.relname) FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
            JOIN pg_namespace tn ON tn.oid = t.relnamespace
           WHERE c.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid
             AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') LIMIT 1),
         ${IS_OWNERS_VIEW} OR ${SETS_OFF_CODE},
         c.relrowsecurity AND NOT c.relforcerowsecurity,
         ${grantsOf("coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", c.relowner))")} ||
         (SELECT coalesce(jsonb_agg(${grantJson('t.attname')} ORDER BY t.attnum, a.grantee, a.privilege_type), '[]')
            FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = c.oid AND NOT t.attisdropped), 4
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND ${isNotOfExtension('pg_class', 'c.oid')}
   ORDER BY rank, sql`

/** $1: name of the owner role, $2: schemas. */
export const DEFAULTS_QUERY = `
  SELECT n.nspname AS schema,
         CASE d.defaclobjtype WHEN 'r' THEN 'relation' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'routine' ELSE 'schema' END AS class,
         ${grantsOf('d.defaclacl')} AS grants
    FROM pg_default_acl d JOIN pg_roles r ON r.oid = d.defaclrole LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
   WHERE r.rolname = $1 AND d.defaclobjtype IN ('r', 'S', 'f', 'n') AND (n.nspname IS NULL OR n.nspname = ANY ($2))
   ORDER BY 1 NULLS FIRST, 2`
