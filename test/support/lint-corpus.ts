/**
 * Statements of our own with the verdict that they deserve. What each does on a real server is measured, and the
 * verdict follows from it: a lock held while a table is read or written anew, or something that running services lose.
 */

/** One statement and what the linter must say of it. */
export interface CorpusEntry {
  readonly sql: string
  /** The rule that must speak; undefined: none may, but for information. */
  readonly rule: string | undefined
  /** Statements of the same script before it. */
  readonly before?: string
  /** The script has `transaction=off`. */
  readonly off?: boolean
  /** The oldest server that knows the statement. */
  readonly since?: number
  /** Verdicts that hold on these versions only. */
  readonly only?: readonly number[]
}

type More = Omit<CorpusEntry, 'sql' | 'rule'>
const unsafe = (rule: string, sql: string, more: More = {}): CorpusEntry => ({ sql, rule, ...more })
const safe = (sql: string, more: More = {}): CorpusEntry => ({ sql, rule: undefined, ...more })
const off = { off: true } as const

const INDEXES: readonly CorpusEntry[] = [
  unsafe('create-index-not-concurrent', 'CREATE INDEX users_nick ON users (nick)'),
  unsafe('create-index-not-concurrent', 'CREATE UNIQUE INDEX IF NOT EXISTS users_x ON users (id, age)'),
  unsafe('create-index-not-concurrent', 'CREATE INDEX logs_at ON logs (at)'),
  unsafe('create-index-not-concurrent', 'CREATE INDEX totals_total ON totals (total)'),
  unsafe('create-index-not-concurrent', "CREATE INDEX users_ok ON users (age) WHERE feel = 'ok'"),
  safe('CREATE INDEX CONCURRENTLY users_nick ON users (nick)', off),
  safe('CREATE UNIQUE INDEX CONCURRENTLY users_lower ON users (lower(email)) WHERE age > 3', off),
  safe('CREATE INDEX IF NOT EXISTS users_name ON users (name)'),
  safe('CREATE INDEX fresh_n ON fresh (n)', { before: 'CREATE TABLE fresh (n int)' }),
  safe('CREATE INDEX copy_title ON copy (title)', { before: 'CREATE TABLE copy AS SELECT * FROM teams' }),
  safe('CREATE INDEX logs_at ON ONLY logs (at)'),
  unsafe('concurrently-in-transaction', 'CREATE INDEX CONCURRENTLY users_nick ON users (nick)'),
  unsafe('drop-index-not-concurrent', 'DROP INDEX users_name'),
  unsafe('drop-index-not-concurrent', 'DROP INDEX IF EXISTS users_name, orders_place'),
  safe('DROP INDEX CONCURRENTLY users_name', off),
  unsafe('concurrently-in-transaction', 'DROP INDEX CONCURRENTLY users_name'),
  safe('DROP INDEX fresh_n', { before: 'CREATE TABLE fresh (n int); CREATE INDEX fresh_n ON fresh (n)' }),
  unsafe('reindex-not-concurrent', 'REINDEX INDEX users_name'),
  unsafe('reindex-not-concurrent', 'REINDEX TABLE users'),
  safe('REINDEX INDEX CONCURRENTLY users_name', off),
  safe('REINDEX (CONCURRENTLY) TABLE users', off),
  unsafe('concurrently-in-transaction', 'REINDEX TABLE CONCURRENTLY users'),
  safe('ALTER INDEX users_name RENAME TO users_names'),
  safe('ALTER INDEX users_name SET (fillfactor = 70)'),
  unsafe('refresh-not-concurrent', 'REFRESH MATERIALIZED VIEW totals'),
  safe('REFRESH MATERIALIZED VIEW CONCURRENTLY totals'),
  safe('CREATE STATISTICS more_stats ON age, score FROM users'),
  safe('ALTER STATISTICS users_stats SET STATISTICS 500'),
]

