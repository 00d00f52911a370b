/**
 * Converting a big table while it is written to: `npm run bench:convert` writes bench/results/convert.json.
 *
 * Sixteen writers insert, update, delete, move and renumber rows, each change written down in its own transaction; a reader holds a
 * snapshot for twenty seconds. The table is attached in place, then split, by a process that is killed at every step and at random
 * moments within the long ones, and gone on with. In the end the table must hold exactly what the writers wrote. How long a writer
 * waited for a lock of the conversion comes from pg_locks, looked at fifty times a second, and from the server's log_lock_waits.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { installSchema } from '../src/migrate/index.ts'
import { conversionStatus, type PartitionTarget, type Wishes } from '../src/partitions/index.ts'
import { createTestDatabase, startTestServer } from '../src/testing/index.ts'
import { BusyWriters, differencesOfLogs, LockWatch, makeBusyLogs } from '../test/support/busy-logs.ts'
import { randomFrom } from '../test/support/random.ts'
import { machine } from './measure.ts'

const ROWS = Number(process.env.BENCH_ROWS ?? 10_000_000)
const VERSIONS = (process.env.BENCH_VERSIONS ?? '15,18').split(',').map(Number)
const WRITERS = 16
const WRITER_PAUSE_MS = 50
const READER_MS = 20_000
const DAYS = 360
const SEED = Number(process.env.BENCH_SEED ?? 7)
/** A long step is killed so often at a random moment. */
const RANDOM_KILLS = 4
const VICTIM = fileURLToPath(new URL('../test/support/convert-victim.ts', import.meta.url))

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const random = randomFrom(SEED)

/** Runs until a point that was not passed, or for a random while, and is killed. */
async function runAndKill(
  target: PartitionTarget,
  wishes: Wishes,
  passed: readonly string[],
  killAfterMs: number | undefined,
): Promise<string> {
  const child = spawn(process.execPath, [VICTIM, JSON.stringify({ target, table: 'logs', wishes, passed })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>,
    ...(killAfterMs === undefined ? [] : [pause(killAfterMs).then((): [string] => ['killed'])]),
  ])
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
  return line
}

/** Steps that take long enough to be killed in their middle. */
const LONG = new Set(['index begun', 'validate begun', 'copy going', 'compare begun'])

async function kills(
  target: PartitionTarget,
  wishes: Wishes,
): Promise<{ passed: string[]; randomly: number }> {
  const passed: string[] = []
  let randomly = 0
  let left = 0
  for (;;) {
    const point = await runAndKill(target, wishes, passed, left > 0 ? 1_500 + random() * 8_000 : undefined)
    console.error(new Date().toISOString(), point)
    if (point === 'through') return { passed, randomly }
    if (point.startsWith('failed')) throw new Error(point)
    if (point === 'killed') {
      left -= 1
      randomly += 1
      continue
    }
    passed.push(point)
    left = LONG.has(point) ? RANDOM_KILLS : 0
  }
}

/** Writers that the server saw waiting for longer than its deadlock_timeout, half a second. */
function waitsInLog(logFile: string): number {
  return readFileSync(logFile, 'utf8')
    .split('\n')
    .filter((line) => /\] writer .*still waiting for/.test(line)).length
}

async function round(version: number, mode: 'attach' | 'split') {
  const server = await startTestServer({
    ...(version === 18 ? {} : { version }),
    settings: {
      log_lock_waits: 'on',
      deadlock_timeout: '500ms',
      log_line_prefix: '%m [%p] %a ',
      max_wal_size: '16GB',
      shared_buffers: '1GB',
      maintenance_work_mem: '512MB',
      work_mem: '64MB',
    },
  })
  try {
    const { url } = await createTestDatabase(server.url)
    await installSchema(url, 'holdfast', {})
    const target: PartitionTarget = { url, ownSchema: 'holdfast' }
    await makeBusyLogs(url, ROWS, DAYS)
    const writers = new BusyWriters()
    const watch = new LockWatch(url)
    await watch.start(20)
    await writers.start(url, WRITERS, ROWS, DAYS, SEED, WRITER_PAUSE_MS, 8)
    const reader = new pg.Client(url)
    await reader.connect()
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM logs')
    const reading = pause(READER_MS)
      .then(() => reader.query('COMMIT'))
      .then(() => reader.end())
    const began = performance.now()
    const { passed, randomly } = await kills(target, { by: 'at', every: 'month', mode, graceMs: 0 })
    const seconds = Math.round((performance.now() - began) / 1_000)
    await reading
    await writers.stop()
    await watch.stop()
    const differences = await differencesOfLogs(url)
    const [last] = await conversionStatus(target)
    return {
      rows: ROWS,
      'changes by the writers meanwhile': writers.changes,
      'killed at a step': passed.length,
      'killed at a random moment': randomly,
      'seconds, with all kills': seconds,
      'longest wait of a writer for a lock of the conversion, ms': Math.round(watch.longestMs),
      'looks at pg_locks': watch.looks,
      'writers in the log that waited over 500 ms': waitsInLog(server.logFile),
      'rows other than the writers wrote': differences,
      ended: last?.state,
      notes: last?.notes,
    }
  } catch (error) {
    console.error(version, mode, error) // what the sessions say of the server's end would hide it
    throw error
  } finally {
    await server.stop()
  }
}

const results: Record<string, unknown> = {}
for (const version of VERSIONS)
  for (const mode of ['attach', 'split'] as const) {
    const name = `PostgreSQL ${version}, ${mode}`
    results[name] = await round(version, mode)
    console.log(name, JSON.stringify(results[name], null, 2))
  }
const setting = {
  rows: ROWS,
  writers: WRITERS,
  writerPauseMs: WRITER_PAUSE_MS,
  readerMs: READER_MS,
  seed: SEED,
}
writeFileSync(
  new URL('results/convert.json', import.meta.url),
  `${JSON.stringify({ machine: machine(), setting, results }, null, 2)}\n`,
)
