/**
 * What the pool keeps in memory: an idle pool of a hundred beside a hundred bare clients, and the heap before and after
 * many statements. `npm run bench:memory` writes bench/results/memory.json; `memory.ts <what> <url>` measures one.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { Pool } from '../src/pool/index.ts'
import { startTestServer } from '../src/testing/index.ts'
import { machine, spread } from './measure.ts'

const CONNECTIONS = 100
const STATEMENTS = Number(process.env.BENCH_STATEMENTS ?? 1_000_000)

/** Megabytes of heap and buffers that are in use, after everything that can go has gone. */
async function megabytes(): Promise<number> {
  for (let round = 0; round < 4; round += 1) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 2 ** 20
}

const measures: Readonly<Record<string, (url: string) => Promise<number[]>>> = {
  async clients(url) {
    const before = await megabytes()
    const clients = Array.from({ length: CONNECTIONS }, () => new pg.Client(url))
    await Promise.all(clients.map((client) => client.connect()))
    for (const client of clients) await client.query('SELECT 1')
    return [(await megabytes()) - before]
  },
  async pool(url) {
    const before = await megabytes()
    const pool = new Pool({ connectionString: url, size: CONNECTIONS, overflow: 0 })
    const held = await Promise.all(Array.from({ length: CONNECTIONS }, () => pool.connect()))
    for (const client of held) {
      await client.query('SELECT 1')
      client.release()
    }
    return [(await megabytes()) - before]
  },
  async statements(url) {
    const pool = new Pool({ connectionString: url, size: 10, overflow: 0 })
    let left = 0
    const run = async (): Promise<void> => {
      while (left > 0) {
        left -= 1
        await pool.query('SELECT $1::int AS n, $2::text AS t', [left, 'text'])
      }
    }
    const runAll = async (count: number): Promise<void> => {
      left = count
      await Promise.all(Array.from({ length: 64 }, run))
    }
    await runAll(20_000)
    const before = await megabytes()
    await runAll(STATEMENTS)
    return [before, await megabytes()]
  },
}

const [what, url] = process.argv.slice(2)
if (what && url) {
  const figures = await measures[what]?.(url)
  console.log(JSON.stringify(figures))
  process.exit()
}

const server = await startTestServer()
const measure = (name: string): number[] =>
  JSON.parse(
    execFileSync(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url), name, server.url], {
      encoding: 'utf8',
    }),
  ) as number[]
const clients: number[] = []
const pools: number[] = []
for (let round = 0; round < 5; round += 1) {
  clients.push(...measure('clients'))
  pools.push(...measure('pool'))
}
const [before, after] = measure('statements')
const result = {
  machine: machine(),
  [`${CONNECTIONS} bare clients, MB`]: spread(clients),
  [`idle pool of ${CONNECTIONS}, MB`]: spread(pools),
  'the pool above its clients, MB': spread(pools.map((mb, round) => mb - (clients[round] as number))),
  [`before and after ${STATEMENTS.toLocaleString('en')} statements of 64 callers, MB`]: [before, after],
}
await server.stop()
mkdirSync(new URL('results/', import.meta.url), { recursive: true })
writeFileSync(new URL('results/memory.json', import.meta.url), `${JSON.stringify(result, null, 2)}\n`)
console.log(JSON.stringify(result, null, 2))
