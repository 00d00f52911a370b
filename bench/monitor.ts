/**
 * What monitoring costs: `npm run bench:monitor` writes bench/results/monitor.json.
 *
 * A database of 1,000 tables and 5,000 statements under a load of writers and readers. A process of its own collects at the default
 * schedules; what its statements took on the server is told by pg_stat_statements, which counts for its role alone, and what it took
 * itself by the system: processor time and memory, of which a process with the same pool that does not monitor has its share. The size of a day is what the minutes that were written take, times as many as a
 * day has, with the roll-ups. Build first: that process runs the built package.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { MIGRATE_OPTIONS, installSchema } from '../src/migrate/index.ts'
import { resolveOptions, systemClock } from '../src/core/index.ts'
import { examine, Reader, readIdentity } from '../src/monitor/index.ts'
import { Pool } from '../src/pool/index.ts'
import { createTestDatabase, startTestServer } from '../src/testing/index.ts'
import { machine } from './measure.ts'

const TABLES = Number(process.env.BENCH_TABLES ?? 1_000)
const STATEMENTS = Number(process.env.BENCH_STATEMENTS ?? 5_000)
const MINUTES = Number(process.env.BENCH_MINUTES ?? 12)
const WRITERS = 4
const MINUTE_MS = 60_000

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

interface Told {
  readonly cpuMs: number
  readonly rss: number
  readonly skipped?: number
}

const COLLECTOR = fileURLToPath(new URL('./monitor-collector.ts', import.meta.url))

const ask = (child: ChildProcess): Promise<Told> =>
  new Promise((resolve) => {
    child.once('message', (told) => resolve(told as Told))
    child.send('tell')
  })

async function run(): Promise<void> {
  const server = await startTestServer({ settings: { 'pg_stat_statements.max': '10000', autovacuum: 'on' } })
  const database = await createTestDatabase(server.url)
  const client = new pg.Client(database.url)
  await client.connect()
  try {
    await installSchema(database.url, 'holdfast', resolveOptions('migrate', MIGRATE_OPTIONS, []).values)
    await prepare(client)
    const url = new URL(database.url)
    url.username = 'watcher'
    url.password = 'watching'
    const results = await measure(client, database.url, url.href)
    console.log(JSON.stringify(results, null, 2))
    writeFileSync(
      new URL('./results/monitor.json', import.meta.url),
      `${JSON.stringify({ machine: machine(), ...results }, null, 2)}\n`,
    )
  } catch (error) {
    console.error(error)
    process.exitCode = 1
  } finally {
    await client.end()
    await database.drop()
    await server.stop()
  }
}

async function prepare(client: pg.Client): Promise<void> {
  await client.query(`CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
    CREATE ROLE watcher LOGIN PASSWORD 'watching'; GRANT pg_monitor, postgres TO watcher`)
  for (let n = 0; n < TABLES; n += 1)
    await client.query(`CREATE TABLE t${n} (id int PRIMARY KEY, a int, b text); CREATE INDEX ON t${n} (a);
      INSERT INTO t${n} SELECT g, g, 'x' FROM generate_series(1, 20) g`)
  for (let n = 0; n < STATEMENTS; n += 1)
    await client.query(
      `SELECT ${Array(1 + (n % 50))
        .fill('1')
        .join()} FROM t${n % TABLES} WHERE id = 1 ${'AND a > 0 '.repeat(Math.floor(n / 50) % 20)}`,
    )
  await client.query('ANALYZE')
}

/** Readers and writers of all tables, each as fast as a busy service. */
function load(url: string): () => Promise<void> {
  const pool = new Pool({ connectionString: url, size: WRITERS })
  const over = new AbortController()
  const work = async (): Promise<void> => {
    for (let n = 0; !over.signal.aborted; n += 1) {
      const table = Math.floor(Math.random() * TABLES)
      await pool.query(`UPDATE t${table} SET a = a + 1 WHERE id = $1`, [1 + (n % 20)])
      await pool.query(`SELECT b FROM t${table} WHERE id = $1`, [1 + (n % 20)])
      await pause(2)
    }
  }
  const working = Promise.all(Array.from({ length: WRITERS }, work))
  return async () => {
    over.abort()
    await working
    await pool.end()
  }
}

