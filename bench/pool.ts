/**
 * The pool against its peers in one run, interleaved: `npm run bench:pool` writes bench/results/pool.json.
 *
 * Every contestant is at its best: the same statement prepared on all sides, pipelining where it has it, and the
 * number of connections with which it did best on point reads in the same run. `pgbench`, where the machine has it,
 * shows what the server could give to a client without JavaScript.
 */
import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import postgres from 'postgres'
import { Pool } from '../src/pool/index.ts'
import { startTestServer } from '../src/testing/index.ts'
import { callsPerSecond, interleave, machine, ratios, spread } from './measure.ts'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 9)
const ROUND_MS = Number(process.env.BENCH_ROUND_MS ?? 1_000)
const ROWS = 10_000

const READ = 'SELECT id, name, price FROM items WHERE id = $1'
const WRITE = 'UPDATE items SET price = price + 1 WHERE id = $1'
const SLOW = 'SELECT slowly($1)'

/** A contestant: how it runs each kind of work. What it cannot do is missing. */
interface Contestant {
  readonly read: (id: number) => Promise<unknown>
  readonly write?: (id: number) => Promise<unknown>
  readonly slow?: (ms: number) => Promise<unknown>
  /** One transaction of two statements. */
  readonly transaction?: (id: number) => Promise<unknown>
  /** One of one statement. */
  readonly shortTransaction?: (id: number) => Promise<unknown>
  readonly checkout?: () => Promise<unknown>
  readonly end: () => Promise<unknown>
}

function holdfast(url: string): Contestant {
  const pool = new Pool({ connectionString: url, size: 16, overflow: 0, maxWaiting: 1_000_000 })
  return {
    read: (id) => pool.query(READ, [id]),
    write: (id) => pool.query(WRITE, [id]),
    slow: (ms) => pool.query(SLOW, [ms]),
    transaction: (id) =>
      pool.transaction(async (tx) => {
        await tx.query(READ, [id])
        await tx.query(WRITE, [id])
      }),
    shortTransaction: (id) => pool.transaction((tx) => tx.query(WRITE, [id])),
    checkout: async () => (await pool.connect()).release(),
    end: () => pool.end(),
  }
}

function pgPool(url: string, max: number): Contestant {
  const pool = new pg.Pool({ connectionString: url, max })
  pool.on('error', () => {}) // its end() resolves before its sockets are closed
  const read = (id: number) => ({ name: 'read', text: READ, values: [id] })
  const write = (id: number) => ({ name: 'write', text: WRITE, values: [id] })
  const inTransaction = async (work: (client: pg.PoolClient) => Promise<unknown>): Promise<void> => {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      await work(client)
      await client.query('COMMIT')
    } finally {
      client.release()
    }
  }
  return {
    read: (id) => pool.query(read(id)),
    write: (id) => pool.query(write(id)),
    slow: (ms) => pool.query({ name: 'slow', text: SLOW, values: [ms] }),
    transaction: (id) =>
      inTransaction(async (client) => {
        await client.query(read(id))
        await client.query(write(id))
      }),
    shortTransaction: (id) => inTransaction((client) => client.query(write(id))),
    checkout: async () => (await pool.connect()).release(),
    end: () => pool.end(),
  }
}

function postgresJs(url: string, max: number): Contestant {
  const sql = postgres(url, { max, onnotice: () => {} })
  return {
    read: (id) => sql`SELECT id, name, price FROM items WHERE id = ${id}`,
    write: (id) => sql`UPDATE items SET price = price + 1 WHERE id = ${id}`,
    slow: (ms) => sql`SELECT slowly(${ms})`,
    transaction: (id) =>
      sql.begin(async (tx) => {
        await tx`SELECT id, name, price FROM items WHERE id = ${id}`
        await tx`UPDATE items SET price = price + 1 WHERE id = ${id}`
      }),
    shortTransaction: (id) => sql.begin((tx) => tx`UPDATE items SET price = price + 1 WHERE id = ${id}`),
    end: () => sql.end(),
  }
}

async function bareClient(url: string): Promise<Contestant> {
  const client = new pg.Client({ connectionString: url, pipeline: true })
  await client.connect()
  return {
    read: (id) => client.query({ name: 'read', text: READ, values: [id] }),
    write: (id) => client.query({ name: 'write', text: WRITE, values: [id] }),
    end: () => client.end(),
  }
}

const rate = (
  call: (id: number) => Promise<unknown>,
  callers: number,
  latencies?: number[],
): Promise<number> => callsPerSecond(call, { callers, ms: ROUND_MS, ids: ROWS }, latencies)

function p99(latencies: number[]): number {
  const sorted = latencies.splice(0).toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length * 0.99)] as number
}

async function prepareDatabase(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(`
    CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL, price numeric NOT NULL) WITH (fillfactor = 50);
    INSERT INTO items SELECT id, 'item ' || id, id * 1.5 FROM generate_series(1, ${ROWS}) AS id;
    CREATE FUNCTION slowly(ms int) RETURNS int LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(ms / 1000.0); RETURN ms; END $$;
    ANALYZE items`)
  await client.end()
}

