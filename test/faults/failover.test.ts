/** The pool when servers change roles: two real servers, one following the other. */
import { spawnSync } from 'node:child_process'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { connectFailure, Pool, type PoolConfig, retry } from '../../src/pool/index.ts'
import { FaultProxy } from '../../src/testing/index.ts'
import { type ReplicatedServer, startPair, urlOf } from '../support/replication.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
let primary: ReplicatedServer
let standby: ReplicatedServer
const pools: Pool[] = []

beforeAll(async () => {
  ;({ primary, standby } = await startPair(scratch('failover')))
  await primary.query('CREATE TABLE entries (id int PRIMARY KEY, writer int NOT NULL)')
  await standby.catchUpWith(primary)
})

afterAll(async () => {
  await standby.stop()
  await primary.stop()
})

afterEach(async () => {
  for (const pool of pools.splice(0)) {
    await pool.end({ timeoutMs: 0 })
    expect(pool.stats()).toMatchObject({ total: 0, waiting: 0 })
  }
})

function makePool(config: PoolConfig): Pool {
  const pool = new Pool({ size: 5, overflow: 0, ...config })
  pools.push(pool)
  return pool
}

const portOf = async (pool: Pool): Promise<number> =>
  (await pool.query('SELECT inet_server_port() AS port')).rows[0].port

test('target_session_attrs picks the server, whatever the order of the hosts', async () => {
  const both = [urlOf(standby.host, primary.host), urlOf(primary.host, standby.host)]
  for (const url of both) {
    for (const target of ['read-write', 'primary'])
      expect(await portOf(makePool({ connectionString: `${url}?target_session_attrs=${target}` }))).toBe(
        primary.port,
      )
    for (const targetSessionAttrs of ['standby', 'prefer-standby', 'read-only'] as const)
      expect(await portOf(makePool({ connectionString: url, targetSessionAttrs }))).toBe(standby.port)
  }
  expect(await portOf(makePool({ connectionString: both[0] as string }))).toBe(standby.port)
  expect(
    await portOf(makePool({ connectionString: urlOf(primary.host), targetSessionAttrs: 'prefer-standby' })),
  ).toBe(primary.port)
})

test('without pipelining, too', async () => {
  const url = `${urlOf(standby.host, primary.host)}?target_session_attrs=read-write`
  expect(await portOf(makePool({ connectionString: url, pipelining: 'off' }))).toBe(primary.port)
})

test('when no server will do, the error names each and why', async () => {
  const pool = makePool({
    connectionString: `${urlOf(standby.host, '127.0.0.1:1')}?target_session_attrs=read-write`,
    failoverMs: 0,
  })
  await expect(pool.query('SELECT 1')).rejects.toMatchObject({
    code: 'HF_CONNECT_NO_SERVER',
    retryable: true,
    message: expect.stringMatching(/is a standby.*127\.0\.0\.1:1: .*ECONNREFUSED/),
  })
  const single = makePool({ connectionString: standby.url, targetSessionAttrs: 'primary' })
  await expect(single.query('SELECT 1')).rejects.toMatchObject({ code: 'HF_CONNECT_NO_SERVER' })
})

test('a refused password is told at once, and not tried on every host', async () => {
  const url = urlOf(primary.host, standby.host).replace('only-for-tests', 'wrong')
  const failures: string[] = []
  const pool = makePool({ connectionString: url })
  pool.on('pool:connect-failed', ({ server }) => failures.push(server))
  await expect(pool.query('SELECT 1')).rejects.toMatchObject({ code: '28P01' })
  expect(failures).toEqual([primary.host])
})

test('a silent host costs its own short time limit', async () => {
  const silent = await FaultProxy.start({ host: '127.0.0.1', port: primary.port })
  silent.freeze()
  const pool = makePool({
    connectionString: urlOf(`127.0.0.1:${silent.port}`, primary.host),
    hostTimeoutMs: 2_000,
  })
  expect(await portOf(pool)).toBe(primary.port)
  expect(pool.stats().connectFailures).toBe(1)
  await silent.stop()
})

/** Writes one row after the other, each in a transaction; remembers what was acknowledged. */
class Writers {
  readonly acknowledged: number[] = []
  /** How often each row was attempted after its COMMIT was sent. */
  readonly unknown: number[] = []
  readonly unexpected: unknown[] = []
  lastAt = performance.now()
  #isOver = false
  #next = 1
  readonly #all: Promise<void>[]

  constructor(pool: Pool, count: number) {
    this.#all = Array.from({ length: count }, (_, writer) => this.#write(pool, writer))
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#all)
  }

