/** Who waits for whom, and ending what they run. */
import pg from 'pg'
import { describe, expect, test, vi } from 'vitest'
import { OperationRecorder } from '../../src/migrate/index.ts'
import { linesOf, readLockTree, signalSession } from '../../src/monitor/index.ts'
import { treesOf } from '../../src/monitor/activity/lock-tree.ts'
import { Pool, withLabel } from '../../src/pool/index.ts'
import { serveAdmin } from '../../src/admin/index.ts'
import { TEST_OPTIONS, useAdminServer } from '../support/admin-server.ts'
import { runCli } from '../support/cli.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { withSessions } from '../support/faulty-database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const client = useAdminServer(database)
const get = async (path: string) =>
  (await client().get(`/v1/database/monitoring${path}`, client().bearer('viewer'))).json() as Promise<any>
const run = (...args: string[]) =>
  runCli(['activity', ...args], { cwd: scratch('activity'), env: { DATABASE_URL: database.url } })
const pidOf = async (session: pg.Client | undefined): Promise<number> => {
  const { rows } = await (session as pg.Client).query('SELECT pg_backend_pid() AS pid')
  return rows[0].pid as number
}

const wait = (pid: number, ...blockers: number[]) => ({
  pid,
  mode: 'ShareLock',
  on: 'public.t',
  seconds: pid,
  blockers,
})

describe('the lock tree', () => {
  test('has at its roots who waits for nobody, and each who waits once', () => {
    const trees = treesOf([wait(2, 1), wait(3, 1), wait(4, 2, 1), wait(9, 8)], new Map())
    expect(linesOf(trees).map(({ depth, count }) => [depth, count])).toEqual([
      [0, 3],
      [1, 0],
      [1, 0],
      [1, 0],
      [0, 1],
      [1, 0],
    ])
  })

  test('of a circle begins somewhere, and ends', () => {
    const lines = linesOf(treesOf([wait(1, 2), wait(2, 3), wait(3, 1)], new Map()))
    expect(lines.map(({ depth }) => depth)).toEqual([0, 1, 2])
  })
})

test('who waits is seen with the code behind it, and ended', async () => {
  await queryAt(
    database.url,
    'CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1), (2, 2)',
  )
  await withSessions(database.url, 2, async (middle, last) => {
    const { pool } = client()
    const root = await withLabel('close the books', () => pool.connect())
    await root.query("BEGIN; UPDATE t SET n = 9 WHERE id = 1 AND 'secret' <> ''")
    await middle?.query('BEGIN; UPDATE t SET n = 8 WHERE id = 2')
    const waits = [
      middle?.query('UPDATE t SET n = 7 WHERE id = 1'),
      last?.query('UPDATE t SET n = 6 WHERE id = 2'),
    ]
    for (const one of waits) one?.catch(() => {})
    const { data } = await vi.waitFor(
      async () => {
        const locks = await get('/locks')
        expect(locks.data).toHaveLength(3)
        return locks
      },
      { timeout: 60_000 },
    )
    expect(data[0]).toMatchObject({
      depth: 0,
      behind: null,
      waiting: 2,
      wants: null,
      session: {
        state: 'idle in transaction',
        label: 'close the books',
      },
    })
    expect(data[1]).toMatchObject({ depth: 1, waiting: 1, wants: { on: expect.any(String) } })
    expect(data[2]).toMatchObject({ depth: 2, waiting: 0 })
    expect(JSON.stringify(data)).not.toContain('secret')
    const [rootPid, middlePid] = [data[0].session.pid, data[1].session.pid]

    const locks = await run('locks')
    expect(locks).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(/holds what 2 sessions want[\s\S]*└─ [\s\S]* {3}└─ /),
      stderr: expect.stringContaining(`Next: holdfast activity terminate ${rootPid}`),
    })
    expect(await run('cancel', String(middlePid), '--json')).toMatchObject({ code: 0 })
    await expect(waits[0]).rejects.toThrow('canceling statement')
    await middle?.query('ROLLBACK')
    await waits[1]
    expect((await get('/activity')).data.map(({ pid }: { pid: number }) => pid)).toContain(rootPid)

    const stale = { pid: rootPid, started_at: '2020-01-01T00:00:00.000Z' }
    expect(await client().post('/v1/database/monitoring/activity/terminate', 'admin', stale)).toMatchObject({
      status: 404,
      body: { code: 'HF_MONITOR_SESSION_UNKNOWN' },
    })
    const { started_at } = data[0].session
    const target = { pid: rootPid, started_at }
    expect(
      (await client().post('/v1/database/monitoring/activity/terminate', 'operator', target)).status,
    ).toBe(403)
    expect(
      await client().post('/v1/database/monitoring/activity/terminate', 'admin', { ...target, why: 'x' }),
    ).toMatchObject({ status: 400 })
    expect(await client().post('/v1/database/monitoring/activity/terminate', 'admin', target)).toMatchObject({
      status: 200,
    })
    await expect(root.query('SELECT 1')).rejects.toThrow()
    root.release(true)
    expect(
      await queryAt(
        database.url,
        "SELECT action FROM holdfast.operations WHERE action LIKE 'session.%' ORDER BY id",
      ),
    ).toEqual([{ action: 'session.cancel' }, { action: 'session.terminate' }])
  })
  expect(await readLockTree(client().pool)).toEqual([])
  expect(await run('locks')).toMatchObject({ code: 0, stdout: 'Nobody waits for a lock.\n' })
})