/** The size with which a contestant reads fastest at 64 callers. */
async function bestSize(make: (size: number) => Contestant, sizes: readonly number[]): Promise<number> {
  const contestants = Object.fromEntries(sizes.map((size) => [String(size), make(size)]))
  const runs = Object.fromEntries(
    Object.entries(contestants).map(([size, { read }]) => [size, () => rate(read, 64)]),
  )
  await interleave(1, runs) // warm
  const results = await interleave(3, runs)
  for (const { end } of Object.values(contestants)) await end()
  const medians = Object.entries(results).map(
    ([size, values]) => [Number(size), spread(values).median] as const,
  )
  return medians.reduce((best, one) => (one[1] > best[1] ? one : best))[0]
}

type Contestants = Readonly<Record<string, Contestant>>
type Work = Exclude<keyof Contestant, 'end'>

/** One kind of work by everyone who can do it: rates, ours against each, and the 99th percentile where it is wanted. */
async function compare(
  contestants: Contestants,
  work: Work,
  callers: number,
  wantsLatency = false,
): Promise<object> {
  const latencies: Record<string, number[]> = {}
  const percentiles: Record<string, number[]> = {}
  console.error(`${work}, ${callers} callers`)
  const runs = Object.fromEntries(
    Object.entries(contestants).flatMap(([name, contestant]) => {
      const call = contestant[work] as ((id: number) => Promise<unknown>) | undefined
      if (!call) return []
      const own = wantsLatency ? (latencies[name] = []) : undefined
      const run = async (): Promise<number> => {
        const value = await rate(call, callers, own)
        if (own) (percentiles[name] ??= []).push(p99(own))
        return value
      }
      return [[name, run] as const]
    }),
  )
  const results = await interleave(ROUNDS, runs)
  return report(results, wantsLatency ? percentiles : undefined)
}

function report(results: Record<string, number[]>, percentiles?: Record<string, number[]>): object {
  const ours = results.holdfast as number[]
  const others = Object.keys(results).filter((name) => name !== 'holdfast')
  return {
    'calls/s': Object.fromEntries(Object.entries(results).map(([name, values]) => [name, spread(values)])),
    'holdfast against': Object.fromEntries(
      others.map((name) => [name, ratios(ours, results[name] as number[])]),
    ),
    ...(percentiles && {
      'p99, ms': Object.fromEntries(
        Object.entries(percentiles).map(([name, values]) => [name, spread(values)]),
      ),
    }),
  }
}

/** 64 callers; every hundredth call takes 50 ms on the server. How long do the others take? */
async function mixed(contestants: Contestants): Promise<object> {
  const percentiles: Record<string, number[]> = {}
  const runs = Object.fromEntries(
    Object.entries(contestants).flatMap(([name, { read, slow }]) => {
      if (!slow) return []
      const run = async (): Promise<number> => {
        const quick: number[] = []
        let calls = 0
        const value = await rate(async (id) => {
          calls += 1
          if (calls % 100 === 0) return void (await slow(50))
          const since = performance.now()
          await read(id)
          quick.push(performance.now() - since)
        }, 64)
        ;(percentiles[name] ??= []).push(p99(quick))
        return value
      }
      return [[name, run] as const]
    }),
  )
  return report(await interleave(ROUNDS, runs), percentiles)
}

/** A hundred thousand calls at once: until the last answer, and what they take in memory while they wait. */
async function queued(contestants: Contestants): Promise<object> {
  const calls = 100_000
  const megabytes: Record<string, number[]> = {}
  const runs = Object.fromEntries(
    Object.entries(contestants).map(([name, { read }]) => {
      const run = async (): Promise<number> => {
        globalThis.gc?.()
        const before = process.memoryUsage().heapUsed
        const began = performance.now()
        const all = Array.from({ length: calls }, (_, id) => read((id % ROWS) + 1))
        ;(megabytes[name] ??= []).push((process.memoryUsage().heapUsed - before) / 2 ** 20)
        await Promise.all(all)
        return calls / ((performance.now() - began) / 1_000)
      }
      return [name, run] as const
    }),
  )
  const results = await interleave(5, runs)
  return {
    ...report(results),
    'heap while they wait, MB': Object.fromEntries(
      Object.entries(megabytes).map(([name, values]) => [name, spread(values)]),
    ),
  }
}

const HANDLERS = 20

/**
 * Connections for the same load: a pool for each request handler, as services have it whose handlers make their own, against one pool for
 * all. 64 callers, each call by another handler.
 */
