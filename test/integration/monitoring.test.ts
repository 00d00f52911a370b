import { beforeAll, describe, expect, test } from 'vitest'
import { type Finding, type Found, readIdentity } from '../../src/monitor/index.ts'
import { blockedStatements } from '../../src/monitor/checks/blocked-statements.ts'
import { describeIdle, readIdleInTransaction } from '../../src/monitor/checks/idle-in-transaction.ts'
import { poolUse } from '../../src/monitor/checks/pool-use.ts'
import { Pool } from '../../src/pool/index.ts'
import { serveAdmin } from '../../src/admin/index.ts'
import { type AdminClient, TEST_OPTIONS, useAdminServer } from '../support/admin-server.ts'
import { installSchema } from '../../src/migrate/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'
import { startServer } from '../support/servers.ts'

/** Of this database alone: others of the same server need theirs. */
const FORGET =
  'SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = current_database()'

removeScratchAfterwards()
const database = useDatabase()
const client = useAdminServer(database)
let pool: Pool
beforeAll(() => {
  pool = client().pool
})
const ask = async <T>(path: string): Promise<T> =>
  (await client().get(`/v1/database${path}`, client().bearer('viewer'))).json() as Promise<T>
const get: AdminClient['get'] = (path, headers) => client().get(path, headers)

interface SlowQueries {
  state: string
  since: string | null
  remedy: { action: string; sql: string | null } | null
  data: { id: string | null; query: string | null; calls: number; share_percent: number; mean_ms: number }[]
}

describe('slow queries', () => {
  test('say how to get them while there are none, and name the most expensive once there are', async () => {
    expect(await ask<SlowQueries>('/monitoring/slow-queries')).toMatchObject({
      state: 'not created',
      remedy: { sql: 'CREATE EXTENSION pg_stat_statements;' },
      data: [],
    })
    await pool.query('CREATE EXTENSION pg_stat_statements')
    // Another limit is another reading: what was told a moment ago is kept for two seconds.
    await ask('/monitoring/slow-queries?limit=49')
    for (let call = 0; call < 3; call += 1) await pool.query('SELECT pg_sleep($1)', [0.05])
    await pool.query("CREATE ROLE somebody_of_the_test PASSWORD 'hunter2'")
    await pool.query('DROP ROLE somebody_of_the_test')
    const recent = await ask<SlowQueries>('/monitoring/slow-queries?window=recent&limit=48')
    const slept = recent.data.find(({ query }) => query === 'SELECT pg_sleep($1)')
    expect(slept).toMatchObject({ calls: 3 })
    expect(slept?.mean_ms).toBeGreaterThan(49)
    const shares = recent.data.map((one) => one.share_percent)
    expect(shares).toEqual(shares.toSorted((a, b) => b - a))
    expect(Date.parse(recent.since ?? '')).toBeLessThanOrEqual(Date.now())
    const all = await ask<SlowQueries>('/monitoring/slow-queries?window=reset&limit=5000')
    expect(all.data.length).toBeGreaterThan(recent.data.length)
    expect(JSON.stringify([recent, all])).not.toContain('hunter2')
    expect((await ask<SlowQueries>('/monitoring/slow-queries?window=reset&limit=2')).data).toHaveLength(2)
  })

  test('of others are counted for a role without the right, and not shown', async () => {
    await pool.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements')
    await pool.query('CREATE ROLE narrow_of_the_test')
    const narrow = new Pool({ connectionString: database.url, options: '-c role=narrow_of_the_test' })
    const server = await serveAdmin({ pool: narrow }, TEST_OPTIONS, scratch('state'))
    try {
      const response = await fetch(`${server.url}/v1/database/monitoring/slow-queries?window=reset`, {
        headers: { authorization: `Bearer ${server.admin.createToken('viewer')}` },
      })
      const { data } = (await response.json()) as SlowQueries
      expect(data.find(({ id }) => id === null)).toMatchObject({ query: null, calls: expect.any(Number) })
      expect(JSON.stringify(data)).not.toContain('pg_sleep')
    } finally {
      await server.close()
      await narrow.end()
      await pool.query('DROP ROLE narrow_of_the_test')
    }
  })

  test('begin anew with a reset, and are never negative', async () => {
    await pool.query('SELECT pg_sleep($1)', [0.3])
    await ask('/monitoring/slow-queries?limit=41')
    await pool.query(FORGET)
    for (let call = 0; call < 5; call += 1) await pool.query('SELECT pg_sleep($1)', [0])
    const { data } = await ask<SlowQueries>('/monitoring/slow-queries?limit=42')
    const slept = data.find(({ query }) => query === 'SELECT pg_sleep($1)')
    expect(slept?.calls).toBe(5)
    for (const { mean_ms: mean, share_percent: share } of data) {
      expect(mean).toBeGreaterThanOrEqual(0)
      expect(share).toBeGreaterThanOrEqual(0)
      expect(share).toBeLessThanOrEqual(100)
    }
  })
})

