/** What code that was written for pg.Pool expects of a pool. */
import { createRequire } from 'node:module'
import pg from 'pg'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { describe, expect, test } from 'vitest'
import { Pool } from '../../src/pool/index.ts'
import { useDatabase } from '../support/database.ts'
import { usePools } from '../support/pools.ts'

const database = useDatabase('empty')
const makePool = usePools(database)
const require = createRequire(import.meta.url)

const SERIES = 'SELECT n FROM generate_series(1, $1::int) AS n'

describe('it is one', () => {
  test('to the compiler and to instanceof', () => {
    const pool: pg.Pool = makePool()
    expect(pool).toBeInstanceOf(pg.Pool)
    expect(pool).toBeInstanceOf(require('pg-pool'))
    expect(pool).toBeInstanceOf(Pool)
    expect(Object.keys(pool)).not.toContain('_clients') // its constructor did not run
  })

  test('with its counters and options', async () => {
    const pool = makePool({ max: 3, idleTimeoutMillis: 5_000, maxLifetimeSeconds: 60, allowExitOnIdle: true })
    expect(pool.options).toMatchObject({
      max: 3,
      idleTimeoutMillis: 5_000,
      maxLifetimeSeconds: 60,
      maxUses: Number.POSITIVE_INFINITY,
      allowExitOnIdle: true,
    })
    expect(pool).toMatchObject({
      totalCount: 0,
      idleCount: 0,
      waitingCount: 0,
      expiredCount: 0,
      ending: false,
    })
    const client = await pool.connect()
    expect(pool).toMatchObject({ totalCount: 1, idleCount: 0 })
    client.release()
    expect(pool).toMatchObject({ totalCount: 1, idleCount: 1 })
  })

  test('with options that are given and undefined, as configuration objects have them', async () => {
    const pool = makePool({
      max: undefined,
      idleTimeoutMillis: null,
      min: 1,
      ssl: undefined,
      Client: undefined,
    })
    expect((await pool.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
  })

  test('with its events, in its order', async () => {
    const pool = makePool({ max: 1 })
    const told: string[] = []
    for (const event of ['connect', 'acquire', 'release', 'remove'] as const)
      pool.on(event, () => told.push(event))
    const client = await pool.connect()
    client.release()
    ;(await pool.connect()).release(new Error('broken'))
    await expect.poll(() => told).toEqual(['connect', 'acquire', 'release', 'acquire', 'release', 'remove'])
  })

  test('verify and onConnect see each new connection first, and may refuse it', async () => {
    const told: string[] = []
    const pool = makePool({
      onConnect: () => void told.push('onConnect'),
      verify: (client, done) => {
        told.push('verify')
        client.query('SELECT 1', (error: Error | null) => done(error ?? undefined))
      },
    })
    await pool.query('SELECT 1')
    expect(told).toEqual(['onConnect', 'verify'])
    const refusing = makePool({ verify: (_client, done) => done(new Error('not this one')) })
    await expect(refusing.query('SELECT 1')).rejects.toThrow('not this one')
    expect(refusing.totalCount).toBe(0)
  })
})

describe('callbacks', () => {
  test('get text, values, objects; never before the call has returned', async () => {
    const pool = makePool()
    const call = (...args: unknown[]): Promise<unknown> =>
      new Promise((resolve, reject) => {
        let hasReturned = false
        const callback = (error: Error | undefined, result: pg.QueryResult): void => {
          if (!hasReturned) reject(new Error('too early'))
          else if (error) reject(error)
          else resolve(result.rows)
        }
        ;(pool.query as (...all: unknown[]) => unknown)(...args, callback)
        hasReturned = true
      })
    expect(await call('SELECT 1 AS n')).toEqual([{ n: 1 }])
    expect(await call('SELECT $1::int AS n', [2])).toEqual([{ n: 2 }])
    expect(await call({ text: 'SELECT $1::int AS n', values: [3] })).toEqual([{ n: 3 }])
    expect(await call({ text: 'SELECT $1::int AS n' }, [4])).toEqual([{ n: 4 }])
    await expect(call('SELECT nonsense')).rejects.toMatchObject({ code: '42703' })
    await pool.end()
    await expect(call('SELECT 1')).rejects.toMatchObject({ code: 'HF_POOL_ENDED' })
  })

  test('of connect get the client and how to give it back', async () => {
    const pool = makePool({ max: 1 })
    await new Promise<void>((resolve, reject) => {
      pool.connect((error, client, done) => {
        if (error || !client) return reject(error)
        client.query('SELECT 1', (failure: Error | null) => {
          done()
          if (failure) reject(failure)
          else resolve()
        })
      })
    })
    expect(pool.idleCount).toBe(1)
  })
})

describe("the driver's query objects", () => {
  test('a query with a callback, and one with events', async () => {
    const pool = makePool({ max: 1 })
    const rows = await new Promise((resolve, reject) => {
      pool.query(
        new pg.Query('SELECT 1 AS n', (error, result) => (error ? reject(error) : resolve(result.rows))),
      )
    })
    expect(rows).toEqual([{ n: 1 }])
    const seen: unknown[] = []
    const query = pool.query(new pg.Query({ text: SERIES, values: [3] }))
    query.on('row', (row) => seen.push(row))
    await new Promise((resolve) => query.on('end', resolve))
    expect(seen).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
    await expect.poll(() => pool.idleCount).toBe(1)
  })

  test('a stream has its connection until it ends, fails or is destroyed', async () => {
    const pool = makePool({ max: 1 })
    let sum = 0
    for await (const row of pool.query(new QueryStream(SERIES, [1_000]))) sum += (row as { n: number }).n
    expect(sum).toBe(500_500)
    const destroyed = pool.query(new QueryStream(SERIES, [1_000_000]))
    for await (const _row of destroyed) break
    const failing = pool.query(new QueryStream('SELECT 1 / $1::int AS n', [0]))
    await expect(async () => {
      for await (const _row of failing) {
        // nothing comes
      }
    }).rejects.toMatchObject({ code: '22012' })
    expect((await pool.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
    expect(pool.stats()).toMatchObject({ created: 1, busy: 0 })
  })

  test('a cursor reads on until it is closed', async () => {
    const pool = makePool({ max: 1 })
    const cursor = pool.query(new Cursor(SERIES, [10]))
    expect(await cursor.read(4)).toHaveLength(4)
    expect(await cursor.read(4)).toHaveLength(4)
    await cursor.close()
    expect((await pool.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
  })

  test('are told when there is no connection for them', async () => {
    const pool = makePool()
    await pool.end()
    const error = await new Promise((resolve) => {
      pool.query(new pg.Query('SELECT 1', (failure) => resolve(failure)))
    })
    expect(error).toMatchObject({ code: 'HF_POOL_ENDED' })
  })
})

test('using gives everything back', async () => {
  let kept: Pool
  {
    await using pool = makePool({ max: 1 })
    kept = pool
    {
      using client = await pool.connect()
      await client.query('BEGIN')
    }
    expect((await pool.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
  }
  expect(kept.ended).toBe(true)
})
