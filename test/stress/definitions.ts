/**
 * Statements on lanes, alone and in transactions while definitions change under them, each answer held against that of an unnamed
 * statement on a bare client at the same moment. For the test, and for the long run: `npm run stress:definitions`.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { Pool } from '../../src/pool/index.ts'

export interface DefinitionsOptions {
  readonly url: string
  readonly forMs: number
  /** `preparedAgeMs` of the pool: answers may be old for as long. */
  readonly ageMs: number
  readonly random: () => number
}

export interface DefinitionsOutcome {
  readonly changes: number
  /** Answers that were compared, with no change between the two. */
  readonly compared: number
  /** Of those, how many came so soon behind a change that they might differ, and how many did. */
  readonly within: number
  readonly differentWithin: number
  /** Milliseconds behind the change of the last answer that differed. */
  readonly longestMs: number
  /** Those that may not: what was asked, what was expected, what came, how long after the change. */
  readonly different: readonly string[]
  /** Transactions that were refused since a definition changed, whether a change came while they ran or not. */
  readonly refused: number
  readonly transactions: number
}

/** Each type with values for it, some of which others take too, and some of which none takes. */
const TYPES = [
  'timestamp',
  'timestamptz',
  'date',
  'real',
  'double precision',
  'numeric',
  'numeric(6,1)',
  'smallint',
  'int',
  'bigint',
  'text',
  'char(6)',
  'varchar(4)',
  'jsonb',
  'json',
  'bytea',
  'interval',
  'time',
  'inet',
  'mood',
  'small',
] as const
const VALUES = [
  '2026-03-29T01:30:00+05:00',
  '1.25',
  '7',
  '40000',
  '5000000000',
  'ab  ',
  'abcdefg',
  '{"b":1, "a":2}',
  '\\x41',
  '1 day',
  '10.0.0.1',
  'happy',
  'new',
  '-1',
  'Infinity',
]

