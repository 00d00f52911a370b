/**
 * Prepared statements against what an unnamed one on a bare client does at the same moment: after changes of columns, domains, enums and
 * tables, in transactions and outside.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Pool, type Transaction, withDirectClient } from '../../src/pool/index.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase('empty')
/** The judge: nothing of ours, nothing prepared. */
let bare: pg.Client
const pools: Pool[] = []
const poolWith = (options: object = {}): Pool => {
  const pool = new Pool({ connectionString: database.url, size: 4, overflow: 0, ...options })
  pools.push(pool)
  return pool
}

beforeAll(async () => {
  bare = new pg.Client(database.url)
  await bare.connect()
})
afterAll(async () => {
  for (const pool of pools) await pool.end()
  await bare.end()
})

/** What a call gave: its rows, or the code of its error. */
const outcomeOf = async (asked: Promise<pg.QueryResult>): Promise<unknown> =>
  asked.then(
    ({ rows }) => rows,
    (error: { code?: string }) => error.code,
  )

const INSTANT = '2026-03-29T01:30:00+05:00'

describe('a column of another type, once the statement is as old as it may get', () => {
  test.each([
    ['timestamp', 'timestamptz', INSTANT],
    ['date', 'timestamptz', INSTANT],
    ['real', 'double precision', '16777217.25'],
    ['real', 'numeric', '0.123456789012345'],
    ['char(5)', 'text', 'ab  '],
    ['numeric(10,1)', 'int', '1.5'],
    ['jsonb', 'json', '{"b":1,  "a":2}'],
    ['int', 'bigint', '9007199254740993'],
    ['varchar(3)', 'varchar(9)', 'abcdefg'],
    ['time', 'timetz', '01:30:00+05'],
    ['inet', 'cidr', '10.1.0.0/16'],
    ['interval', 'text', '1 day 25:00'],
    ['bytea', 'text', '\\x41'],
    ['money', 'numeric', '12.345'],
  ])('%s to %s', async (from, to, value) => {
    const table = `t_${from}_${to}`.replaceAll(/\W/g, '_')
    await bare.query(`DROP TABLE IF EXISTS ${table}; CREATE TABLE ${table} (n int, v ${from})`)
    // So young that each call is.
    const pool = poolWith({ preparedAgeMs: 1 })
    const texts: [string, unknown[]][] = [
      [`INSERT INTO ${table} (n, v) VALUES ($1, $2) RETURNING v::text`, [1, value]],
      [`SELECT v::text FROM ${table} WHERE v::text = $1::text OR v = $2 ORDER BY 1`, ['', value]],
      [`UPDATE ${table} SET v = $1 RETURNING v::text`, [value]],
    ]
    const rounds = async (): Promise<void> => {
      for (const [text, values] of texts) {
        await bare.query('BEGIN')
        const expected = await outcomeOf(bare.query(text, values))
        await bare.query('ROLLBACK')
        await sleep(2)
        expect(await outcomeOf(pool.query(text, values)), text).toEqual(expected)
        await bare.query(`TRUNCATE ${table}`)
      }
    }
    await rounds()
    await bare.query(`ALTER TABLE ${table} ALTER v TYPE ${to} USING NULL`)
    await rounds()
  })
})

describe('what cannot be what it was works with the next call', () => {
  test.each([
    [
      'an enum made anew',
      `DROP TYPE IF EXISTS e CASCADE; CREATE TYPE e AS ENUM ('a', 'b')`,
      'e',
      `'a'`,
      `DROP TYPE e CASCADE; CREATE TYPE e AS ENUM ('a', 'c'); ALTER TABLE w ADD v e`,
      'c',
    ],
    [
      'text that is bytea by now',
      '',
      'text',
      `'a'`,
      'ALTER TABLE w DROP v; ALTER TABLE w ADD v bytea',
      Buffer.from([0, 255]),
    ],
    [
      'jsonb that is json by now',
      '',
      'jsonb',
      `'1'`,
      'ALTER TABLE w DROP v; ALTER TABLE w ADD v json',
      '{"a":"\\u0000"}',
    ],
    [
      'a number that is text by now',
      '',
      'int',
      `1`,
      'ALTER TABLE w DROP v; ALTER TABLE w ADD v text',
      'many',
    ],
    [
      'a query that is a vector by now',
      '',
      'tsquery',
      `'a & b'`,
      'ALTER TABLE w DROP v; ALTER TABLE w ADD v tsvector',
      `'a':1 'b c':2`,
    ],
    [
      'a timestamp that is an interval by now',
      '',
      'timestamp',
      'now()',
      'ALTER TABLE w DROP v; ALTER TABLE w ADD v interval',
      '3 months',
    ],
    [
      'a number that is larger by now',
      '',
      'smallint',
      '1',
      'ALTER TABLE w ALTER v TYPE bigint',
      '5000000000',
    ],
    [
      'a uuid that is text by now',
      '',
      'uuid',
      'gen_random_uuid()',
      'ALTER TABLE w ALTER v TYPE text',
      'plain',
    ],
    ['an address that is text by now', '', 'inet', `'10.0.0.1'`, 'ALTER TABLE w ALTER v TYPE text', 'host'],
  ])('%s', async (_, before, type, first, change, value) => {
    await bare.query(`${before}; DROP TABLE IF EXISTS w; CREATE TABLE w (n int, v ${type})`)
    const pool = poolWith({ preparedAgeMs: 0 })
    const text = 'INSERT INTO w (v) VALUES ($1) RETURNING v::text'
    const { rows } = await bare.query(`SELECT ${first}::text AS v`)
    for (let call = 0; call < 4; call += 1)
      await Promise.all([1, 2, 3].map(() => pool.query(text, [rows[0].v])))
    await bare.query(change)
    const expected = await outcomeOf(bare.query(text, [value]))
    expect(expected).toHaveLength(1)
    for (let call = 0; call < 6; call += 1)
      expect(await Promise.all([1, 2, 3].map(() => outcomeOf(pool.query(text, [value]))))).toEqual([
        expected,
        expected,
        expected,
      ])
  })
})