async function connections(url: string): Promise<object> {
  const watching = new pg.Client(url)
  await watching.connect()
  const open = async (application: string): Promise<number> => {
    const { rows } = await watching.query(
      'SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = $1',
      [application],
    )
    return rows[0].count as number
  }
  const each = Array.from(
    { length: HANDLERS },
    () => new pg.Pool({ connectionString: url, application_name: 'each', max: 10 }),
  )
  const one = new Pool({ connectionString: url, application_name: 'one' })
  const read = (id: number): pg.QueryConfig => ({ name: 'read', text: READ, values: [id] })
  const results: Record<string, { calls: number[]; most: number }> = {}
  const contestants = {
    'a pg.Pool for each of 20 handlers': {
      application: 'each',
      call: (id: number) => (each[id % HANDLERS] as pg.Pool).query(read(id)),
    },
    'one holdfast pool': { application: 'one', call: (id: number) => one.query(READ, [id]) },
  }
  for (let round = 0; round < 5; round += 1)
    for (const [name, { application, call }] of Object.entries(contestants)) {
      const result = (results[name] ??= { calls: [], most: 0 })
      result.calls.push(await rate(call, 64))
      result.most = Math.max(result.most, await open(application))
    }
  await Promise.all([...each.map((pool) => pool.end()), one.end(), watching.end()])
  return Object.fromEntries(
    Object.entries(results).map(([name, { calls, most }]) => [
      name,
      { connections: most, 'calls/s': spread(calls) },
    ]),
  )
}

/** What the server gives to pgbench: one statement at a time on 8 connections, and pipelined. */
async function pgbench(url: string): Promise<object> {
  const isThere = spawnSync('pgbench', ['--version']).status === 0
  if (!isThere) return { 'not measured': 'there is no pgbench on this machine' }
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-pgbench-'))
  const one = join(folder, 'one.sql')
  const many = join(folder, 'many.sql')
  const read = 'SELECT id, name, price FROM items WHERE id = :id;'
  writeFileSync(one, `\\set id random(1, ${ROWS})\n${read}\n`)
  writeFileSync(
    many,
    `\\set id random(1, ${ROWS})\n\\startpipeline\n${`${read}\n`.repeat(20)}\\endpipeline\n`,
  )
  const run = async (script: string, clients: number, each: number): Promise<number> => {
    const flags = ['-n', '-M', 'prepared', '-T', '2', '-c', String(clients), '-j', '1']
    const { stdout } = await promisify(execFile)('pgbench', [...flags, '-f', script, url])
    return Number(/tps = ([\d.]+)/.exec(stdout)?.[1]) * each
  }
  const results = await interleave(3, { one: () => run(one, 8, 1), many: () => run(many, 2, 20) })
  rmSync(folder, { recursive: true })
  return {
    '8 clients, prepared, calls/s': spread(results.one),
    '2 clients, 20 in one pipeline with one Sync, calls/s': spread(results.many),
  }
}

const server = await startTestServer()
await prepareDatabase(server.url)
const pgPoolSize = await bestSize((size) => pgPool(server.url, size), [4, 8, 16])
const postgresJsSize = await bestSize((size) => postgresJs(server.url, size), [1, 2, 4, 8])
const contestants: Contestants = {
  holdfast: holdfast(server.url),
  'pg.Pool': pgPool(server.url, pgPoolSize),
  'postgres.js': postgresJs(server.url, postgresJsSize),
  'bare pipelined pg.Client': await bareClient(server.url),
}
for (const { read, write, slow } of Object.values(contestants)) {
  await rate(read, 64)
  if (write) await rate(write, 64)
  if (slow) await slow(50)
}
const sixteen = pgPool(server.url, 16)
const pools = Object.fromEntries(
  Object.entries(contestants).filter(([name]) => name === 'holdfast' || name === 'pg.Pool'),
)
const result = {
  machine: machine(),
  server: 'PostgreSQL 18 on the same machine, TCP on loopback, fsync off',
  rounds: ROUNDS,
  'connections at their best': {
    holdfast: 'up to 16, chosen by itself',
    'pg.Pool': pgPoolSize,
    'postgres.js': postgresJsSize,
  },
  'point reads, 1 caller': await compare(contestants, 'read', 1),
  'point reads, 8 callers': await compare(contestants, 'read', 8),
  'point reads, 64 callers': await compare(contestants, 'read', 64, true),
  'point reads, 256 callers': await compare(contestants, 'read', 256, true),
  'point updates, 64 callers': await compare(contestants, 'write', 64, true),
  'reads at 64 callers, 1% of 50 ms among them; p99 of the quick ones': await mixed({
    ...contestants,
    // What it takes for slow statements not to fill it.
    'pg.Pool, 16 connections': sixteen,
  }),
  'transactions of one update, 64 callers': await compare(contestants, 'shortTransaction', 64),
  'transactions of a read and an update, 64 callers': await compare(contestants, 'transaction', 64),
  'connect and release, 1 caller': await compare(pools, 'checkout', 1),
  'connect and release, 8 callers': await compare(pools, 'checkout', 8),
  'connect and release, 64 callers': await compare(pools, 'checkout', 64),
  '100,000 reads at once': await queued(contestants),
  'connections for the same load, 64 callers': await connections(server.url),
  'pgbench, point reads': await pgbench(server.url),
}
for (const { end } of [...Object.values(contestants), sixteen]) await end()
await server.stop()
mkdirSync(new URL('results/', import.meta.url), { recursive: true })
writeFileSync(new URL('results/pool.json', import.meta.url), `${JSON.stringify(result, null, 2)}\n`)
console.log(JSON.stringify(result, null, 2))