async function measure(client: pg.Client, url: string, watcherUrl: string) {
  const stopLoad = load(url)
  const child = fork(COLLECTOR, [watcherUrl])
  // The same without monitoring: what is left is what that takes.
  const bare = fork(COLLECTOR, [url, 'pool'])
  // From the first minute that is whole.
  await pause(MINUTE_MS - (Date.now() % MINUTE_MS) + MINUTE_MS)
  const [before, taken] = [await ask(child), await databaseMs(client)]
  const dearestBefore = await byStatement(client)
  const began = performance.now()
  await pause(MINUTES * MINUTE_MS)
  const [after, takenAfter] = [await ask(child), await databaseMs(client)]
  const withoutMonitoring = await ask(bare)
  const dearestAfter = await byStatement(client)
  const minutes = (performance.now() - began) / MINUTE_MS
  const rates = {
    'database time a minute, ms': round((takenAfter - taken) / minutes),
    'processor time of the process a minute, ms': round((after.cpuMs - before.cpuMs) / minutes),
    'both, of one core, %': round((takenAfter - taken + after.cpuMs - before.cpuMs) / minutes / 600),
    'memory of the process, MB': megabytes(after),
    'of it Node and the pool, MB': megabytes(withoutMonitoring),
    'of it monitoring, MB': round(megabytes(after) - megabytes(withoutMonitoring)),
    'left out': after.skipped,
    'the dearest statements, ms a minute': dearest(dearestBefore, dearestAfter, minutes),
  }
  const sizes = await sizeOfDay(client)
  const examination = await timeOfExamination(url)
  for (const one of [child, bare]) {
    one.kill('SIGTERM')
    await once(one, 'exit')
  }
  await stopLoad()
  return {
    tables: TABLES,
    statements: STATEMENTS,
    minutes: round(minutes),
    ...rates,
    ...sizes,
    ...examination,
  }
}

async function databaseMs(client: pg.Client): Promise<number> {
  const { rows } = await client.query(
    `SELECT coalesce(sum(total_exec_time + total_plan_time), 0)::float8 AS ms FROM pg_stat_statements(false) s
      WHERE userid = 'watcher'::regrole AND toplevel`,
  )
  return rows[0].ms as number
}

/** By their first words. */
async function byStatement(client: pg.Client): Promise<Map<string, number>> {
  const { rows } = await client.query(
    `SELECT regexp_replace(left(btrim(query, E' \\n'), 90), '\\s+', ' ', 'g') AS text, sum(total_exec_time + total_plan_time)::float8 AS ms
       FROM pg_stat_statements WHERE userid = 'watcher'::regrole AND toplevel GROUP BY 1`,
  )
  return new Map(rows.map(({ text, ms }) => [text as string, ms as number]))
}

function dearest(
  before: Map<string, number>,
  after: Map<string, number>,
  minutes: number,
): Record<string, number> {
  const grown = [...after].map(
    ([text, ms]) => [text, round((ms - (before.get(text) ?? 0)) / minutes)] as const,
  )
  return Object.fromEntries(grown.toSorted((a, b) => b[1] - a[1]).slice(0, 8))
}

/** What a row of each kind takes, and how many of them a day writes. */
async function sizeOfDay(client: pg.Client) {
  const { rows } = await client.query(
    `SELECT kind, count(*)::int AS n, avg(pg_column_size(h))::float8 AS bytes FROM holdfast.history_minutes h GROUP BY kind ORDER BY kind`,
  )
  const perDay: Readonly<Record<string, number>> = {
    database: 1_440,
    process: 1_440,
    statements: 1_440,
    tables: 144,
  }
  const minutes = rows.reduce(
    (sum, { kind, bytes }) => sum + (perDay[kind as string] ?? 0) * (bytes as number),
    0,
  )
  // Of a day: all minutes, and a tenth and a sixtieth of as many longer steps, which are a little greater.
  return {
    'bytes of a row, by kind': Object.fromEntries(
      rows.map(({ kind, bytes }) => [kind, Math.round(bytes as number)]),
    ),
    'history a day, MB': round((minutes * (1 + 1 / 10 + 1 / 60)) / 2 ** 20),
  }
}

async function timeOfExamination(url: string) {
  const pool = new Pool({ connectionString: url, size: 2 })
  const db = new Reader(pool, systemClock)
  const identity = await readIdentity(db)
  const times: number[] = []
  for (let round = 0; round < 5; round += 1) {
    const began = performance.now()
    await examine({ db, identity, schema: 'holdfast', migrations: undefined, connectionLimit: 20 })
    times.push(performance.now() - began)
  }
  await db.end()
  await pool.end()
  return { 'all checks, ms': times.map(Math.round) }
}

const megabytes = ({ rss }: Told): number => round(rss / 2 ** 20)

const round = (value: number): number => Math.round(value * 100) / 100

await run()
