/** Faults of a server and of what goes on in it, made for real on a server of their own. */
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { resolveOptions } from '../../src/core/index.ts'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { MIGRATE_OPTIONS, installSchema } from '../../src/migrate/index.ts'
import { DEFAULT_LIMITS, type Finding } from '../../src/monitor/index.ts'
import { describeLong, readLongStatements } from '../../src/monitor/checks/long-statements.ts'
import { describePrepared, readPrepared } from '../../src/monitor/checks/prepared-transactions.ts'
import { Pool } from '../../src/pool/index.ts'
import { createTestDatabase, FakeClock, type TestDatabase } from '../../src/testing/index.ts'
import { queryAt } from '../support/database.ts'
import { type FaultyDatabase, withFault, withSessions } from '../support/faulty-database.ts'
import { startServer } from '../support/servers.ts'

let server: EmbeddedServer
let template: TestDatabase
const DAY_MS = 86_400_000

beforeAll(async () => {
  server = await startServer({
    settings: {
      max_connections: '40',
      max_prepared_transactions: '5',
      shared_buffers: '2MB',
      deadlock_timeout: '20ms',
      archive_mode: 'on',
      max_wal_size: '32MB',
      // What is made by hand here is put back by it, and nothing here needs it.
      autovacuum_naptime: '1h',
      'pg_stat_statements.max': '1000',
    },
  })
  await queryAt(server.url, "ALTER SYSTEM SET archive_command = 'true'")
  await queryAt(server.url, 'SELECT pg_reload_conf()')
  template = await createTestDatabase(server.url, 'template1')
  await installSchema(template.url, 'holdfast', resolveOptions('migrate', MIGRATE_OPTIONS, []).values)
  await queryAt(template.url, 'CREATE EXTENSION IF NOT EXISTS pg_stat_statements')
})
afterAll(() => server.stop())

const withDatabase = <T>(sql: string, work: (database: FaultyDatabase) => Promise<T>): Promise<T> =>
  withFault(server.url, template.name, sql, work)
const of = (findings: readonly Finding[], check: string): Finding | undefined =>
  findings.find((one) => one.check === check)

test('a healthy database on it has nothing to be told of', async () => {
  await withDatabase('', async (database) => expect(await database.findings()).toEqual([]))
})

