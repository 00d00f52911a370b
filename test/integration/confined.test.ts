/** Statements with another role's rights: what they set off can neither leave them nor stay. */
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { confinedHand, type Hand } from '../../src/core/index.ts'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { queryAt } from '../support/database.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'
import { startServer } from '../support/servers.ts'

removeScratchAfterwards()

describe.each([14, 18])('on PostgreSQL %i', (version) => {
  let server: EmbeddedServer
  let url: string
  let client: pg.Client
  let hand: Hand
  const as = (role: string): string => Object.assign(new URL(url), { username: role, password: 'x' }).href
  const ask = async (sql: string): Promise<Record<string, unknown>[]> => (await client.query(sql)).rows

  beforeAll(async () => {
    server = await startServer({ version })
    url = (await createTestDatabase(server.url)).url
    await queryAt(
      url,
      `CREATE ROLE low LOGIN PASSWORD 'x'; CREATE ROLE other LOGIN PASSWORD 'x'; CREATE ROLE member LOGIN PASSWORD 'x'; GRANT low TO member;
       CREATE SCHEMA theirs AUTHORIZATION low; CREATE TABLE secret (n int); INSERT INTO secret VALUES (1);
       SET ROLE low;
       CREATE TABLE theirs.seen (by name, what text);
       CREATE FUNCTION theirs.helper() RETURNS text LANGUAGE sql AS 'SELECT current_user::text';
       CREATE TABLE theirs.things (n int PRIMARY KEY, of int)`,
    )
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    client = new pg.Client(url)
    await client.connect()
    await client.query('SET search_path = pg_catalog, pg_temp')
    hand = await confinedHand(client, 'low', ['pg_catalog', 'theirs', 'pg_temp'])
    return () => client.end()
  })
  /** Gives the table a trigger that runs this. */
  const trap = (body: string, how = 'TRIGGER sprung BEFORE INSERT'): Promise<unknown> =>
    queryAt(
      as('low'),
      `CREATE OR REPLACE FUNCTION theirs.spring() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN ${body} RETURN NEW; END $f$;
       DROP TRIGGER IF EXISTS sprung ON theirs.things;
       CREATE ${how} ON theirs.things ${how.includes('CONSTRAINT') ? 'DEFERRABLE INITIALLY DEFERRED ' : ''}FOR EACH ROW EXECUTE FUNCTION theirs.spring()`,
    )
  let count = 0
  const insert = (): Promise<void> => hand.run(`INSERT INTO theirs.things VALUES (${(count += 1)})`)

  test('it has the rights of the other role, and rows and values come through', async () => {
    expect(hand.isConfined).toBe(true)
    expect(
      await hand.rows(
        'SELECT current_user::text AS me, $1::int + 1 AS sum, $2::text AS nothing, ARRAY[1, 2] AS list',
        ['4', null],
      ),
    ).toEqual([{ me: 'low', sum: 5, nothing: null, list: [1, 2] }])
    await expect(hand.rows('SELECT * FROM public.secret')).rejects.toMatchObject({ code: '42501' })
    await expect(hand.run('DROP TABLE public.secret')).rejects.toMatchObject({ code: '42501' })
    await hand.run(
      'CREATE TABLE theirs.made (n int); INSERT INTO theirs.made VALUES (1), (2); DROP TABLE theirs.made',
    )
    expect((await hand.rows('EXPLAIN (FORMAT JSON) SELECT 1'))[0]).toHaveProperty(['QUERY PLAN', 0, 'Plan'])
    expect(
      await hand.rows(
        'WITH gone AS (DELETE FROM theirs.things RETURNING n) SELECT count(*)::int AS n FROM gone',
      ),
    ).toHaveLength(1)
  })

  test.each([
    'RESET ROLE;',
    'RESET SESSION AUTHORIZATION;',
    'SET SESSION AUTHORIZATION postgres;',
    'SET ROLE postgres;',
    `PERFORM set_config('role', 'none', false);`,
    `PERFORM set_config('session_authorization', 'postgres', false);`,
    'EXECUTE $q$RESET ROLE$q$;',
    'DELETE FROM public.secret;',
    `ALTER ROLE low SUPERUSER;`,
    `COMMIT;`,
    `COPY (SELECT 1) TO PROGRAM 'cat > /dev/null';`,
    `GRANT pg_read_all_data TO low;`,
  ])('code that says %s fails with it', async (body) => {
    await trap(body)
    await expect(insert()).rejects.toThrow()
    expect(
      await ask('SELECT current_user::text AS me, (SELECT count(*)::int FROM public.secret) AS rows'),
    ).toEqual([{ me: 'postgres', rows: 1 }])
  })

  test('what might run code at the end of the transaction is refused', async () => {
    await trap(
      'INSERT INTO theirs.seen VALUES (current_user, TG_OP);',
      'CONSTRAINT TRIGGER sprung AFTER INSERT',
    )
    await expect(insert()).rejects.toMatchObject({ code: '42501' })
  })

  test('also a trigger of a partition that is its table’s, and with operators of their own in the path', async () => {
    await queryAt(
      as('low'),
      `CREATE TABLE theirs.whole (n int) PARTITION BY RANGE (n); CREATE TABLE theirs.rest PARTITION OF theirs.whole DEFAULT;
       CREATE FUNCTION theirs.at_end() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN INSERT INTO theirs.seen VALUES (current_user, 'end'); RETURN NULL; END $f$;
       CREATE CONSTRAINT TRIGGER at_end AFTER INSERT ON theirs.whole DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION theirs.at_end();
       CREATE FUNCTION theirs.never(int8, int8) RETURNS boolean LANGUAGE sql AS 'SELECT false';
       CREATE OPERATOR theirs.> (FUNCTION = theirs.never, LEFTARG = int8, RIGHTARG = int8)`,
    )
    await trap(`SET search_path = theirs, pg_catalog; INSERT INTO theirs.whole VALUES (1);`)
    await expect(insert()).rejects.toMatchObject({ code: '42501' })
    expect(await ask('SELECT count(*)::int AS seen FROM theirs.seen')).toEqual([{ seen: 0 }])
  })

  test.each(['SECURITY INVOKER', `SET search_path = theirs`, 'RENAME TO taken_over', 'STRICT', 'IMMUTABLE'])(
    'what it is done by is done by no more once their code has altered it: %s',
    async (change) => {
      await trap(
        `EXECUTE (SELECT string_agg(format('ALTER FUNCTION %s ${change.replaceAll("'", "''")}', p.oid::regprocedure), '; ') FROM pg_proc p WHERE pronamespace = pg_my_temp_schema() AND proname LIKE 'holdfast_run_%');`,
      )
      await insert()
      await expect(insert()).rejects.toMatchObject({ code: 'HF_CONFINEMENT_CHANGED' })
    },
  )

  test('nor once they have put another in its place', async () => {
    await trap(`EXECUTE (SELECT format('CREATE OR REPLACE FUNCTION pg_temp.%I(statement text, given text[]) RETURNS boolean LANGUAGE sql AS $q$ DELETE FROM public.secret; SELECT true $q$', p.proname)
      FROM pg_proc p WHERE pronamespace = pg_my_temp_schema() AND proname LIKE 'holdfast_run_%');`)
    await insert()
    await expect(insert()).rejects.toMatchObject({ code: 'HF_CONFINEMENT_CHANGED' })
  })

  test('what it puts off again and again runs with no more rights', async () => {
    await queryAt(
      as('low'),
      `CREATE TABLE IF NOT EXISTS theirs.later (n int);
       CREATE OR REPLACE FUNCTION theirs.again() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
         INSERT INTO theirs.seen VALUES (current_user, 'later');
         IF NEW.n < 3 THEN SET CONSTRAINTS ALL DEFERRED; INSERT INTO theirs.later VALUES (NEW.n + 1); END IF; RETURN NULL; END $f$;
       CREATE CONSTRAINT TRIGGER again AFTER INSERT ON theirs.later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION theirs.again()`,
    )
    await trap('INSERT INTO theirs.later VALUES (1);')
    await expect(insert()).rejects.toMatchObject({ code: '42501' })
    const seen = await ask('SELECT DISTINCT by::text FROM theirs.seen')
    expect(seen.filter(({ by }) => by !== 'low')).toEqual([])
    await queryAt(as('low'), 'DELETE FROM theirs.seen; DROP TABLE theirs.later')
  })

  test('a cursor that it leaves open behind the transaction is closed before it', async () => {
    await queryAt(
      as('low'),
      `CREATE OR REPLACE FUNCTION theirs.held() RETURNS int LANGUAGE plpgsql AS $f$
         BEGIN INSERT INTO theirs.seen VALUES (current_user, 'held'); RETURN 1; END $f$`,
    )
    await trap(`EXECUTE 'DECLARE kept CURSOR WITH HOLD FOR SELECT theirs.held()';`)
    await client.query('BEGIN')
    await insert()
    await client.query('COMMIT')
    expect(
      await ask(
        'SELECT count(*)::int AS seen, (SELECT count(*)::int FROM pg_cursors) AS open FROM theirs.seen',
      ),
    ).toEqual([{ seen: 0, open: 0 }])
  })

  test('what it sets for the session is not what ours goes by', async () => {
    await trap(`SET search_path = theirs; SET client_encoding = 'SJIS'; SET lock_timeout = 0; SET TimeZone = 'Asia/Tokyo'; SET row_security = on;
      SET standard_conforming_strings = off; SET statement_timeout = 1;`)
    await client.query(`BEGIN; SET LOCAL lock_timeout = '7s'; SET LOCAL row_security = off`)
    await insert()
    const settings = `SELECT current_setting('search_path') AS path, current_setting('client_encoding') AS encoding, current_setting('lock_timeout') AS lock,
      current_setting('row_security') AS rows, current_setting('standard_conforming_strings') AS strings, current_setting('statement_timeout') AS time`
    expect(await ask(settings)).toEqual([
      { path: 'pg_catalog, pg_temp', encoding: 'UTF8', lock: '7s', rows: 'off', strings: 'on', time: '0' },
    ])
    await client.query('COMMIT; RESET ALL')
    expect(
      await ask(
        `SELECT current_setting('client_encoding') AS encoding, current_setting('statement_timeout') AS time`,
      ),
    ).toEqual([{ encoding: 'UTF8', time: '0' }])
  })

  test('nobody else may call what it is done by; code finds what lies beside the table, and nothing planted in the catalog’s place', async () => {
    await queryAt(
      url,
      `CREATE OR REPLACE FUNCTION theirs.taken() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $f$
       DECLARE fn text := (SELECT p.oid::regprocedure::text FROM pg_proc p WHERE pronamespace = pg_my_temp_schema() AND proname LIKE 'holdfast_run_%' LIMIT 1);
       BEGIN EXECUTE format('SELECT %s($1, NULL)', split_part(fn, '(', 1)) USING 'INSERT INTO theirs.seen VALUES (current_user, ''taken'')'; END $f$;
       ALTER FUNCTION theirs.taken() OWNER TO other; GRANT USAGE ON SCHEMA theirs TO other`,
    )
    await trap('PERFORM theirs.taken();')
    await expect(insert()).rejects.toMatchObject({ code: '42501' })
    await trap('INSERT INTO theirs.seen VALUES (helper(), current_setting($$search_path$$));')
    await insert()
    expect(await ask('SELECT by::text, what FROM theirs.seen')).toEqual([
      { by: 'low', what: 'pg_catalog, theirs, pg_temp' },
    ])
  })

  test('for the own role and for superusers it is the own hand; who may not act as the other is refused', async () => {
    expect((await confinedHand(client, 'postgres')).isConfined).toBe(false)
    for (const [role, outcome] of [
      ['low', false],
      ['member', true],
      ['other', '42501'],
    ] as const) {
      const own = new pg.Client(as(role))
      await own.connect()
      const made = confinedHand(own, 'low')
      if (typeof outcome === 'string') await expect(made).rejects.toMatchObject({ code: outcome })
      else {
        expect((await made).isConfined).toBe(outcome)
        expect(await (await made).rows('SELECT current_user::text AS me')).toEqual([{ me: 'low' }])
      }
      await own.end()
    }
  })
})
