/** Pools that share a budget, and what a pool says about its own size. */
import { expect, test } from 'vitest'
import { ConnectionBudget, type PooledClient } from '../../src/pool/index.ts'
import { useDatabase } from '../support/database.ts'
import { usePools } from '../support/pools.ts'

const makePool = usePools(useDatabase('empty'))

test('two pools never have more than their budget, and each always gets its own size', async () => {
  const budget = new ConnectionBudget(6)
  const web = makePool({ budget, name: 'web', size: 2, overflow: 10 })
  const jobs = makePool({ budget, name: 'jobs', size: 2, overflow: 10 })
  const held: PooledClient[] = []
  for (let index = 0; index < 4; index += 1) held.push(await web.connect())
  const fifth = web.connect()
  // The two that are promised to the other are not taken, although nobody uses them.
  expect(web.stats()).toMatchObject({ total: 4, waiting: 1 })
  held.push(await jobs.connect(), await jobs.connect())
  const third = jobs.connect()
  expect(jobs.stats()).toMatchObject({ total: 2, waiting: 1 })
  expect(budget.claimed).toBe(6)
  held[0]?.release()
  held.push(await fifth)
  held[1]?.release(true)
  held.push(await third)
  expect(web.stats().total + jobs.stats().total).toBeLessThanOrEqual(6)
  for (const client of held.slice(2)) client.release()
})

test('what one pool has idle above its size goes to the one that needs it', async () => {
  const budget = new ConnectionBudget(4)
  const web = makePool({ budget, size: 1, overflow: 3, overflowIdleMs: 3_600_000 })
  const jobs = makePool({ budget, size: 1, overflow: 3 })
  const clients = await Promise.all([web.connect(), web.connect(), web.connect()])
  for (const client of clients) client.release()
  expect(web.stats()).toMatchObject({ idle: 3 })
  const others = await Promise.all([jobs.connect(), jobs.connect(), jobs.connect()])
  expect(web.stats()).toMatchObject({ total: 1 })
  expect(jobs.stats()).toMatchObject({ busy: 3 })
  for (const client of others) client.release()
})

test('a hundred callers of each are all served, whatever the budget', async () => {
  const budget = new ConnectionBudget(5)
  const pools = [
    makePool({ budget, size: 1, overflow: 8 }),
    makePool({ budget, size: 1, overflow: 8 }),
    makePool({ budget, size: 2, overflow: 0 }),
  ]
  let most = 0
  await Promise.all(
    Array.from({ length: 300 }, (_, index) =>
      pools[index % 3]?.transaction(async (tx) => {
        most = Math.max(
          most,
          pools.reduce((sum, pool) => sum + pool.stats().total, 0),
        )
        await tx.query('SELECT pg_sleep(0.001)')
      }),
    ),
  )
  expect(most).toBeLessThanOrEqual(5)
  expect(most).toBeGreaterThan(3)
})

test('a caller gets what another pool gives back above its size, at once', async () => {
  const budget = new ConnectionBudget(4)
  const web = makePool({ budget, size: 1, overflow: 3, overflowIdleMs: 3_600_000 })
  const jobs = makePool({ budget, size: 1, overflow: 3 })
  const busy = await Promise.all([web.connect(), web.connect(), web.connect()])
  using _first = await jobs.connect()
  const second = jobs.connect()
  for (const client of busy) client.release()
  ;(await second).release()
  expect(web.stats().total).toBeLessThan(3)
})

test('a pool that cannot be made takes nothing of the budget, and only whole numbers are one', () => {
  const budget = new ConnectionBudget(6)
  const wrong = { size: 6, budget, sslMode: 'verify-full', sslRootCert: '/nowhere' } as const
  expect(() => makePool(wrong)).toThrow(/sslRootCert/)
  expect(budget.claimed).toBe(0)
  for (const none of [0, 2.5, Number.NaN, '5' as never])
    expect(() => new ConnectionBudget(none)).toThrow(/whole number/)
})

test('a budget that is too small for the sizes is refused, and an ended pool gives its part back', async () => {
  const budget = new ConnectionBudget(5)
  const first = makePool({ budget, size: 3 })
  expect(() => makePool({ budget, size: 3 })).toThrow(/budget of 5 connections cannot hold 2 pools/)
  await first.end()
  makePool({ budget, size: 5 })
})

test('a pool that may ask for more than the server gives says so once, with the sum', async () => {
  const told: string[] = []
  const pool = makePool({ size: 100, overflow: 100, processes: 4 })
  pool.on('pool:too-large', ({ arithmetic }) => told.push(arithmetic))
  await pool.query('SELECT 1')
  await expect.poll(() => told).toHaveLength(1)
  expect(told[0]).toMatch(
    /^\(100 \+ 100\) connections x 4 processes = 800, and the server gives \d+ \(max_connections/,
  )
  await pool.query('SELECT 1')
  expect(told).toHaveLength(1)
})

test('advice is founded on what was wanted, and on what the server gives', async () => {
  const pool = makePool({ size: 4, overflow: 2 })
  await Promise.all(Array.from({ length: 5 }, () => pool.query('SELECT pg_sleep(0.01)')))
  const advice = await pool.advise()
  expect(advice).toMatchObject({ size: 4, overflow: 2, isFounded: false, fit: { wanted: 6, fits: true } })
})

test('advice does not wait for a pool that is drained, and leaves nobody waiting', async () => {
  const pool = makePool()
  await pool.drain()
  expect(await pool.advise()).toMatchObject({ isFounded: false, fit: undefined })
  expect(pool.stats()).toMatchObject({ waiting: 0, acquireTimeouts: 0 })
})

test('statements that ride count as use', async () => {
  const pool = makePool({ size: 2, overflow: 0 })
  await pool.query('SELECT $1::int AS n', [0])
  await Promise.all(Array.from({ length: 300 }, (_, n) => pool.query('SELECT $1::int AS n', [n])))
  const { reasons } = await pool.advise()
  expect(Number(/and (\d+) checkouts and rides/.exec(reasons[0] ?? '')?.[1])).toBeGreaterThan(300)
})

test('activity names who holds, who waits and what leaked', async () => {
  const pool = makePool({ size: 1, overflow: 0, leakThresholdMs: 20 })
  const client = await pool.connect()
  await client.query('SELECT 42 AS answer')
  const waiting = pool.query('SELECT 43')
  expect(pool.activity()).toMatchObject({
    isDrained: false,
    holders: [{ lastText: 'SELECT 42 AS answer', callSite: expect.stringContaining('pool-sizing.test.ts') }],
    waiters: [{ text: 'SELECT 43' }],
    leaks: [],
  })
  await expect.poll(() => pool.activity().leaks).toMatchObject([{ returnedAfterMs: undefined, isLeak: true }])
  client.release()
  await waiting
  expect(pool.activity().leaks).toMatchObject([{ returnedAfterMs: expect.any(Number) }])
  await pool.drain()
  expect(pool.activity()).toMatchObject({ isDrained: true, holders: [], lanes: [] })
  pool.resume()
})