describe('what goes on', () => {
  test('a chain of three: who is at its root, and how many wait', async () => {
    await withDatabase(
      'CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1), (2, 2)',
      (database) =>
        withSessions(database.url, 3, async (root, middle, last) => {
          await root?.query("SET application_name = 'billing'; BEGIN; UPDATE t SET n = 9 WHERE id = 1")
          await middle?.query('BEGIN; UPDATE t SET n = 8 WHERE id = 2')
          const waits = [
            middle?.query('UPDATE t SET n = 7 WHERE id = 1'),
            last?.query('UPDATE t SET n = 6 WHERE id = 2'),
          ]
          let found: Finding | undefined
          await vi.waitFor(
            async () => {
              found = of(await database.findings(), 'blocked-statements')
              expect(found?.evidence).toMatchObject({ waiting: 2 })
            },
            { timeout: 60_000 },
          )
          const { rows } = await (root as pg.Client).query('SELECT pg_backend_pid() AS pid')
          expect(found).toMatchObject({ subject: `pid ${rows[0].pid}`, evidence: { application: 'billing' } })
          await root?.query('ROLLBACK')
          await waits[0]
          await middle?.query('ROLLBACK')
          await waits[1]
        }),
    )
  })

  test('a statement that does not end, and a transaction that nobody ends', async () => {
    await withDatabase('CREATE TABLE t (id int PRIMARY KEY)', (database) =>
      withSessions(database.url, 1, async (session) => {
        const sleeping = session?.query('SELECT pg_sleep(600)')
        sleeping?.catch(() => {})
        const long = await vi.waitFor(
          async () => {
            const [one] = await readLongStatements(database.pool, 0)
            if (!one) throw new Error('not yet')
            return one
          },
          { timeout: 60_000 },
        )
        expect(describeLong(long)).toMatchObject({
          severity: 'warning',
          sql: `SELECT pg_cancel_backend(${long.pid});`,
        })
        expect(describeLong({ ...long, seconds: 1_800 }).severity).toBe('error')
        await database.run(`SELECT pg_cancel_backend(${long.pid})`)
        await expect(sleeping).rejects.toThrow('canceling')
        await database.run("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'left ''alone'''")
        const [prepared] = await readPrepared(database.pool, 0)
        expect(prepared && describePrepared(prepared)).toMatchObject({
          subject: "left 'alone'",
          sql: "ROLLBACK PREPARED 'left ''alone''';",
        })
        await database.run(prepared ? (describePrepared(prepared).sql as string) : '')
      }),
    )
  })

  test('a deadlock', async () => {
    await withDatabase(
      'CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1), (2, 2)',
      async (database) => {
        await withSessions(database.url, 2, async (one, other) => {
          await one?.query('BEGIN; UPDATE t SET n = 0 WHERE id = 1')
          await other?.query('BEGIN; UPDATE t SET n = 0 WHERE id = 2')
          const ended = await Promise.allSettled([
            one?.query('UPDATE t SET n = 0 WHERE id = 2'),
            other?.query('UPDATE t SET n = 0 WHERE id = 1'),
          ])
          expect(ended.filter(({ status }) => status === 'rejected')).toHaveLength(1)
        })
        expect(of(await database.findings(), 'deadlocks')).toMatchObject({
          severity: 'warning',
          evidence: { deadlocks: 1 },
        })
      },
    )
  })

  test('connections that are nearly used up', async () => {
    await withDatabase('', (database) =>
      withSessions(database.url, 31, async () => {
        const found = of(await database.findings(), 'connections-used')
        expect(found?.severity).toMatch(/warning|error/)
        expect(found?.evidence).toMatchObject({ max_connections: 40 })
      }),
    )
  })

  test('a pool that is larger than the server, and one that leaks', async () => {
    await withDatabase('', async (database) => {
      expect(of(await database.findings({}, { connectionLimit: 500 }), 'connection-budget')).toMatchObject({
        evidence: { size_plus_overflow: 500, max_connections: 40 },
      })
      const pool = new Pool({ connectionString: database.url, leakThresholdMs: 20 })
      const leak = new Promise((resolve) => pool.once('pool:leak', resolve))
      const held = await pool.connect()
      await leak
      expect(of(await database.findings({}, { pool: pool.stats() }), 'pool-leaks')).toMatchObject({
        evidence: { leaks: 1 },
      })
      held.release()
      await pool.end()
    })
  })

  test('work that is thrown away', async () => {
    await withDatabase('', async (database) => {
      await withSessions(database.url, 1, async (session) => {
        for (let n = 0; n < 600; n += 1) await session?.query('BEGIN; ROLLBACK')
        for (let n = 0; n < 600; n += 1) await session?.query('SELECT')
      })
      expect(of(await database.findings(), 'rollbacks')?.evidence).toMatchObject({ rollbacks: 600 })
    })
  })
})

