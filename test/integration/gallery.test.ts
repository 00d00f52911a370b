/** Databases with a fault in each, made for real: it is found, with its evidence and the next step. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resolveOptions } from '../../src/core/index.ts'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { MIGRATE_OPTIONS, installSchema } from '../../src/migrate/index.ts'
import { DEFAULT_LIMITS, HistoryStore, LEVELS, readSource } from '../../src/monitor/index.ts'
import { createTestDatabase, FakeClock, type TestDatabase } from '../../src/testing/index.ts'
import { expectFound, plant } from '../support/exhibiting.ts'
import { withFault } from '../support/faulty-database.ts'
import { FALSE_FRIENDS } from '../support/false-friends.ts'
import { ALONE, STRUCTURE } from '../support/gallery.ts'
import { startServer } from '../support/servers.ts'

const DAY_MS = 86_400_000
let server: EmbeddedServer
let template: TestDatabase

beforeAll(async () => {
  server = await startServer()
  template = await createTestDatabase(server.url, 'template1')
  await installSchema(template.url, 'holdfast', resolveOptions('migrate', MIGRATE_OPTIONS, []).values)
  const client = new pg.Client(template.url)
  await client.connect()
  await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements')
  await client.end()
})
afterAll(() => server.stop())

test('a healthy database has nothing to be told of, however deep one looks', async () => {
  await withFault(
    server.url,
    template.name,
    'CREATE TABLE t (id int PRIMARY KEY, a int); CREATE INDEX ON t (a)',
    async (database) => {
      expect(await database.findings()).toEqual([])
      await database.run('CREATE EXTENSION amcheck')
      expect(await database.findings({ deep: true })).toEqual([])
    },
  )
})

describe('a fault is found in a database of its own:', () => {
  // The others, all in one database: gallery-versions.test.ts.
  test.each(STRUCTURE.filter(({ name }) => ALONE.test(name)).map((one) => [one.name, one] as const))(
    '%s',
    async (_, exhibit) => {
      await withFault(server.url, template.name, '', async (database) => {
        await plant(database, exhibit.plant)
        const depth = exhibit.depth === undefined ? {} : { [exhibit.depth]: true }
        expectFound(await database.findings(depth), exhibit, database.name)
      })
    },
  )
})

describe('no fault:', () => {
  test.each(FALSE_FRIENDS.map((one) => [one.name, one] as const))('%s', async (_, { plant: sql, checks }) => {
    await withFault(server.url, template.name, sql, async (database) => {
      const findings = await database.findings()
      expect(findings.filter(({ check }) => checks.includes(check))).toEqual([])
    })
  })
})

test('a fault is found: a statement that takes longer than a week ago', async () => {
  await withFault(server.url, template.name, '', async (database) => {
    const clock = new FakeClock(Date.now())
    const history = new HistoryStore(database.pool, 'holdfast', await readSource(database.pool))
    const hour = (atMs: number, totalMs: number) => ({
      kind: 'statements' as const,
      instance: '',
      atMs,
      keys: ['slower', 'same', ''],
      figures: { 'calls:sum': [100, 100, 1_000], 'total_ms:sum': [totalMs, 500, 9_000] },
    })
    await history.write(LEVELS[2], [
      hour(clock.now() - 6 * DAY_MS, 200),
      hour(clock.now() - 3_600_000, 5_000),
    ])
    await history.keepTexts(new Map([['slower', 'SELECT * FROM orders WHERE id = $1']]), clock.now())
    const found = (await database.findings({}, { history, clock })).filter(
      ({ check }) => check === 'statement-regressions',
    )
    expect(found).toMatchObject([
      {
        subject: 'statement slower',
        evidence: { mean_ms: 50, mean_ms_before: 2 },
        message: expect.stringContaining('FROM orders'),
      },
    ])
  })
})

test('an index that is there twice, and begins another, is advised to go once', async () => {
  const sql = `CREATE TABLE t (id int PRIMARY KEY, a int, b int);
    CREATE INDEX one ON t (a); CREATE INDEX two ON t (a); CREATE INDEX long ON t (a, b)`
  await withFault(server.url, template.name, sql, async (database) => {
    const advice = (await database.findings()).flatMap(({ sql: step }) => step ?? [])
    expect(advice.toSorted()).toEqual([
      'DROP INDEX CONCURRENTLY public.one;',
      'DROP INDEX CONCURRENTLY public.two;',
    ])
    for (const step of advice) await database.run(step)
    expect(await database.findings()).toEqual([])
  })
})

test('room that is used up is told of without a history', async () => {
  await withFault(server.url, template.name, '', async (database) => {
    const [{ bytes }] = (await database.run('SELECT pg_database_size(current_database())::float8 AS bytes'))
      .rows
    for (const [room, severity] of [
      [bytes * 2, undefined],
      [bytes * 1.05, 'warning'],
      [bytes * 0.9, 'error'],
    ] as const) {
      const findings = await database.findings({}, { limits: { ...DEFAULT_LIMITS, diskBytes: room } })
      expect(findings.find(({ check }) => check === 'capacity')?.severity).toBe(severity)
    }
  })
})

test('a large table counts as read as often as its rows were, however many workers shared it', async () => {
  const sql =
    'CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t SELECT n, n FROM generate_series(1, 60000) n'
  await withFault(server.url, template.name, sql, async (database) => {
    await database.run('ANALYZE t')
    const shared =
      'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;'
    await database.run(`${shared} ${'SELECT count(*) FROM t;'.repeat(60)}`)
    await expect
      .poll(
        async () => (await database.findings()).find(({ check }) => check === 'sequential-scans')?.evidence,
      )
      .toMatchObject({ times_read: 60, estimated_rows: 60_000 })
  })
})
