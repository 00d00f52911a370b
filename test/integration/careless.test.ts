/** Callers who forget, do things twice, or in the wrong order. */
import { once } from 'node:events'
import pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { isHoldfastError } from '../../src/core/index.ts'
import { withLabel } from '../../src/pool/index.ts'
import { useDatabase } from '../support/database.ts'
import { usePools } from '../support/pools.ts'

const database = useDatabase('empty')
const makePool = usePools(database, { size: 1, overflow: 0, leakThresholdMs: 60_000 })

beforeAll(async () => {
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query('CREATE TABLE notes (id int PRIMARY KEY)')
  await client.end()
})

test('a transaction that was left open is rolled back, and its holder named', async () => {
  const pool = makePool()
  const told = once(pool, 'pool:dirty-release')
  async function leavesItOpen(): Promise<void> {
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('INSERT INTO notes VALUES (1)')
    client.release()
  }
  await withLabel('checkout', leavesItOpen)
  expect((await pool.query('SELECT * FROM notes')).rows).toEqual([])
  const [picture] = await told
  expect(picture).toMatchObject({ kept: true, label: 'checkout', lastText: 'INSERT INTO notes VALUES (1)' })
  expect(picture.callSite).toMatch(/leavesItOpen .*careless\.test\.ts/)
})

