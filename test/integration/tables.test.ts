/** Tables by size and use, and tidying up what needs it. */
import { beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/core/index.ts'
import {
  optimize,
  type OptimizeOutcome,
  type OptimizeProgress,
  planOptimize,
  Reader,
  readIdentity,
} from '../../src/monitor/index.ts'
import { OperationRecorder } from '../../src/migrate/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { useAdminServer } from '../support/admin-server.ts'
import { runCli } from '../support/cli.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { withSessions } from '../support/faulty-database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const client = useAdminServer(database)
const table = (...args: string[]) =>
  runCli(['table', ...args], { cwd: scratch('table'), env: { DATABASE_URL: database.url } })

/** What needs it, as it is now. */
async function plan(tables?: string[]) {
  const db = new Reader(client().pool, systemClock)
  try {
    const context = {
      db,
      identity: await readIdentity(db),
      schema: 'holdfast',
      migrations: undefined,
      connectionLimit: 1,
    }
    return await planOptimize(context, tables)
  } finally {
    await db.end()
  }
}

beforeAll(async () => {
  await queryAt(
    database.url,
    `CREATE TABLE messy (id int PRIMARY KEY, a int) WITH (autovacuum_enabled = off);
     INSERT INTO messy SELECT n, n FROM generate_series(1, 30000) n`,
  )
  await queryAt(database.url, 'DELETE FROM messy WHERE id > 4000')
  await queryAt(
    database.url,
    `CREATE TABLE doubled (id int PRIMARY KEY, a int); INSERT INTO doubled VALUES (1, 1), (2, 1)`,
  )
  for (const sql of ['CREATE UNIQUE INDEX CONCURRENTLY broken ON doubled (a)'])
    await expect(queryAt(database.url, sql)).rejects.toThrow()
})

describe('optimizing', () => {
  test('plans what the checks advise, of all tables or of some', async () => {
    expect((await plan()).map(({ sql }) => sql)).toEqual([
      'VACUUM (ANALYZE) public.messy',
      'REINDEX INDEX CONCURRENTLY public.broken',
    ])
    expect((await plan(['public.doubled'])).map(({ sql }) => sql)).toEqual([
      'REINDEX INDEX CONCURRENTLY public.broken',
    ])
    expect(await plan(['public.nothing'])).toEqual([])
  })

  test('from the command line: shown, asked for, done; a step that fails leaves nothing behind and stops no other', async () => {
    expect(await table('optimize', '--dry-run')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /VACUUM \(ANALYZE\) public\.messy[\s\S]*REINDEX INDEX CONCURRENTLY public\.broken/,
      ),
      stderr: expect.stringContaining('Next: holdfast table optimize'),
    })
    expect(await table('optimize')).toMatchObject({ code: 5 })
    const done = await table('optimize', '--yes')
    expect(done).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/done {3}VACUUM[\s\S]*failed REINDEX[\s\S]*could not create/),
      stderr: expect.stringContaining('1/2 VACUUM (ANALYZE) public.messy'),
    })
    expect(
      await queryAt(database.url, "SELECT relname FROM pg_class WHERE relname LIKE 'broken%' ORDER BY 1"),
    ).toEqual([{ relname: 'broken' }])
    expect(
      await queryAt(
        database.url,
        "SELECT count(*)::int AS n FROM holdfast.operations WHERE action = 'table.optimize'",
      ),
    ).toEqual([{ n: 2 }])
    await queryAt(database.url, 'DELETE FROM doubled WHERE id = 2')
    expect(await table('optimize', 'public.doubled', '--yes')).toMatchObject({ code: 0 })
    expect(
      await queryAt(
        database.url,
        "SELECT indisvalid AS v FROM pg_index WHERE indexrelid = 'broken'::regclass",
      ),
    ).toEqual([{ v: true }])
    expect(await table('optimize', '--yes')).toMatchObject({ code: 0, stdout: 'Nothing needs it.\n' })
    expect(JSON.parse((await table('optimize', '--yes', '--json')).stdout)).toMatchObject({
      dry_run: false,
    })
  })

  test('is done by one at a time, tells how far it is, and ends at once when it is interrupted', async () => {
    await queryAt(
      database.url,
      `CREATE TABLE wide (id int PRIMARY KEY, a text) WITH (autovacuum_enabled = off);
       INSERT INTO wide SELECT n, repeat('x', 100) FROM generate_series(1, 24000) n; DELETE FROM wide WHERE id % 2 = 0`,
    )
    const step = {
      subject: 'public.wide',
      table: 'public.wide',
      sql: 'REINDEX INDEX CONCURRENTLY public.wide_pkey',
      why: '',
    }
    await withSessions(database.url, 1, async (session) => {
      // REINDEX waits for whoever was there before it.
      await session?.query('BEGIN; UPDATE wide SET a = a WHERE id = 1')
      const stopping = new AbortController()
      const told: OptimizeProgress[] = []
      const begun = new Promise<void>((resolve) => {
        void optimize(database.url, [step, step], {
          signal: stopping.signal,
          onProgress: (progress) => {
            told.push(progress)
            if (progress.phase !== null) resolve()
          },
        }).then((outcomes) => ended(outcomes))
      })
      let ended: (outcomes: OptimizeOutcome[]) => void = () => {}
      const end = new Promise<OptimizeOutcome[]>((resolve) => {
        ended = resolve
      })
      await begun
      expect(told.at(-1)).toMatchObject({ number: 1, of: 2, phase: expect.any(String) })
      await expect(optimize(database.url, [step])).rejects.toMatchObject({
        code: 'HF_MONITOR_OPTIMIZE_BUSY',
      })
      stopping.abort()
      expect(new Set((await end).map(({ outcome }) => outcome))).toEqual(new Set(['failed']))
      await session?.query('ROLLBACK')
    })
    // What it had begun could not be dropped while somebody was at it; the next time it is.
    const left = (await plan()).filter(({ subject }) => subject.startsWith('public.wide_pkey'))
    expect(left).toMatchObject([{ sql: 'DROP INDEX CONCURRENTLY public.wide_pkey_ccnew' }])
    expect(await optimize(database.url, left)).toMatchObject([{ outcome: 'done' }])
  })

  test('says so where a role may not', async () => {
    await queryAt(
      database.url,
      "CREATE ROLE guest_of_tables LOGIN PASSWORD 'guest'; GRANT SELECT ON messy TO guest_of_tables",
    )
    const url = new URL(database.url)
    url.username = 'guest_of_tables'
    url.password = 'guest'
    const step = { subject: 'public.messy', table: 'public.messy', sql: 'VACUUM public.messy', why: '' }
    expect(await optimize(url.href, [step])).toMatchObject([
      { outcome: 'failed', error: expect.stringMatching(/messy/) },
    ])
    // Whoever owns a table looks after it, also where it may write down nothing.
    await queryAt(database.url, 'CREATE TABLE guests (id int); ALTER TABLE guests OWNER TO guest_of_tables')
    const pool = new Pool({ connectionString: url.href, size: 1 })
    const own = { ...step, subject: 'public.guests', table: 'public.guests', sql: 'VACUUM public.guests' }
    const recorder = new OperationRecorder(pool, 'holdfast')
    expect(await optimize(url.href, [own], { recorder })).toMatchObject([{ outcome: 'done' }])
    await pool.end()
    await queryAt(database.url, 'DROP OWNED BY guest_of_tables; DROP ROLE guest_of_tables')
  })

  test('over HTTP it is an operation of an admin', async () => {
    await queryAt(database.url, 'DELETE FROM wide WHERE id % 20 <> 1')
    const answer = await client().get('/v1/database/tables/optimize', client().bearer('viewer'))
    expect(await answer.json()).toMatchObject({ steps: [{ sql: 'VACUUM (ANALYZE) public.wide' }] })
    expect((await client().post('/v1/database/tables/optimize', 'operator', {})).status).toBe(403)
    expect(
      (await client().post('/v1/database/tables/optimize', 'admin', { table: 'public.wide' })).status,
    ).toBe(400)
    const { status, body } = await client().post('/v1/database/tables/optimize', 'admin', {
      tables: ['public.wide'],
    })
    expect(status).toBe(202)
    expect(await client().outcome(body.id)).toMatchObject({
      state: 'done',
      result: { steps: [{ outcome: 'done', subject: 'public.wide' }] },
    })
  })
})

test('tables are listed by size, one is shown with its indexes', async () => {
  expect(await table('list', '--limit', '1')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('public.'),
  })
  expect(await table('show', 'public.messy')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('public.messy_pkey'),
  })
  for (const name of ['public.none', 'a b', 'Messy; DROP TABLE messy'])
    expect(await table('show', name)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('HF_MONITOR_TABLE_UNKNOWN'),
    })
  expect(await table('optimize', 'public.none', '--dry-run')).toMatchObject({ code: 1 })
  expect(
    await client().post('/v1/database/tables/optimize', 'admin', { tables: ['public.none'] }),
  ).toMatchObject({ status: 404, body: { code: 'HF_MONITOR_TABLE_UNKNOWN' } })
  expect(await table('bloat')).toMatchObject({ code: 0 })
  expect(JSON.parse((await table('list', '--json')).stdout)).toMatchObject({
    version: 1,
    tables: expect.any(Array),
  })
})