  async #write(pool: Pool, writer: number): Promise<void> {
    while (!this.#isOver && !pool.ending) {
      const id = this.#next++
      try {
        await retry(
          () => pool.transaction((tx) => tx.query('INSERT INTO entries VALUES ($1, $2)', [id, writer])),
          { on: ['connection'], attempts: 600, maxDelayMs: 100 },
        )
        this.acknowledged.push(id)
        this.lastAt = performance.now()
      } catch (error) {
        const { code } = error as { code?: string }
        if (code === 'HF_COMMIT_UNKNOWN') this.unknown.push(id)
        else this.unexpected.push(error)
      }
    }
  }
}

test('the standby is promoted while everybody writes: the writes follow, and nothing acknowledged is lost', async () => {
  const pool = makePool({
    connectionString: `${urlOf(primary.host, standby.host)}?target_session_attrs=read-write`,
  })
  const writers = new Writers(pool, 8)
  await expect.poll(() => writers.acknowledged.length).toBeGreaterThan(200)
  const [former, next] = [primary, standby]
  await former.stop()
  await next.promote()
  const promoted = performance.now()
  await expect.poll(() => writers.lastAt > promoted).toBe(true)
  ;[primary, standby] = [next, former]
  former.follow(next)
  await former.start()
  const before = writers.acknowledged.length
  await expect.poll(() => writers.acknowledged.length).toBeGreaterThan(before + 200)
  await writers.stop()
  expect(writers.unexpected).toEqual([])
  const rows = await primary.query('SELECT id FROM entries')
  const stored = new Set(rows.map(({ id }) => id))
  expect(writers.acknowledged.filter((id) => !stored.has(id))).toEqual([])
  const doubtful = new Set(writers.unknown)
  const known = new Set(writers.acknowledged)
  expect([...stored].filter((id) => !known.has(id) && !doubtful.has(id))).toEqual([])
  // Nobody is left on the one that follows now.
  await expect
    .poll(() =>
      standby.query(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name = 'holdfast'`,
      ),
    )
    .toEqual([{ n: 0 }])
})

test('writes that meet a standby evict it, although its sessions live: the next goes to the other', async () => {
  const [wrong, right] = [standby.host, primary.host]
  const evicted: string[] = []
  const pool = makePool({ connectionString: urlOf(wrong, right) })
  pool.on('pool:server-evicted', ({ server }) => evicted.push(server))
  const write = (): Promise<unknown> => pool.query('INSERT INTO entries VALUES (-1, 0)')
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await expect(write()).rejects.toMatchObject({ code: '25006' })
    expect(pool.stats()).toMatchObject({ idle: 0 })
  }
  expect(evicted).toEqual([wrong])
  await write()
  expect(await portOf(pool)).toBe(primary.port)
})

test('a write in a read-only transaction on the primary is the application’s own mistake', async () => {
  const pool = makePool({ connectionString: primary.url })
  for (let attempt = 0; attempt < 4; attempt += 1) {
    const wrong = pool.transaction((tx) => tx.query('INSERT INTO entries VALUES (-1, 0)'), { readOnly: true })
    await expect(wrong).rejects.toMatchObject({ code: '25006' })
  }
  expect(pool.stats()).toMatchObject({ created: 1, idle: 1 })
})

test('an idle connection whose server takes no writes any more is found out before it is given out', async () => {
  const pool = makePool({
    connectionString: primary.url,
    targetSessionAttrs: 'read-write',
    prePingAfterIdleMs: 0,
  })
  await pool.query('SELECT 1')
  await primary.query('ALTER SYSTEM SET default_transaction_read_only = on')
  await primary.query('SELECT pg_reload_conf()')
  const isReadOnly = (): Promise<unknown[]> => primary.query('SHOW transaction_read_only')
  await expect.poll(isReadOnly).toEqual([{ transaction_read_only: 'on' }])
  await expect(pool.query('SELECT 1')).rejects.toMatchObject({ code: 'HF_CONNECT_NO_SERVER' })
  expect(pool.stats().pingFailures).toBe(1)
  await primary.query('ALTER SYSTEM RESET default_transaction_read_only')
  await primary.query('SELECT pg_reload_conf()')
  await expect.poll(isReadOnly).toEqual([{ transaction_read_only: 'off' }])
  await pool.query('SELECT 1')
})

test('the hosts may stand in the query, a URL may begin with a user and no host, and ports are paired', async () => {
  const [one, two] = [standby.port, primary.port]
  const target = 'target_session_attrs=primary'
  for (const url of [
    `postgresql://postgres:only-for-tests@/postgres?host=127.0.0.1,127.0.0.1&port=${one},${two}&${target}`,
    `postgresql://postgres:only-for-tests@127.0.0.1,127.0.0.1/postgres?port=${one},${two}&${target}`,
    `postgresql://postgres:only-for-tests@127.0.0.1:${one},127.0.0.1:${two}/postgres?${target}`,
  ])
    expect(await portOf(makePool({ connectionString: url }))).toBe(primary.port)
  const uneven = `postgresql://a,b,c/postgres?port=${one},${two}`
  expect(() => makePool({ connectionString: uneven })).toThrow(/3 hosts and 2 ports/)
  for (const word of ['readwrite', 'Read-Write'])
    expect(() => makePool({ connectionString: `${primary.url}?target_session_attrs=${word}` })).toThrow(
      /it must be one of any, read-write/,
    )
})

