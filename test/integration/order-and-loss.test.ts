/** What broke once: statements that overtook each other, hit others, or were done although nobody wanted them. */
import { setImmediate as turn } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Pool, type PooledClient } from '../../src/pool/index.ts'
import { FakeClock } from '../../src/testing/index.ts'
import { useDatabase } from '../support/database.ts'
import { usePools } from '../support/pools.ts'
import { createItems, READ, warmUp, WRITE } from '../support/riding.ts'

const database = useDatabase('empty')
const makePool = usePools(database, { size: 1, overflow: 0 })
let admin: pg.Client

beforeAll(async () => {
  await createItems(database.url)
  admin = new pg.Client(database.url)
  await admin.connect()
  await admin.query('CREATE TABLE log (x text)')
})
afterAll(() => admin.end())
beforeEach(() => admin.query('TRUNCATE log'))

const INSERT = 'INSERT INTO log VALUES ($1)'
const logged = async (): Promise<string[]> =>
  (await admin.query<{ x: string }>('SELECT x FROM log ORDER BY x')).rows.map(({ x }) => x)
const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  )

describe('values', () => {
  test('one whose toJSON gives nothing is NULL, on a lane and off it', async () => {
    const pool = makePool({ size: 4 }, new FakeClock())
    const nothing = { toJSON: () => undefined }
    expect((await pool.query('SELECT $1::text AS t', [nothing])).rows).toEqual([{ t: null }])
    await warmUp(pool, READ)
    const [first, second] = await Promise.all([
      pool.query('SELECT $1::text AS t', [nothing]),
      pool.query(READ, [1]),
    ])
    expect([first.rows[0].t, second.rows.length]).toEqual([null, 1])
  })

  test('a query object that is none fails its caller alone, and costs no connection', async () => {
    const pool = makePool()
    await expect(pool.query(Object.create(null) as never)).rejects.toThrow()
    await expect(pool.query({ text: 7 } as never)).rejects.toThrow()
    expect((await pool.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
  })

  test('one whose text comes from its class keeps it beside a signal', async () => {
    class Template {
      readonly signal = new AbortController().signal
      get text(): string {
        return 'SELECT $1::int AS n'
      }
      get values(): unknown[] {
        return [5]
      }
    }
    expect((await makePool().query(new Template() as never)).rows).toEqual([{ n: 5 }])
  })
})

describe('inside a transaction', () => {
  test('statements run in the order in which they were asked for, whoever runs them', async () => {
    const pool = makePool()
    for (const first of [true, false]) {
      const answers = await pool.transaction(async (tx) => {
        if (!first) await tx.query('SELECT 1')
        return Promise.all([
          tx.query("SET LOCAL application_name = 'mine'"),
          tx.query('SELECT current_setting($1) AS v', ['application_name']),
          tx.query("SET LOCAL application_name = 'other'"),
          tx.query('SELECT current_setting($1) AS v', ['application_name']),
        ])
      })
      expect([answers[1].rows[0].v, answers[3].rows[0].v]).toEqual(['mine', 'other'])
    }
  })

  test('a failed sibling leaves nothing behind that was sent but not run', async () => {
    const pool = makePool()
    const failing = pool.transaction(async (tx) => {
      await tx.query('SELECT 1')
      await Promise.all([
        tx.query('SELECT pg_sleep(0.05)'),
        tx.query("INSERT INTO log VALUES ('a'); INSERT INTO log VALUES ('b')"),
        tx.query('SELECT $1', [{ toPostgres: fail }]),
      ])
    })
    await expect(failing).rejects.toThrow('serialiser')
    expect(await logged()).toEqual([])
  })

  test('what is not awaited is committed with the rest', async () => {
    const pool = makePool()
    await pool.transaction(async (tx) => {
      void tx.query('SELECT pg_sleep(0.02)')
      void tx.query("DO $$ BEGIN INSERT INTO log VALUES (pg_current_xact_id()::text || ' a'); END $$")
      void tx.query("INSERT INTO log VALUES (pg_current_xact_id()::text || ' b')")
    })
    const ids = (await logged()).map((x) => x.split(' ')[0])
    expect(ids).toHaveLength(2)
    expect(new Set(ids).size).toBe(1)
  })

  test('that lost its client to another holder touches nothing of his', async () => {
    const pool = makePool()
    let other: PooledClient | undefined
    const failing = pool.transaction(async (tx) => {
      const client = await tx.client()
      await tx.query('SELECT 1')
      client.release()
      other = await pool.connect()
      await other.query('BEGIN')
      await other.query(INSERT, ["other's"])
      await tx.query(INSERT, ['stray'])
    })
    expect(await outcome(failing)).toBe('HF_TRANSACTION_OVER')
    await other?.query('ROLLBACK')
    other?.release()
    expect(await logged()).toEqual([])
  })

  test('prepared statements follow the tables and the search path', async () => {
    const pool = makePool()
    await admin.query('CREATE TABLE growing (id int); INSERT INTO growing VALUES (1)')
    const read = (): Promise<unknown[]> =>
      pool.transaction(async (tx) => (await tx.query('SELECT * FROM growing WHERE id = $1', [1])).rows)
    expect(await read()).toEqual([{ id: 1 }])
    await admin.query('ALTER TABLE growing ADD COLUMN more int')
    expect(await read()).toEqual([{ id: 1, more: null }])
    await admin.query(`CREATE SCHEMA ta; CREATE SCHEMA tb; CREATE TABLE ta.tenants (a int); CREATE TABLE tb.tenants (b text);
      INSERT INTO ta.tenants VALUES (1); INSERT INTO tb.tenants VALUES ('1')`)
    for (const [schema, expected] of [
      ['ta', { a: 1 }],
      ['tb', { b: '1' }],
      ['ta', { a: 1 }],
    ] as const) {
      for (const set of [
        `SET LOCAL search_path TO ${schema}`,
        `SELECT set_config('search_path', '${schema}', true)`,
      ]) {
        const rows = await pool.transaction(async (tx) => {
          await tx.query(set)
          return (await tx.query('SELECT * FROM tenants WHERE $1 = 1', [1])).rows
        })
        expect(rows, set).toEqual([expected])
      }
    }
    await pool.query('/* sweeping */ DISCARD ALL')
    expect(
      await pool.transaction(async (tx) => {
        await tx.savepoint(() => tx.query('SELECT 1'))
        return (await tx.query('SELECT * FROM growing WHERE id = $1', [1])).rows
      }),
    ).toHaveLength(1)
  })

  test('a signal that aborts while the connection is handed over rolls back', async () => {
    const pool = makePool()
    const client = await pool.connect()
    const giveUp = new AbortController()
    const waiting = pool.transaction((tx) => tx.query(INSERT, ['unwanted']), { signal: giveUp.signal })
    await expect.poll(() => pool.stats().waiting).toBe(1)
    client.release()
    giveUp.abort(new Error('gave up'))
    expect(await outcome(waiting)).toBe('gave up')
    expect(await logged()).toEqual([])
  })

  test('a connection that was lost before COMMIT was sent is no unknown commit', async () => {
    const pool = makePool()
    let attempts = 0
    await pool.transaction(
      async (tx) => {
        attempts += 1
        const { rows } = await tx.query('SELECT pg_backend_pid() AS pid')
        await tx.query(INSERT, [String(attempts)])
        if (attempts > 1) return
        await admin.query('SELECT pg_terminate_backend($1)', [rows[0].pid])
        await expect.poll(() => outcome(tx.query('SELECT 1'))).not.toBe('done')
      },
      { retry: { on: ['connection'], baseMs: 1 } },
    )
    expect(await logged()).toEqual(['2'])
  })

  test('the time limit of the pool holds', async () => {
    const pool = makePool({ query_timeout: 1_000 })
    expect(await outcome(pool.transaction((tx) => tx.query('SELECT pg_sleep(600)')))).toBe(
      'Query read timeout',
    )
    expect((await pool.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
    expect(pool.stats()).toMatchObject({ created: 1, closed: 0 })
  })
})

describe('an interruption', () => {
  test('after the answer does nothing', async () => {
    const pool = makePool()
    const dirty: unknown[] = []
    pool.on('pool:dirty-release', (event) => dirty.push(event))
    for (let round = 0; round < 10; round += 1) {
      await pool.transaction(async (tx) => {
        const client = await tx.client()
        const giveUp = new AbortController()
        await client.query({ text: 'SELECT 1', signal: giveUp.signal } as pg.QueryConfig)
        giveUp.abort()
        await tx.query('SELECT pg_sleep(0.005)')
      })
    }
    expect(dirty).toEqual([])
  })

  test('of a statement does not reach the next one', async () => {
    const pool = makePool()
    for (let round = 0; round < 20; round += 1) {
      await pool.transaction(async (tx) => {
        const giveUp = new AbortController()
        const given = tx.query({ text: 'SELECT 1', signal: giveUp.signal } as pg.QueryConfig)
        giveUp.abort(new Error('gave up'))
        await outcome(given)
        for (let wait = 0; wait < round; wait += 1) await turn()
        await tx.query('SELECT pg_sleep(0.005)')
      })
    }
  })

  test('of a statement that waits in line takes it out of the line', async () => {
    const pool = makePool()
    const client = await pool.connect()
    const giveUp = new AbortController()
    const running = client.query('SELECT pg_sleep(1)')
    const queued = client.query({
      text: "INSERT INTO log VALUES ('aborted')",
      signal: giveUp.signal,
    } as pg.QueryConfig)
    const late = client.query({ text: "INSERT INTO log VALUES ('late')", query_timeout: 5 } as pg.QueryConfig)
    const last = client.query("INSERT INTO log VALUES ('last')")
    giveUp.abort(new Error('gave up'))
    expect(await outcome(queued)).toBe('gave up')
    expect(await outcome(late)).toBe('Query read timeout')
    expect(await outcome(running)).toBe('done')
    await last
    client.release()
    expect(await logged()).toEqual(['last'])
  })

  test('with a callback works, too', async () => {
    const pool = makePool()
    const client = await pool.connect()
    const told = await new Promise<Error>((resolve) => {
      ;(client.query as (...args: unknown[]) => void)(
        { text: 'SELECT pg_sleep(600)', query_timeout: 30 },
        resolve,
      )
    })
    expect(told.message).toBe('Query read timeout')
    client.release()
    expect((await pool.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
  })
})

test('a ride that was given up is not done later', async () => {
  const clock = new FakeClock()
  const pool = makePool({ size: 4, query_timeout: 40, laneStallMs: 500 }, clock)
  await warmUp(pool, WRITE)
  await admin.query('BEGIN')
  await admin.query('UPDATE items SET n = 0 WHERE id = 500')
  const { rideLockWaits } = pool.stats()
  const asking = Promise.all(
    [pool.query(WRITE, [1]), pool.query(WRITE, [500]), pool.query(WRITE, [2])].map(outcome),
  )
  await clock.advance(41)
  const asked = await asking
  expect(asked[1]).toBe('Query read timeout')
  await expect.poll(() => pool.stats().rideLockWaits).toBe(rideLockWaits + 1)
  await admin.query('COMMIT')
  await expect.poll(() => pool.stats().busy).toBe(0)
  expect((await admin.query('SELECT n FROM items WHERE id = 500')).rows).toEqual([{ n: 0 }])
})

test('types of parameters follow the columns', async () => {
  const pool = makePool()
  await admin.query('CREATE TABLE widening (id int)')
  await pool.query('INSERT INTO widening VALUES ($1)', [1])
  await admin.query('ALTER TABLE widening ALTER id TYPE bigint')
  await pool.query('INSERT INTO widening VALUES ($1)', ['3000000000'])
  expect((await pool.query('SELECT count(*)::int AS n FROM widening')).rows).toEqual([{ n: 2 }])
})

describe('new connections', () => {
  test('whose listener sends many statements, one after the other, are waited for', async () => {
    const pool = makePool()
    pool.on('connect', (client) => {
      void (async () => {
        for (const n of [1, 2, 3, 4, 5]) await client.query(`SET application_name = 'step ${n}'`)
      })()
    })
    expect((await pool.query('SHOW application_name')).rows).toEqual([{ application_name: 'step 5' }])
  })

  test('give answers to whom they belong, also to an onConnect that is not awaited', async () => {
    const answers: unknown[] = []
    const pool: Pool = makePool({
      onConnect: (client) => {
        void (async () => {
          await client.query("SELECT 'first' AS v")
          answers.push((await client.query("SELECT 'second' AS v")).rows[0])
        })()
      },
    })
    expect((await pool.query('SELECT 7 AS n')).rows).toEqual([{ n: 7 }])
    expect(answers).toEqual([{ v: 'second' }])
  })

  test('that onConnect leaves in a transaction begin outside of it', async () => {
    const pool = makePool({ onConnect: (client) => client.query('BEGIN') })
    await pool.query(INSERT, ['kept'])
    expect(await logged()).toEqual(['kept'])
  })
})

test('nobody waits for ever when the pool ends while the server has no room', async () => {
  const role = `single_${database.name}`
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'single' CONNECTION LIMIT 1`)
  const url = new URL(database.url)
  url.username = role
  url.password = 'single'
  const pool = makePool({ connectionString: url.href, size: 3 })
  const held = await pool.connect()
  const waiting = [pool.connect(), pool.query('SELECT 1')].map(outcome)
  await expect.poll(() => pool.stats().connectFailures).toBeGreaterThan(0)
  held.release(true)
  await pool.end({ timeoutMs: 1_000 })
  for (const one of await Promise.all(waiting)) expect(one).toMatch(/done|HF_POOL_ENDED|53300/)
  await admin.query(`DROP ROLE ${role}`)
})

function fail(): never {
  throw new Error('serialiser')
}
