/** The live view: what it shows, in one picture and on a real terminal. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { Pool } from '../../src/pool/index.ts'
import { renderTop } from '../../src/cli/top/render.ts'
import { runCli } from '../support/cli.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const BIN = fileURLToPath(new URL('../../src/cli/bin.ts', import.meta.url))
const SCRIPT = '/usr/bin/script'

beforeAll(() =>
  queryAt(
    database.url,
    'CREATE EXTENSION IF NOT EXISTS pg_stat_statements; CREATE TABLE wanted (id int); INSERT INTO wanted VALUES (1)',
  ),
)

/** Somebody works, somebody holds a row, somebody waits for it; until the test ends. */
async function bustle(): Promise<{ holder: number; waiter: number }> {
  const pool = new Pool({ connectionString: database.url, size: 3, overflow: 0, application_name: 'bustle' })
  const [holder, waiter, worker] = [await pool.connect(), await pool.connect(), await pool.connect()]
  const pidOf = async (client: typeof holder): Promise<number> =>
    (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid
  const pids = { holder: await pidOf(holder), waiter: await pidOf(waiter) }
  await holder.query('BEGIN; UPDATE wanted SET id = 2')
  const waiting = waiter.query('UPDATE wanted SET id = 3')
  const stopping = new AbortController()
  const working = (async () => {
    while (!stopping.signal.aborted) await worker.query('SELECT count(*) FROM wanted')
  })()
  onTestFinished(async () => {
    stopping.abort()
    await working
    await holder.query('ROLLBACK')
    await waiting
    for (const one of [holder, waiter, worker]) one.release()
    await pool.end()
  })
  await vi.waitUntil(
    async () => {
      const rows = await queryAt(
        database.url,
        `SELECT FROM pg_locks WHERE NOT granted AND pid = ${pids.waiter}`,
      )
      return rows.length > 0
    },
    { timeout: 60_000 },
  )
  return pids
}

describe('one picture', () => {
  test('has load, sessions with whom they wait for, and statements', async () => {
    const { holder, waiter } = await bustle()
    const top = (...args: string[]) =>
      runCli(['top', '--once', ...args], {
        cwd: scratch('top'),
        env: { DATABASE_URL: database.url },
      })
    const { code, stdout } = await top('--json', '--interval', '2')
    expect(code).toBe(0)
    const picture = JSON.parse(stdout) as Record<string, any>
    expect(picture.seconds).toBeGreaterThan(1.9)
    expect(picture.values.transactions_per_second).toBeGreaterThan(1)
    expect(picture.values.statements_blocked).toBe(1)
    expect(picture.sessions).toContainEqual(expect.objectContaining({ pid: waiter, blocked_by: holder }))
    expect(picture.statements).toContainEqual(
      expect.objectContaining({ text: 'SELECT count(*) FROM wanted' }),
    )
    const words = await top('--by', 'calls', '--interval', '0.5')
    expect(words.stdout).toMatch(/blocked 1 {2}longest wait/)
    expect(words.stdout).toMatch(new RegExp(`${waiter} .* ${holder} .* bustle +UPDATE wanted SET id = 3`))
    expect((await top('--interval=0')).code).toBe(2)
  })

  test('says what is missing, and shows no control character as one', () => {
    const picture = {
      at: new Date(0),
      seconds: 0,
      values: {},
      sessions: [
        {
          pid: 1,
          user: 'a',
          application: 'evil\u001B[2J',
          state: 'active',
          statement: 'SELECT 1',
          stateSeconds: 1,
          transactionSeconds: null,
          waitsFor: null,
          address: null,
          startedAt: null,
        },
      ],
      blockedBy: new Map(),
      statements: null,
    }
    const view = { order: 'time', isPaused: false, columns: 160, rows: 12 } as const
    const statements = renderTop('db', picture as never, { ...view, list: 'statements' })
    expect(statements).toHaveLength(12)
    expect(statements.join('\n')).toContain('pg_stat_statements is not there')
    const one = {
      id: '7',
      text: 'SELECT 1',
      calls: 2,
      totalMs: 4,
      rows: 2,
      blocksRead: 1,
      tempBlocks: 4,
      walBytes: 2_048,
      ioMs: 0,
    }
    const by = (order: 'time' | 'wal' | 'temp') =>
      renderTop('db', { ...picture, seconds: 2, statements: [one] } as never, {
        ...view,
        order,
        list: 'statements',
      }).join('\n')
    expect(by('time')).toMatch(/load[\s\S]* 0\.00 /)
    expect(by('wal')).toMatch(/log\/s[\s\S]* 1\.0 kB /)
    expect(by('temp')).toMatch(/temp\/s[\s\S]* 16\.0 kB /)
    const sessions = renderTop('db', picture as never, { ...view, list: 'sessions' }).join('\n')
    expect(sessions).toContain('evil·[2J')
    expect(sessions).not.toContain('evil\u001B')
  })
})

test.skipIf(!existsSync(SCRIPT))(
  'on a terminal it is live, takes keys, and gives the terminal back',
  async () => {
    await bustle()
    const child = spawn(
      SCRIPT,
      ['-qec', `stty cols 150 rows 40; "${process.execPath}" "${BIN}" top --interval 0.5`, '/dev/null'],
      {
        cwd: scratch('live'),
        env: { PATH: process.env.PATH, TERM: 'xterm', DATABASE_URL: database.url, NO_COLOR: '1' },
      },
    )
    onTestFinished(() => void child.kill('SIGKILL'))
    let shown = ''
    child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()))
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    const sees = (what: RegExp): Promise<boolean> => vi.waitUntil(() => what.test(shown), { timeout: 60_000 })
    await sees(/SELECT count\(\*\) FROM wanted/)
    child.stdin.write('s')
    await sees(/statements by calls/)
    child.stdin.write('v')
    await sees(/UPDATE wanted SET id = 3/)
    child.stdin.write(' ')
    await sees(/paused/)
    child.stdin.write('q')
    expect(await ended).toBe(0)
    expect(shown).toContain('\u001B[?1049h')
    expect(shown.lastIndexOf('\u001B[?1049l')).toBeGreaterThan(shown.lastIndexOf('\u001B[H'))
  },
)
