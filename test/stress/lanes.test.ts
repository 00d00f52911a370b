/** What a shared connection answers, against what the driver answers alone. Replay with HOLDFAST_TEST_SEED. */
import pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { Pool } from '../../src/pool/index.ts'
import { useDatabase } from '../support/database.ts'
import { randomFrom, SEED } from '../support/random.ts'

const database = useDatabase('empty')
const CALLS = Number(process.env.HOLDFAST_TEST_CALLS ?? 3_000)

type Call = pg.QueryConfig & { rowMode?: 'array' }
type Random = () => number

const BAD_VALUE = {
  toPostgres() {
    throw new Error('cannot be sent')
  },
}
const AS_TEXT = { getTypeParser: () => (text: string) => `<${text}>` } as unknown as pg.CustomTypesConfig
const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T

/** Statements that give the same whenever and however often they run. */
const CALLS_OF: readonly ((random: Random) => Call)[] = [
  (random) => ({ text: 'SELECT * FROM things WHERE id = $1', values: [Math.floor(random() * 60)] }),
  (random) => ({
    text: 'SELECT id, name FROM things WHERE id < $1 ORDER BY id',
    values: [random() * 50],
    rowMode: 'array',
  }),
  (random) => ({
    text: 'SELECT $1::text AS t',
    values: [pick(random, ['', 'é', '日本', '𝕏', "it's", '\\', '\n'])],
  }),
  (random) => ({ text: 'SELECT $1::text AS t', values: ['x'.repeat(random() * 20_000)] }),
  (random) => ({ text: 'SELECT $1::jsonb AS j', values: [{ n: Math.floor(random() * 9), deep: [1, null] }] }),
  () => ({ text: 'SELECT $1::bytea AS b, $2::int[] AS a', values: [Buffer.from([0, 1, 255]), [1, null, 3]] }),
  () => ({
    text: 'SELECT $1::timestamptz AS at, $2::bool AS b, $3::int AS n',
    values: [new Date(0), true, null],
  }),
  () => ({ text: 'SELECT 1 AS a, 2 AS a, 3 AS "__proto__", NULL AS a' }),
  () => ({ text: 'SELECT FROM things WHERE id < 4' }),
  () => ({ text: 'VALUES (1, $1), (2, NULL)', values: ['two'] }),
  () => ({ text: 'TABLE fixed', types: AS_TEXT }),
  (random) => ({
    text: 'SELECT n, repeat($2, 20) AS r FROM generate_series(1, $1) AS n',
    values: [Math.floor(random() * 2_000), 'ab'],
  }),
  (random) => ({ text: 'UPDATE things SET name = name WHERE id = $1', values: [Math.floor(random() * 60)] }),
  () => ({ text: 'INSERT INTO things VALUES (1) ON CONFLICT DO NOTHING' }),
  () => ({ text: 'DELETE FROM things WHERE id = $1 RETURNING *', values: [-1] }),
  () => ({ name: 'mine', text: 'SELECT $1::int + 1 AS n', values: [1] }),
  (random) => ({ text: `SELECT ${Math.floor(random() * 300)} AS n` }),
  // And what fails, in every phase.
  () => ({ text: 'SELECT 1 / $1::int', values: [0] }),
  () => ({ text: 'SELECT id / 0 FROM things' }),
  () => ({ text: 'SELECT 100 / (id - $1) FROM things ORDER BY id', values: [20] }),
  () => ({ text: 'SELECT nonsense FROM things WHERE id = $1', values: [1] }),
  () => ({ text: 'SELECT * FROM nowhere' }),
  () => ({ text: 'SELECT FROM WHERE' }),
  () => ({ text: 'SELECT $1::int', values: ['no number'] }),
  () => ({ text: 'SELECT $1::int', values: [1, 2] }),
  () => ({ text: 'SELECT $1::int + $2::int', values: [1] }),
  () => ({ text: 'SELECT $1::int' }),
  () => ({ text: 'SELECT $1::text', values: ['a\0b'] }),
  () => ({ text: 'SELECT $1::text', values: [BAD_VALUE] }),
  () => ({ text: 'INSERT INTO things VALUES ($1)', values: [1] }),
  () => ({ text: 'INSERT INTO things VALUES ($1, NULL, -1)', values: [-5] }),
  () => ({ text: 'SELECT fails($1)', values: ['as told'] }),
  () => ({ text: 'SELECT 1; SELECT 2' }),
  () => ({ text: '' }),
  // Ends by statement_timeout; rarely, since it takes so long.
  (random) => ({ text: `SELECT count(*) FROM generate_series(1, ${random() < 0.02 ? 100_000_000 : 10})` }),
]

