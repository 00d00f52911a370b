/** Several runners, busy tables, poolers: what else goes on while migrations run. */
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { isHoldfastError } from '../../src/core/index.ts'
import { migrateHistory, type MigrateProgress, migrateUp, unlock } from '../../src/migrate/index.ts'
import { useDatabase } from '../support/database.ts'
import { MigrationFolder, stepwise } from '../support/migration-folder.ts'
import { isPgBouncerMissing, PgBouncer } from '../support/pgbouncer.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()

async function open(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url })
  client.on('error', () => {}) // one of them is ended by its test
  await client.connect()
  return client
}

describe('runners', () => {
  test.each([2, 10])(
    'of %i at once exactly one applies, and the others find nothing left to do',
    async (count) => {
      const folder = new MigrationFolder(database.url)
      const ids = [
        folder.add(`CREATE TABLE once_${count} (n int)`),
        folder.add(
          stepwise(
            `INSERT INTO once_${count} VALUES (1); CREATE INDEX CONCURRENTLY once_${count}_n ON once_${count} (n)`,
          ),
        ),
      ]
      const ran = await Promise.all(
        Array.from({ length: count }, () =>
          migrateUp(folder.target, { runnerWaitMs: 60_000, allowOutOfOrder: true }),
        ),
      )
      expect(ran.filter(({ length }) => length > 0)).toEqual([ids])
      const history = await migrateHistory(folder.target)
      expect(history.filter(({ migrationId }) => ids.includes(migrationId))).toHaveLength(2)
    },
  )

  test('one that may not wait says who holds the lock; unlock ends the holder', async () => {
    const folder = new MigrationFolder(database.url)
    folder.add('SELECT pg_sleep(60)')
    const started = Promise.withResolvers<void>()
    const first = migrateUp(folder.target, {
      allowOutOfOrder: true,
      onProgress: ({ kind }) => kind === 'statement' && started.resolve(),
    }).catch((error: unknown) => error)
    await started.promise
    await expect(migrateUp(folder.target, { runnerWaitMs: 0 })).rejects.toMatchObject({
      code: 'HF_MIGRATE_LOCK_HELD',
      message: expect.stringMatching(/process \d+, user postgres/),
    })
    expect(await unlock(folder.target, true)).toMatch(/^process \d+/)
    await unlock(folder.target)
    expect(await first).toMatchObject({ code: 'HF_MIGRATE_FAILED' })
    await expect
      .poll(() => unlock(folder.target, true).catch((error: unknown) => error))
      .toMatchObject({
        code: 'HF_MIGRATE_NO_RUNNER',
      })
  })
})

describe('a busy table', () => {
  test('its writers wait no longer than lock_timeout while the migration steps back for a long reader', async () => {
    const setup = await open()
    await setup.query(
      'CREATE TABLE busy (id int PRIMARY KEY, n int NOT NULL DEFAULT 0); CREATE TABLE also (n int)',
    )
    await setup.query('INSERT INTO busy SELECT n FROM generate_series(1, 50) n')
    await setup.query('BEGIN; SELECT count(*) FROM also') // the long reader, on the second table that it wants
    const folder = new MigrationFolder(database.url)
    const id = folder.add('ALTER TABLE busy ADD COLUMN m int; ALTER TABLE also ADD COLUMN m int')
    const seen: MigrateProgress[] = []
    const twice = Promise.withResolvers<void>()
    const state = { isOver: false }
    const writers = Array.from({ length: 50 }, async (_, index) => {
      const client = await open()
      // Many times what the migration allows itself: the machine may be busy, the lock may not.
      await client.query("SET lock_timeout = '20s'")
      let writes = 0
      while (!state.isOver) {
        await client.query('UPDATE busy SET n = n + 1 WHERE id = $1', [index + 1])
        writes += 1
      }
      await client.end()
      return writes
    })
    const running = migrateUp(folder.target, {
      // Long enough for the other session that looks who is in the way, also on a busy machine.
      lockTimeoutMs: 1_000,
      allowOutOfOrder: true,
      onProgress(progress) {
        seen.push(progress)
        if (seen.filter(({ kind }) => kind === 'retrying').length === 2) twice.resolve()
      },
    })
    await twice.promise
    await setup.query('COMMIT')
    expect(await running).toEqual([id])
    state.isOver = true
    const writes = await Promise.all(writers)
    const { rows } = await setup.query('SELECT sum(n)::int AS writes FROM busy')
    expect(rows).toEqual([{ writes: writes.reduce((sum, one) => sum + one, 0) }])
    const blockers = seen.flatMap((one) => (one.kind === 'retrying' ? [one.blockedBy] : []))
    expect(blockers).toContainEqual(expect.stringMatching(/process \d+, user postgres, idle in transaction/))
    await setup.end()
  })

  test('whoever holds a lock that traffic waits for has what is left of lock_timeout for the next', async () => {
    const client = await open()
    await client.query('CREATE TABLE held (n int); CREATE TABLE wanted (n int)')
    await client.query('BEGIN; LOCK TABLE wanted IN ACCESS SHARE MODE')
    const folder = new MigrationFolder(database.url)
    folder.add(`
      ALTER TABLE held ADD COLUMN m int;
      SELECT pg_sleep(0.4);
      ALTER TABLE wanted ADD COLUMN m int`)
    const failure = await migrateUp(folder.target, {
      lockTimeoutMs: 300,
      lockRetries: 0,
      allowOutOfOrder: true,
    }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'HF_MIGRATE_LOCK_TIMEOUT', details: { line: 5 } })
    const [attempt] = await migrateHistory(folder.target)
    // The first waited for nothing and the second for nobody: what remained was next to nothing.
    expect(attempt).toMatchObject({ status: 'failed', failedLine: 5 })
    await client.query('ROLLBACK')
    await client.end()
  })
})

describe.skipIf(isPgBouncerMissing)('behind PgBouncer', () => {
  test.each([1, 5])(
    'in transaction mode with %i connections it is refused, and the direct way asked for',
    async (size) => {
      const bouncer = await PgBouncer.start(join(scratch('bouncer'), 'b'), database.url, 'transaction', size)
      try {
        const folder = new MigrationFolder(bouncer.url)
        folder.add('CREATE TABLE through_pooler (n int)')
        const failure = await migrateUp(folder.target).catch((error: unknown) => error)
        expect(isHoldfastError(failure) && failure.code).toBe('HF_CONNECT_POOLER')
        expect(String(failure)).toContain('DATABASE_DIRECT_URL')
      } finally {
        await bouncer.stop()
      }
    },
  )

  test('in session mode it works', async () => {
    const bouncer = await PgBouncer.start(join(scratch('bouncer'), 'b'), database.url, 'session', 5)
    try {
      const folder = new MigrationFolder(bouncer.url)
      const id = folder.add('CREATE TABLE by_session (n int)')
      expect(await migrateUp(folder.target, { allowOutOfOrder: true })).toEqual([id])
    } finally {
      await bouncer.stop()
    }
  })
})
