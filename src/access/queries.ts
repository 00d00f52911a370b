/** An ACL as JSON, by grantee and privilege. @param acl expression that is never null */
const grantsOf = (acl: string): string => `
  (SELECT coalesce(jsonb_agg(jsonb_build_object(
            'grantee', CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee) END,
            'privilege', a.privilege_type, 'isGrantable', a.is_grantable, 'column', NULL)
          ORDER BY a.grantee, a.privilege_type), '[]')
     FROM aclexplode(${acl}) a)`

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

/** $1: names, of which it tells what they are members of and who is a member of them. */
export const membershipQuery = (version: number): string => `
  SELECT m.rolname AS member, r.rolname AS role, a.admin_option AS "isAdmin",
         ${version >= 16 ? 'g.rolname' : 'NULL'} AS grantor,
         ${version >= 16 ? 'a.inherit_option AND a.set_option' : 'm.rolinherit'} AS "isWhole"
    FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member JOIN pg_roles r ON r.oid = a.roleid
    LEFT JOIN pg_roles g ON g.oid = a.grantor
   WHERE m.rolname = ANY ($1) OR r.rolname = ANY ($1) ORDER BY 1, 2, 4`

/** $1: names. */
export const SETTINGS_QUERY = `
  SELECT r.rolname AS name, substr(setting, 6) AS role
    FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
    JOIN pg_database d ON d.oid = s.setdatabase AND d.datname = current_database(),
         unnest(s.setconfig) AS setting
   WHERE r.rolname = ANY ($1) AND setting LIKE 'role=%'`

/** What an extension made is the extension's. */
const isNotOfExtension = (catalog: string, oid: string): string =>
  `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${catalog}'::regclass AND e.objid = ${oid} AND e.deptype = 'e')`

/** $1: schemas. Schemas first, tables before the sequences that belong to them. */
export const OBJECTS_QUERY = `
  SELECT 'SCHEMA' AS noun, 'schema' AS class, n.nspname AS schema, n.nspname AS name, quote_ident(n.nspname) AS sql,
         pg_get_userbyid(n.nspowner) AS owner, NULL AS "belongsTo",
         ${grantsOf("coalesce(n.nspacl, acldefault('n', n.nspowner))")} AS grants, 1 AS rank
    FROM pg_namespace n WHERE n.nspname = ANY ($1)
  UNION ALL
  SELECT 'TYPE', NULL, n.nspname, t.typname, format('%I.%I', n.nspname, t.typname), pg_get_userbyid(t.typowner), NULL, '[]', 2
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
   WHERE n.nspname = ANY ($1) AND ${isNotOfExtension('pg_type', 't.oid')}
     AND (t.typtype IN ('e', 'd', 'r') OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
  UNION ALL
  SELECT 'ROUTINE', 'routine', n.nspname, p.proname, p.oid::regprocedure::text, pg_get_userbyid(p.proowner), NULL,
         ${grantsOf("coalesce(p.proacl, acldefault('f', p.proowner))")}, 3
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE n.nspname = ANY ($1) AND ${isNotOfExtension('pg_proc', 'p.oid')}
     AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass AND i.objid = p.oid AND i.deptype = 'i')
  UNION ALL
  SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE'
                        WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
         CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'relation' END,
         n.nspname, c.relname, format('%I.%I', n.nspname, c.relname), pg_get_userbyid(c.relowner),
         (SELECT format('%I.%I', tn.nspname, t.relname) FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
            JOIN pg_namespace tn ON tn.oid = t.relnamespace
           WHERE c.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid
             AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') LIMIT 1),
         ${grantsOf("coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", c.relowner))")} ||
         (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'grantee', CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee) END,
                   'privilege', a.privilege_type, 'isGrantable', a.is_grantable, 'column', t.attname)
                 ORDER BY t.attnum, a.grantee, a.privilege_type), '[]')
            FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = c.oid AND NOT t.attisdropped), 4
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND ${isNotOfExtension('pg_class', 'c.oid')}
   ORDER BY rank, sql`

/** $1: name of the owner role, $2: schemas. */
export const DEFAULTS_QUERY = `
  SELECT n.nspname AS schema,
         CASE d.defaclobjtype WHEN 'r' THEN 'relation' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'routine' END AS class,
         ${grantsOf('d.defaclacl')} AS grants
    FROM pg_default_acl d JOIN pg_roles r ON r.oid = d.defaclrole LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
   WHERE r.rolname = $1 AND d.defaclobjtype IN ('r', 'S', 'f') AND (n.nspname IS NULL OR n.nspname = ANY ($2))
   ORDER BY 1 NULLS FIRST, 2`