async function outcomeOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    const result = await work()
    const results = (Array.isArray(result) ? result : [result]) as pg.QueryResult[]
    return results.map(({ command, rowCount, oid, rows, fields }) => ({
      command,
      rowCount,
      oid,
      rows: rows.map((row) => Object.entries(row)),
      fields: fields.map((field) => ({ ...field })),
    }))
  } catch (error) {
    const {
      message,
      code,
      severity,
      detail,
      hint,
      position,
      where,
      schema,
      table,
      column,
      constraint,
      routine,
    } = error as pg.DatabaseError
    return {
      // The name of the prepared statement is the only difference.
      message: message.replace(/"holdfast_\d+"/, '""'),
      code,
      severity,
      detail,
      hint,
      position,
      where,
      schema,
      table,
      column,
      constraint,
      routine,
    }
  }
}

beforeAll(async () => {
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query(`
    CREATE TABLE things (id int PRIMARY KEY, name text, n int CHECK (n >= 0), at date DEFAULT '2020-02-29');
    INSERT INTO things SELECT id, 'thing ' || id, id * 2 FROM generate_series(1, 50) AS id;
    CREATE TABLE fixed AS SELECT * FROM things ORDER BY id;
    CREATE FUNCTION fails(why text) RETURNS int LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION '%', why USING ERRCODE = 'HF001', HINT = 'a hint', DETAIL = 'a detail'; END $$`)
  await client.end()
})

test(`every statement gives on a lane what it gives alone (seed ${SEED})`, async () => {
  const random = randomFrom(SEED)
  const calls = Array.from({ length: CALLS }, () => pick(random, CALLS_OF)(random))
  const options = '-c statement_timeout=2s'
  const pool = new Pool({
    connectionString: database.url,
    options,
    // Also where a machine is busy most of them are quick ones.
    slowStatementMs: 100,
    laneStallMs: 400,
    size: 6,
    overflow: 0,
    preparedLimit: 20,
    maxWaiting: CALLS,
    pipelining: { lanes: 3, depth: 32 },
  })
  const alone = new pg.Client({ connectionString: database.url, options })
  await alone.connect()
  const expected = new Map<string, unknown>()
  const keyOf = ({ text, values, rowMode }: Call): string =>
    JSON.stringify([text, values?.map((value) => (value === BAD_VALUE ? 'bad' : value)), rowMode])
  for (const call of calls)
    if (!expected.has(keyOf(call))) expected.set(keyOf(call), await outcomeOf(() => alone.query({ ...call })))
  await alone.end()

  let next = 0
  const caller = async (): Promise<void> => {
    for (let at = next++; at < calls.length; at = next++) {
      const call = calls[at] as Call
      expect(await outcomeOf(() => pool.query({ ...call })), keyOf(call)).toEqual(expected.get(keyOf(call)))
    }
  }
  await Promise.all(Array.from({ length: 40 }, caller))
  const { rides, created, closed } = pool.stats()
  expect(rides).toBeGreaterThan(CALLS / 3)
  expect(created - closed).toBeLessThanOrEqual(6)
  expect(closed).toBe(0) // no error cost a connection
  await pool.end()
})
