/** Reads on a replica: which one, how far behind, and what happens when it lags, stops and returns. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { Pool, type PoolConfig, readYourWrites, type ReplicaPicture } from '../../src/pool/index.ts'
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
}, 60_000)

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
  expect(changes.map(({ isUsed }) => isUsed)).toEqual([true, false, true])
})

test('inside readYourWrites a read sees what was written, whoever answers it', async () => {
  const pool = makePool({ replicaWaitMs: 5_000 })
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
  await expect(pool.read(PORT, [], { after: 'yesterday' })).rejects.toThrow(RangeError)
})

test('a replica that stops is left at once, and read from again when it is back', async () => {
  const pool = makePool()
  const answers = new Set<number>()
  let failures = 0
  const over = new AbortController()
  const readers = Array.from({ length: 8 }, async () => {
    while (!over.signal.aborted) {
      await readPort(pool).then(
        (port) => answers.add(port),
        () => (failures += 1),
      )
    }
  })
  await expect.poll(() => [...answers]).toEqual([standby.port])
  await standby.stop()
  await expect.poll(() => answers.has(primary.port)).toBe(true)
  answers.clear()
  await standby.start()
  await expect.poll(() => answers.has(standby.port), { timeout: 20_000 }).toBe(true)
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
  await expect.poll(() => readPort(pool), { timeout: 20_000 }).toBe(standby.port)
})
