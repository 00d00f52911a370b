import type { Finding } from '../../src/monitor/index.ts'

/** A fault that SQL alone makes, and what has to be said of it. */
export interface Exhibit {
  readonly name: string
  /** Each in a transaction of its own; one that fails on purpose begins with `fails:`. */
  readonly plant: readonly string[]
  readonly check: string
  readonly subject: string
  /** What of the finding is looked at. */
  readonly found: Partial<Finding>
  /** Part of the next step. */
  readonly next: string
  readonly depth?: 'production' | 'deep'
}

/** Those that a database has to itself: its extensions decide what is told. */
export const ALONE = /^no way|^a bloated (table|index)$/

const ROWS = 'SELECT n FROM generate_series(1, 2000) n'
const BLOATED = (name: string): string[] => [
  `CREATE TABLE ${name} (id int PRIMARY KEY, word text) WITH (autovacuum_enabled = off)`,
  `INSERT INTO ${name} SELECT n, repeat('x', 1000) FROM generate_series(1, 30000) n`,
  `DELETE FROM ${name} WHERE id % 10 <> 0`,
  `VACUUM ANALYZE ${name}`,
]

/** Faults in the structure of a database. They are the same on every version. */
export const STRUCTURE: readonly Exhibit[] = [
  {
    name: 'a duplicate index',
    plant: [
      'CREATE TABLE t (id int PRIMARY KEY, a int)',
      'CREATE INDEX one ON t (a); CREATE INDEX two ON t (a)',
    ],
    check: 'duplicate-indexes',
    subject: 'public.two',
    found: { severity: 'warning', evidence: { same_as: 'public.one', table: 'public.t' } },
    next: 'DROP INDEX CONCURRENTLY public.two;',
  },
  {
    name: 'an index that is the primary key again',
    plant: ['CREATE TABLE t (id int PRIMARY KEY)', 'CREATE INDEX again ON t (id)'],
    check: 'duplicate-indexes',
    subject: 'public.again',
    found: { evidence: { same_as: 'public.t_pkey' } },
    next: 'DROP INDEX CONCURRENTLY public.again;',
  },
  {
    name: 'a duplicate with a name that has to be quoted',
    plant: [
      'CREATE TABLE "T" (id int PRIMARY KEY, a int)',
      'CREATE INDEX "One" ON "T" (a); CREATE INDEX "Two" ON "T" (a)',
    ],
    check: 'duplicate-indexes',
    subject: 'public."Two"',
    found: { evidence: { table: 'public."T"' } },
    next: 'DROP INDEX CONCURRENTLY public."Two";',
  },
  {
    name: 'an index that is the beginning of another',
    plant: [
      'CREATE TABLE t (id int PRIMARY KEY, a int, b int)',
      'CREATE INDEX short ON t (a); CREATE INDEX long ON t (a, b)',
    ],
    check: 'redundant-indexes',
    subject: 'public.short',
    found: { severity: 'info', confidence: 'likely', evidence: { covered_by: 'public.long' } },
    next: 'DROP INDEX CONCURRENTLY public.short;',
  },
  {
    name: 'an index that failed to be built',
    plant: [
      'CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 1), (2, 1)',
      'fails: CREATE UNIQUE INDEX CONCURRENTLY broken ON t (a)',
    ],
    check: 'invalid-indexes',
    subject: 'public.broken',
    found: { severity: 'warning', evidence: { unique: true } },
    next: 'REINDEX INDEX CONCURRENTLY public.broken;',
  },
  {
    name: 'a foreign key without an index',
    plant: [
      'CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p_id int REFERENCES p)',
      `INSERT INTO p ${ROWS}; INSERT INTO c SELECT n, n FROM generate_series(1, 2000) n`,
      'ANALYZE c',
    ],
    check: 'foreign-key-indexes',
    subject: 'public.c',
    found: {
      severity: 'warning',
      evidence: { columns: ['p_id'], referenced: 'public.p', estimated_rows: 2000 },
    },
    next: 'CREATE INDEX CONCURRENTLY ON public.c (p_id);',
  },
  {
    name: 'a foreign key that only a partial index has',
    plant: [
      'CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p_id int REFERENCES p, gone bool)',
      'CREATE INDEX ON c (p_id) WHERE NOT gone',
    ],
    check: 'foreign-key-indexes',
    subject: 'public.c',
    found: { evidence: { constraint: 'c_p_id_fkey' } },
    next: 'CREATE INDEX CONCURRENTLY ON public.c (p_id);',
  },
  {
    name: 'a foreign key that only an invalid index has',
    plant: [
      'CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p_id int REFERENCES p)',
      'INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1), (2, 1)',
      'fails: CREATE UNIQUE INDEX CONCURRENTLY broken ON c (p_id)',
    ],
    check: 'foreign-key-indexes',
    subject: 'public.c',
    found: {},
    next: 'CREATE INDEX CONCURRENTLY ON public.c (p_id);',
  },
  {
    name: 'a foreign key of two columns that an index has in the wrong place',
    plant: [
      'CREATE TABLE p (a int, b int, PRIMARY KEY (a, b)); CREATE TABLE c (id int PRIMARY KEY, x int, a int, b int, FOREIGN KEY (a, b) REFERENCES p)',
      'CREATE INDEX ON c (x, a, b)',
    ],
    check: 'foreign-key-indexes',
    subject: 'public.c',
    found: { evidence: { columns: ['a', 'b'] } },
    next: 'CREATE INDEX CONCURRENTLY ON public.c (a, b);',
  },
  {
    name: 'a table without a primary key',
    plant: ['CREATE TABLE keyless (n int)'],
    check: 'primary-keys',
    subject: 'public.keyless',
    found: { severity: 'warning' },
    next: 'ADD COLUMN id bigint',
  },
  {
    name: 'a published table whose rows cannot be named',
    plant: ['CREATE TABLE t (n int)', 'CREATE PUBLICATION all_of_it FOR TABLE t'],
    check: 'replica-identity',
    subject: 'public.t',
    found: { severity: 'error', evidence: { publications: ['all_of_it'] } },
    next: 'REPLICA IDENTITY FULL',
  },
  {
    name: 'a sequence at 92% of int4',
    plant: ['CREATE TABLE t (id serial PRIMARY KEY)', "SELECT setval('t_id_seq', 1975684956)"],
    check: 'sequences',
    subject: 'public.t_id_seq',
    found: { severity: 'error', evidence: { percent: 92, type: 'integer', last_value: '1975684956' } },
    next: 'bigint',
  },
  {
    name: 'a wide sequence for a narrow column',
    plant: [
      'CREATE SEQUENCE wide; CREATE TABLE t (id smallint PRIMARY KEY); ALTER SEQUENCE wide OWNED BY t.id',
      "SELECT setval('wide', 26000)",
    ],
    check: 'sequences',
    subject: 'public.wide',
    found: { severity: 'warning', evidence: { type: 'smallint', limit: '32767' } },
    next: 'bigint',
  },
  {
    name: 'a sequence that a narrow column asks and does not own',
    plant: [
      "CREATE SEQUENCE shared; CREATE TABLE t (id int PRIMARY KEY DEFAULT nextval('shared'))",
      "SELECT setval('shared', 2130000000)",
    ],
    check: 'sequences',
    subject: 'public.shared',
    found: { severity: 'error', evidence: { type: 'integer' } },
    next: 'bigint',
  },
  {
    name: 'a sequence that is narrower than its column',
    plant: [
      'CREATE TABLE t (id serial PRIMARY KEY)',
      "ALTER TABLE t ALTER COLUMN id TYPE bigint; SELECT setval('t_id_seq', 2130000000)",
    ],
    check: 'sequences',
    subject: 'public.t_id_seq',
    found: { severity: 'error', sql: 'ALTER SEQUENCE public.t_id_seq AS bigint;' },
    next: 'AS bigint',
  },
  {
    name: 'an index that not all partitions have',
    plant: [
      'CREATE TABLE t (id int PRIMARY KEY, a int) PARTITION BY RANGE (id); CREATE TABLE t_all PARTITION OF t DEFAULT',
      'CREATE INDEX partly ON ONLY t (a)',
    ],
    check: 'invalid-indexes',
    subject: 'public.partly',
    found: { sql: null, evidence: { partitioned: true } },
    next: 'ATTACH PARTITION',
  },
  {
    name: 'a duplicate index of a partitioned table',
    plant: [
      'CREATE TABLE t (id int PRIMARY KEY, a int) PARTITION BY RANGE (id); CREATE TABLE t_all PARTITION OF t DEFAULT',
      'CREATE INDEX one ON t (a); CREATE INDEX two ON t (a)',
    ],
    check: 'duplicate-indexes',
    subject: 'public.two',
    found: { evidence: { same_as: 'public.one' } },
    next: 'DROP INDEX public.two;',
  },
  {
    name: 'a foreign key whose triggers are turned off at the other end',
    plant: [
      'CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY REFERENCES p)',
      'ALTER TABLE p DISABLE TRIGGER ALL',
    ],
    check: 'constraints',
    subject: 'public.p',
    found: { severity: 'warning', evidence: { constraints: ['c_id_fkey'] } },
    next: 'ALTER TABLE public.p ENABLE TRIGGER',
  },
  {
    name: 'a constraint that was never checked',
    plant: [
      'CREATE TABLE t (id int PRIMARY KEY)',
      'ALTER TABLE t ADD CONSTRAINT small CHECK (id < 9) NOT VALID',
    ],
    check: 'constraints',
    subject: 'public.t',
    found: { severity: 'info', evidence: { constraint: 'small', disabled: false } },
    next: 'VALIDATE CONSTRAINT small;',
  },
  {
    name: 'a foreign key whose triggers are turned off',
    plant: [
      'CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY REFERENCES p)',
      'ALTER TABLE c DISABLE TRIGGER ALL',
    ],
    check: 'constraints',
    subject: 'public.c',
    found: { severity: 'warning', evidence: { disabled: true } },
    next: 'ENABLE TRIGGER "RI_ConstraintTrigger',
  },
  {
    name: 'rows that refer to nothing',
    plant: [
      'CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p_id int); INSERT INTO c VALUES (1, 7), (2, NULL)',
      'ALTER TABLE c ADD FOREIGN KEY (p_id) REFERENCES p NOT VALID',
    ],
    depth: 'deep',
    check: 'orphan-rows',
    subject: 'public.c',
    found: { severity: 'error', evidence: { orphans: 1 } },
    next: 'SELECT o.* FROM public.c o',
  },
  {
    name: 'a table that autovacuum leaves alone',
    plant: ['CREATE TABLE t (id int PRIMARY KEY) WITH (autovacuum_enabled = off)'],
    check: 'autovacuum',
    subject: 'public.t',
    found: { severity: 'warning' },
    next: 'RESET (autovacuum_enabled);',
  },
  {
    name: 'more dead rows than live ones',
    plant: [
      'CREATE TABLE t (id int PRIMARY KEY) WITH (autovacuum_enabled = off)',
      'INSERT INTO t SELECT generate_series(1, 30000); ANALYZE t',
      'DELETE FROM t WHERE id > 5000',
    ],
    check: 'dead-rows',
    subject: 'public.t',
    found: { severity: 'warning', evidence: { dead_rows: 25000, live_rows: 5000 } },
    next: 'VACUUM (ANALYZE) public.t;',
  },
  {
    name: 'a table that was never analyzed',
    plant: [
      'CREATE TABLE t (id int PRIMARY KEY) WITH (autovacuum_enabled = off)',
      'INSERT INTO t SELECT generate_series(1, 20000)',
    ],
    check: 'planner-statistics',
    subject: 'public.t',
    found: { severity: 'warning', evidence: { live_rows: 20000, last_analyze: null } },
    next: 'ANALYZE public.t;',
  },
  {
    name: 'a bloated table',
    plant: BLOATED('t'),
    check: 'table-bloat',
    subject: 'public.t',
    found: { severity: 'warning', confidence: 'estimate', evidence: { measured: false } },
    next: 'VACUUM (FULL, ANALYZE) public.t;',
  },
  {
    name: 'a bloated table that can be measured',
    plant: [...BLOATED('t'), 'CREATE EXTENSION pgstattuple'],
    check: 'table-bloat',
    subject: 'public.t',
    found: { severity: 'warning', confidence: 'certain', evidence: { measured: true } },
    next: 'VACUUM (FULL, ANALYZE) public.t;',
  },
  {
    name: 'a bloated index',
    plant: [
      'CREATE TABLE t (id int PRIMARY KEY, word text) WITH (autovacuum_enabled = off)',
      "INSERT INTO t SELECT n, lpad(n::text, 400, 'x') FROM generate_series(1, 60000) n",
      'CREATE INDEX fat ON t (word)',
      'DELETE FROM t WHERE id % 10 <> 0',
      'VACUUM ANALYZE t',
    ],
    check: 'index-bloat',
    subject: 'public.fat',
    found: { severity: 'warning', evidence: { table: 'public.t' } },
    next: 'REINDEX INDEX CONCURRENTLY public.fat;',
  },
  {
    name: 'a damaged index',
    plant: [
      'CREATE EXTENSION amcheck',
      'CREATE FUNCTION compare(int, int) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT sign($1 - $2)::int $$',
      `CREATE OPERATOR CLASS strange FOR TYPE int USING btree AS
         OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 compare(int, int)`,
      'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100); CREATE INDEX odd ON t (id strange)',
      'CREATE OR REPLACE FUNCTION compare(int, int) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT sign($2 - $1)::int $$',
    ],
    depth: 'deep',
    check: 'index-integrity',
    subject: 'public.odd',
    found: { severity: 'error' },
    next: 'REINDEX INDEX CONCURRENTLY public.odd;',
  },
  {
    name: 'no way to see whether indexes are in order',
    plant: [],
    depth: 'deep',
    check: 'index-integrity',
    subject: 'THE DATABASE',
    found: { severity: 'info', evidence: { extension: 'amcheck' } },
    next: 'CREATE EXTENSION amcheck;',
  },
  {
    name: 'a schema where everybody may create',
    plant: ['GRANT CREATE ON SCHEMA public TO PUBLIC'],
    depth: 'production',
    check: 'security',
    subject: 'public',
    found: { severity: 'warning', evidence: { schema: 'public', grantee: 'PUBLIC' } },
    next: 'REVOKE CREATE ON SCHEMA public FROM PUBLIC;',
  },
  {
    name: 'passwords kept as MD5',
    plant: [
      "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET password_encryption = md5', current_database()); END $$",
    ],
    depth: 'production',
    check: 'security',
    subject: 'password_encryption',
    found: { severity: 'warning' },
    next: 'scram-sha-256',
  },
  {
    name: 'indexes that are turned off',
    plant: [
      "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET enable_indexscan = off', current_database()); END $$",
    ],
    depth: 'production',
    check: 'settings',
    subject: 'enable_indexscan',
    found: { severity: 'warning', evidence: { value: 'off' } },
    next: 'ALTER SYSTEM SET enable_indexscan = on',
  },
  {
    name: 'a table whose partitions run out',
    plant: [
      'CREATE TABLE logs (at timestamptz NOT NULL PRIMARY KEY) PARTITION BY RANGE (at)',
      "DO $$ BEGIN EXECUTE format('CREATE TABLE logs_old PARTITION OF logs FOR VALUES FROM (%L) TO (%L)', current_date - 60, current_date - 10); END $$",
    ],
    check: 'partitions',
    subject: 'public.logs',
    found: { severity: 'error' },
    next: 'holdfast partition manage public.logs',
  },
]