test('a session is ended though the pool is used up, and though nothing can be written down', async () => {
  const small = new Pool({ connectionString: database.url, size: 1, overflow: 0 })
  const server = await serveAdmin({ pool: small }, TEST_OPTIONS, scratch('state'))
  const held = await small.connect()
  await queryAt(database.url, 'ALTER TABLE holdfast.operations RENAME TO away')
  try {
    await withSessions(database.url, 1, async (session) => {
      const gone = new Promise((resolve) => session?.once('end', resolve))
      const answer = await fetch(`${server.url}/v1/database/monitoring/activity/terminate`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${server.admin.createToken('admin')}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ pid: await pidOf(session) }),
      })
      expect(answer.status).toBe(200)
      await gone
    })
  } finally {
    await queryAt(database.url, 'ALTER TABLE holdfast.away RENAME TO operations')
    held.release()
    await server.close()
    await small.end()
  }
})

test('a plain role sees who there is, without what is hidden from it', async () => {
  await queryAt(
    database.url,
    "CREATE ROLE plain_of_activity LOGIN PASSWORD 'plain'; CREATE TABLE held (n int)",
  )
  const url = new URL(database.url)
  url.username = 'plain_of_activity'
  url.password = 'plain'
  const env = { DATABASE_URL: url.href }
  try {
    await withSessions(database.url, 2, async (holder, waiter) => {
      await holder?.query("BEGIN; LOCK TABLE held; SET application_name = 'holder'")
      const waiting = waiter?.query('SELECT * FROM held')
      await expect
        .poll(() =>
          queryAt(
            database.url,
            'SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.datname = current_database()',
          ),
        )
        .toHaveLength(1)
      const list = await runCli(['activity', 'list', '--json'], { cwd: scratch('plain'), env })
      expect(JSON.parse(list.stdout).sessions.map((one: { state: string }) => one.state)).toContain('hidden')
      expect(await runCli(['activity', 'locks'], { cwd: scratch('plain'), env })).toMatchObject({ code: 3 })
      const doctor = JSON.parse((await runCli(['doctor', '--json'], { cwd: scratch('plain'), env })).stdout)
      expect(doctor.findings).toContainEqual(
        expect.objectContaining({ check: 'held-tables', evidence: { tables: ['public.held'] } }),
      )
      await holder?.query('ROLLBACK')
      await waiting
      const idle = await run('cancel', String(await pidOf(holder)))
      expect(idle).toMatchObject({ code: 1, stderr: expect.stringContaining('Nothing runs in') })
    })
  } finally {
    await queryAt(database.url, 'DROP ROLE plain_of_activity; DROP TABLE held')
  }
})

test('a role that may not end what others run is told the exact GRANT', async () => {
  await queryAt(database.url, "CREATE ROLE meek_of_activity LOGIN PASSWORD 'meek'")
  const url = new URL(database.url)
  url.username = 'meek_of_activity'
  url.password = 'meek'
  try {
    await withSessions(database.url, 1, async (session) => {
      const pid = String(await pidOf(session))
      session?.query('SELECT pg_sleep(600)').catch(() => {}) // ended with its session
      const refused = await runCli(['activity', 'cancel', pid], {
        cwd: scratch('meek'),
        env: { DATABASE_URL: url.href },
      })
      expect(refused).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('GRANT pg_signal_backend TO meek_of_activity;'),
      })
    })
  } finally {
    await queryAt(database.url, 'DROP ROLE meek_of_activity')
  }
  expect(await run('cancel', 'x')).toMatchObject({ code: 2 })
  expect(await run('terminate', '999999')).toMatchObject({ code: 5 })
  expect(await run('terminate', '999999', '--yes')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('HF_MONITOR_SESSION_UNKNOWN'),
  })
})

describe('where the table of operations is locked', () => {
  /** Who signals, and who locks; both give up soon. */
  const withLock = async (
    work: (db: pg.Client, locker: pg.Client, recorder: OperationRecorder) => Promise<void>,
  ): Promise<void> =>
    withSessions(database.url, 2, async (db, locker) => {
      await db.query("SET lock_timeout = '100ms'")
      await locker.query('BEGIN; LOCK TABLE holdfast.operations IN ACCESS EXCLUSIVE MODE')
      await work(db, locker, new OperationRecorder(db, 'holdfast'))
    })

  test('ending just the session that locks it is written down behind it', async () => {
    await withLock(async (db, locker, recorder) => {
      const pid = await pidOf(locker)
      await signalSession(db, 'terminate', { pid }, recorder)
      const rows = await queryAt(
        database.url,
        `SELECT action FROM holdfast.operations WHERE subject = 'pid ${pid}'`,
      )
      expect(rows).toEqual([{ action: 'session.terminate' }])
    })
  })

  test('by somebody else, that it cannot be written down is said', async () => {
    await withLock(async (db, _, recorder) =>
      withSessions(database.url, 1, async (bystander) => {
        const pid = await pidOf(bystander)
        await expect(signalSession(db, 'cancel', { pid }, recorder)).rejects.toMatchObject({
          code: 'HF_MONITOR_SIGNAL_UNRECORDED',
        })
      }),
    )
  })
})
