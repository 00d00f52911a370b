/** Reads on a replica: which one, how far behind, and what happens when it lags, stops and returns. */
import { Kysely, sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { installSchema } from '../../src/migrate/index.ts'
import { maintain, manage, retain } from '../../src/partitions/index.ts'
import { Pool, type PoolConfig, readYourWrites, type ReplicaPicture } from '../../src/pool/index.ts'
import { HoldfastDialect, transaction } from '../../src/query/index.ts'
import { FaultProxy } from '../../src/testing/index.ts'
import { childrenOf } from '../support/processes.ts'
import { type ReplicatedServer, startPair } from '../support/replication.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
let primary: ReplicatedServer
let standby: ReplicatedServer
const pools: Pool[] = []

beforeAll(async () => {
  ;({ primary, standby } = await startPair(scratch('replicas')))
  await primary.query('CREATE TABLE notes (id int PRIMARY KEY, text text)')
})

afterAll(async () => {
  await standby.stop()
  await primary.stop()
})

beforeEach(() => standby.catchUpWith(primary))

afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.end({ timeoutMs: 0 })
})

function makePool(config: PoolConfig = {}): Pool {
  const pool = new Pool({
    connectionString: primary.url,
    replicas: [standby.url],
    size: 3,
    overflow: 0,
    replicaCheckMs: 20,
    ...config,
  })
  pools.push(pool)
  return pool
}

const PORT = 'SELECT inet_server_port() AS port'
const readPort = async (pool: Pool): Promise<number> => (await pool.read(PORT)).rows[0].port

const count = async (pool: Pool, id: number): Promise<number> =>
  (await pool.read('SELECT count(*)::int AS n FROM notes WHERE id = $1', [id])).rows[0].n

/** While `work` runs the standby receives the log and does not replay it. */
async function whilePaused(work: () => Promise<void>): Promise<void> {
  await standby.query('SELECT pg_wal_replay_pause()')
  try {
    await work()
  } finally {
    await standby.query('SELECT pg_wal_replay_resume()')
  }
}

test('only what says that it reads goes to a replica', async () => {
  const pool = makePool()
  expect(await readPort(pool)).toBe(standby.port)
  expect((await pool.query({ text: PORT, intent: 'read' })).rows).toEqual([{ port: standby.port }])
  const inTransaction = (readOnly: boolean): Promise<number> =>
    pool.transaction(async (tx) => (await tx.query(PORT)).rows[0].port, { readOnly })
  expect(await inTransaction(true)).toBe(standby.port)
  expect(await inTransaction(false)).toBe(primary.port)
  expect((await pool.query(PORT)).rows).toEqual([{ port: primary.port }])
  using client = await pool.connect()
  expect((await client.query(PORT)).rows).toEqual([{ port: primary.port }])
})

test('Kysely reads there when it is told that it only reads', async () => {
  const pool = makePool()
  const portOf = async (db: Kysely<any>): Promise<number> =>
    (await db.selectNoFrom(sql<number>`inet_server_port()`.as('port')).executeTakeFirstOrThrow()).port
  const db = new Kysely<any>({ dialect: new HoldfastDialect({ pool }) })
  const reader = new Kysely<any>({ dialect: new HoldfastDialect({ pool, intent: 'read' }) })
  expect(await portOf(reader)).toBe(standby.port)
  expect(await portOf(db)).toBe(primary.port)
  expect(await transaction(db, portOf, { readOnly: true })).toBe(standby.port)
  expect(await transaction(reader, portOf)).toBe(primary.port)
  await db.insertInto('notes').values({ id: 77, text: 'seen' }).execute()
  const after = await pool.position()
  const seen = await transaction(
    db,
    (trx) => trx.selectFrom('notes').selectAll().where('id', '=', 77).execute(),
    {
      readOnly: true,
      after,
    },
  )
  expect(seen).toHaveLength(1)
  await readYourWrites(async () => {
    for (let id = 100; id < 120; id += 1) {
      await db.insertInto('notes').values({ id, text: 'own' }).execute()
      expect(await reader.selectFrom('notes').select('id').where('id', '=', id).execute()).toEqual([{ id }])
    }
  })
  await db.deleteFrom('notes').execute()
})

