/** The pool's memory, measured in processes of their own by the benchmark's script, in short. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { useDatabase } from '../support/database.ts'

const database = useDatabase('empty')
const SCRIPT = fileURLToPath(new URL('../../bench/memory.ts', import.meta.url))

async function measure(what: string): Promise<number[]> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--expose-gc', SCRIPT, what, database.url],
    { env: { ...process.env, BENCH_STATEMENTS: '30000' } },
  )
  return JSON.parse(stdout) as number[]
}

test('an idle pool of a hundred connections takes less than 5 MB above its clients', async () => {
  const [pool] = await measure('pool')
  const [clients] = await measure('clients')
  expect((pool as number) - (clients as number)).toBeLessThan(5)
})

test('tens of thousands of statements leave the heap where it was', async () => {
  const [before, after] = await measure('statements')
  expect((after as number) - (before as number)).toBeLessThan(2)
})
