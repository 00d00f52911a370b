import { AsyncResource } from 'node:async_hooks'
import pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import { FakeClock } from '../../src/testing/index.ts'
import { useDatabase } from '../support/database.ts'
import { usePools } from '../support/pools.ts'
import { createItems, READ, warmUp, WRITE } from '../support/riding.ts'

const database = useDatabase('empty')
const makePool = usePools(database, { size: 6, overflow: 0 })

beforeAll(() => createItems(database.url))

/** Somebody else holds the lock on a row, until the returned function is called. */
async function lock(id: number): Promise<() => Promise<void>> {
  const somebody = new pg.Client(database.url)
  await somebody.connect()
  await somebody.query('BEGIN')
  await somebody.query(WRITE, [id])
  return () => somebody.end()
}

describe('riding', () => {
  test('many statements share few connections, and each gets its own answer', async () => {
    const pool = makePool({ size: 20 }, new FakeClock())
    await warmUp(pool, 'SELECT $1::int AS n')
    const before = pool.stats()
    const numbers = Array.from({ length: 500 }, (_, n) => n)
    const answers = await Promise.all(numbers.map((n) => pool.query('SELECT $1::int AS n', [n])))
    expect(answers.map(({ rows }) => rows[0].n)).toEqual(numbers)
    const { rides, lanes } = pool.stats()
    expect(rides - before.rides).toBe(numbers.length)
    expect(lanes).toBeLessThanOrEqual(4)
  })

  test('one caller alone needs no lane', async () => {
    const pool = makePool()
    for (let id = 1; id <= 50; id += 1) await pool.query(READ, [id])
    expect(pool.stats()).toMatchObject({ rides: 0, lanes: 0, created: 1 })
  })

  test('a lane without work becomes an ordinary connection again, with its own settings', async () => {
    const pool = makePool({ options: '-c lock_timeout=7s' })
    await warmUp(pool, READ)
    await expect.poll(() => pool.stats().lanes).toBe(0)
    const { idle, total } = pool.stats()
    expect(idle).toBe(total)
    const clients = await Promise.all(Array.from({ length: total }, () => pool.connect()))
    for (const client of clients) {
      expect((await client.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '7s' }])
      client.release()
    }
  })

  test('off means off', async () => {
    const pool = makePool({ pipelining: 'off' })
    await Promise.all(Array.from({ length: 100 }, (_, id) => pool.query(READ, [id])))
    expect(pool.stats()).toMatchObject({ rides: 0, lanes: 0 })
  })

  test('a client class of its own is used as it is', async () => {
    const texts: unknown[] = []
    class Watched extends pg.Client {
      override query: pg.Client['query'] = ((...args: unknown[]) => {
        texts.push(args[0])
        return (pg.Client.prototype.query as (...all: unknown[]) => unknown).apply(this, args)
      }) as never
    }
    const pool = makePool({ Client: Watched })
    await Promise.all(Array.from({ length: 20 }, (_, id) => pool.query(READ, [id])))
    expect(texts.length).toBeGreaterThanOrEqual(20)
    expect(pool.stats().rides).toBe(0)
  })

  test('an idle lane makes room for somebody who wants a whole connection', async () => {
    const pool = makePool({ size: 1 })
    await warmUp(pool, READ)
    const client = await pool.connect()
    expect(pool.stats()).toMatchObject({ lanes: 0, busy: 1 })
    client.release()
    expect((await pool.query(READ, [1])).rows).toHaveLength(1)
  })

  test('statements without end do not keep a caller from its connection', async () => {
    const pool = makePool({ size: 1 })
    await warmUp(pool, READ)
    const done = new AbortController()
    const riders = Array.from({ length: 8 }, async () => {
      while (!done.signal.aborted) await pool.query(READ, [1])
    })
    for (let round = 0; round < 20; round += 1) {
      const client = await pool.connect()
      await client.query('SELECT 1')
      client.release()
    }
    done.abort()
    await Promise.all(riders)
    expect(pool.stats().waiting).toBe(0)
  })

  test('who waits for a lane is refused when its time is over', async () => {
    const clock = new FakeClock()
    const pool = makePool({ size: 1, acquireTimeoutMs: 300 }, clock)
    await warmUp(pool, READ)
    const client = await pool.connect()
    const waiting = Promise.allSettled([1, 2, 3].map((id) => pool.query(READ, [id])))
    await clock.advance(301)
    for (const one of await waiting)
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'HF_POOL_ACQUIRE_TIMEOUT' } })
    client.release()
    expect((await pool.query(READ, [1])).rows).toHaveLength(1)
  })

  test('the end of the pool serves who waits', async () => {
    const pool = makePool({ size: 2 })
    await warmUp(pool, READ)
    const last = Array.from({ length: 500 }, (_, id) => pool.query(READ, [id + 1]))
    const ended = pool.end()
    for (const { rows } of await Promise.all(last)) expect(rows).toHaveLength(1)
    await ended
  })
})

