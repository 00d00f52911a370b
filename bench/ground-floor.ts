/**
 * The figures of the ground floor: starting the embedded server, cloning a test database, importing the pool,
 * and what a checkout costs against pg.Pool. `npm run bench` writes bench/results/ground-floor.json.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { EMBEDDED_DEFAULTS, startEmbedded } from '../src/embedded/index.ts'
import { Pool } from '../src/pool/index.ts'
import { createTestDatabase, startTestServer, withDatabase } from '../src/testing/index.ts'
import { interleave, machine, ratios, spread, timed } from './measure.ts'

const ROOT = fileURLToPath(new URL('../', import.meta.url))

async function starts(): Promise<object> {
  const first: number[] = []
  const second: number[] = []
  for (let round = 0; round < 5; round += 1) {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
    chmodSync(directory, 0o755)
    const start = (): ReturnType<typeof startEmbedded> => startEmbedded({ ...EMBEDDED_DEFAULTS, directory })
    first.push(await timed(async () => (await start()).stop()))
    second.push(await timed(async () => (await start()).stop()))
    rmSync(directory, { recursive: true })
  }
  return { 'first start and stop, ms': spread(first), 'later start and stop, ms': spread(second) }
}

async function clones(url: string): Promise<object> {
  const template = await createTestDatabase(url)
  const client = new pg.Client({ connectionString: withDatabase(url, 'postgres') })
  await client.connect()
  let made = 0
  const results = await interleave(20, {
    'createTestDatabase, connections included': () =>
      timed(async () => {
        await createTestDatabase(url, template.name)
      }),
    'CREATE DATABASE with file_copy alone': () =>
      timed(() =>
        client.query(`CREATE DATABASE clone_${++made} TEMPLATE ${template.name} STRATEGY file_copy`),
      ),
    'CREATE DATABASE with wal_log alone': () =>
      timed(() => client.query(`CREATE DATABASE clone_${++made} TEMPLATE ${template.name} STRATEGY wal_log`)),
  })
  await client.end()
  return Object.fromEntries(Object.entries(results).map(([name, values]) => [`${name}, ms`, spread(values)]))
}

async function imports(): Promise<object> {
  const measure = (specifier: string) => async (): Promise<number> =>
    Number(
      execFileSync(
        process.execPath,
        [
          '--input-type=module',
          '-e',
          `const began = performance.now(); await import('${specifier}'); console.log(performance.now() - began)`,
        ],
        { cwd: ROOT, encoding: 'utf8' },
      ),
    )
  const results = await interleave(20, { ours: measure('holdfast/pool'), driver: measure('pg') })
  return {
    "import 'holdfast/pool' (driver included), ms": spread(results.ours),
    "import 'pg', ms": spread(results.driver),
    ratio: ratios(results.ours, results.driver),
  }
}

/** Queries per second of one pool under some callers, for a second. */
async function throughput(
  pool: { query(text: string, values: unknown[]): Promise<unknown> },
  callers: number,
): Promise<number> {
  const end = performance.now() + 1_000
  let answered = 0
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < end) {
        await pool.query('SELECT $1::int', [1])
        answered += 1
      }
    }),
  )
  return answered
}

async function queries(url: string): Promise<object> {
  const ours = new Pool({ connectionString: url, size: 8, overflow: 0 })
  const theirs = new pg.Pool({ connectionString: url, max: 8 })
  // Its end() resolves before its sockets are closed: the server's stop then reaches them as an error.
  theirs.on('error', () => {})
  const result: Record<string, unknown> = {}
  for (const callers of [1, 64]) {
    const { holdfast, driver } = await interleave(7, {
      holdfast: () => throughput(ours, callers),
      driver: () => throughput(theirs, callers),
    })
    result[`pool.query, ${callers} callers, queries/s`] = spread(holdfast)
    result[`pg.Pool, ${callers} callers, queries/s`] = spread(driver)
    result[`ratio, ${callers} callers`] = ratios(holdfast, driver)
  }
  await ours.end()
  await theirs.end()
  return result
}

const server = await startTestServer()
const result = {
  machine: machine(),
  embedded: await starts(),
  clone: await clones(server.url),
  import: await imports(),
  query: await queries(server.url),
}
await server.stop()
mkdirSync(new URL('results/', import.meta.url), { recursive: true })
writeFileSync(new URL('results/ground-floor.json', import.meta.url), `${JSON.stringify(result, null, 2)}\n`)
console.log(JSON.stringify(result, null, 2))
