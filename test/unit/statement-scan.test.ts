import { expect, test } from 'vitest'
import { scanStatement } from '../../src/pool/lanes/statement-scan.ts'

const shares = (text: string): boolean => scanStatement(text).mayShare
const isPlain = (text: string): boolean => scanStatement(text).isPlain

test.each([
  'SELECT 1',
  '  select * from t where id = $1;  ',
  '-- a comment\nSELECT 1 -- another',
  '/* nested /* comment */ ; */ SELECT 1 /* ; */',
  "INSERT INTO t VALUES ('a;b')",
  "SELECT E'it\\'s; fine'",
  'SELECT $$a; b$$, $tag$ ; $$ ; $tag$',
  'UPDATE "weird;name" SET n = 1',
  'WITH x AS (SELECT 1) SELECT * FROM x',
  'VALUES (1), (2)',
  'TABLE t',
  "DELETE FROM t WHERE name = 'it''s;'",
  'MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE',
  "SELECT pg_advisory_xact_lock(1), 'set_config'",
])('%j may share a connection', (text) => {
  expect(shares(text)).toBe(true)
})

test.each([
  "SELECT set_config('a.b', $1, false)",
  'SELECT "set_config"(\'a.b\', $1, false)',
  'SELECT pg_catalog.pg_advisory_lock(1)',
  'SELECT pg_try_advisory_lock_shared(1)',
  'SELECT pg_sleep(1)',
  'SELECT pg_terminate_backend(pg_backend_pid())',
  "SELECT currval('s')",
  'SELECT lastval()',
  'SELECT setseed(0.5)',
  "SELECT * FROM dblink('x', 'SELECT 1') AS t(n int)",
  "SELECT lo_creat(-1), lo_import('/x')",
  'SELECT * FROM pg_temp.t',
])('%j is one statement, and goes alone', (text) => {
  expect(isPlain(text)).toBe(true)
  expect(shares(text)).toBe(false)
})

test.each([
  'SELECT 1; SELECT 2',
  'SELECT 1;;SELECT 2',
  "SELECT 'never ends",
  'SELECT "never ends',
  'SELECT 1 /* never ends',
  'SELECT $$never ends',
  "SELECT 'a backslash \\' ; DROP TABLE t; --'",
  'SET search_path = x',
  'SHOW lock_timeout',
  'COPY t FROM STDIN',
  'CREATE TABLE t (n int)',
  'LISTEN c',
  'CALL p()',
  'DO $$ BEGIN END $$',
  'EXPLAIN SELECT 1',
  'DECLARE c CURSOR FOR SELECT 1',
  'FETCH 1 FROM c',
  'LOCK TABLE t',
  'DISCARD ALL',
  'PREPARE p AS SELECT 1',
  '(SELECT 1)',
  '',
  '   ',
  ';',
  '-- nothing',
  `SELECT ${'1 + '.repeat(20_000)} 1`,
])('%.40j is left to the driver', (text) => {
  expect(isPlain(text)).toBe(false)
  expect(shares(text)).toBe(false)
})

test('BEGIN, COMMIT and their like are known as such', () => {
  for (const text of [
    'BEGIN',
    'commit;',
    'ROLLBACK TO SAVEPOINT x',
    'SAVEPOINT x',
    'START TRANSACTION READ ONLY',
  ])
    expect(scanStatement(text), text).toMatchObject({ isControl: true, isPlain: false, mayShare: false })
  expect(scanStatement('BEGIN; SELECT 1').isControl).toBe(false)
})

test('parameters are seen, and not mistaken for quotes', () => {
  expect(scanStatement('SELECT $1::int').hasParameters).toBe(true)
  expect(scanStatement("SELECT '$1', $$ $1 $$, a$1 FROM t").hasParameters).toBe(false)
})
