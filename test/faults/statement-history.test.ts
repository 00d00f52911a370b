/** Statement history while the server's own statistics come and go. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import pg from 'pg'
import { EMBEDDED_DEFAULTS, type EmbeddedServer, startEmbedded } from '../../src/embedded/index.ts'
import { MIGRATE_OPTIONS, installSchema } from '../../src/migrate/index.ts'
import { resolveOptions } from '../../src/core/index.ts'
import { Collecting, figureOf } from '../support/collecting.ts'
import { queryAt } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const SPEC = { ...EMBEDDED_DEFAULTS, settings: { 'pg_stat_statements.max': '100', fsync: 'off' } }
const STATEMENT = 'SELECT lower($1::text)'
let directory: string
let server: EmbeddedServer
let one: Collecting

beforeAll(async () => {
  directory = scratch('statement-history')
  server = await startEmbedded({ ...SPEC, directory })
  await installSchema(server.url, 'holdfast', resolveOptions('migrate', MIGRATE_OPTIONS, []).values)
  one = new Collecting(server.url)
  await one.lead()
  await one.endMinute()
})

afterAll(async () => {
  await one.close()
  await server.stop()
})

async function run(text: string, times: number): Promise<void> {
  const client = new pg.Client(server.url)
  await client.connect()
  for (let n = 0; n < times; n += 1) await client.query(text, text.includes('$1') ? [n] : [])
  await client.end()
}

/** How often the statement ran by the history of the minutes that have passed since the last call, which have ended now. */
async function callsOfMinute(): Promise<number> {
  const fromMs = one.clock.now()
  await vi.waitUntil(
    async () => {
      await one.beat()
      return one.collector.status().state === 'collecting'
    },
    { timeout: 60_000, interval: 20 },
  )
  await one.endMinute()
  const frames = (await one.read('statements')).filter(
    ({ atMs }) => atMs >= Math.floor(fromMs / 60_000) * 60_000,
  )
  const texts = await queryAt(
    server.url,
    `SELECT fingerprint FROM holdfast.statement_texts WHERE text = '${STATEMENT}'`,
  )
  const fingerprint = String(texts[0]?.fingerprint)
  return frames.reduce((sum, frame) => sum + (figureOf(frame, fingerprint, 'calls:sum') ?? 0), 0)
}

test('counts each call once: across restarts in good order and not, a reset, and an eviction', async () => {
  await run(STATEMENT, 5)
  expect(await callsOfMinute()).toBe(5)

  await run(STATEMENT, 2)
  await server.stop()
  server = await startEmbedded({ ...SPEC, directory, port: server.port })
  await run(STATEMENT, 3)
  expect(await callsOfMinute()).toBe(5)

  // The statistics of a server that crashed are gone; what was seen of them before stays.
  const victim = new pg.Client(server.url)
  victim.on('error', () => {})
  await victim.connect()
  const { rows } = await victim.query('SELECT pg_backend_pid() AS pid')
  // Another session is ended by the server itself, as soon as it has noticed.
  const witness = new pg.Client(server.url)
  witness.on('error', () => {})
  await witness.connect()
  const noticed = new Promise((resolve) => witness.once('end', resolve))
  process.kill(rows[0].pid, 'SIGKILL')
  await noticed
  await vi.waitUntil(
    () =>
      run('SELECT 1', 1).then(
        () => true,
        () => false,
      ),
    { timeout: 60_000 },
  )
  await run(STATEMENT, 4)
  expect(await callsOfMinute()).toBe(4)

  await run('SELECT pg_stat_statements_reset()', 1)
  await run(STATEMENT, 7)
  expect(await callsOfMinute()).toBe(7)

  const client = new pg.Client(server.url)
  await client.connect()
  for (let n = 1; n <= 300; n += 1) await client.query(`SELECT ${Array(n).fill(n).join()}`)
  const { rows: left } = await client.query('SELECT dealloc::int FROM pg_stat_statements_info')
  expect(left[0].dealloc).toBeGreaterThan(0)
  await client.end()
  await run(STATEMENT, 11)
  expect(await callsOfMinute()).toBe(11)
})