describe('statements', () => {
  test('sorts that spill, tables that are read again and again, and not out of memory', async () => {
    await withDatabase(
      `CREATE TABLE t (id int PRIMARY KEY, word text) WITH (autovacuum_enabled = off);
       INSERT INTO t SELECT n, repeat(md5(n::text), 6) FROM generate_series(1, 60000) n; ANALYZE t`,
      async (database) => {
        await withSessions(database.url, 1, async (session) => {
          await session?.query("SET work_mem = '1MB'; SET max_parallel_workers_per_gather = 0")
          for (let n = 0; n < 12; n += 1)
            await session?.query('SELECT FROM (SELECT word FROM t ORDER BY word OFFSET 1) s')
          for (let n = 0; n < 45; n += 1) await session?.query('SELECT count(*) FROM t')
        })
        const findings = await database.findings()
        expect(of(findings, 'temp-files')?.evidence).toMatchObject({ work_mem: expect.any(String) })
        expect(of(findings, 'temp-files')?.evidence.files).toBeGreaterThanOrEqual(12)
        expect(of(findings, 'cache-hit')).toMatchObject({
          subject: 'tables',
          evidence: { assessment: 'poor' },
        })
        expect(of(findings, 'sequential-scans')).toMatchObject({
          subject: 'public.t',
          evidence: { estimated_rows: 60000 },
        })
      },
    )
  })

  test('one that is slow, by the limit that is asked for', async () => {
    await withDatabase('', async (database) => {
      for (let n = 0; n < 3; n += 1) await database.run('SELECT pg_sleep(0.06)')
      await database.run('SELECT pg_sleep(0.06), 1')
      const limits = { ...DEFAULT_LIMITS, slowStatementMs: 50 }
      const slow = (await database.findings({}, { limits })).filter(
        ({ check }) => check === 'slow-statements',
      )
      const found = slow.find(({ message }) => message.includes('SELECT pg_sleep($1)'))
      expect(found).toMatchObject({ severity: 'warning', evidence: { calls: 3 } })
      // What ran once may have waited for something else.
      expect(slow.filter(({ message }) => message.includes('pg_sleep'))).toHaveLength(1)
      expect(found?.action).toMatch(/holdfast query explain -?\d+/)
      expect(of(await database.findings(), 'slow-statements')).toBeUndefined()
    })
  })

  test('more of them than statistics hold, an extension that is old, and one that is missing', async () => {
    await withDatabase('', async (database) => {
      await withSessions(database.url, 1, async (session) => {
        const shape = (columns: number, terms: number): string =>
          `SELECT ${Array(columns).fill(1).join()} WHERE ${Array(terms).fill('true').join(' AND ')}`
        for (let n = 0; n < 1_600; n += 1) await session?.query(shape(1 + (n % 40), 2 + Math.floor(n / 40)))
      })
      expect(of(await database.findings(), 'evicted-statements')?.evidence).toMatchObject({
        max: 1_000,
      })
      await database.run(
        "DROP EXTENSION pg_stat_statements; CREATE EXTENSION pg_stat_statements VERSION '1.9'",
      )
      expect(of(await database.findings(), 'extensions')).toMatchObject({
        subject: 'pg_stat_statements',
        sql: 'ALTER EXTENSION pg_stat_statements UPDATE;',
      })
      await database.run('DROP EXTENSION pg_stat_statements')
      expect(of(await database.findings(), 'statement-statistics')).toMatchObject({
        sql: 'CREATE EXTENSION pg_stat_statements;',
      })
    })
  })
})

