import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { type Clock, isHoldfastError, type Queryable } from '../../src/core/index.ts'
import { Pool, type PoolConfig } from '../../src/pool/index.ts'
import { FakeClock, FaultProxy } from '../../src/testing/index.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase('empty')
const pools: Pool[] = []

function makePool(config: PoolConfig = {}, clock?: Clock): Pool {
  const pool = new Pool({ connectionString: database.url, ...config }, clock)
  pools.push(pool)
  return pool
}

afterEach(async () => {
  for (const pool of pools.splice(0)) {
    await pool.end({ timeoutMs: 0 })
    expect(pool.stats()).toMatchObject({ total: 0, waiting: 0 })
  }
})

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    return isHoldfastError(error) ? error.code : String((error as { code?: unknown }).code ?? error)
  }
  return 'no error'
}

const pidOf = async (db: Queryable): Promise<number> =>
  (await db.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid as number

describe('queries', () => {
  test('run with bound values, as rows, as arrays, named, and by callback', async () => {
    const pool = makePool()
    expect((await pool.query('SELECT $1::int + 1 AS sum', [41])).rows).toEqual([{ sum: 42 }])
    expect((await pool.query({ text: 'SELECT 1, 2', rowMode: 'array' })).rows).toEqual([[1, 2]])
    expect((await pool.query({ name: 'n', text: 'SELECT $1::text AS t', values: ['é'] })).rows).toEqual([
      { t: 'é' },
    ])
    const rows = await new Promise((resolve, reject) => {
      pool.query('SELECT $1::int AS n', [7], (error, result) =>
        error ? reject(error) : resolve(result.rows),
      )
    })
    expect(rows).toEqual([{ n: 7 }])
  })

  test('a failed statement does not cost the connection', async () => {
    const pool = makePool({ size: 1, overflow: 0 })
    const before = await pidOf(pool)
    expect(await codeOf(pool.query('SELECT nonsense'))).toBe('42703')
    expect(await pidOf(pool)).toBe(before)
    expect(pool.stats()).toMatchObject({ created: 1, closed: 0 })
  })

  test('are told to echo with text and time, never values', async () => {
    const echoed: string[] = []
    const pool = makePool({ echo: ({ text, failed }) => echoed.push(`${text} ${failed}`) })
    await pool.query('SELECT $1::text', ['a secret'])
    await pool.query('SELECT 1/0').catch(() => {})
    expect(echoed).toEqual(['SELECT $1::text false', 'SELECT 1/0 true'])
  })
})

describe('checkouts', () => {
  test('never exceed size plus overflow, and serve in order of arrival', async () => {
    const pool = makePool({ size: 2, overflow: 1 })
    const held = await Promise.all([pool.connect(), pool.connect(), pool.connect()])
    const order: number[] = []
    const waiting = [0, 1, 2, 3, 4].map(async (index) => {
      const client = await pool.connect()
      order.push(index)
      client.release()
    })
    expect(pool.stats()).toMatchObject({ total: 3, busy: 3, waiting: 5, overflowInUse: 1 })
    held[0]?.release()
    await Promise.all(waiting)
    expect(order).toEqual([0, 1, 2, 3, 4])
    for (const client of held.slice(1)) client.release()
    expect(pool.stats()).toMatchObject({ created: 3, busy: 0, waiting: 0, acquired: 8 })
  })

  test('a caller that waits too long is told what the pool looks like', async () => {
    const clock = new FakeClock()
    const pool = makePool({ size: 1, overflow: 0, acquireTimeoutMs: 2_000 }, clock)
    const client = await pool.connect()
    const refused = pool.connect().catch((failure: unknown) => failure)
    await clock.advance(2_001)
    const error = await refused
    expect(error).toMatchObject({
      code: 'HF_POOL_ACQUIRE_TIMEOUT',
      retryable: true,
      details: { size: 1, overflow: 0, busy: 1, waiting: 0 },
    })
    client.release()
    expect(await codeOf(pool.query('SELECT 1'))).toBe('no error')
  })

  test('a caller that gives up leaves the queue, and the others keep their order', async () => {
    const pool = makePool({ size: 1, overflow: 0 })
    const client = await pool.connect()
    const giveUp = new AbortController()
    const first = pool.connect({ signal: giveUp.signal })
    const second = pool.connect()
    giveUp.abort(new Error('changed my mind'))
    await expect(first).rejects.toThrow('changed my mind')
    client.release()
    ;(await second).release()
    await expect(pool.connect({ signal: giveUp.signal })).rejects.toThrow('changed my mind')
  })

  test('beyond the longest queue callers are refused at once', async () => {
    const pool = makePool({ size: 1, overflow: 0, maxWaiting: 1 })
    const client = await pool.connect()
    const waiting = pool.connect()
    expect(await codeOf(pool.connect())).toBe('HF_POOL_QUEUE_FULL')
    client.release()
    ;(await waiting).release()
  })

  test('give out the same client object for the same connection', async () => {
    const pool = makePool({ size: 1, overflow: 0 })
    const first = await pool.connect()
    first.release()
    const again = await pool.connect()
    expect(again).toBe(first)
    again.release()
  })

  test('a second release is ignored, and refused in debug mode', async () => {
    const pool = makePool({ size: 1, overflow: 0 })
    const { release } = await pool.connect()
    release()
    const next = await pool.connect()
    release()
    expect(pool.stats().busy).toBe(1)
    next.release()

    const strict = makePool({ debug: true })
    const client = await strict.connect()
    const giveBack = client.release
    giveBack()
    expect(() => giveBack()).toThrow(expect.objectContaining({ code: 'HF_POOL_RELEASED_TWICE' }))
  })

  test('release with an error closes the connection', async () => {
    const pool = makePool({ size: 1, overflow: 0 })
    const before = await pidOf(pool)
    const client = await pool.connect()
    client.release(new Error('broken'))
    expect(await pidOf(pool)).not.toBe(before)
  })

  test('by callback, never synchronously', async () => {
    const pool = makePool()
    let isSynchronous = true
    await new Promise<void>((resolve, reject) => {
      pool.connect((error, client, done) => {
        if (error) return reject(error)
        expect(isSynchronous).toBe(false)
        expect(client).toBeDefined()
        done()
        resolve()
      })
      isSynchronous = false
    })
    expect(pool.stats().busy).toBe(0)
  })
})

describe('coming back clean', () => {
  test('an open transaction is rolled back before the next caller', async () => {
    const pool = makePool({ size: 1, overflow: 0 })
    await pool.query('CREATE TABLE careless (n int)')
    const dirty = once(pool, 'pool:dirty-release')
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('INSERT INTO careless VALUES (1)')
    client.release()
    expect((await pool.query('SELECT count(*)::int AS n FROM careless')).rows).toEqual([{ n: 0 }])
    expect((await dirty)[0]).toMatchObject({ kept: true })
    expect(pool.stats()).toMatchObject({ created: 1, dirtyReleases: 1 })
  })

  test('a connection released with a query on its way serves nobody until it has ended', async () => {
    const pool = makePool({ size: 1, overflow: 0 })
    const client = await pool.connect()
    const slow = client.query("SELECT pg_sleep(0.05), 'mine' AS whose")
    client.release()
    expect((await pool.query("SELECT 'next' AS whose")).rows).toEqual([{ whose: 'next' }])
    expect((await slow).rows[0]).toMatchObject({ whose: 'mine' })
  })

  test('a failed transaction is rolled back too', async () => {
    const pool = makePool({ size: 1, overflow: 0 })
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('SELECT 1/0').catch(() => {})
    client.release()
    expect(await codeOf(pool.query('SELECT 1'))).toBe('no error')
  })
})

describe('connections', () => {
  test('that died while idle are found by the ping and replaced unseen', async () => {
    const pool = makePool({ size: 1, overflow: 0, prePingAfterIdleMs: 0 })
    const other = makePool()
    const pid = await pidOf(pool)
    await other.query('SELECT pg_terminate_backend($1)', [pid])
    expect(await pidOf(pool)).not.toBe(pid)
  })

  test('above the size are closed after being idle', async () => {
    const pool = makePool({ size: 1, overflow: 2, overflowIdleMs: 20 })
    const held = await Promise.all([pool.connect(), pool.connect(), pool.connect()])
    for (const client of held) client.release()
    await expect.poll(() => pool.stats().total).toBe(1)
  })

  test('are replaced when they have reached their age or their uses', async () => {
    const old = makePool({ size: 1, overflow: 0, recycleMs: 1 })
    const first = await pidOf(old)
    await expect.poll(() => pidOf(old)).not.toBe(first)
    const worn = makePool({ size: 1, overflow: 0, maxUses: 2 })
    const pids = [await pidOf(worn), await pidOf(worn), await pidOf(worn)]
    expect(pids[1]).toBe(pids[0])
    expect(pids[2]).not.toBe(pids[0])
  })

  test('are opened ahead when the pool is warm', async () => {
    const pool = makePool({ size: 3, warm: true })
    await expect.poll(() => pool.stats().idle).toBe(3)
  })

  test('are prepared by onConnect before anyone gets them', async () => {
    const pool = makePool({ onConnect: (client) => client.query("SET application_name = 'prepared'") })
    expect((await pool.query('SHOW application_name')).rows).toEqual([{ application_name: 'prepared' }])
  })

  test('that cannot be opened fail their caller with the driver error, and cost no slot', async () => {
    const pool = makePool({
      connectionString: 'postgresql://nobody:x@127.0.0.1:1/none',
      size: 1,
      overflow: 0,
    })
    for (let attempt = 0; attempt < 3; attempt += 1)
      expect(await codeOf(pool.query('SELECT 1'))).toBe('ECONNREFUSED')
    await expect.poll(() => pool.stats().total).toBe(0)
    expect(pool.stats()).toMatchObject({ connectFailures: 3, waiting: 0 })
  })
})

describe('connecting', () => {
  test('that the driver refuses before it begins leaves no caller and no slot behind', async () => {
    const pool = makePool({
      connectionString: `${database.url}?sslmode=verify-full&sslrootcert=/nowhere/ca.pem`,
      size: 2,
      overflow: 0,
    })
    const outcomes = await Promise.all([1, 2, 3].map(() => codeOf(pool.query('SELECT 1'))))
    expect(outcomes).toEqual(['ENOENT', 'ENOENT', 'ENOENT'])
    expect(pool.stats()).toMatchObject({ waiting: 0, total: 0, connectFailures: 3 })
  })

  test('that hangs holds no slot for longer than its limit, and nobody who could use an idle connection', async () => {
    let opened = 0
    const hang = (): Promise<void> => new Promise(() => {})
    const clock = new FakeClock()
    const pool = makePool(
      {
        size: 2,
        overflow: 0,
        prePingAfterIdleMs: 0,
        connectTimeoutMs: 3_000,
        onConnect: () => (++opened > 1 ? hang() : undefined),
      },
      clock,
    )
    const first = await pool.connect()
    const second = pool.connect() // opens the connection that hangs
    first.release()
    ;(await second).release()
    expect(pool.stats()).toMatchObject({ connecting: 1, idle: 1 })
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    expect(pool.stats().connectFailures).toBe(0)
    await clock.advance(3_001)
    await expect.poll(() => pool.stats()).toMatchObject({ connecting: 0, connectFailures: 1 })
  })

  test('that the server has no room for leaves callers in the queue for what comes back', async () => {
    const admin = makePool()
    const role = `narrow_${database.name}`
    await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'narrow' CONNECTION LIMIT 1`)
    const url = new URL(database.url)
    url.username = role
    url.password = 'narrow'
    const pool = makePool({ connectionString: url.href, size: 1, overflow: 1 })
    const held = await pool.connect()
    const refused = once(pool, 'pool:connect-failed')
    const waiting = pool.query('SELECT 1 AS one')
    expect((await refused)[0]).toMatchObject({ error: { code: '53300' } })
    held.release()
    expect((await waiting).rows).toEqual([{ one: 1 }])
    await pool.end()
    await admin.query(`DROP ROLE ${role}`)
  })

  test('to a network that forgot every connection costs one ping, not one for each', async () => {
    const { port } = new URL(database.url)
    const proxy = await FaultProxy.start({ host: '127.0.0.1', port: Number(port) })
    const pool = makePool({
      connectionString: proxy.through(database.url),
      size: 6,
      overflow: 6,
      prePingAfterIdleMs: 0,
      cleanupTimeoutMs: 300,
      acquireTimeoutMs: 60_000,
    })
    const held = await Promise.all([1, 2, 3, 4, 5, 6].map(() => pool.connect()))
    for (const client of held) client.release()
    proxy.freeze()
    const waiting = pool.query('SELECT 1 AS one')
    await expect.poll(() => pool.stats().pingFailures).toBe(1)
    await proxy.heal()
    expect((await waiting).rows).toEqual([{ one: 1 }])
    expect(pool.stats().pingFailures).toBe(1)
    await pool.end({ timeoutMs: 0 })
    await proxy.stop()
  })
})

describe('the end', () => {
  test('serves those who wait, then refuses, and leaves no session behind', async () => {
    const pool = makePool({ size: 1, overflow: 0, application_name: 'ending' })
    const client = await pool.connect()
    const waiting = pool.query('SELECT 1 AS n')
    const ended = pool.end()
    expect(await codeOf(pool.connect())).toBe('HF_POOL_ENDED')
    client.release()
    expect((await waiting).rows).toEqual([{ n: 1 }])
    await ended
    expect(pool).toMatchObject({ ended: true, ending: true, totalCount: 0 })
    const { rows } = await makePool().query(
      "SELECT 1 FROM pg_stat_activity WHERE application_name = 'ending' AND datname = current_database()",
    )
    expect(rows).toEqual([])
  })

  test('destroys what is not given back in time, and says so', async () => {
    const pool = makePool({ size: 1, overflow: 0 })
    const leaked = once(pool, 'pool:leaked-at-end')
    const client = await pool.connect()
    await pool.end({ timeoutMs: 20 })
    expect((await leaked)[0]).toMatchObject({ count: 1 })
    client.release()
    expect(pool.stats().total).toBe(0)
  })
})

test('health tells latency, or why not', async () => {
  expect(await makePool().health()).toMatchObject({ ok: true, reason: undefined })
  const unreachable = makePool({ connectionString: 'postgresql://nobody:x@127.0.0.1:1/none' })
  expect(await unreachable.health()).toMatchObject({
    ok: false,
    reason: expect.stringContaining('ECONNREFUSED'),
  })
  const busy = makePool({ size: 1, overflow: 0 })
  const client = await busy.connect()
  expect(await busy.health(30)).toMatchObject({ ok: false, reason: 'no answer within 30 ms' })
  client.release()
})

test('printing a pool shows no password', async () => {
  const { inspect } = await import('node:util')
  const pool = makePool()
  const { password } = new URL(database.url)
  expect(password.length).toBeGreaterThan(8)
  expect(inspect(pool, { depth: 10 })).not.toContain(password)
  expect(JSON.stringify(pool)).not.toContain(password)
})
