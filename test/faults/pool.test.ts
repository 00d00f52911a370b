/** The pool when the server, its sessions or the network go away under load. */
import { setImmediate as turn } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { EMBEDDED_DEFAULTS, type EmbeddedServer, startEmbedded } from '../../src/embedded/index.ts'
import { Pool, type PoolConfig } from '../../src/pool/index.ts'
import { FaultProxy } from '../../src/testing/index.ts'
import { processesOf } from '../support/processes.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const directory = scratch('pool-faults')
let server: EmbeddedServer
const pools: Pool[] = []

const start = (port = 0): Promise<EmbeddedServer> => startEmbedded({ ...EMBEDDED_DEFAULTS, directory, port })

beforeAll(async () => {
  server = await start()
  const client = new pg.Client(server.url)
  await client.connect()
  await client.query(
    'CREATE TABLE items (id int PRIMARY KEY, n int NOT NULL); CREATE TABLE log (id int PRIMARY KEY)',
  )
  await client.query('INSERT INTO items SELECT id, id * 7 FROM generate_series(1, 500) AS id')
  await client.end()
})

afterAll(() => server.stop())

afterEach(async () => {
  for (const pool of pools.splice(0)) {
    await pool.end({ timeoutMs: 0 })
    expect(pool.stats()).toMatchObject({ total: 0, waiting: 0 })
  }
})

/** The server has another password each time it starts. */
function makePool({ port, ...config }: PoolConfig = {}): Pool {
  const { hostname, pathname, username, port: own } = new URL(server.url)
  const pool = new Pool({
    host: hostname,
    port: port ?? Number(own),
    user: username,
    database: pathname.slice(1),
    password: () => new URL(server.url).password,
    size: 5,
    overflow: 0,
    cleanupTimeoutMs: 1_000,
    ...config,
  })
  pools.push(pool)
  return pool
}

/** Callers of every kind, until they are told to stop. Every answer is checked, every failure collected. */
class Load {
  readonly failures: unknown[] = []
  readonly committed: number[] = []
  answered = 0
  #isOver = false
  #next = 1
  readonly #callers: Promise<void>[]
  readonly #pool: Pool

  constructor(pool: Pool, callers = 16) {
    this.#pool = pool
    this.#callers = Array.from({ length: callers }, (_, index) => this.#live(index))
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#callers)
  }

  async #live(index: number): Promise<void> {
    while (!this.#isOver && !this.#pool.ending) {
      try {
        await (index % 4 === 0 ? this.#write() : this.#read(1 + ((index * 31 + this.answered) % 500)))
        this.answered += 1
      } catch (error) {
        this.failures.push(error)
        await turn()
      }
    }
  }

  async #read(id: number): Promise<void> {
    const { rows } = await this.#pool.query('SELECT id, n FROM items WHERE id = $1', [id])
    if (rows.length !== 1 || rows[0].id !== id || rows[0].n !== id * 7)
      throw new Error('the answer of another')
  }

  async #write(): Promise<void> {
    const id = this.#next++
    await this.#pool.transaction((tx) => tx.query('INSERT INTO log VALUES ($1)', [id]))
    this.committed.push(id)
  }
}

const more = (load: Load, by: number): Promise<void> => {
  const before = load.answered
  return expect.poll(() => load.answered).toBeGreaterThan(before + by)
}

/** What was told to be committed is there, once. */
async function expectNothingLost(load: Load): Promise<void> {
  const client = new pg.Client(server.url)
  await client.connect()
  const { rows } = await client.query<{ id: number }>('SELECT id FROM log')
  await client.query('TRUNCATE log')
  await client.end()
  const there = new Set(rows.map(({ id }) => id))
  expect(load.committed.filter((id) => !there.has(id))).toEqual([])
}

const codesOf = (failures: readonly unknown[]): string[] => [
  ...new Set(failures.map((error) => String((error as { code?: unknown }).code ?? (error as Error).message))),
]

