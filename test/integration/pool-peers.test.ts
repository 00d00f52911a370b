/** What users of other pools and drivers met, on ours: each with what pg.Pool does, which is right. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { spawn } from 'node:child_process'
import { tracingChannel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import pg from 'pg'
import Cursor from 'pg-cursor'
import { from as copyFrom } from 'pg-copy-streams'
import QueryStream from 'pg-query-stream'
import { Registry } from 'prom-client'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Pool, type PoolConfig, QUERY_CHANNEL } from '../../src/pool/index.ts'
import { registerPools } from '../../src/prometheus/index.ts'
import { FakeClock } from '../../src/testing/index.ts'
import { queryAt, useDatabase } from '../support/database.ts'

const database = useDatabase('empty')
const pools: Pool[] = []
const poolWith = (options: PoolConfig & Record<string, unknown> = {}): Pool => {
  const pool = new Pool({ connectionString: database.url, ...options })
  pools.push(pool)
  return pool
}
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.end()))
})

describe('memory', () => {
  test('of texts is bounded by their length, too', async () => {
    const pool = poolWith({ max: 1 })
    for (let number = 0; number < 30; number += 1)
      await pool.query(`SELECT ${number}, length('${'x'.repeat(90_000 + number)}')`)
    for (let number = 0; number < 5; number += 1)
      await pool.query(`SELECT ${number}, length('${'x'.repeat(300_000)}')`)
    for (let number = 0; number < 80; number += 1)
      await pool.query(`SELECT ${number}, length('${'y'.repeat(99_000)}')`)
    const kept = pool.statements().map(({ text }) => text.length)
    expect(kept.reduce((sum, length) => sum + length, 0)).toBeLessThanOrEqual(8_000_000)
    expect(Math.max(...kept)).toBeLessThanOrEqual(100_000)
    expect(kept.length).toBeGreaterThan(50)
  })
})

describe('cursors, streams and query objects', () => {
  test('are told of and counted as any statement', async () => {
    const told: string[] = []
    const subscriber = { start: (message: unknown) => void told.push((message as { text: string }).text) }
    const channel = tracingChannel(QUERY_CHANNEL)
    channel.subscribe(subscriber as never)
    const pool = poolWith({ max: 2 })
    const cursor = pool.query(new Cursor('SELECT 1 AS by_cursor'))
    expect(await cursor.read(5)).toEqual([{ by_cursor: 1 }])
    await cursor.close()
    for await (const row of pool.query(new QueryStream('SELECT 1 AS by_stream')))
      expect(row).toEqual({ by_stream: 1 })
    const client = await pool.connect()
    await client.query('CREATE TEMP TABLE copied (a int)')
    const copy = client.query(copyFrom('COPY copied FROM STDIN'))
    copy.end('1\n')
    await once(copy, 'finish')
    await new Promise((resolve) =>
      client.query(new pg.Query('SELECT 1 AS by_object', resolve as never) as never),
    )
    await new Promise((resolve) =>
      client.query(new pg.Query('SELECT nothing AS failing', resolve as never) as never),
    )
    client.release()
    channel.unsubscribe(subscriber as never)
    for (const part of ['by_cursor', 'by_stream', 'COPY copied', 'by_object', 'failing']) {
      expect(
        told.filter((text) => text.includes(part)),
        part,
      ).toHaveLength(1)
      const figures = pool.statements().find(({ text }) => text.includes(part))
      expect(figures, part).toMatchObject({ calls: 1, errors: part === 'failing' ? 1 : 0 })
    }
  })

  test('without a connection their reader is told, and nobody else', async () => {
    const refused = poolWith({ connectionString: 'postgresql://nobody@127.0.0.1:1/nothing', max: 1 })
    await expect(refused.query(new Cursor('SELECT 1')).read(1)).rejects.toThrow(/ECONNREFUSED/)
    const full = poolWith({ max: 1, connectionTimeoutMillis: 50 })
    const client = await full.connect()
    const waiting = full.query(new Cursor('SELECT 1'))
    await expect(waiting.read(1)).rejects.toMatchObject({ code: 'HF_POOL_ACQUIRE_TIMEOUT' })
    await expect(waiting.read(1)).rejects.toMatchObject({ code: 'HF_POOL_ACQUIRE_TIMEOUT' })
    client.release()
    const ended = poolWith({ max: 1 })
    await ended.end()
    await expect(ended.query(new Cursor('SELECT 1')).read(1)).rejects.toMatchObject({ code: 'HF_POOL_ENDED' })
    const stream = ended.query(new QueryStream('SELECT 1'))
    await expect(once(stream, 'error').then(([error]) => (error as { code: string }).code)).resolves.toBe(
      'HF_POOL_ENDED',
    )
  })
})

test('timers that a test puts in the place of the real ones stop no answer', async () => {
  const pool = poolWith({ max: 1 })
  pool.on('connect', (client) => void client.query("SET application_name = 'x'"))
  vi.useFakeTimers({ toFake: ['setImmediate', 'setTimeout', 'clearTimeout', 'performance', 'setInterval'] })
  try {
    expect((await pool.query('SELECT 1 AS x')).rows).toEqual([{ x: 1 }])
    expect(
      (await Promise.all([1, 2, 3].map((n) => pool.query('SELECT $1::int AS x', [n])))).map(
        ({ rows }) => rows[0],
      ),
    ).toEqual([{ x: 1 }, { x: 2 }, { x: 3 }])
  } finally {
    vi.useRealTimers()
  }
})

test('a client that its holder has ended is given to nobody', async () => {
  for (const order of ['end first', 'release first', 'with one who waits']) {
    const pool = poolWith({ max: 1 })
    const client = await pool.connect()
    const waits = order === 'with one who waits' ? pool.query('SELECT 1 AS x') : undefined
    if (order === 'release first') client.release()
    void (client as unknown as pg.Client).end()
    if (order !== 'release first') client.release()
    expect((await (waits ?? pool.query('SELECT 1 AS x'))).rows, order).toEqual([{ x: 1 }])
  }
})

describe('an error', () => {
  type On = { query(text: string): Promise<unknown> }
  async function theCaller(on: On, text: string): Promise<unknown> {
    const answer = await on.query(text)
    return answer
  }
  const stackOf = (failing: Promise<unknown>): Promise<string> =>
    failing.then(
      () => 'it did not fail',
      (error: Error) => error.stack ?? '',
    )

  test('leads to whoever asked: pool, held client, first and later statements of a transaction', async () => {
    const pool = poolWith()
    expect(await stackOf(theCaller(pool, 'SELECT nope'))).toContain('theCaller')
    const client = await pool.connect()
    expect(await stackOf(theCaller(client as never, 'SELECT nope'))).toContain('theCaller')
    client.release()
    for (const before of [[], ['SELECT 1'], ['CREATE TEMP TABLE x (n int)']]) {
      const failing = pool.transaction(async (tx) => {
        for (const text of before) await tx.query(text)
        await theCaller(tx, 'SELECT nope')
      })
      expect(await stackOf(failing), before.join()).toContain('theCaller')
    }
  })

  test('is one for each caller of a connection that is lost', async () => {
    const pool = poolWith({ max: 1 })
    const text = 'SELECT $1::int AS n, (SELECT count(*) FROM generate_series(1, 300)) AS c'
    for (let call = 0; call < 5; call += 1) await pool.query(text, [call])
    await Promise.all([1, 2, 3].map((n) => pool.query(text, [n])))
    const asked = Array.from({ length: 3_000 }, (_, n) =>
      pool.query(text, [n]).then(
        () => undefined,
        (error: Error) => error,
      ),
    )
    await queryAt(
      database.url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database() AND application_name = 'holdfast'`,
    )
    const errors = (await Promise.all(asked)).filter((error) => error !== undefined)
    expect(errors.length).toBeGreaterThan(1)
    expect(new Set(errors).size).toBe(errors.length)
    for (const error of errors) expect(error).toBeInstanceOf(Error)
  })

  test('of an idle client names it, without printing it', async () => {
    const pool = poolWith({ max: 1 })
    const told = once(pool, 'error')
    const client = await pool.connect()
    client.release()
    client.emit('error', new Error('x'))
    const [error] = (await told) as [Error & { client: unknown }]
    expect(error.client).toBe(client)
    expect(Object.keys(error)).not.toContain('client')
  })

  test('of waiting blames checkouts only where there are some, in words of pg', async () => {
    const silent = (await import('node:net')).createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as { port: number }
    const opening = poolWith({
      connectionString: `postgresql://u@127.0.0.1:${port}/d`,
      max: 1,
      connectionTimeoutMillis: 100,
      connectTimeoutMs: 500,
    })
    await expect(opening.query('SELECT 1')).rejects.toThrow(
      /timeout exceeded when trying to connect.*opening one takes too long/,
    )
    silent.close()
    const full = poolWith({ max: 1, connectionTimeoutMillis: 50 })
    const client = await full.connect()
    await expect(full.connect()).rejects.toThrow(/timeout exceeded when trying to connect.*not released/)
    client.release()
  })
})

test('echo runs where its caller is', async () => {
  const where = new AsyncLocalStorage<string>()
  const seen: Record<string, string | undefined> = {}
  const pool = poolWith({ max: 1, echo: ({ text }: { text: string }) => (seen[text] = where.getStore()) })
  for (const id of ['one', 'two', 'three']) await where.run(id, () => pool.query(`SELECT '${id}' AS id`))
  await where.run('four', () => pool.transaction((tx) => tx.query("SELECT 'four' AS id")))
  await where.run('five', async () => {
    using client = await pool.connect()
    await client.query("SELECT 'five' AS id")
  })
  for (const id of ['one', 'two', 'three', 'four', 'five']) expect(seen[`SELECT '${id}' AS id`]).toBe(id)
})

describe('as with pg.Pool', () => {
  test('a statement is called by its name alone, a function is none', async () => {
    const pool = poolWith({ max: 1 })
    await pool.query({ name: 'named', text: 'SELECT $1::int AS n', values: [1] })
    expect((await pool.query({ name: 'named', values: [2] } as never)).rows).toEqual([{ n: 2 }])
    const told = await new Promise<Error>((resolve) => void pool.query(resolve as never))
    expect(told.message).toContain('not supported')
  })

  test.each([
    [{ max: '5' }, { max: 5, size: 5, overflow: 0 }],
    [{ max: Number.NaN }, { size: 10 }],
    [{ max: null }, { size: 10 }],
    [{ max: 0 }, { size: 10 }],
    [{ idleTimeoutMillis: '1000' }, { idleTimeoutMs: 1_000 }],
    [{ idleTimeoutMillis: null }, { idleTimeoutMs: 0 }],
    [{ connectionTimeoutMillis: '5000' }, { acquireTimeoutMs: 5_000 }],
    [{ maxLifetimeSeconds: '60' }, { recycleMs: 60_000 }],
    [
      { min: '2', max: 4 },
      { min: 2, size: 4 },
    ],
  ] as [object, object][])('%j is taken', (given, inForce) => {
    expect(poolWith(given as never).options).toMatchObject(inForce)
  })

  test.each([{ max: 'many' }, { idleTimeoutMillis: 'soon' }, { connectionTimeoutMillis: {} }])(
    '%j is refused',
    (given) => {
      expect(() => new Pool({ connectionString: database.url, ...(given as never as object) })).toThrow(
        expect.objectContaining({ code: 'HF_OPTION_INVALID' }),
      )
    },
  )

  test('a password that was rotated and another maximum count; anything else is refused aloud', async () => {
    const { username } = new URL(database.url)
    const role = `rotating_${database.name.slice(-8)}`
    await queryAt(database.url, `CREATE ROLE ${role} LOGIN PASSWORD 'first'`)
    const url = new URL(database.url)
    url.username = role
    url.password = 'first'
    const pool = poolWith({ connectionString: url.href, max: 1 })
    expect((await pool.query('SELECT current_user AS me')).rows).toEqual([{ me: role }])
    await queryAt(database.url, `ALTER ROLE ${role} PASSWORD 'second'`)
    pool.options.password = 'second'
    pool.options.max = 2
    const two = await Promise.all([pool.connect(), pool.connect()])
    for (const client of two) client.release()
    const sibling = pool.sibling({ size: 1, overflow: 0, allowExitOnIdle: true })
    expect((await sibling.query('SELECT current_user AS me')).rows).toEqual([{ me: role }])
    await sibling.end()
    expect([pool.options.password, pool.options.max, pool.stats().size]).toEqual(['second', 2, 2])
    expect(JSON.stringify(pool.options)).not.toContain('"password"')
    const sloppy = new Function('options', 'options.idleTimeoutMillis = 5') as (options: object) => void
    expect(() => sloppy(pool.options)).toThrow(expect.objectContaining({ code: 'HF_POOL_OPTION_FIXED' }))
    expect(() => {
      pool.options.max = 0
    }).toThrow(expect.objectContaining({ code: 'HF_POOL_OPTION_FIXED' }))
    await pool.end()
    await queryAt(database.url, `DROP ROLE ${role}`)
    expect(username).not.toBe(role)
  })

  test('as many as min stay open however long they are idle', async () => {
    const clock = new FakeClock()
    const pool = new Pool({ connectionString: database.url, max: 4, min: 2, idleTimeoutMillis: 1_000 }, clock)
    const clients = await Promise.all([1, 2, 3, 4].map(() => pool.connect()))
    for (const client of clients) client.release()
    expect(pool.totalCount).toBe(4)
    await clock.advance(2_000)
    await vi.waitFor(() => expect(pool.totalCount).toBe(2), { timeout: 30_000 })
    await clock.advance(60_000)
    expect([pool.totalCount, pool.stats().closing]).toEqual([2, 0])
    await pool.end()
  })

  test('a class whose connect knows only a callback is waited for', async () => {
    class Client extends pg.Client {}
    const { connect } = pg.Client.prototype as { connect: (callback?: unknown) => unknown }
    Object.assign(Client.prototype, {
      connect(this: pg.Client, callback?: unknown) {
        if (typeof callback !== 'function') throw new TypeError('a callback is needed')
        connect.call(this, callback)
      },
    })
    expect((await poolWith({ max: 1, Client }).query('SELECT 1 AS x')).rows).toEqual([{ x: 1 }])
  })

  test('the process exits at once after statements that rode together', async () => {
    const { href } = new URL('../../src/pool/index.ts', import.meta.url)
    const code = `
      const { Pool } = await import(${JSON.stringify(href)})
      const pool = new Pool({ connectionString: process.argv[1], max: 3, allowExitOnIdle: true })
      for (let i = 0; i < 3; i += 1) await pool.query('SELECT $1::int', [i])
      await Promise.all(Array.from({ length: 10 }, (_, i) => pool.query('SELECT $1::int', [i])))
      process.on('exit', () => {
        const { rides, lanes } = pool.stats()
        console.log(JSON.stringify({ rode: rides > 0, lanes }))
      })`
    const child = spawn(process.execPath, ['--input-type=module', '-e', code, database.url])
    let out = ''
    child.stdout.on('data', (chunk) => (out += String(chunk)))
    expect(await once(child, 'exit')).toEqual([0, null])
    // Before the lane went back to the pool, a second after its last statement.
    expect(JSON.parse(out)).toEqual({ rode: true, lanes: 1 })
  })
})

test('transactions that do not say are as the pool is', async () => {
  const isolationOf = (pool: Pool, options = {}): Promise<string> =>
    pool.transaction(
      async (tx) => (await tx.query('SHOW transaction_isolation')).rows[0].transaction_isolation as string,
      options,
    )
  expect(await isolationOf(poolWith())).toBe('read committed')
  const pool = poolWith({ isolation: 'serializable' })
  expect(await isolationOf(pool)).toBe('serializable')
  expect(await isolationOf(pool, { isolation: 'read committed' })).toBe('read committed')
})

test('settings of the pool go with options in the URL', async () => {
  const url = new URL(database.url)
  url.searchParams.set('options', '-c work_mem=7MB')
  const pool = poolWith({ connectionString: url.href, jitOff: true, planCacheMode: 'force_custom_plan' })
  expect(
    (
      await pool.query(
        `SELECT current_setting('jit') AS jit, current_setting('work_mem') AS mem, current_setting('plan_cache_mode') AS mode`,
      )
    ).rows,
  ).toEqual([{ jit: 'off', mem: '7MB', mode: 'force_custom_plan' }])
  expect(pool.isConnected).toBe(true)
  await pool.end()
  expect(pool.isConnected).toBe(false)
})

test('a generic plan that is a hundred times slower is given up by itself', async () => {
  await queryAt(
    database.url,
    `CREATE TABLE things (id int PRIMARY KEY, kind text);
    INSERT INTO things SELECT n, CASE WHEN n <= 20 THEN 'rare' ELSE 'common' END FROM generate_series(1, 200000) n;
    CREATE INDEX ON things (kind); ANALYZE things`,
  )
  const pool = poolWith({ max: 1 })
  const ask = (kind: string) =>
    pool.query('SELECT id FROM things WHERE kind = $1 ORDER BY id DESC LIMIT 20', [kind])
  for (let call = 0; call < 8; call += 1) await ask('common')
  const before = Number(
    (await queryAt(database.url, "SELECT pg_stat_get_tuples_returned('things'::regclass) AS n"))[0]?.n,
  )
  for (let call = 0; call < 20; call += 1) expect((await ask('rare')).rows).toHaveLength(20)
  await pool.end()
  await vi.waitFor(
    async () => {
      const [row] = await queryAt(
        database.url,
        "SELECT pg_stat_get_tuples_fetched('things'::regclass) + pg_stat_get_tuples_returned('things'::regclass) AS n",
      )
      // A generic plan walks through two hundred thousand of them each time.
      expect(Number(row?.n) - before).toBeLessThan(8 * 200_000)
    },
    { timeout: 30_000 },
  )
})

test('a counter has one name in OpenMetrics', async () => {
  const registry = new (Registry as unknown as new (type: string) => Registry)(
    Registry.OPENMETRICS_CONTENT_TYPE,
  )
  registerPools(registry, poolWith())
  const lines = (await registry.metrics()).split('\n')
  expect(lines.filter((line) => line.includes('_total_total'))).toEqual([])
  expect(lines).toContainEqual(expect.stringMatching(/^holdfast_pool_rides_total\{/))
  expect(lines).toContainEqual(expect.stringMatching(/^# TYPE holdfast_pool_rides counter/))
})