test('a standby knows no serializable snapshot: such a transaction stays on the primary', async () => {
  const options = { readOnly: true, isolation: 'serializable' } as const
  const port = await makePool().transaction(async (tx) => (await tx.query(PORT)).rows[0].port, options)
  expect(port).toBe(primary.port)
})

test('a pool without replicas reads where it writes', async () => {
  expect(await readPort(makePool({ replicas: [] }))).toBe(primary.port)
})

test('what a read may not do is refused by the replica, and its sessions stay', async () => {
  const pool = makePool()
  for (let attempt = 0; attempt < 4; attempt += 1) {
    const write = pool.read(`INSERT INTO notes VALUES (${attempt}, 'x')`)
    await expect(write).rejects.toMatchObject({ code: '25006' })
  }
  expect(pool.replicas()[0]).toMatchObject({ isUsed: true, stats: { closed: 0 } })
})

test('one that is too far behind is not read from, until it has caught up', async () => {
  const pool = makePool({ maxLagBytes: 100_000 })
  const changes: ReplicaPicture[] = []
  pool.on('pool:replica-changed', (picture) => changes.push(picture))
  expect(await readPort(pool)).toBe(standby.port)
  await whilePaused(async () => {
    await pool.query(`INSERT INTO notes SELECT n, repeat('x', 100) FROM generate_series(1000, 5000) n`)
    await expect.poll(() => readPort(pool)).toBe(primary.port)
    const [replica] = pool.replicas()
    expect(replica).toMatchObject({ name: standby.host, isUsed: false })
    expect(replica?.lagBytes).toBeGreaterThan(100_000)
    expect(replica?.reason).toMatch(/bytes behind/)
  })
  await expect.poll(() => readPort(pool)).toBe(standby.port)
  expect(changes.slice(0, 3).map(({ isUsed }) => isUsed)).toEqual([true, false, true])
})

test('inside readYourWrites a read sees what was written, whoever answers it', async () => {
  const pool = makePool({ replicaWaitMs: 60_000 })
  await readPort(pool)
  for (let id = 1; id <= 50; id += 1) {
    await readYourWrites(async () => {
      if (id % 3 === 0) await pool.query('INSERT INTO notes VALUES ($1, $2)', [id, 'q'])
      else if (id % 3 === 1)
        await pool.transaction((tx) => tx.query('INSERT INTO notes VALUES ($1, $2)', [id, 't']))
      else {
        using client = await pool.connect()
        await client.query('INSERT INTO notes VALUES ($1, $2)', [id, 'c'])
      }
      const { rows } = await pool.read('SELECT id, inet_server_port() AS port FROM notes WHERE id = $1', [id])
      expect(rows).toEqual([{ id, port: standby.port }])
    })
  }
})

test('when the replica does not come up in time, the primary answers', async () => {
  const pool = makePool({ replicaWaitMs: 30 })
  await readPort(pool)
  await whilePaused(async () => {
    await readYourWrites(async () => {
      await pool.query(`INSERT INTO notes VALUES (500, 'mine')`)
      const { rows } = await pool.read('SELECT inet_server_port() AS port FROM notes WHERE id = 500')
      expect(rows).toEqual([{ port: primary.port }])
    })
    // Whoever wrote nothing, and whoever asks for no more than was there before, is served by the replica.
    expect(await readPort(pool)).toBe(standby.port)
    await readYourWrites(async () => expect(await readPort(pool)).toBe(standby.port))
  })
})

test('a position carries what must be seen from one request to the next', async () => {
  const pool = makePool({ replicaWaitMs: 0 })
  await readPort(pool)
  await whilePaused(async () => {
    await pool.query(`INSERT INTO notes VALUES (600, 'here')`)
    const after = await pool.position()
    const there = await pool.read(`${PORT}, count(*)::int AS n FROM notes WHERE id = 600`, [], { after })
    expect(there.rows).toEqual([{ port: primary.port, n: 1 }])
    const without = await pool.read(`${PORT}, count(*)::int AS n FROM notes WHERE id = 600`)
    expect(without.rows).toEqual([{ port: standby.port, n: 0 }])
    const inTransaction = await pool.transaction(async (tx) => (await tx.query(PORT)).rows, {
      readOnly: true,
      after,
    })
    expect(inTransaction).toEqual([{ port: primary.port }])
  })
  await expect(pool.read(PORT, [], { after: 'yesterday' })).rejects.toMatchObject({
    code: 'HF_OPTION_INVALID',
  })
})