describe('storage', () => {
  test('an index of 50 MB that nobody uses, but not before a month has been counted', async () => {
    await withDatabase(
      `CREATE TABLE t (id int PRIMARY KEY, word text) WITH (autovacuum_enabled = off);
       INSERT INTO t SELECT n, md5(n::text) || md5((n + 1)::text) FROM generate_series(1, 560000) n; CREATE INDEX unused ON t (word); ANALYZE t`,
      async (database) => {
        expect(of(await database.findings(), 'unused-indexes')).toBeUndefined()
        const later = new FakeClock(Date.now() + 40 * DAY_MS)
        const found = of(await database.findings({}, { clock: later }), 'unused-indexes')
        expect(found).toMatchObject({
          subject: 'public.unused',
          confidence: 'likely',
          sql: 'DROP INDEX CONCURRENTLY public.unused;',
        })
        expect(found?.evidence.bytes).toBeGreaterThan(50e6)
        await database.run("SET enable_seqscan = off; SELECT FROM t WHERE word = 'x'")
        // Used once, and by that clock more than a month ago.
        expect(of(await database.findings({}, { clock: later }), 'unused-indexes')?.evidence).toMatchObject({
          scans: 1,
        })
      },
    )
  })

  test('transaction ids that run out', async () => {
    await withDatabase('', async (database) => {
      // As if the oldest row had been frozen 1.7 billion transactions ago.
      await database.run(
        `UPDATE pg_database SET datfrozenxid = ((txid_current() + 4294967296 - 1700000000) % 4294967296)::text::xid WHERE datname = current_database()`,
      )
      const findings = await database.findings()
      const found = findings.find(({ check, subject }) => check === 'wraparound' && subject === database.name)
      expect(found).toMatchObject({ severity: 'error', sql: 'VACUUM (FREEZE, VERBOSE);' })
      expect(found?.evidence.percent).toBeCloseTo(79.2, 0)
      await database.run(
        'UPDATE pg_database SET datfrozenxid = (SELECT min(age(datfrozenxid)) FROM pg_database)::text::xid WHERE false',
      )
    })
  })

  test('a replication slot that holds the log for nobody', async () => {
    await withDatabase("SELECT pg_create_physical_replication_slot('forgotten', true)", async (database) => {
      try {
        await database.run("SELECT pg_logical_emit_message(false, 'x', repeat('x', 70000000))")
        const found = of(await database.findings(), 'replication-slots')
        expect(found).toMatchObject({
          severity: 'warning',
          subject: 'forgotten',
          sql: "SELECT pg_drop_replication_slot('forgotten');",
        })
        expect(found?.evidence.retained_bytes).toBeGreaterThan(70e6)
      } finally {
        await database.run("SELECT pg_drop_replication_slot('forgotten')")
      }
    })
  })

  test('a log that does not reach its archive, checkpoints that come too early', async () => {
    await withDatabase('', async (database) => {
      await database.run("ALTER SYSTEM SET archive_command = 'false'")
      await database.run('SELECT pg_reload_conf()')
      await database.run("SELECT pg_stat_reset_shared('checkpointer'), pg_stat_reset_shared('wal')")
      // What is asked for while one goes on is one: it goes on until there were enough of them.
      const requested = async (): Promise<number> =>
        (await database.run('SELECT num_requested::int AS n FROM pg_stat_checkpointer')).rows[0].n
      while ((await requested()) < 24)
        await database.run(
          "SELECT pg_logical_emit_message(false, 'x', repeat('x', 18000000)); SELECT pg_switch_wal()",
        )
      await vi.waitFor(
        async () => {
          const findings = await database.findings()
          expect(of(findings, 'archiving')).toMatchObject({ severity: 'error', subject: 'archive_command' })
          expect(of(findings, 'checkpoints')).toMatchObject({ subject: 'max_wal_size' })
        },
        { timeout: 60_000, interval: 300 },
      )
      await database.run('ALTER SYSTEM RESET archive_command')
      await database.run('SELECT pg_reload_conf()')
      await expect
        .poll(async () => of(await database.findings(), 'archiving')?.message)
        .toContain('nothing archives it')
      await database.run("ALTER SYSTEM SET archive_command = 'true'")
      await database.run('SELECT pg_reload_conf()')
    })
  })
})

describe('configuration', () => {
  test('a setting that waits for a restart, autovacuum turned off, and what matters in production', async () => {
    await withDatabase('', async (database) => {
      for (const sql of [
        'ALTER SYSTEM SET max_worker_processes = 9',
        'ALTER SYSTEM SET autovacuum = off',
        'SELECT pg_reload_conf()',
      ])
        await database.run(sql)
      try {
        await vi.waitFor(
          async () => {
            const findings = await database.findings({ production: true })
            expect(of(findings, 'pending-restart')).toMatchObject({ subject: 'max_worker_processes' })
            expect(of(findings, 'autovacuum')).toMatchObject({ severity: 'error', subject: 'autovacuum' })
            const subjects = findings.map(({ check, subject }) => `${check} ${subject}`)
            expect(subjects).toEqual(
              expect.arrayContaining([
                'durability fsync',
                'security postgres',
                'settings idle_in_transaction_session_timeout',
              ]),
            )
          },
          { timeout: 60_000 },
        )
      } finally {
        for (const sql of [
          'ALTER SYSTEM RESET max_worker_processes',
          'ALTER SYSTEM RESET autovacuum',
          'SELECT pg_reload_conf()',
        ])
          await database.run(sql)
      }
    })
  })

  test('a database without the schema of Holdfast', async () => {
    await withFault(server.url, 'template0', '', async (database) => {
      expect(of(await database.findings(), 'own-schema')).toMatchObject({ action: 'holdfast init' })
    })
  })

  test('what is locked just now is told, and keeps nobody waiting', async () => {
    await withDatabase('CREATE EXTENSION pgstattuple', (database) =>
      withSessions(database.url, 1, async (session) => {
        await session?.query('BEGIN; LOCK TABLE holdfast.partitioned_tables')
        const findings = await database.findings()
        expect(findings.filter(({ message }) => message.includes('could not be done'))).toMatchObject([
          { check: 'partitions', severity: 'info', evidence: { code: 'HF_MONITOR_BUSY' } },
        ])
        await session?.query('ROLLBACK')
      }),
    )
  })
})