const ADD_COLUMN: readonly CorpusEntry[] = [
  safe('ALTER TABLE users ADD COLUMN more int'),
  safe('ALTER TABLE users ADD COLUMN more int DEFAULT 5'),
  safe("ALTER TABLE users ADD COLUMN more text NOT NULL DEFAULT 'x'"),
  safe('ALTER TABLE users ADD COLUMN more timestamptz NOT NULL DEFAULT now()'),
  safe('ALTER TABLE users ADD COLUMN more timestamptz DEFAULT CURRENT_TIMESTAMP'),
  safe("ALTER TABLE users ADD COLUMN more text[] NOT NULL DEFAULT '{}'"),
  safe("ALTER TABLE users ADD COLUMN more jsonb NOT NULL DEFAULT '{}'::jsonb"),
  safe('ALTER TABLE users ADD COLUMN more int DEFAULT steady()'),
  safe('ALTER TABLE users ADD COLUMN IF NOT EXISTS more boolean DEFAULT false'),
  safe('ALTER TABLE users ADD COLUMN more int REFERENCES teams'),
  safe('ALTER TABLE users ADD COLUMN more anything'),
  safe("ALTER TABLE users ADD COLUMN more mood DEFAULT 'ok'"),
  safe('ALTER TABLE logs ADD COLUMN more int'),
  unsafe('add-column-volatile-default', 'ALTER TABLE users ADD COLUMN more uuid DEFAULT gen_random_uuid()'),
  unsafe('add-column-volatile-default', 'ALTER TABLE users ADD COLUMN more float8 DEFAULT random()'),
  unsafe(
    'add-column-volatile-default',
    'ALTER TABLE users ADD COLUMN more timestamptz DEFAULT clock_timestamp()',
  ),
  unsafe(
    'add-column-volatile-default',
    "ALTER TABLE users ADD COLUMN more bigint DEFAULT nextval('numbers')",
  ),
  unsafe('add-column-volatile-default', 'ALTER TABLE users ADD COLUMN more int DEFAULT shaky()'),
  unsafe('add-column-volatile-default', 'ALTER TABLE users ADD COLUMN more positive DEFAULT 5'),
  unsafe(
    'add-column-stored-generated',
    'ALTER TABLE users ADD COLUMN more int GENERATED ALWAYS AS (age * 2) STORED',
  ),
  safe('ALTER TABLE users ADD COLUMN more int GENERATED ALWAYS AS (age * 2) VIRTUAL', { since: 18 }),
  unsafe('add-column-serial', 'ALTER TABLE users ADD COLUMN more serial'),
  unsafe('add-column-serial', 'ALTER TABLE orders ADD COLUMN more bigserial'),
  unsafe('add-column-serial', 'ALTER TABLE keyless ADD COLUMN more bigint GENERATED BY DEFAULT AS IDENTITY'),
  unsafe('add-column-not-null', 'ALTER TABLE users ADD COLUMN more int NOT NULL'),
  unsafe('check-validates', 'ALTER TABLE users ADD COLUMN more int CHECK (more > 0)'),
  unsafe('constraint-builds-index', 'ALTER TABLE users ADD COLUMN more int UNIQUE'),
  unsafe('foreign-key-validates', 'ALTER TABLE users ADD COLUMN more int DEFAULT 1 REFERENCES teams'),
  unsafe('json-column', 'ALTER TABLE users ADD COLUMN more json'),
  unsafe('json-column', 'CREATE TABLE notes (body json)'),
  safe('CREATE TABLE notes (body jsonb, of int REFERENCES teams, at timestamptz DEFAULT clock_timestamp())'),
  safe('ALTER TABLE fresh ADD COLUMN more uuid NOT NULL DEFAULT gen_random_uuid()', {
    before: 'CREATE TABLE fresh (n int)',
  }),
]