test('an error inside a transaction does not reach the next caller', async () => {
  const pool = makePool()
  const client = await pool.connect()
  await client.query('BEGIN')
  await client.query('SELECT nonsense').catch(() => {})
  client.release()
  expect((await pool.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
  expect(pool.stats()).toMatchObject({ created: 1, dirtyReleases: 1 })
})

test('a connection that is not given back is reported once, with who has it; and again when it comes back', async () => {
  const pool = makePool({ leakThresholdMs: 30 })
  const leaks: unknown[] = []
  pool.on('pool:leak', (picture) => leaks.push(picture))
  async function forgets(): Promise<pg.PoolClient> {
    const client = await pool.connect()
    await client.query('SELECT 42')
    return client
  }
  const client = await withLabel('nightly report', forgets)
  const [picture] = await once(pool, 'pool:leak')
  expect(picture).toMatchObject({ label: 'nightly report', lastText: 'SELECT 42' })
  expect(picture.callSite).toMatch(/forgets .*careless\.test\.ts/)
  expect(picture.heldMs).toBeGreaterThanOrEqual(30)
  const returned = once(pool, 'pool:leak-returned')
  client.release()
  expect((await returned)[0]).toMatchObject({ label: 'nightly report' })
  expect(leaks).toHaveLength(1)
  expect(pool.stats()).toMatchObject({ leaks: 1, busy: 0, created: 1 })
})

test('a statement that takes long is not a leak', async () => {
  const pool = makePool({ leakThresholdMs: 20 })
  const client = await pool.connect()
  await client.query('SELECT pg_sleep(0.2)')
  expect(pool.stats().leaks).toBe(0)
  client.release()
})

test('a leaked connection can be taken away; its holder then finds it closed', async () => {
  const pool = makePool({ leakThresholdMs: 20, onLeak: 'destroy' })
  const client = await pool.connect()
  await once(pool, 'remove')
  expect((await pool.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
  client.release()
  expect(pool.stats()).toMatchObject({ leaks: 1, created: 2, busy: 0 })
})

test('a client that is used after its release disturbs nobody, and is told on', async () => {
  const pool = makePool({ size: 2 })
  const told: { text: string; stack: string | undefined }[] = []
  pool.on('pool:used-after-release', (event) => told.push(event))
  const client = await pool.connect()
  client.release()
  async function usesItStill(): Promise<unknown> {
    return (await client.query('SELECT $1::int AS n', [7])).rows
  }
  const neighbours = Promise.all(
    Array.from({ length: 200 }, (_, n) => pool.query('SELECT $1::int AS n', [n])),
  )
  expect(await usesItStill()).toEqual([{ n: 7 }])
  for (const [n, { rows }] of (await neighbours).entries()) expect(rows).toEqual([{ n }])
  const byCallback = await new Promise((resolve, reject) => {
    client.query('SELECT 8 AS n', (error: Error | null, result: pg.QueryResult) =>
      error ? reject(error) : resolve(result.rows),
    )
  })
  expect(byCallback).toEqual([{ n: 8 }])
  expect(told.map(({ text }) => text)).toEqual(['SELECT $1::int AS n', 'SELECT 8 AS n'])
  expect(told[0]?.stack).toContain('usesItStill')

  const strict = makePool({ debug: true })
  const late = await strict.connect()
  late.release()
  await expect(async () => late.query('SELECT 1')).rejects.toMatchObject({
    code: 'HF_POOL_USED_AFTER_RELEASE',
  })
})

test('who holds a connection and waits for another is recognised, and both places are named', async () => {
  const pool = makePool({ acquireTimeoutMs: 100 })
  // The first connection may take longer than that to be made.
  await expect.poll(() => pool.query('SELECT 1').catch(() => undefined)).toBeDefined()
  const told = once(pool, 'pool:nested-checkout')
  async function outer(): Promise<unknown> {
    const client = await pool.connect()
    try {
      return await inner()
    } finally {
      client.release()
    }
  }
  const inner = async (): Promise<unknown> => pool.connect()
  const error = await outer().catch((failure: unknown) => failure)
  const [{ outer: holder, stack }] = await told
  expect(holder.callSite).toMatch(/outer .*careless\.test\.ts/)
  expect(stack).toMatch(/inner .*careless\.test\.ts/)
  expect(isHoldfastError(error) && error.code).toBe('HF_POOL_ACQUIRE_TIMEOUT')
  expect((error as Error).message).toMatch(/1 of 1\+0 connections are busy.*from outer /)
})

test('callers beside each other are not mistaken for callers inside each other', async () => {
  const pool = makePool({ size: 2 })
  const told: unknown[] = []
  pool.on('pool:nested-checkout', (event) => told.push(event))
  const work = async (): Promise<void> => {
    for (let round = 0; round < 5; round += 1) {
      const client = await pool.connect()
      await client.query('SELECT 1')
      client.release()
      await pool.transaction((tx) => tx.query('SELECT 1'))
    }
  }
  await Promise.all(Array.from({ length: 8 }, work))
  expect(told).toEqual([])
})

test('a changed search path stays with the connection unless a reset is asked for', async () => {
  const pool = makePool()
  const client = await pool.connect()
  await client.query('SET search_path = pg_catalog')
  client.release()
  expect((await pool.query('SHOW search_path')).rows).toEqual([{ search_path: 'pg_catalog' }])
  const careful = makePool({ resetOnRelease: true })
  const other = await careful.connect()
  await other.query(
    "SET search_path = pg_catalog; SET lock_timeout = '3s'; SELECT pg_advisory_lock(1); LISTEN x",
  )
  await other.query('CREATE TEMP TABLE left_behind (n int)')
  await other.query({ name: 'kept', text: 'SELECT $1::int', values: [1] })
  other.release()
  expect((await careful.query('SHOW search_path')).rows).toEqual([{ search_path: '"$user", public' }])
  expect((await careful.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '0' }])
  const { rows } = await careful.query(`SELECT
    (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS locks,
    (SELECT count(*)::int FROM pg_listening_channels()) AS channels,
    to_regclass('left_behind') AS temporary,
    (SELECT count(*)::int FROM pg_prepared_statements WHERE name = 'kept') AS prepared`)
  expect(rows).toEqual([{ locks: 0, channels: 0, temporary: null, prepared: 1 }])
})

test('the signal of a statement cancels it on the server', async () => {
  const pool = makePool()
  const giveUp = new AbortController()
  const reason = new Error('gave up')
  const slow = pool.query({ text: 'SELECT pg_sleep(600)', signal: giveUp.signal })
  await expect.poll(() => pool.stats().busy).toBe(1)
  const waiting = pool.query({ text: 'SELECT 1', signal: giveUp.signal })
  giveUp.abort(reason)
  await expect(slow).rejects.toBe(reason)
  await expect(waiting).rejects.toBe(reason)
  expect((await pool.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
  expect(pool.stats()).toMatchObject({ created: 1, closed: 0 })
  await expect(pool.query({ text: 'SELECT 1', signal: giveUp.signal })).rejects.toBe(reason)
})

test('a statement with a time limit is cancelled when it is over', async () => {
  const pool = makePool()
  const slow = pool.query({ text: 'SELECT pg_sleep(600)', query_timeout: 50 } as pg.QueryConfig)
  await expect(slow).rejects.toThrow('Query read timeout')
  expect((await pool.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
  expect(pool.stats()).toMatchObject({ created: 1, closed: 0 })
})

test('a pool that fills up is told of at four fifths, at nine tenths, and once when callers wait', async () => {
  const pool = makePool({ size: 10 })
  const told: unknown[] = []
  pool.on('pool:utilization', ({ level, busy }) => told.push([level, busy]))
  pool.on('pool:exhausted', ({ waiting, holders }) => told.push(['exhausted', waiting, holders.length]))
  const held = await Promise.all(Array.from({ length: 10 }, () => pool.connect()))
  const waiting = [pool.connect(), pool.connect()]
  expect(told).toEqual([
    [0.8, 8],
    [0.9, 9],
    ['exhausted', 1, 3],
  ])
  for (const client of held) client.release()
  for (const client of await Promise.all(waiting)) client.release()
  const again = await Promise.all(Array.from({ length: 8 }, () => pool.connect()))
  expect(told.at(-1)).toEqual([0.8, 8])
  for (const client of again) client.release()
})

test('a drained pool has no connection, lets callers wait, and goes on when told', async () => {
  const pool = makePool({ size: 4 })
  await Promise.all(Array.from({ length: 50 }, (_, n) => pool.query('SELECT $1::int AS n', [n])))
  const client = await pool.connect()
  await client.query('SELECT 1 AS held')
  const [holder] = await pool.drain({ timeoutMs: 30 })
  expect(holder?.lastText).toBe('SELECT 1 AS held')
  const drained = pool.drain()
  const waiting = [pool.query('SELECT 1 AS n'), pool.query('SELECT 1 AS n'), pool.connect()] as const
  client.release()
  expect(await drained).toEqual([])
  expect(pool.stats()).toMatchObject({ total: 0, waiting: 3 })
  pool.resume()
  const [first, second, third] = await Promise.all(waiting)
  expect([first.rows, second.rows]).toEqual([[{ n: 1 }], [{ n: 1 }]])
  third.release()
})
