/**
 * What traffic feels of a migration of a busy table while somebody reads it for long: `npm run bench:busy-table` writes
 * bench/results/busy-table.json.
 *
 * Fifty writers update rows of a table, one each, twenty times a second. A reader holds a transaction open on it, and a
 * migration adds a column, which needs the table for itself for a moment. In turn: nobody migrates; the migration runs
 * under Holdfast; the same statement is sent as it is, as runners do that set no limit. A writer's longest wait is told
 * for each, and how the migration ended.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { installSchema, migrateUp, userHistory } from '../src/migrate/index.ts'
import { createTestDatabase, startTestServer } from '../src/testing/index.ts'
import { machine, spread } from './measure.ts'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5)
const READER_MS = Number(process.env.BENCH_READER_MS ?? 15_000)
const WRITERS = 50
const PAUSE_MS = 50
const LOCK_TIMEOUT_MS = 2_000
const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** What migrates: resolves when it is through, to how often it gave way. */
type Migrate = (url: string) => Promise<number>

const MIGRATES: Readonly<Record<string, Migrate>> = {
  'nobody migrates': async () => 0,
  async holdfast(url) {
    let retries = 0
    const directory = mkdtempSync(join(folder, 'migrations-'))
    mkdirSync(join(directory, '20260101T000000Z_column'))
    writeFileSync(
      join(directory, '20260101T000000Z_column/up.sql'),
      '-- holdfast: irreversible\nALTER TABLE busy ADD COLUMN note text;\n',
    )
    const target = { url, directory, history: userHistory('holdfast') }
    await migrateUp(target, {
      lockTimeoutMs: LOCK_TIMEOUT_MS,
      lockRetries: 1_000,
      onProgress: ({ kind }) => {
        if (kind === 'retrying') retries += 1
      },
    })
    return retries
  },
  async 'the statement as it is'(url) {
    const client = new pg.Client(url)
    await client.connect()
    await client.query('ALTER TABLE busy ADD COLUMN note text')
    await client.end()
    return 0
  },
}

interface Round {
  readonly longestMs: number
  readonly p99Ms: number
  readonly writes: number
  readonly retries: number
  /** From the reader's end to the migration's. */
  readonly behindReaderMs: number
}

async function round(serverUrl: string, migrate: Migrate): Promise<Round> {
  const { url, drop } = await createTestDatabase(serverUrl)
  await installSchema(url, 'holdfast', {})
  const reader = new pg.Client(url)
  await reader.connect()
  await reader.query('CREATE TABLE busy (id int PRIMARY KEY, n int NOT NULL DEFAULT 0)')
  await reader.query('INSERT INTO busy SELECT generate_series(1, $1::int)', [WRITERS])
  const ending = new AbortController()
  const waits: number[] = []
  const writers = Array.from({ length: WRITERS }, async (_, index) => {
    const client = new pg.Client(url)
    await client.connect()
    while (!ending.signal.aborted) {
      const began = performance.now()
      await client.query('UPDATE busy SET n = n + 1 WHERE id = $1', [index + 1])
      waits.push(performance.now() - began)
      await pause(PAUSE_MS)
    }
    await client.end()
  })
  await reader.query('BEGIN; SELECT count(*) FROM busy')
  let endedAt = 0
  const migrating = migrate(url).then((retries) => {
    endedAt = performance.now()
    return retries
  })
  await pause(READER_MS)
  await reader.query('COMMIT')
  const readerEndedAt = performance.now()
  const retries = await migrating
  await pause(500)
  ending.abort()
  await Promise.all(writers)
  const { rows } = await reader.query<{ writes: number }>('SELECT sum(n)::int AS writes FROM busy')
  if (rows[0]?.writes !== waits.length) throw new Error('writes were lost')
  await reader.end()
  await drop()
  const sorted = waits.toSorted((a, b) => a - b)
  return {
    longestMs: sorted.at(-1) ?? 0,
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
    writes: waits.length,
    retries,
    behindReaderMs: Math.max(0, endedAt - readerEndedAt),
  }
}

const server = await startTestServer()
try {
  const rounds: Record<string, Round[]> = {}
  for (let count = 0; count < ROUNDS; count += 1)
    for (const [name, migrate] of Object.entries(MIGRATES))
      (rounds[name] ??= []).push(await round(server.url, migrate))
  const results = Object.fromEntries(
    Object.entries(rounds).map(([name, all]) => [
      name,
      {
        'longest wait of a writer, ms': spread(all.map(({ longestMs }) => longestMs)),
        'p99 of the waits, ms': spread(all.map(({ p99Ms }) => p99Ms)),
        'writes in a round': spread(all.map(({ writes }) => writes)),
        'gave way, times': spread(all.map(({ retries }) => retries)),
        'through behind the end of the reader, ms': spread(all.map(({ behindReaderMs }) => behindReaderMs)),
      },
    ]),
  )
  const setting = { rounds: ROUNDS, writers: WRITERS, readerMs: READER_MS, lockTimeoutMs: LOCK_TIMEOUT_MS }
  console.log(JSON.stringify({ setting, results }, null, 2))
  writeFileSync(
    new URL('results/busy-table.json', import.meta.url),
    `${JSON.stringify({ machine: machine(), setting, results }, null, 2)}\n`,
  )
} finally {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}