const COLUMNS: readonly CorpusEntry[] = [
  unsafe('set-not-null', 'ALTER TABLE users ALTER COLUMN name SET NOT NULL'),
  unsafe('set-not-null', 'ALTER TABLE users ALTER COLUMN unproven SET NOT NULL'),
  safe('ALTER TABLE users ALTER COLUMN proven SET NOT NULL'),
  safe('ALTER TABLE users ALTER COLUMN email SET NOT NULL'),
  safe('ALTER TABLE fresh ALTER COLUMN n SET NOT NULL', { before: 'CREATE TABLE fresh (n int)' }),
  unsafe('drop-not-null', 'ALTER TABLE users ALTER COLUMN email DROP NOT NULL'),
  safe("ALTER TABLE users ALTER COLUMN name SET DEFAULT 'x'"),
  safe('ALTER TABLE users ALTER COLUMN name SET DEFAULT md5(random()::text)'),
  safe('ALTER TABLE users ALTER COLUMN name DROP DEFAULT'),
  safe('ALTER TABLE users ALTER COLUMN name SET STATISTICS 500'),
  safe('ALTER TABLE users ALTER COLUMN name SET STORAGE EXTERNAL'),
  safe('ALTER TABLE users ALTER COLUMN name SET COMPRESSION pglz'),
  safe('ALTER TABLE users ALTER COLUMN age SET (n_distinct = 100)'),
  safe('ALTER TABLE users ALTER COLUMN id SET GENERATED BY DEFAULT'),
  safe('ALTER TABLE users ALTER COLUMN id DROP IDENTITY'),
  safe('ALTER TABLE users ALTER COLUMN twice DROP EXPRESSION'),
  unsafe('set-access-method', 'ALTER TABLE users ALTER COLUMN twice SET EXPRESSION AS (7 * 3)', {
    since: 17,
  }),
  unsafe('drop-column', 'ALTER TABLE users DROP COLUMN nick'),
  unsafe('drop-column', 'ALTER TABLE users DROP COLUMN IF EXISTS nick'),
  unsafe('drop-cascade', 'ALTER TABLE users DROP COLUMN name CASCADE'),
  unsafe('rename-column', 'ALTER TABLE users RENAME COLUMN nick TO handle'),
  unsafe('rename-column', 'ALTER TABLE users RENAME name TO full_name'),
]

const TYPES: readonly CorpusEntry[] = [
  safe('ALTER TABLE users ALTER COLUMN email TYPE varchar(80)'),
  safe('ALTER TABLE users ALTER COLUMN email TYPE varchar'),
  safe('ALTER TABLE users ALTER COLUMN email TYPE text'),
  safe('ALTER TABLE users ALTER COLUMN nick TYPE text'),
  safe('ALTER TABLE users ALTER COLUMN name TYPE varchar'),
  safe('ALTER TABLE users ALTER COLUMN score TYPE numeric(14, 2)'),
  safe('ALTER TABLE users ALTER COLUMN score TYPE numeric'),
  safe('ALTER TABLE users ALTER COLUMN net TYPE inet'),
  safe('ALTER TABLE users ALTER COLUMN flags TYPE varbit(16)'),
  safe('ALTER TABLE users ALTER COLUMN made_3 TYPE timestamp(6)'),
  safe('ALTER TABLE users ALTER COLUMN made_3 TYPE timestamp'),
  safe('ALTER TABLE users ALTER COLUMN at TYPE time(6)'),
  safe('ALTER TABLE users ALTER COLUMN nick TYPE text USING nick::text'),
  unsafe('change-type', 'ALTER TABLE users ALTER COLUMN age TYPE int'),
  unsafe('change-type', 'ALTER TABLE users ALTER COLUMN label TYPE varchar(40)'),
  safe('ALTER TABLE users ALTER COLUMN small TYPE smallint'),
  unsafe('change-type', 'ALTER TABLE users ALTER COLUMN email TYPE varchar(20)'),
  unsafe('change-type', 'ALTER TABLE users ALTER COLUMN name TYPE varchar(50)'),
  unsafe('change-type', 'ALTER TABLE users ALTER COLUMN age TYPE bigint'),
  unsafe('change-type', 'ALTER TABLE users ALTER COLUMN small TYPE int'),
  unsafe('change-type', 'ALTER TABLE users ALTER COLUMN score TYPE numeric(10, 4)'),
  unsafe('change-type', 'ALTER TABLE users ALTER COLUMN score TYPE numeric(8, 2)'),
  unsafe('change-type', 'ALTER TABLE users ALTER COLUMN made_3 TYPE timestamptz(3)'),
  unsafe('change-type', 'ALTER TABLE users ALTER COLUMN made TYPE timestamp(0)'),
  unsafe('change-type', 'ALTER TABLE users ALTER COLUMN code TYPE char(5)'),
  unsafe('change-type', 'ALTER TABLE users ALTER COLUMN code TYPE text'),
  unsafe('change-type', 'ALTER TABLE users ALTER COLUMN data TYPE json'),
  unsafe('change-type', 'ALTER TABLE users ALTER COLUMN feel TYPE text'),
  unsafe('change-type', "ALTER TABLE users ALTER COLUMN name TYPE text USING coalesce(name, '')"),
  unsafe('change-type', 'ALTER TABLE users ALTER COLUMN real_one TYPE float8'),
  unsafe('change-type', 'ALTER TABLE users ALTER COLUMN bits TYPE varbit(8)'),
  unsafe('change-type', 'ALTER TABLE users ALTER COLUMN ref TYPE bigint'),
  safe('ALTER TABLE fresh ALTER COLUMN n TYPE bigint', { before: 'CREATE TABLE fresh (n int)' }),
]