test('a replica that stops is left at once, and read from again when it is back', async () => {
  const pool = makePool()
  const answers = new Set<number>()
  let failures = 0
  const over = new AbortController()
  const readers = Array.from({ length: 8 }, async () => {
    while (!over.signal.aborted && !pool.ending) {
      await readPort(pool).then(
        (port) => answers.add(port),
        () => (failures += 1),
      )
    }
  })
  await expect.poll(() => answers.has(standby.port)).toBe(true)
  await standby.stop()
  await expect.poll(() => answers.has(primary.port)).toBe(true)
  answers.clear()
  await standby.start()
  await expect.poll(() => answers.has(standby.port)).toBe(true)
  over.abort()
  await Promise.all(readers)
  expect(failures).toBe(0)
})

test('a replica that freezes holds up nobody for longer than it takes to notice', async () => {
  const pool = makePool()
  expect(await readPort(pool)).toBe(standby.port)
  process.kill(standby.pid, 'SIGSTOP')
  const sessions = childrenOf(standby.pid) // they go on when only their parent is stopped
  for (const pid of sessions) process.kill(pid, 'SIGSTOP')
  try {
    const [port] = await Promise.all([readPort(pool), readPort(pool)])
    expect(port).toBe(primary.port)
    expect(pool.replicas()[0]).toMatchObject({ isUsed: false })
  } finally {
    for (const pid of [...sessions, standby.pid]) process.kill(pid, 'SIGCONT')
  }
  await expect.poll(() => readPort(pool)).toBe(standby.port)
})

test('reads that start together after a write all see it, in scopes within scopes, too', async () => {
  const pool = makePool({ replicaWaitMs: 0 })
  await readPort(pool)
  using early = await pool.connect()
  await whilePaused(async () => {
    await readYourWrites(async () => {
      await pool.query(`INSERT INTO notes VALUES (700, 'first')`)
      expect(await Promise.all([count(pool, 700), count(pool, 700), count(pool, 700)])).toEqual([1, 1, 1])
      await readYourWrites(async () => {
        expect(await count(pool, 700)).toBe(1)
        await pool.query(`INSERT INTO notes VALUES (701, 'inner')`)
      })
      expect(await count(pool, 701)).toBe(1)
      // A client that was taken before the scope, and writes in it.
      await early.query(`INSERT INTO notes VALUES (702, 'early')`)
      expect(await count(pool, 702)).toBe(1)
    })
  })
})

test('a primary that is silent, or used up, holds up no read of a replica', async () => {
  const proxy = await FaultProxy.start({ host: '127.0.0.1', port: primary.port })
  const pool = makePool({ connectionString: proxy.through(primary.url), size: 1, replicaCheckMs: 20 })
  using _held = await pool.connect()
  expect(await readPort(pool)).toBe(standby.port)
  proxy.freeze()
  for (let read = 0; read < 5; read += 1) expect(await readPort(pool)).toBe(standby.port)
  const fresh = makePool({ connectionString: proxy.through(primary.url) })
  const signal = AbortSignal.timeout(50)
  await expect(fresh.read({ text: PORT, signal })).rejects.toMatchObject({ name: 'TimeoutError' })
  expect(await readPort(fresh)).toBe(standby.port)
  await proxy.stop()
})

test('the lag is known while the pool is used up', async () => {
  const pool = makePool({ size: 1, maxLagBytes: 100_000 })
  await readPort(pool)
  using held = await pool.connect()
  await whilePaused(async () => {
    await held.query(`INSERT INTO notes SELECT n, repeat('x', 100) FROM generate_series(10000, 14000) n`)
    await expect.poll(() => pool.replicas()[0]?.isUsed).toBe(false)
  })
})