test('prefer-standby without a standby stays calmly on the primary', async () => {
  const pool = makePool({
    connectionString: urlOf('127.0.0.1:1', primary.host),
    targetSessionAttrs: 'prefer-standby',
    prePingAfterIdleMs: 0,
  })
  for (let round = 0; round < 20; round += 1)
    await Promise.all(Array.from({ length: 5 }, () => pool.query('SELECT pg_sleep(0.005)')))
  expect(pool.stats()).toMatchObject({ created: 5, pingFailures: 0 })
  expect(pool.servers().map(({ evictions }) => evictions)).toEqual([0, 0])
})

test('when every host is silent, callers learn so after failoverMs', async () => {
  const silent = await Promise.all(
    [primary, standby].map(({ port }) => FaultProxy.start({ host: '127.0.0.1', port })),
  )
  for (const proxy of silent) proxy.freeze()
  const pool = makePool({
    connectionString: urlOf(...silent.map(({ port }) => `127.0.0.1:${port}`)),
    hostTimeoutMs: 100,
    failoverMs: 500,
  })
  await expect(pool.query('SELECT 1')).rejects.toMatchObject({ code: 'HF_CONNECT_NO_SERVER' })
  for (const proxy of silent) await proxy.stop()
})

test('a session that ends counts once, and one that sat idle in a transaction not at all', async () => {
  const pool = makePool({ connectionString: urlOf(primary.host, standby.host), pipelining: 'off' })
  pool.on('error', () => {})
  const hold = async (): Promise<{ pid: number; lost: Promise<unknown>; release: () => void }> => {
    const client = await pool.connect()
    const lost = new Promise((resolve) => client.once('error', resolve))
    client.on('error', () => {})
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
    return { pid: rows[0].pid, lost, release: () => client.release() }
  }
  const held = await Promise.all([hold(), hold(), hold()])
  const ended = held.slice(1)
  for (const { pid } of ended) await primary.query(`SELECT pg_terminate_backend(${pid})`)
  await Promise.all(ended.map(({ lost }) => lost))
  expect(pool.servers()[0]?.evictions).toBe(0)
  for (const { release } of held) release()
  expect(await portOf(pool)).toBe(primary.port)

  const careless = makePool({
    connectionString: urlOf(primary.host, standby.host),
    options: '-c idle_in_transaction_session_timeout=20',
  })
  careless.on('error', () => {})
  const lost: Promise<unknown>[] = []
  for (let index = 0; index < 3; index += 1) {
    const client = await careless.connect()
    lost.push(new Promise((resolve) => client.once('error', resolve)).then(() => client.release()))
    await client.query('BEGIN')
  }
  await Promise.all(lost)
  expect(careless.servers()[0]).toMatchObject({ evictions: 0 })
})

test('health says what stands against each host, whichever time limit comes first', async () => {
  const pool = makePool({ connectionString: urlOf('127.0.0.1:1', '127.0.0.1:2') })
  const health = await pool.health(2_000)
  expect(health).toMatchObject({ ok: false, error: { code: 'HF_CONNECT_NO_SERVER' } })
  expect(health.reason).toMatch(/127\.0\.0\.1:1: .*127\.0\.0\.1:2: /)
  expect(connectFailure(health.error, '').code).toBe('HF_CONNECT_NO_SERVER')
})

test.each([
  [
    'every host refuses',
    `new Pool({ connectionString: 'postgresql://x@127.0.0.1:1,127.0.0.1:2/x', failoverMs: 300 })`,
  ],
  [
    'the pool is drained',
    `await drained(new Pool({ connectionString: 'postgresql://x@127.0.0.1:1/x', acquireTimeoutMs: 300 }))`,
  ],
])('a process does not end under a caller that waits: %s', (_what, make) => {
  const code = `
    import { Pool } from '${new URL('../../src/pool/index.ts', import.meta.url).href}'
    const drained = async (pool) => { await pool.drain(); return pool }
    const pool = ${make}
    pool.query('SELECT 1').catch((error) => console.log(error.code))`
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect(run).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/HF_CONNECT_NO_SERVER|HF_POOL_ACQUIRE_TIMEOUT/),
  })
})