const pick = <T>(random: () => number, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T

const CHANGES: readonly ((random: () => number) => string)[] = [
  (random) => `ALTER TABLE sink ALTER v TYPE ${pick(random, TYPES)} USING NULL`,
  (random) => `ALTER TABLE sink ALTER v TYPE ${pick(random, TYPES)} USING NULL`,
  (random) =>
    `ALTER TABLE fixed ALTER w TYPE ${pick(random, ['int', 'bigint', 'numeric', 'text', 'real'])} USING n`,
  () => 'ALTER TABLE fixed ADD COLUMN IF NOT EXISTS more int DEFAULT 5',
  () => 'ALTER TABLE fixed DROP COLUMN IF EXISTS more',
  () =>
    'DO $$ BEGIN ALTER TABLE fixed RENAME w TO x; EXCEPTION WHEN OTHERS THEN ALTER TABLE fixed RENAME x TO w; END $$',
  (random) => `DROP TABLE sink; CREATE TABLE sink (n int, v ${pick(random, TYPES)})`,
  (random) =>
    `DROP TYPE mood CASCADE; CREATE TYPE mood AS ENUM ('happy', '${pick(random, ['old', 'new'])}'); ALTER TABLE sink DROP COLUMN IF EXISTS v; ALTER TABLE sink ADD v mood`,
  (random) =>
    `ALTER DOMAIN small DROP CONSTRAINT IF EXISTS limited; ALTER DOMAIN small ADD CONSTRAINT limited CHECK (VALUE < ${pick(random, [10, 100_000])}) NOT VALID`,
  (random) =>
    `DROP VIEW IF EXISTS seen; CREATE VIEW seen AS SELECT n, ${pick(random, ['n::text AS t', 'n AS t', 'n * 2.5 AS t, 1 AS u'])} FROM fixed`,
  (random) =>
    `CREATE OR REPLACE FUNCTION given(int) RETURNS text LANGUAGE sql AS $$ SELECT ${pick(random, ["'a'", "'b'", '$1::text'])} $$`,
  (random) =>
    `ALTER TABLE sink ALTER v SET DEFAULT NULL, ALTER n TYPE ${pick(random, ['int', 'bigint', 'smallint'])}`,
]

const BEFORE = `
  DROP VIEW IF EXISTS seen; DROP TABLE IF EXISTS sink, fixed; DROP TYPE IF EXISTS mood; DROP DOMAIN IF EXISTS small;
  CREATE TYPE mood AS ENUM ('happy', 'old'); CREATE DOMAIN small AS int;
  CREATE TABLE fixed (n int PRIMARY KEY, w int); INSERT INTO fixed SELECT n, n FROM generate_series(1, 20) n;
  CREATE TABLE sink (n int, v text); CREATE VIEW seen AS SELECT n, n::text AS t FROM fixed;
  CREATE OR REPLACE FUNCTION given(int) RETURNS text LANGUAGE sql AS $$ SELECT 'a' $$`

type Asked = readonly [text: string, values: readonly unknown[]]
const ASKED: readonly ((random: () => number) => Asked)[] = [
  () => ['SELECT * FROM fixed ORDER BY n', []],
  (random) => ['SELECT * FROM fixed WHERE n = $1', [pick(random, [1, 2, 3, 99])]],
  (random) => ['SELECT n, w FROM fixed WHERE w = $1 ORDER BY n', [pick(random, ['1', '2', '2.0', 'x'])]],
  (random) => ['SELECT * FROM seen WHERE n <= $1 ORDER BY n', [pick(random, [1, 3])]],
  (random) => [
    'SELECT count(*)::int AS c, max(t::text) AS m FROM seen WHERE t = $1',
    [pick(random, ['1', '2.5', 'x'])],
  ],
  (random) => [
    'INSERT INTO sink (n, v) VALUES ($1, $2) RETURNING v, v::text AS t',
    [1, pick(random, VALUES)],
  ],
  (random) => ['INSERT INTO sink (v) SELECT $1 WHERE true RETURNING v::text AS t', [pick(random, VALUES)]],
  (random) => ['SELECT given($1) AS g', [pick(random, [1, 2])]],
  (random) => ['SELECT $1::mood AS m', [pick(random, ['happy', 'old', 'new'])]],
  (random) => ['SELECT $1::small + 1 AS s', [pick(random, [5, 50, 200_000])]],
]

/** Columns with their types and rows, or the code of the error. */
async function outcomeOf(answer: Promise<pg.QueryResult>): Promise<string> {
  try {
    const { fields, rows } = await answer
    return JSON.stringify([fields.map(({ name, dataTypeID }) => `${name} ${dataTypeID}`), rows])
  } catch (error) {
    return String((error as { code?: string }).code)
  }
}

/** Runs for as long as it is told, then says what differed. */
export async function runDefinitions({
  url,
  forMs,
  ageMs,
  random,
}: DefinitionsOptions): Promise<DefinitionsOutcome> {
  const pool = new Pool({ connectionString: url, size: 6, overflow: 0, preparedAgeMs: ageMs })
  const changer = new pg.Client(url)
  const judges = await Promise.all(
    [1, 2, 3, 4].map(async () => {
      const judge = new pg.Client(url)
      await judge.connect()
      return judge
    }),
  )
  await changer.connect()
  await changer.query(BEFORE)
  const until = performance.now() + forMs
  let changes = 0
  let changedAt = performance.now()
  let isChanging = false
  const found = { compared: 0, within: 0, differentWithin: 0, longestMs: 0, refused: 0, transactions: 0 }
  const different: string[] = []

  const change = async (): Promise<void> => {
    while (performance.now() < until) {
      await sleep(random() * 3 * ageMs)
      isChanging = true
      // What does not fit any more is refused, and changes nothing.
      await changer
        .query(`BEGIN; SET LOCAL lock_timeout = '2s'; ${pick(random, CHANGES)(random)}; COMMIT`)
        .catch(() => changer.query('ROLLBACK'))
      changes += 1
      changedAt = performance.now()
      isChanging = false
    }
  }

  /** The judge is asked before and behind: what it says twice is what counts. Nothing that it does stays. */
  const judged = async (judge: pg.Client, asked: readonly Asked[]): Promise<string[]> => {
    const outcomes: string[] = []
    for (const [text, values] of asked) {
      await judge.query('BEGIN')
      outcomes.push(await outcomeOf(judge.query(text, values as unknown[])))
      await judge.query('ROLLBACK')
    }
    return outcomes
  }

  const compare = async (
    judge: pg.Client,
    asked: readonly Asked[],
    answer: () => Promise<(string | undefined)[]>,
  ): Promise<void> => {
    const before = changes
    if (isChanging) return sleep(1)
    const sinceMs = performance.now() - changedAt
    const expected = await judged(judge, asked)
    const got = await answer()
    const again = await judged(judge, asked)
    if (isChanging || changes !== before || expected.join() !== again.join()) return
    for (const [index, one] of got.entries()) {
      if (one === undefined) continue
      found.compared += 1
      const isWithin = sinceMs < ageMs
      if (isWithin) found.within += 1
      if (one === expected[index]) continue
      found.longestMs = Math.max(found.longestMs, performance.now() - changedAt)
      if (isWithin) found.differentWithin += 1
      else
        different.push(
          `${JSON.stringify(asked[index])}: expected ${expected[index]}, got ${one}, ${Math.round(sinceMs)} ms behind`,
        )
    }
  }

  const ask = async (judge: pg.Client): Promise<void> => {
    while (performance.now() < until) {
      const kind = random()
      const asked = Array.from({ length: kind < 0.4 ? 1 : 4 }, () => pick(random, ASKED)(random))
      if (kind < 0.7) {
        // One alone, or several at once, which ride.
        await compare(judge, asked, () =>
          Promise.all(asked.map(([text, values]) => outcomeOf(pool.query(text, values as unknown[])))),
        )
        continue
      }
      found.transactions += 1
      await compare(judge, asked, async () => {
        const got: (string | undefined)[] = asked.map(() => undefined)
        await pool
          .transaction(async (tx) => {
            for (const [index, [text, values]] of asked.entries()) {
              const one = await outcomeOf(tx.query(text, values as unknown[]))
              got[index] = one
              if (one === '0A000') found.refused += 1
              if (!one.startsWith('[')) break // it is aborted
            }
            throw new Error('nothing of it stays')
          })
          .catch(() => {})
        return got
      })
    }
  }
  try {
    await Promise.all([change(), ...judges.map(ask)])
  } finally {
    await pool.end()
    for (const client of [changer, ...judges]) await client.end()
  }
  return { changes, ...found, different }
}