test('a replica whose pool is merely full is not left, and its reads are not begun again', async () => {
  const pool = makePool({ size: 1 })
  await readPort(pool)
  const text = 'SELECT inet_server_port() AS port FROM pg_sleep(2.2)'
  expect((await pool.read(text)).rows).toEqual([{ port: standby.port }])
  expect(pool.replicas()[0]).toMatchObject({ isUsed: true, stats: { waiting: 0, acquireTimeouts: 0 } })
})

test('one session that ends, or a server of somebody else, says nothing about a replica', async () => {
  const pool = makePool({ replicaCheckMs: 3_600_000 })
  const changes: ReplicaPicture[] = []
  await readPort(pool)
  pool.on('pool:replica-changed', (picture) => changes.push(picture))
  const asleep = pool.read('SELECT inet_server_port() AS port FROM pg_sleep(0.3)')
  const ended = pool.read('SELECT pg_terminate_backend(pg_backend_pid()), inet_server_port() AS port')
  await ended.catch(() => {}) // it ends its session on the primary as well
  expect((await asleep).rows).toEqual([{ port: standby.port }])
  const foreign = makePool({ connectionString: 'postgresql://x@127.0.0.1:1/x', replicas: [] })
  const failing = pool.transaction(() => foreign.query('SELECT 1'), { readOnly: true })
  await expect(failing).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await readPort(pool)
  expect(changes).toEqual([])
})

test('readers that wait for the same replica share their looks', async () => {
  const pool = makePool({ replicaWaitMs: 300, size: 10 })
  await readPort(pool)
  await whilePaused(async () => {
    await pool.query(`INSERT INTO notes VALUES (800, 'x')`)
    const after = await pool.position()
    const looked = async (): Promise<number> =>
      Number(
        (await standby.query(`SELECT xact_commit AS n FROM pg_stat_database WHERE datname = 'postgres'`))[0]
          .n,
      )
    await standby.query('SELECT pg_stat_force_next_flush()')
    const before = await looked()
    await Promise.all(Array.from({ length: 200 }, () => pool.read(PORT, [], { after })))
    await expect.poll(looked).toBeLessThan(before + 150)
  })
})

test('a replica by host and port keeps everything else that the URL says', async () => {
  const replica = { host: '127.0.0.1', port: standby.port }
  expect(await readPort(makePool({ replicas: [replica] }))).toBe(standby.port)
})

test('a configuration that is wrong leaves nothing open', async () => {
  const opened = async (): Promise<unknown[]> =>
    primary.query(`SELECT 1 FROM pg_stat_activity WHERE application_name = 'wrong'`)
  const make = (): Pool =>
    new Pool({
      connectionString: primary.url,
      application_name: 'wrong',
      warm: true,
      size: 3,
      replicas: [standby.url, { connectionString: standby.url, size: 0 }],
    })
  expect(make).toThrow(expect.objectContaining({ code: 'HF_OPTION_INVALID' }))
  await expect.poll(opened).toEqual([])
})

test('a drain waits for the replicas’ connections, and names who holds them', async () => {
  const pool = makePool()
  await readPort(pool)
  const { promise, resolve } = Promise.withResolvers<void>()
  const reading = pool.transaction(() => promise, { readOnly: true })
  await expect.poll(() => pool.replicas()[0]?.stats.busy).toBe(1)
  expect(await pool.drain({ timeoutMs: 20 })).toHaveLength(1)
  resolve()
  await reading
  pool.resume()
  await readPort(pool)
})

test('partitions are looked after on the primary, and left alone on a replica', async () => {
  await installSchema(primary.url, 'holdfast', {})
  await primary.query('CREATE TABLE parted (at timestamptz NOT NULL) PARTITION BY RANGE (at)')
  const target = { url: primary.url, ownSchema: 'holdfast' }
  await manage(target, 'parted', { every: 'month', premake: 1, keep: 1 })
  await standby.catchUpWith(primary)
  const there = { ...target, url: standby.url }
  expect(await maintain(there)).toMatchObject([{ outcome: 'replica', made: [] }])
  expect(await retain(there)).toMatchObject([{ outcome: 'replica', detached: [] }])
  expect(await maintain(target)).toMatchObject([{ outcome: 'done', ahead: 1 }])
})