describe('looking', () => {
  test('waits for no lock, takes nothing from the pool, and is given up', async () => {
    const holder = await pool.connect()
    await holder.query('BEGIN; LOCK TABLE pg_stat_statements IN ACCESS EXCLUSIVE MODE')
    const before = pool.stats().busy
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        get(`/v1/database/monitoring/slow-queries?window=reset&limit=${100 + n}`, client().bearer('viewer')),
      ),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]))
    expect(await answers[0]?.json()).toMatchObject({ code: 'HF_MONITOR_BUSY' })
    expect(pool.stats()).toMatchObject({ busy: before, waiting: 0 })
    expect((await get('/health')).status).toBe(200)
    await holder.query('ROLLBACK')
    holder.release()
  })

  test('goes on while the pool is used up, and says so', async () => {
    const small = new Pool({ connectionString: database.url, size: 2, overflow: 0 })
    const server = await serveAdmin({ pool: small }, TEST_OPTIONS, scratch('state'))
    const held = [await small.connect(), await small.connect()]
    const waiting = small.query('SELECT 1')
    try {
      const headers = { authorization: `Bearer ${server.admin.createToken('viewer')}` }
      const summary = await (await fetch(`${server.url}/v1/database/monitoring/summary`, { headers })).json()
      expect((summary as { findings: Finding[] }).findings).toContainEqual(
        expect.objectContaining({
          check: 'pool-use',
          severity: 'error',
          message: expect.stringContaining('2 of 2'),
        }),
      )
      expect((await fetch(`${server.url}/health`)).status).toBe(200)
    } finally {
      for (const one of held) one.release()
      await waiting
      await server.close()
      await small.end()
    }
  })
})

describe('the summary', () => {
  interface Summary {
    score: number
    findings: Finding[]
    good: string[]
  }

  test('finds nothing in a database that is well', async () => {
    // On a server of its own: what is told of a server is anybody's doing.
    const own = await startServer()
    const { url } = await createTestDatabase(own.url, 'template1')
    await installSchema(url, 'holdfast', {})
    const alone = new Pool({ connectionString: url })
    await alone.query('CREATE EXTENSION pg_stat_statements')
    const server = await serveAdmin({ pool: alone }, TEST_OPTIONS, scratch('state'))
    try {
      const headers = { authorization: `Bearer ${server.admin.createToken('viewer')}` }
      const answer = await fetch(`${server.url}/v1/database/monitoring/summary`, { headers })
      const { score, findings, good } = (await answer.json()) as Summary
      expect(findings).toEqual([])
      expect(score).toBe(100)
      expect(good).toContain('nobody waits for a lock')
    } finally {
      await server.close()
      await alone.end()
      await own.stop()
    }
  })

  test('is one examination for everyone who asks at the same time', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => ask<{ timestamp: string }>('/monitoring/summary')))
    expect(new Set(answers.map(({ timestamp }) => timestamp)).size).toBe(1)
  })
})

