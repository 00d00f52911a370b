/** What other tools take for a fault, and is none. */
export const FALSE_FRIENDS: readonly {
  readonly name: string
  readonly plant: string
  readonly checks: readonly string[]
}[] = [
  {
    name: 'a partial index on the column of the primary key is no duplicate of it',
    plant: 'CREATE TABLE t (id int PRIMARY KEY, gone bool); CREATE INDEX ON t (id) WHERE NOT gone',
    checks: ['duplicate-indexes', 'redundant-indexes'],
  },
  {
    name: 'two indexes on different expressions are not equal',
    plant:
      'CREATE TABLE t (id int PRIMARY KEY, a text); CREATE INDEX ON t (lower(a)); CREATE INDEX ON t (upper(a))',
    checks: ['duplicate-indexes', 'redundant-indexes'],
  },
  {
    name: 'indexes with another operator class, collation, direction or access method are not equal',
    plant: `CREATE TABLE t (id int PRIMARY KEY, a text); CREATE INDEX ON t (a); CREATE INDEX ON t (a text_pattern_ops);
            CREATE INDEX ON t (a COLLATE "C"); CREATE INDEX ON t (a DESC); CREATE INDEX ON t USING hash (a); CREATE INDEX ON t (a) WHERE id > 5`,
    checks: ['duplicate-indexes', 'redundant-indexes'],
  },
  {
    name: 'an index that carries further columns is no part of one that does not',
    plant:
      'CREATE TABLE t (id int PRIMARY KEY, a int, b int, c int); CREATE INDEX ON t (a) INCLUDE (c); CREATE INDEX ON t (a, b)',
    checks: ['duplicate-indexes', 'redundant-indexes'],
  },
  {
    name: 'a unique index is not redundant because a longer one begins with it',
    plant:
      'CREATE TABLE t (id int PRIMARY KEY, a int, b int); CREATE UNIQUE INDEX ON t (a); CREATE INDEX ON t (a, b)',
    checks: ['duplicate-indexes', 'redundant-indexes'],
  },
  {
    name: 'BRIN indexes that sum up other lengths are not equal',
    plant:
      'CREATE TABLE t (id int PRIMARY KEY, a int); CREATE INDEX ON t USING brin (a) WITH (pages_per_range = 2); CREATE INDEX ON t USING brin (a) WITH (pages_per_range = 256)',
    checks: ['duplicate-indexes'],
  },
  {
    name: 'a table of columns that have to begin at whole eights is not bloated, nor an index that was to be left half empty',
    plant: `CREATE TABLE t (id int PRIMARY KEY, a bool, b timestamptz, c bool, d timestamptz, e bool, f timestamptz, g bool, h timestamptz);
            INSERT INTO t SELECT n, true, now(), true, now(), true, now(), true, now() FROM generate_series(1, 250000) n;
            CREATE INDEX ON t (b) WITH (fillfactor = 30); CREATE INDEX roomy ON t (id) WITH (fillfactor = 20); ANALYZE t`,
    checks: ['table-bloat', 'index-bloat'],
  },
  {
    name: 'a foreign key whose columns an index begins with, in another order, has its index',
    plant: `CREATE TABLE p (a int, b int, PRIMARY KEY (a, b)); CREATE TABLE c (a int, b int, x int, PRIMARY KEY (b, a, x), FOREIGN KEY (a, b) REFERENCES p)`,
    checks: ['foreign-key-indexes'],
  },
  {
    name: 'an index that leaves out only NULL serves a foreign key',
    plant:
      'CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p_id int REFERENCES p); CREATE INDEX ON c (p_id) WHERE p_id IS NOT NULL',
    checks: ['foreign-key-indexes'],
  },
  {
    name: 'foreign keys and indexes of partitions are those of their table',
    plant: `CREATE TABLE p (id int PRIMARY KEY);
            CREATE TABLE c (at date NOT NULL, p_id int REFERENCES p, PRIMARY KEY (at, p_id)) PARTITION BY RANGE (at); CREATE INDEX ON c (p_id);
            CREATE TABLE c_all PARTITION OF c DEFAULT`,
    checks: ['foreign-key-indexes', 'duplicate-indexes', 'redundant-indexes', 'primary-keys'],
  },
  {
    name: 'a table with a unique key that takes no NULL can tell its rows apart',
    plant: 'CREATE TABLE t (code text NOT NULL UNIQUE)',
    checks: ['primary-keys'],
  },
  {
    name: 'a sequence that begins anew does not run out, nor does one that counts down or began high',
    plant: `CREATE SEQUENCE a AS smallint CYCLE; SELECT setval('a', 32000); CREATE SEQUENCE b INCREMENT -1 MINVALUE -100 MAXVALUE -1;
            SELECT setval('b', -2); CREATE SEQUENCE c AS smallint START 30000; SELECT setval('c', 30001)`,
    checks: ['sequences'],
  },
  {
    name: 'a table that is full of wide rows and NULLs is not bloated',
    plant: `CREATE TABLE t (id int PRIMARY KEY, a text, b jsonb, c numeric, d timestamptz, e int, f text);
            INSERT INTO t SELECT n, repeat('x', n % 200), jsonb_build_object('n', n), n / 7.0, now(), NULLIF(n % 3, 0), NULL FROM generate_series(1, 120000) n;
            ANALYZE t`,
    checks: ['table-bloat', 'index-bloat', 'dead-rows', 'planner-statistics'],
  },
]
