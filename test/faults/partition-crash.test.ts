/** A conversion that is killed at every step, while others write. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { installSchema } from '../../src/migrate/index.ts'
import {
  conversionStatus,
  listPartitions,
  type PartitionTarget,
  resumeConversion,
  type Wishes,
} from '../../src/partitions/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { BusyWriters, differencesOfLogs, LockWatch, makeBusyLogs } from '../support/busy-logs.ts'
import { queryAt } from '../support/database.ts'
import { SEED } from '../support/random.ts'
import { startServer } from '../support/servers.ts'

const VICTIM = fileURLToPath(new URL('../support/convert-victim.ts', import.meta.url))
const ROWS = 4_000
const DAYS = 200
let server: EmbeddedServer

beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

async function firstLine(child: ChildProcess): Promise<string> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  const [line] = (await once(lines, 'line')) as [string]
  return line
}

/** Runs until it comes to a point that was not passed yet, and kills it there. */
async function runTo(target: PartitionTarget, wishes: Wishes, passed: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [VICTIM, JSON.stringify({ target, table: 'logs', wishes, passed })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    return await firstLine(child)
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

test('killed at every step, with writers of five kinds: what is gone on with loses and doubles nothing', async () => {
  const { url } = await createTestDatabase(server.url)
  await installSchema(url, 'holdfast', {})
  const target = { url, ownSchema: 'holdfast' }
  await makeBusyLogs(url, ROWS, DAYS)
  const writers = new BusyWriters()
  const watch = new LockWatch(url)
  await watch.start()
  await writers.start(url, 4, ROWS, DAYS, SEED, 10, 4)
  const began = performance.now()
  const passed: string[] = []
  const wishes: Wishes = { by: 'at', every: 'month', mode: 'split', graceMs: 60_000 }
  try {
    for (;;) {
      const point = await runTo(target, wishes, passed)
      if (point === 'through') break
      expect(point, `seed ${SEED}`).not.toContain('failed')
      passed.push(point)
    }
  } finally {
    await writers.stop()
    await watch.stop()
  }
  expect(passed).toEqual(
    [
      'index',
      'parent',
      'check',
      'validate',
      'swap',
      'verify',
      'shadow',
      'mirror',
      'copy',
      'compare',
      'exchange',
      'tidy',
    ].flatMap((step) => [`${step} begun`, ...(step === 'copy' ? ['copy going'] : []), `${step} done`]),
  )
  expect(writers.changes).toBeGreaterThan(200)
  expect(await differencesOfLogs(url), `seed ${SEED}`).toBe(0)
  // In milliseconds on a quiet machine: bench/convert.ts. Here only that nobody is kept out.
  expect(watch.longestMs).toBeLessThan((performance.now() - began) / 2)
  const { partitions, policy } = await listPartitions(target, 'logs')
  expect(partitions.length).toBeGreaterThan(8)
  expect(partitions.some(({ name }) => name === 'logs_legacy')).toBe(false)
  expect(policy?.every).toBe('month')
  expect((await conversionStatus(target)).map(({ kind, state }) => [kind, state])).toEqual([
    ['split', 'done'],
    ['attach', 'done'],
  ])
  // What is finished is only told of.
  expect((await resumeConversion(target, 'logs')).state).toBe('done')
  // Nothing of the way is left but what undoing needs.
  expect(
    await queryAt(
      url,
      `SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
      AND relname ~ 'apart|split|legacy|recheck' ORDER BY 1`,
    ),
  ).toEqual([{ name: 'logs_legacy' }, { name: 'logs_recheck' }])
})