describe('the checks', () => {
  const context = async () => ({
    db: pool,
    identity: await readIdentity(pool),
    schema: 'holdfast',
    migrations: undefined,
    connectionLimit: 30,
  })

  test('name who holds the lock that others wait for, behind a queue of waiters', async () => {
    await pool.query('CREATE TABLE queued (n int)')
    const [holder, first, second] = [await pool.connect(), await pool.connect(), await pool.connect()]
    const { rows } = await holder.query('SELECT pg_backend_pid() AS pid')
    await holder.query("SET application_name = 'billing'; BEGIN; LOCK TABLE queued IN ACCESS EXCLUSIVE MODE")
    const waits = [first.query('LOCK TABLE queued IN SHARE MODE'), second.query('SELECT * FROM queued')]
    waits[0]?.catch(() => {}) // LOCK TABLE outside a transaction is refused once it gets there
    let findings: Found[] | null = []
    await expect
      .poll(async () => (findings = await blockedStatements.run(await context())), {
        timeout: 60_000,
        interval: 100,
      })
      .toHaveLength(1)
    expect(findings[0]).toMatchObject({
      severity: 'warning',
      subject: `pid ${rows[0].pid}`,
      message: expect.stringContaining('billing holds while it does nothing inside a transaction'),
      sql: `SELECT pg_terminate_backend(${rows[0].pid});`,
    })
    await holder.query("ROLLBACK; SET application_name = ''")
    await Promise.allSettled(waits)
    for (const one of [holder, first, second]) one.release()
    expect(await blockedStatements.run(await context())).toEqual([])
  })

  test('find a session that idles inside a transaction, worse with time', async () => {
    const idler = await pool.connect()
    await idler.query('BEGIN')
    const { rows } = await idler.query('SELECT pg_backend_pid() AS pid')
    // The API's own readings are in transactions, too, now and then.
    const idle = async (): Promise<unknown[]> =>
      (await readIdleInTransaction(pool, 0)).filter(({ pid }) => pid === rows[0].pid)
    expect(await idle()).toMatchObject([{ minutes: 0 }])
    await idler.query('ROLLBACK')
    idler.release()
    expect(await idle()).toEqual([])
    expect(describeIdle({ pid: 1, user: 'u', application: '', minutes: 14 }).severity).toBe('warning')
    expect(describeIdle({ pid: 1, user: 'u', application: '', minutes: 15 }).severity).toBe('error')
  })

  test.each([
    [23, 0, undefined],
    [24, 0, 'warning'],
    [27, 0, 'error'],
    [30, 5, 'error'],
  ])('a pool of 30 with %i in use and %i waiting: %s', async (busy, waiting, severity) => {
    const findings = await poolUse.run({
      ...(await context()),
      pool: { ...pool.stats(), size: 10, overflow: 20, busy, waiting },
    })
    expect(findings?.[0]?.severity).toBe(severity)
    expect(await poolUse.run(await context())).toBeNull()
  })
})

describe('the history', () => {
  interface History {
    pool: { from: string; step_seconds: number; series: Record<string, (number | null)[]> }
    database: { step_seconds: number; series: Record<string, (number | null)[]> }
  }

  test('grows by the second, and knows the pool and its statements', async () => {
    await pool.query('SELECT pg_sleep(0.02)')
    await expect
      .poll(
        async () => {
          const { pool: told } = await ask<History>('/monitoring/history')
          return told.series.statement_p99_ms?.some((value) => value !== null && value > 15)
        },
        { interval: 200 },
      )
      .toBe(true)
    const { pool: told, database: base } = await ask<History>('/monitoring/history')
    expect(told.step_seconds).toBe(1)
    expect(base.step_seconds).toBe(5)
    const lengths = new Set(Object.values(told.series).map(({ length }) => length))
    expect(lengths.size).toBe(1)
  })

  test('answers any span, coarser the longer ago it begins', async () => {
    const ago = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString()
    expect((await ask<History>(`/monitoring/history?from=${ago(0.5)}`)).pool.step_seconds).toBe(120)
    expect((await ask<History>(`/monitoring/history?from=${ago(300)}`)).pool.step_seconds).toBe(900)
    const future = await ask<History>(`/monitoring/history?from=${ago(-2)}&to=${ago(-1)}`)
    expect(future.pool.series.checked_out?.length ?? 0).toBeLessThanOrEqual(2)
    const backwards = await ask<History>(`/monitoring/history?from=${ago(0)}&to=${ago(1)}`)
    expect(backwards.pool.series.checked_out?.length ?? 0).toBeLessThanOrEqual(1)
    expect(
      (await get('/v1/database/monitoring/history?from=yesterday', client().bearer('viewer'))).status,
    ).toBe(400)
  })
})

test('the tables are listed by size, with their dead rows', async () => {
  const writer = await pool.connect()
  await writer.query('CREATE TABLE rotting (n int) WITH (autovacuum_enabled = off)')
  await writer.query('INSERT INTO rotting SELECT generate_series(1, 1000)')
  await writer.query('ANALYZE rotting')
  await writer.query('DELETE FROM rotting WHERE n <= 400')
  // A session that idles keeps what it counted for up to ten seconds.
  await writer.query('SELECT pg_stat_force_next_flush()')
  writer.release()
  interface Tables {
    data: { table: string; estimated_rows: number; dead_rows: number; total_bytes: number }[]
  }
  const rotting = async (): Promise<Tables['data'][number] | undefined> =>
    (await ask<Tables>('/tables?limit=5000')).data.find(({ table }) => table === 'rotting')
  await expect.poll(async () => (await rotting())?.dead_rows, { interval: 100 }).toBe(400)
  expect(await rotting()).toMatchObject({ estimated_rows: 1_000, total_bytes: expect.any(Number) })
  expect((await ask<Tables>('/tables?limit=1')).data).toHaveLength(1)
  expect((await get('/v1/database/tables?limit=0', client().bearer('viewer'))).status).toBe(400)
})