describe('transactions', () => {
  test('under a migration: none fails, and each sees what an unnamed statement would', async () => {
    await bare.query(
      'CREATE TABLE a (n int, v varchar(3)); INSERT INTO a VALUES (1, $$x$$); CREATE TABLE b (n int); INSERT INTO b VALUES (1)',
    )
    const pool = poolWith({ preparedAgeMs: 0, size: 8 })
    const readBoth = (): Promise<string> =>
      pool.transaction(async (tx) => {
        await tx.query('SELECT * FROM b WHERE n = $1', [1])
        await tx.query('SELECT * FROM b WHERE n = $1 ORDER BY n', [1])
        const { rows } = await tx.query('SELECT * FROM a WHERE n = $1', [1])
        await tx.query('UPDATE a SET n = n WHERE n = $1 RETURNING *', [1])
        await tx.query('SELECT * FROM a WHERE n = $1 LIMIT 1', [1])
        return Object.keys(rows[0] as object).join()
      })
    for (const change of [
      'ALTER TABLE a ADD c int',
      'ALTER TABLE a ALTER v TYPE varchar(9)',
      'ALTER TABLE a RENAME c TO d',
      'ALTER TABLE a DROP d',
      'ALTER TABLE a ALTER n TYPE bigint',
      'ALTER TABLE b ADD c text',
    ]) {
      await Promise.all(Array.from({ length: 16 }, readBoth))
      const running = Promise.allSettled(Array.from({ length: 64 }, readBoth))
      await bare.query(change)
      const ends = await running
      expect(
        ends.filter(({ status }) => status === 'rejected'),
        change,
      ).toEqual([])
      const { fields } = await bare.query('SELECT * FROM a')
      expect(await readBoth(), change).toBe(fields.map(({ name }) => name).join())
    }
  })

  test.each([
    ['a search path', `PERFORM set_config('search_path', 'other', true)`],
    ['a temporary table', 'CREATE TEMP TABLE names (n text) ON COMMIT DROP'],
    ['a definition', 'DROP TABLE IF EXISTS public.names; CREATE TABLE public.names (n text, more int)'],
    ['a role', `PERFORM set_config('role', 'prepared_other', true)`],
  ])('of a function that changes %s are as harmless as without names', async (_, body) => {
    await bare.query(`
      DO $$ BEGIN CREATE ROLE prepared_other; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
      DROP SCHEMA IF EXISTS other CASCADE; CREATE SCHEMA other; CREATE TABLE other.names (n date, third int);
      DROP TABLE IF EXISTS names; CREATE TABLE public.names (n int);
      GRANT USAGE ON SCHEMA other TO prepared_other; GRANT SELECT ON ALL TABLES IN SCHEMA public, other TO prepared_other;
      CREATE OR REPLACE FUNCTION public.changes() RETURNS int LANGUAGE plpgsql AS $$ BEGIN ${body}; RETURN 1; END $$;
      DROP TABLE IF EXISTS public.touched; CREATE TABLE public.touched (n int);
      CREATE OR REPLACE FUNCTION public.changes_too() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body}; RETURN NEW; END $$;
      CREATE TRIGGER changes BEFORE INSERT ON public.touched FOR EACH ROW EXECUTE FUNCTION public.changes_too()`)
    const pool = poolWith({ preparedAgeMs: 0, size: 1 })
    const known = [
      'SELECT * FROM names',
      'SELECT count(*)::int AS c FROM names WHERE n IS DISTINCT FROM NULL AND $1 = 1',
    ]
    const run =
      (query: (text: string, values?: unknown[]) => Promise<pg.QueryResult>) =>
      async (first: string): Promise<unknown[]> => {
        await query(first)
        const fields = (await query(known[0] as string)).fields.map(
          ({ name, dataTypeID }) => `${name} ${dataTypeID}`,
        )
        return [...fields, (await query(known[1] as string, [1])).rows]
      }
    for (let call = 0; call < 4; call += 1) {
      await pool.query(known[0] as string)
      await pool.query(known[1] as string, [1])
    }
    for (const first of [
      'SELECT public.changes()',
      'INSERT INTO public.touched VALUES (1)',
      'SELECT 1 AS one WHERE public.changes() = 1',
    ]) {
      await bare.query('BEGIN')
      const expected = await run((text, values) => bare.query(text, values))(first)
      await bare.query('ROLLBACK')
      const rolledBack = new Error('enough')
      let seen: unknown
      await pool
        .transaction(async (tx) => {
          seen = await run((text, values) => tx.query(text, values))(first)
          throw rolledBack
        })
        .catch((error: unknown) => expect(error).toBe(rolledBack))
      expect(seen, first).toEqual(expected)
    }
  })
})