test('every session is terminated, again and again: callers fail or are served, none hangs, nothing is lost', async () => {
  const pool = makePool({ application_name: 'victim' })
  const load = new Load(pool)
  const killer = new pg.Client(server.url)
  await killer.connect()
  for (let round = 0; round < 8; round += 1) {
    await more(load, 100)
    await killer.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'",
    )
  }
  await more(load, 200)
  await load.stop()
  await killer.end()
  for (const code of codesOf(load.failures))
    expect([
      '57P01',
      'HF_COMMIT_UNKNOWN',
      'Connection terminated unexpectedly',
      'ECONNRESET',
      'EPIPE',
    ]).toContain(code)
  expect(pool.stats()).toMatchObject({ busy: 0, waiting: 0 })
  await expectNothingLost(load)
})

test('the server stops and comes back: so does the pool', async () => {
  const pool = makePool()
  const load = new Load(pool)
  await more(load, 200)
  await server.stop()
  await expect.poll(() => codesOf(load.failures)).toContain('ECONNREFUSED')
  server = await start(Number(new URL(server.url).port))
  await more(load, 200)
  await load.stop()
  await expectNothingLost(load)
})

test('the server is frozen: callers can give up at once; when it goes on, everything is answered', async () => {
  const pool = makePool({ acquireTimeoutMs: 60_000 })
  const load = new Load(pool)
  await more(load, 200)
  const processes = processesOf(server.dataDirectory)
  for (const pid of processes) process.kill(pid, 'SIGSTOP')
  try {
    const giveUp = new AbortController()
    const given = pool.query({ text: 'SELECT 1', signal: giveUp.signal })
    const reason = new Error('gave up')
    setImmediate(() => giveUp.abort(reason))
    await expect(given).rejects.toBe(reason)
  } finally {
    for (const pid of processes) process.kill(pid, 'SIGCONT')
  }
  await more(load, 200)
  await load.stop()
  expect(load.failures).toEqual([])
  await expectNothingLost(load)
})

test('the network is cut, half-open, slow and refusing: answers are right or missing, and it recovers', async () => {
  const { hostname, port } = new URL(server.url)
  const proxy = await FaultProxy.start({ host: hostname, port: Number(port) })
  const pool = makePool({ port: proxy.port, connectTimeoutMs: 2_000 })
  const load = new Load(pool)
  await more(load, 200)
  for (let round = 0; round < 3; round += 1) {
    proxy.cut()
    await more(load, 50)
  }
  proxy.freeze()
  await expect.poll(() => pool.stats().waiting + pool.stats().busy).toBeGreaterThan(0)
  proxy.cut()
  await proxy.heal()
  await more(load, 50)
  proxy.delay(40)
  await more(load, 50)
  await proxy.heal()
  await proxy.refuse()
  proxy.cut()
  await expect.poll(() => codesOf(load.failures)).toContain('ECONNREFUSED')
  await proxy.heal()
  await more(load, 100)
  await load.stop()
  expect(codesOf(load.failures)).not.toContain('the answer of another')
  await expectNothingLost(load)
  await pool.end({ timeoutMs: 0 })
  await proxy.stop()
})

test('a server far away is neither slow nor stalled: statements ride', async () => {
  const { hostname, port } = new URL(server.url)
  const proxy = await FaultProxy.start({ host: hostname, port: Number(port) })
  // There and back it takes twice what is slow; what a busy machine adds is less than that.
  proxy.delay(150)
  const pool = makePool({ port: proxy.port, slowStatementMs: 150, laneStallMs: 200 })
  const load = new Load(pool)
  await expect.poll(() => pool.stats().rides).toBeGreaterThan(100)
  await load.stop()
  expect(load.failures).toEqual([])
  await expectNothingLost(load)
  await pool.end({ timeoutMs: 0 })
  await proxy.stop()
})