describe('locks', () => {
  test('a transaction that asks through the pool, behind a neighbour that waits for its lock, goes on', async () => {
    const pool = makePool({ pipelining: { lanes: 1, depth: 64 } }, new FakeClock())
    await warmUp(pool, READ, WRITE)
    // As if the code inside the transaction were not known to be: then its statement rides the same lane.
    const unrelated = AsyncResource.bind((id: number) => pool.query(READ, [id]))
    const neighbours = AsyncResource.bind((id: number) => pool.query(WRITE, [id]))
    const { rides, rideLockWaits } = pool.stats()
    const neighbour = await pool.transaction(async (tx) => {
      await tx.query(WRITE, [7])
      const waits = neighbours(7)
      expect(pool.stats().laneDepths).toEqual([1])
      const own = unrelated(8)
      expect(pool.stats().laneDepths).toEqual([2])
      expect((await own).rows).toHaveLength(1)
      return { waits }
    })
    expect((await neighbour.waits).rowCount).toBe(1)
    expect(pool.stats()).toMatchObject({ rides: rides + 1, rideLockWaits: rideLockWaits + 1 })
  })

  test('inside a transaction the pool runs single statements alone, out of the way of what waits for it', async () => {
    const pool = makePool({}, new FakeClock())
    await warmUp(pool, READ)
    const { rides } = pool.stats()
    await pool.transaction(async (tx) => {
      await tx.query(WRITE, [13])
      await Promise.all([pool.query(READ, [1]), pool.query(READ, [2])])
    })
    expect(pool.stats().rides).toBe(rides)
    await Promise.all([pool.query(READ, [1]), pool.query(READ, [2])])
    expect(pool.stats().rides).toBe(rides + 2)
  })

  test('a statement that meets a lock runs on a connection of its own; those behind it go on at once', async () => {
    const pool = makePool({ pipelining: { lanes: 1, depth: 64 }, laneStallMs: 30 }, new FakeClock())
    await warmUp(pool, READ, WRITE)
    const letGo = await lock(9)
    const before = pool.stats().rideLockWaits
    let isBlockedDone = false
    const blocked = pool.query(WRITE, [9]).then((result) => {
      isBlockedDone = true
      return result
    })
    const followers = await Promise.all([1, 2, 3, 4, 5].map((id) => pool.query(READ, [id])))
    expect(followers.every(({ rows }) => rows.length === 1)).toBe(true)
    await expect.poll(() => pool.stats().rideLockWaits).toBe(before + 1)
    expect(isBlockedDone).toBe(false)
    await letGo()
    expect((await blocked).rowCount).toBe(1)
  })

  test("the caller's own lock_timeout decides how long it waits", async () => {
    const pool = makePool({ options: '-c lock_timeout=200ms' })
    await warmUp(pool, READ, WRITE)
    const letGo = await lock(10)
    const since = performance.now()
    await expect(pool.query(WRITE, [10])).rejects.toMatchObject({ code: '55P03' })
    expect(performance.now() - since).toBeGreaterThanOrEqual(199)
    await letGo()
  })

  test('what meets locks again and again stops riding', async () => {
    // What it learns, it learns from time; here four hundred milliseconds are a lot on any machine.
    const pool = makePool({ size: 20, slowStatementMs: 100, laneStallMs: 400 })
    await warmUp(pool, READ, WRITE)
    const letGo = await lock(11)
    const { rideLockWaits } = pool.stats()
    const alone = (): number => {
      const { busy, laneDepths } = pool.stats()
      return busy - laneDepths.filter((depth) => depth > 0).length
    }
    const blocked = []
    for (let sent = 1; sent <= 8; sent += 1) {
      blocked.push(pool.query(WRITE, [11]))
      await expect.poll(alone).toBe(sent)
    }
    const met = pool.stats().rideLockWaits - rideLockWaits
    expect(met).toBeGreaterThanOrEqual(1)
    expect(met).toBeLessThanOrEqual(3)
    await letGo()
    await Promise.all(blocked)
  })

  test('NOWAIT, SKIP LOCKED and advisory locks of transactions behave as anywhere', async () => {
    const pool = makePool()
    await warmUp(pool, READ)
    const letGo = await lock(12)
    const nowait = 'SELECT n FROM items WHERE id = $1 FOR UPDATE NOWAIT'
    for (let round = 0; round < 3; round += 1)
      await expect(pool.query(nowait, [12])).rejects.toMatchObject({ code: '55P03' })
    for (let round = 0; round < 3; round += 1)
      expect(
        (await pool.query('SELECT n FROM items WHERE id = $1 FOR UPDATE SKIP LOCKED', [12])).rows,
      ).toEqual([])
    expect((await pool.query('SELECT pg_try_advisory_xact_lock($1) AS got', [1])).rows).toEqual([
      { got: true },
    ])
    await letGo()
  })
})