const CONSTRAINTS: readonly CorpusEntry[] = [
  unsafe(
    'foreign-key-validates',
    'ALTER TABLE orders ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users',
  ),
  unsafe(
    'foreign-key-validates',
    'ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE',
  ),
  safe('ALTER TABLE orders ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users NOT VALID'),
  safe('ALTER TABLE orders ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users NOT ENFORCED', {
    since: 18,
  }),
  safe('ALTER TABLE users VALIDATE CONSTRAINT users_team'),
  safe('ALTER TABLE users VALIDATE CONSTRAINT users_unproven'),
  unsafe('validate-in-same-transaction', 'ALTER TABLE orders VALIDATE CONSTRAINT positive', {
    before: 'ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID',
  }),
  unsafe('check-validates', 'ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0)'),
  unsafe('check-validates', 'ALTER TABLE orders ADD CHECK (total IS NOT NULL)'),
  safe('ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID'),
  safe('ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT ENFORCED', { since: 18 }),
  unsafe('check-validates', 'ALTER TABLE users ADD CONSTRAINT named NOT NULL name', { since: 18 }),
  safe('ALTER TABLE users ADD CONSTRAINT named NOT NULL name NOT VALID', { since: 18 }),
  unsafe('constraint-builds-index', 'ALTER TABLE orders ADD CONSTRAINT orders_u UNIQUE (user_id)'),
  unsafe('constraint-builds-index', 'ALTER TABLE keyless ADD PRIMARY KEY (a)'),
  unsafe(
    'constraint-builds-index',
    'ALTER TABLE orders ADD CONSTRAINT apart EXCLUDE USING btree (id WITH =)',
  ),
  safe('ALTER TABLE orders ADD CONSTRAINT orders_place_once UNIQUE USING INDEX orders_place'),
  safe('ALTER TABLE keyless ADD CONSTRAINT keyless_key PRIMARY KEY USING INDEX keyless_a'),
  unsafe(
    'constraint-builds-index',
    'ALTER TABLE keyless ADD CONSTRAINT keyless_key PRIMARY KEY USING INDEX keyless_b',
  ),
  safe('ALTER TABLE users DROP CONSTRAINT users_age'),
  safe('ALTER TABLE orders DROP CONSTRAINT orders_team_id_fkey'),
  safe('ALTER TABLE users RENAME CONSTRAINT users_age TO users_old_enough'),
  safe('ALTER TABLE fresh ADD FOREIGN KEY (n) REFERENCES teams', { before: 'CREATE TABLE fresh (n int)' }),
  safe('ALTER TABLE fresh ADD PRIMARY KEY (n)', { before: 'CREATE TABLE fresh (n int)' }),
  unsafe('domain-constraint', 'ALTER DOMAIN positive ADD CONSTRAINT below CHECK (VALUE < 1000)'),
  unsafe('domain-constraint', 'ALTER DOMAIN positive SET NOT NULL'),
  safe('ALTER DOMAIN positive ADD CONSTRAINT below CHECK (VALUE < 1000) NOT VALID'),
  safe('ALTER DOMAIN positive SET DEFAULT 5'),
  unsafe('domain-constraint', 'ALTER DOMAIN positive VALIDATE CONSTRAINT below', {
    before: 'ALTER DOMAIN positive ADD CONSTRAINT below CHECK (VALUE < 1000) NOT VALID',
  }),
  safe('ALTER DOMAIN positive DROP CONSTRAINT positive_check'),
]