test('a statement that was named in a transaction is refused once, told as such, and retry covers it', async () => {
  await bare.query('CREATE TABLE named (n int); INSERT INTO named VALUES (1); CREATE TABLE noted (n int)')
  const pool = poolWith({ preparedAgeMs: 0, size: 1 })
  let runs = 0
  const work = async (tx: Transaction): Promise<string[]> => {
    runs += 1
    await tx.query('INSERT INTO noted VALUES (1)')
    return (await tx.query({ name: 'mine', text: 'SELECT * FROM named' })).fields.map(({ name }) => name)
  }
  expect(await pool.transaction(work)).toEqual(['n'])
  await bare.query('ALTER TABLE named ADD more int')
  await expect(pool.transaction(work)).rejects.toMatchObject({
    code: '0A000',
    hint: expect.stringContaining('Do it again'),
  })
  await bare.query('ALTER TABLE named ADD still_more int')
  // Every name counts as old by now: this one is not refused.
  expect(await pool.transaction(work)).toEqual(['n', 'more', 'still_more'])
  await bare.query('ALTER TABLE named DROP more')
  runs = 0
  expect(await pool.transaction(work, { retry: {} })).toEqual(['n', 'still_more'])
  expect(runs).toBe(2)
})

test('work of ours on the database is known at once', async () => {
  await bare.query('CREATE TABLE moved (at timestamp)')
  const pool = poolWith({ preparedAgeMs: 0, size: 1 })
  const text = 'INSERT INTO moved VALUES ($1) RETURNING at::text'
  for (let call = 0; call < 3; call += 1) await pool.query(text, [INSTANT])
  await withDirectClient(database.url, 'test', (client) =>
    client.query('ALTER TABLE public.moved ALTER at TYPE timestamptz'),
  )
  const expected = await outcomeOf(bare.query(text, [INSTANT]))
  expect(await outcomeOf(pool.query(text, [INSTANT]))).toEqual(expected)
})

describe('what is refused', () => {
  test('runs once, whatever its code', async () => {
    await bare.query(`CREATE SEQUENCE runs; CREATE FUNCTION fails(code text) RETURNS int LANGUAGE plpgsql AS
      $$ BEGIN PERFORM nextval('runs'); IF code <> '' THEN RAISE EXCEPTION 'no' USING ERRCODE = code; END IF; RETURN 1; END $$`)
    const pool = poolWith({ size: 1 })
    const text = 'SELECT fails($1)'
    const ran = async (): Promise<number> =>
      Number((await bare.query('SELECT last_value FROM runs')).rows[0].last_value)
    for (let call = 0; call < 3; call += 1) await pool.query(text, [''])
    const codes = [
      '22P02',
      '22003',
      '22007',
      '22008',
      '42P01',
      '42703',
      '42883',
      '42804',
      '0A000',
      'XX000',
      '22023',
      '42601',
      '26000',
      '23505',
      '40001',
    ]
    for (const code of codes) {
      const before = await ran()
      expect(await outcomeOf(pool.query(text, [code])), code).toBe(code)
      expect((await ran()) - before, code).toBe(1)
    }
  })
})

test('the columns of a result belong to whoever got it', async () => {
  const pool = poolWith({ size: 1 })
  const text = 'SELECT $1::int AS a, 2 AS b'
  for (let call = 0; call < 3; call += 1) {
    const { fields, rows } = await pool.query(text, [1])
    expect(rows).toEqual([{ a: 1, b: 2 }])
    expect(fields.map(({ name }) => name)).toEqual(['a', 'b'])
    for (const field of fields) field.name = 'mine'
    fields.length = 1
  }
})