describe('prepared statements', () => {
  test('survive a change of what they return', async () => {
    const pool = makePool()
    await pool.query('CREATE TABLE shifting (id int PRIMARY KEY, a int); INSERT INTO shifting VALUES (1, 1)')
    const text = 'SELECT * FROM shifting WHERE id = $1'
    await warmUp(pool, text)
    expect((await pool.query(text, [1])).rows).toEqual([{ id: 1, a: 1 }])
    await pool.query("ALTER TABLE shifting ADD COLUMN b text DEFAULT 'new'")
    const answers = await Promise.all(Array.from({ length: 40 }, () => pool.query(text, [1])))
    for (const { rows } of answers) expect(rows).toEqual([{ id: 1, a: 1, b: 'new' }])
    await pool.query('ALTER TABLE shifting RENAME COLUMN a TO renamed')
    expect((await pool.query(text, [1])).rows).toEqual([{ id: 1, renamed: 1, b: 'new' }])
    await pool.query('DROP TABLE shifting')
    await expect(pool.query(text, [1])).rejects.toMatchObject({ code: '42P01' })
    await pool.query('CREATE TABLE shifting (id text); INSERT INTO shifting VALUES (1)')
    expect((await pool.query(text, ['1'])).rows).toEqual([{ id: '1' }])
  })

  test('are prepared afresh when a holder threw them away', async () => {
    const pool = makePool({ size: 1 })
    for (const discard of ['DEALLOCATE ALL', 'DISCARD ALL', "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"]) {
      await warmUp(pool, READ)
      const client = await pool.connect()
      await client.query(discard)
      client.release()
      const answers = await Promise.all([1, 2, 3, 4].map((id) => pool.query(READ, [id])))
      for (const { rows } of answers) expect(rows, discard).toHaveLength(1)
    }
  })

  test('are bounded on each connection; the least recently used leave', async () => {
    const pool = makePool({ size: 1, preparedLimit: 5 })
    await warmUp(pool, READ)
    const texts = Array.from({ length: 30 }, (_, n) => `SELECT $1::int + ${n} AS n`)
    for (let round = 0; round < 3; round += 1)
      for (const [n, text] of texts.entries())
        expect((await pool.query(text, [1])).rows).toEqual([{ n: n + 1 }])
    const client = await pool.connect()
    const { rows } = await client.query('SELECT count(*)::int AS n FROM pg_prepared_statements')
    client.release()
    expect(rows[0].n).toBeGreaterThan(0)
    expect(rows[0].n).toBeLessThanOrEqual(5)
  })

  test('prepare: false keeps none', async () => {
    const pool = makePool({ size: 1, prepare: false })
    await warmUp(pool, READ)
    await Promise.all([1, 2, 3].map((id) => pool.query({ name: 'mine', text: READ, values: [id] })))
    const client = await pool.connect()
    expect((await client.query('SELECT name FROM pg_prepared_statements')).rows).toEqual([])
    client.release()
  })

  test('a first Parse that fails gives everybody the real error', async () => {
    const pool = makePool()
    await warmUp(pool, READ)
    await pool.query('CREATE TABLE later (id int)')
    const text = 'SELECT id FROM later WHERE id = $1'
    for (let round = 0; round < 3; round += 1) await pool.query(text, [1])
    await pool.query('DROP TABLE later')
    const failures = await Promise.allSettled(Array.from({ length: 60 }, () => pool.query(text, [1])))
    for (const one of failures) expect(one).toMatchObject({ status: 'rejected', reason: { code: '42P01' } })
  })
})

test('a value whose serialiser throws or asks the pool itself disturbs nobody', async () => {
  const pool = makePool()
  await warmUp(pool, READ)
  const bad = {
    toPostgres() {
      throw new Error('cannot be sent')
    },
  }
  const meddling = {
    toPostgres() {
      void pool.query(READ, [2])
      return '3'
    },
  }
  const answers = await Promise.allSettled([
    pool.query(READ, [1]),
    pool.query(READ, [bad]),
    pool.query('SELECT $1::int AS n', [meddling]),
    pool.query(READ, [4]),
  ])
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
  expect(answers[1]).toMatchObject({ reason: { message: 'cannot be sent' } })
})

test('the stack of a failed statement leads to whoever awaited it', async () => {
  const pool = makePool()
  await warmUp(pool, READ)
  async function placeOrder(): Promise<void> {
    await pool.query('SELECT 1 / $1::int', [0])
  }
  for (let round = 0; round < 3; round += 1) {
    const error = await placeOrder().catch((failure: unknown) => failure)
    expect((error as Error).stack).toContain('placeOrder')
  }
})