const PARTITIONS: readonly CorpusEntry[] = [
  safe("ALTER TABLE logs ATTACH PARTITION logs_02 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')"),
  unsafe(
    'attach-without-check',
    "ALTER TABLE logs ATTACH PARTITION logs_03 FOR VALUES FROM ('2026-03-01') TO ('2026-04-01')",
  ),
  unsafe(
    'attach-without-check',
    "ALTER TABLE logs ATTACH PARTITION logs_04 FOR VALUES FROM ('2026-04-01') TO ('2026-05-01')",
  ),
  unsafe(
    'attach-without-check',
    "ALTER TABLE logs ATTACH PARTITION logs_02 FOR VALUES FROM ('2026-02-05') TO ('2026-03-01')",
    { only: [] },
  ),
  unsafe(
    'attach-builds-index',
    "ALTER TABLE logs ATTACH PARTITION logs_06 FOR VALUES FROM ('2026-06-01') TO ('2026-07-01')",
  ),
  safe("ALTER TABLE regions ATTACH PARTITION regions_b FOR VALUES IN ('b', 'c')"),
  unsafe('attach-scans-default', "ALTER TABLE events ATTACH PARTITION events_b FOR VALUES IN ('b')"),
  unsafe('attach-scans-default', "CREATE TABLE events_c PARTITION OF events FOR VALUES IN ('c')"),
  safe("CREATE TABLE logs_05 PARTITION OF logs FOR VALUES FROM ('2026-05-01') TO ('2026-06-01')"),
  unsafe('detach-not-concurrent', 'ALTER TABLE logs DETACH PARTITION logs_01'),
  safe('ALTER TABLE logs DETACH PARTITION logs_01 CONCURRENTLY', off),
  unsafe('concurrently-in-transaction', 'ALTER TABLE logs DETACH PARTITION logs_01 CONCURRENTLY'),
]

const OBJECTS: readonly CorpusEntry[] = [
  unsafe('drop-table', 'DROP TABLE guarded'),
  unsafe('drop-table', 'DROP TABLE IF EXISTS keyless, guarded'),
  unsafe('drop-cascade', 'DROP TABLE users CASCADE'),
  unsafe('drop-table', 'DROP MATERIALIZED VIEW plain'),
  unsafe('drop-schema', 'DROP SCHEMA archive'),
  unsafe('drop-database', 'DROP DATABASE IF EXISTS nowhere', off),
  safe('DROP TABLE fresh', { before: 'CREATE TABLE fresh (n int)' }),
  safe('DROP VIEW adults'),
  safe('DROP TRIGGER users_touch ON users'),
  safe('DROP FUNCTION steady()'),
  safe('DROP STATISTICS users_stats'),
  safe('DROP POLICY own ON guarded'),
  unsafe('rename-table', 'ALTER TABLE orders RENAME TO purchases'),
  unsafe('rename-table', 'ALTER VIEW adults RENAME TO grown_ups'),
  unsafe('rename-schema', 'ALTER SCHEMA archive RENAME TO attic'),
  unsafe('rename-enum-value', "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'"),
  safe("ALTER TYPE mood ADD VALUE 'happy'"),
  safe("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'happy' AFTER 'sad'"),
  unsafe('enum-value-used', "ALTER TABLE users ALTER COLUMN feel SET DEFAULT 'happy'", {
    before: "ALTER TYPE mood ADD VALUE 'happy'",
  }),
  unsafe('set-schema', 'ALTER TABLE orders SET SCHEMA archive'),
  unsafe('set-persistence', 'ALTER TABLE orders SET UNLOGGED'),
  unsafe('set-persistence', 'ALTER TABLE scratchpad SET LOGGED'),
  unsafe('cluster', 'CLUSTER users USING users_name'),
  unsafe('vacuum-full', 'VACUUM FULL orders', off),
  safe('VACUUM orders', off),
  safe('VACUUM (ANALYZE) orders', off),
  safe('ANALYZE orders'),
  unsafe('concurrently-in-transaction', 'VACUUM orders'),
  unsafe('truncate', 'TRUNCATE orders'),
  unsafe('truncate', 'TRUNCATE teams CASCADE'),
  unsafe('lock-table', 'LOCK TABLE orders'),
  unsafe('lock-table', 'LOCK TABLE orders IN SHARE MODE'),
  safe('LOCK TABLE orders IN ROW EXCLUSIVE MODE'),
  unsafe('trigger-toggle', 'ALTER TABLE users DISABLE TRIGGER users_touch'),
  unsafe('trigger-toggle', 'ALTER TABLE users ENABLE TRIGGER ALL'),
  unsafe('row-security-without-policy', 'ALTER TABLE secrets ENABLE ROW LEVEL SECURITY'),
  safe('ALTER TABLE guarded ENABLE ROW LEVEL SECURITY'),
  safe('ALTER TABLE secrets ENABLE ROW LEVEL SECURITY', {
    before: 'CREATE POLICY mine ON secrets USING (owner = current_user)',
  }),
  safe('ALTER TABLE guarded FORCE ROW LEVEL SECURITY'),
  safe('ALTER TABLE guarded DISABLE ROW LEVEL SECURITY'),
  unsafe('long-identifier', `ALTER TABLE users ADD COLUMN ${'a'.repeat(64)} int`),
  unsafe('long-identifier', `CREATE TABLE ${'é'.repeat(32)} (n int)`),
  safe(`ALTER TABLE users ADD COLUMN ${'a'.repeat(63)} int`),
  unsafe('transaction-command', 'COMMIT'),
  unsafe('missing-lock-timeout', 'ALTER TABLE users ADD COLUMN more int', { before: 'SET lock_timeout = 0' }),
  unsafe('missing-lock-timeout', 'ALTER TABLE users ADD COLUMN more int', {
    before: "SET lock_timeout = '1min'",
  }),
  safe('ALTER TABLE users ADD COLUMN more int', { before: "SET lock_timeout = '5s'" }),
]

const OTHERS: readonly CorpusEntry[] = [
  unsafe('update-whole-table', 'UPDATE users SET age = 7'),
  unsafe('update-whole-table', 'UPDATE users SET age = 7 WHERE true'),
  unsafe('update-whole-table', 'DELETE FROM orders'),
  unsafe('update-whole-table', 'DELETE FROM orders WHERE total IS NOT NULL'),
  safe('UPDATE users SET age = 7 WHERE id = 3'),
  safe('DELETE FROM orders WHERE id IN (1, 2, 3)'),
  safe("INSERT INTO teams VALUES (1000, 'new')"),
  safe(
    'CREATE TABLE depots (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, team_id int REFERENCES teams, UNIQUE (team_id))',
  ),
  safe('CREATE TABLE copy AS SELECT * FROM teams'),
  safe('CREATE TABLE likeness (LIKE users INCLUDING ALL)'),
  safe('CREATE VIEW young AS SELECT * FROM users WHERE age < 18'),
  safe('CREATE OR REPLACE VIEW adults AS SELECT id, title FROM teams WHERE id > 20'),
  safe('CREATE MATERIALIZED VIEW more AS SELECT 1 AS n'),
  safe("CREATE FUNCTION another() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
  safe('CREATE TRIGGER orders_touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch()'),
  safe('CREATE POLICY second ON guarded USING (true)'),
  safe('ALTER POLICY own ON guarded USING (true)'),
  safe('CREATE SCHEMA extra'),
  safe('CREATE SEQUENCE counting'),
  safe('ALTER SEQUENCE numbers INCREMENT BY 5'),
  safe("COMMENT ON TABLE users IS 'people'"),
  safe("COMMENT ON COLUMN users.name IS 'as they say it'"),
  safe('GRANT SELECT ON users TO PUBLIC'),
  safe('REVOKE SELECT ON users FROM PUBLIC'),
  safe('ALTER TABLE users SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02)'),
  safe('ALTER TABLE users RESET (fillfactor)'),
  safe('ALTER TABLE users REPLICA IDENTITY FULL'),
  safe('ALTER TABLE users CLUSTER ON users_name'),
  safe('ALTER TABLE users OWNER TO CURRENT_USER'),
  safe('DROP RULE quiet ON keyless'),
  safe('ALTER TABLE users INHERIT parent', { before: 'CREATE TABLE parent (age int)', only: [] }),
  safe('CALL tidy()'),
  safe('DO $$ BEGIN PERFORM 1; END $$'),
  safe("SET LOCAL statement_timeout = '5s'"),
  safe('CREATE EXTENSION IF NOT EXISTS plpgsql'),
  safe('ALTER FUNCTION steady() STABLE'),
  safe("CREATE TYPE shade AS ENUM ('dark')"),
  safe('CREATE DOMAIN short AS text CHECK (length(VALUE) < 5)'),
]

/** All of them, without those that need another fixture. */
export const CORPUS: readonly CorpusEntry[] = [
  ...INDEXES,
  ...ADD_COLUMN,
  ...COLUMNS,
  ...TYPES,
  ...CONSTRAINTS,
  ...PARTITIONS,
  ...OBJECTS,
  ...OTHERS,
].filter(({ only }) => only === undefined || only.length > 0)
