import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, inject, test } from 'vitest'
import { resolveOptions } from '../../src/core/index.ts'
import {
  inspectSchema,
  installSchema,
  MIGRATE_OPTIONS,
  migrateStatus,
  type MigrateTarget,
  migrateUp,
  OperationRecorder,
  removeSchema,
  type UpOptions,
  userHistory,
} from '../../src/migrate/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()

const database = useDatabase()
const OPTIONS = resolveOptions('migrate', MIGRATE_OPTIONS, []).values
let madeFolders = 0

/** A folder of migrations with names that no other test of this file has, in the order given. */
function folder(...sqls: string[]): MigrateTarget & { ids: string[] } {
  const directory = scratch('migrations')
  const ids = sqls.map((sql) => write(directory, sql))
  return { url: database.url, directory, history: userHistory('holdfast'), ids }
}

function write(directory: string, sql: string, stamp = ++madeFolders): string {
  const id = `20260101T${String(stamp).padStart(6, '0')}Z_step`
  mkdirSync(join(directory, id), { recursive: true })
  writeFileSync(join(directory, id, 'up.sql'), `-- holdfast: irreversible\n${sql}`)
  return id
}

const up = (target: MigrateTarget, options: Partial<UpOptions> = {}): Promise<string[]> =>
  migrateUp(target, { ...OPTIONS, allowOutOfOrder: true, ...options })

async function withClient<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const exists = (table: string): Promise<boolean> =>
  withClient(
    async (client) => (await client.query('SELECT to_regclass($1) AS t', [table])).rows[0].t !== null,
  )

describe('up', () => {
  test('runs what is pending in order, once, and remembers who and how long', async () => {
    const target = folder(
      'CREATE TABLE first (n int);',
      'ALTER TABLE first ADD COLUMN m int; INSERT INTO first VALUES (1, 2)',
    )
    expect(await up(target)).toEqual(target.ids)
    expect(await up(target)).toEqual([])
    const status = (await migrateStatus(target)).filter(({ id }) => target.ids.includes(id))
    expect(status.map(({ state }) => state)).toEqual(['applied', 'applied'])
    expect(status[0]?.appliedBy).toMatch(/^postgres \(.+@.+\)$/)
    const rows = await withClient((client) =>
      client.query('SELECT * FROM holdfast.migration_history WHERE migration_id = $1', [target.ids[1]]),
    )
    expect(rows.rows).toMatchObject([
      { direction: 'up', status: 'applied', retries: 0, statements: [{ line: 2 }, { line: 2, rows: 1 }] },
    ])
  })

  test('a failing statement takes its whole migration back, names its line, and leaves a record', async () => {
    const target = folder('CREATE TABLE kept (n int)', 'CREATE TABLE lost (n int);\n\n-- why\nSELECT 1/0;')
    await expect(up(target)).rejects.toMatchObject({
      code: 'HF_MIGRATE_FAILED',
      details: { id: target.ids[1], line: 5 },
    })
    expect([await exists('kept'), await exists('lost')]).toEqual([true, false])
    const status = await migrateStatus(target)
    expect(status.find(({ id }) => id === target.ids[1])).toMatchObject({
      state: 'pending',
      lastError: 'division by zero',
    })
  })

  test('a mistake in the last one is found before the first has run', async () => {
    for (const [sql, code] of [
      ['SELEC 1', 'HF_MIGRATE_SYNTAX'],
      ['SELECT 1; COMMIT; SELECT 2', 'HF_MIGRATE_TRANSACTION_COMMAND'],
    ] as const) {
      const target = folder('CREATE TABLE never (n int)', sql)
      await expect(up(target)).rejects.toMatchObject({ code, details: { line: 2 } })
      expect(await exists('never')).toBe(false)
    }
  })

  test('lines are counted right behind any character', async () => {
    const above = "SELECT '🙂🙂é漢';\n".repeat(9)
    await expect(up(folder(`${above}SELEC 1`))).rejects.toMatchObject({
      code: 'HF_MIGRATE_SYNTAX',
      details: { line: 11 },
    })
    await expect(up(folder(`${above}-- 🙂\nSELECT 1/0;`))).rejects.toMatchObject({
      code: 'HF_MIGRATE_FAILED',
      details: { line: 12 },
    })
  })

  test('semicolons inside bodies, strings and comments do not end a statement', async () => {
    const target = folder(`
      CREATE FUNCTION body() RETURNS text LANGUAGE plpgsql AS $f$ BEGIN RETURN 'a;b'; END $f$;
      CREATE FUNCTION atomic() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;
      /* one; two */ CREATE TABLE "semi;é" (n text DEFAULT ';');
      SAVEPOINT inside; RELEASE SAVEPOINT inside;`)
    expect(await up(target)).toEqual(target.ids)
    expect(await exists('"semi;é"')).toBe(true)
  })

  test('what one sets for its session does not reach the next', async () => {
    const somebody = `somebody_${database.name}`
    await withClient((client) =>
      client.query(`CREATE ROLE ${somebody}; GRANT CREATE ON SCHEMA public TO ${somebody}`),
    )
    const target = folder(
      `SET search_path = pg_catalog; SET lock_timeout = '1h'; SET SESSION AUTHORIZATION ${somebody}; CREATE TABLE public.by_somebody (n int)`,
      'CREATE TABLE by_the_runner (n int)',
    )
    expect(await up(target)).toEqual(target.ids)
    const { rows } = await withClient((client) =>
      client.query(
        "SELECT tablename, tableowner FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'by\\_%' ORDER BY 1",
      ),
    )
    expect(rows).toEqual([
      { tablename: 'by_somebody', tableowner: somebody },
      { tablename: 'by_the_runner', tableowner: 'postgres' },
    ])
  })

  test('a byte order mark and Windows line ends are no mistake', async () => {
    const target = folder()
    const id = write(target.directory, '')
    writeFileSync(
      join(target.directory, id, 'up.sql'),
      '\uFEFF-- holdfast: irreversible\r\nCREATE TABLE from_windows (n int);\r\n',
    )
    expect(await up(target)).toEqual([id])
    expect(await exists('from_windows')).toBe(true)
  })

  test('a file that changed after it ran is refused; line ends do not count', async () => {
    const target = folder('CREATE TABLE changing (n int);\n')
    await up(target)
    const path = join(target.directory, target.ids[0] as string, 'up.sql')
    writeFileSync(path, '-- holdfast: irreversible\r\nCREATE TABLE changing (n int);\r\n')
    expect(await up(target)).toEqual([])
    writeFileSync(path, '-- holdfast: irreversible\nCREATE TABLE changing (n bigint);\n')
    await expect(up(target)).rejects.toMatchObject({
      code: 'HF_MIGRATE_CHECKSUM',
      details: { ids: target.ids },
    })
    expect((await migrateStatus(target)).find(({ id }) => id === target.ids[0])?.state).toBe('changed')
  })

  test('an older one that arrives late needs consent', async () => {
    const target = folder('SELECT 1')
    await up(target)
    const late = write(target.directory, 'SELECT 2', 0)
    await expect(up(target, { allowOutOfOrder: false })).rejects.toMatchObject({
      code: 'HF_MIGRATE_OUT_OF_ORDER',
    })
    expect(await up(target)).toEqual([late])
  })

  test('stops after the one that was named, and says what it would do', async () => {
    const target = folder('SELECT 1', 'SELECT 2')
    expect(await up(target, { isDryRun: true })).toEqual(target.ids)
    expect(await up(target, { to: target.ids[0] })).toEqual([target.ids[0]])
    await expect(up(target, { to: 'nothing' })).rejects.toMatchObject({ code: 'HF_MIGRATE_UNKNOWN_ID' })
  })

  test('of two runners at once exactly one applies', async () => {
    const target = folder('CREATE TABLE once (n int); SELECT pg_sleep(0.1)')
    const patient = { runnerWaitMs: 60_000 }
    const ran = await Promise.all([up(target, patient), up(target, patient)])
    expect(ran.flat()).toEqual(target.ids)
  })

  test('a runner that does not want to wait is told who runs', async () => {
    const target = folder('SELECT pg_sleep(600)')
    const running = up(target).catch((error: unknown) => error)
    await withClient(async (client) => {
      const asleep = `FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()`
      await expect
        .poll(async () => (await client.query(`SELECT 1 ${asleep}`)).rowCount, { interval: 5 })
        .toBe(1)
      await expect(up(target, { runnerWaitMs: 0 })).rejects.toMatchObject({
        code: 'HF_MIGRATE_LOCK_HELD',
        details: { holder: expect.stringContaining('user postgres') },
      })
      await client.query(`SELECT pg_terminate_backend(pid) ${asleep}`)
    })
    expect(await running).toMatchObject({ code: 'HF_MIGRATE_FAILED' })
  })

  test('steps back from a lock that is not free, and gets it later', async () => {
    await withClient((client) => client.query('CREATE TABLE busy (n int)'))
    const target = folder('ALTER TABLE busy ADD COLUMN m int')
    await withClient(async (holder) => {
      await holder.query('BEGIN; LOCK TABLE busy')
      await expect(up(target, { lockTimeoutMs: 20, lockRetries: 0 })).rejects.toMatchObject({
        code: 'HF_MIGRATE_LOCK_TIMEOUT',
        retryable: true,
      })
      const retries: number[] = []
      const ran = up(target, {
        lockTimeoutMs: 20,
        onProgress: (progress) => {
          if (progress.kind !== 'retrying') return
          retries.push(progress.attempt)
          void holder.query('COMMIT')
        },
      })
      expect(await ran).toEqual(target.ids)
      expect(retries[0]).toBe(2)
    })
  })

  test('a runner whose connection is killed has applied nothing of the migration', async () => {
    const target = folder('CREATE TABLE cut_off (n int); SELECT pg_sleep(60)')
    const running = up(target).catch((error: unknown) => error)
    await withClient(async (client) => {
      const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()`
      await expect.poll(async () => (await client.query(kill)).rowCount, { interval: 5 }).toBe(1)
    })
    expect(await running).toMatchObject({ code: 'HF_MIGRATE_FAILED' })
    expect(await exists('cut_off')).toBe(false)
  })
})

test("tables never land in Holdfast's own schema, whatever the role is called", async () => {
  await withClient((client) => client.query("CREATE ROLE holdfast LOGIN SUPERUSER PASSWORD 'holdfast'"))
  const url = new URL(database.url)
  url.username = 'holdfast'
  url.password = 'holdfast'
  const target = { ...folder('CREATE TABLE astray (n int)'), url: url.href }
  try {
    await expect(up(target)).rejects.toMatchObject({ code: 'HF_MIGRATE_SEARCH_PATH' })
    await withClient((client) => client.query('ALTER ROLE holdfast SET search_path = public'))
    expect(await up(target)).toEqual(target.ids)
    expect(await exists('public.astray')).toBe(true)
  } finally {
    await withClient((client) =>
      client.query('REASSIGN OWNED BY holdfast TO current_user; DROP OWNED BY holdfast; DROP ROLE holdfast'),
    )
  }
})

test('a connection that is lost during COMMIT is told apart, and the history knows what became of it', async () => {
  const target = folder(`
    CREATE TABLE slow_to_commit (n int);
    CREATE FUNCTION take_long() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON slow_to_commit DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION take_long();
    INSERT INTO slow_to_commit VALUES (1)`)
  const running = up(target).catch((error: unknown) => error)
  await withClient(async (client) => {
    const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'active' AND query = 'COMMIT' AND datname = current_database()`
    await expect
      .poll(async () => (await client.query(kill)).rowCount, { interval: 5, timeout: 60_000 })
      .toBe(1)
  })
  expect(await running).toMatchObject({ code: 'HF_MIGRATE_COMMIT_UNKNOWN', details: { id: target.ids[0] } })
  const status = (await migrateStatus(target)).find(({ id }) => id === target.ids[0])
  expect(status).toMatchObject({ state: 'pending', lastError: null })
  expect(await exists('slow_to_commit')).toBe(false)
})

describe('the folder', () => {
  test('an SQL file beside the migrations is pointed out, not passed over', async () => {
    const target = folder('SELECT 1')
    writeFileSync(join(target.directory, 'loose.sql'), 'SELECT 2')
    await expect(up(target)).rejects.toMatchObject({
      code: 'HF_MIGRATE_FOLDER',
      message: expect.stringContaining('loose.sql'),
    })
  })

  test.each([
    ['not-a-stamp', 'SELECT 1', 'HF_MIGRATE_FOLDER'],
    ['20260101T000001Z_x', undefined, 'HF_MIGRATE_FOLDER'],
    ['20260101T000001Z_x', 'SELECT 1', 'HF_MIGRATE_FOLDER'],
    ['20260101T000001Z_x', '-- holdfast: transaction=of\nSELECT 1', 'HF_MIGRATE_DIRECTIVE'],
    ['20260101T000001Z_x', '-- holdfast: lock_timeout=fast\nSELECT 1', 'HF_MIGRATE_DIRECTIVE'],
    ['20260101T000001Z_x', '-- holdfast: allow=drop-column\nSELECT 1', 'HF_MIGRATE_DIRECTIVE'],
    ['20260101T000001Z_x', '-- holdfast: surprise\nSELECT 1', 'HF_MIGRATE_DIRECTIVE'],
  ])('%s with %j is refused with %s', async (id, sql, code) => {
    const target = folder()
    mkdirSync(join(target.directory, id))
    if (sql !== undefined) writeFileSync(join(target.directory, id, 'up.sql'), sql)
    await expect(migrateStatus(target)).rejects.toMatchObject({ code })
  })
})

describe("Holdfast's own schema", () => {
  test('installs once, also by several at the same time, and is removed whole', async () => {
    const own = await createTestDatabase(inject('serverUrl'))
    const install = (): Promise<string[]> => installSchema(own.url, 'house', OPTIONS)
    const ran = await Promise.all([install(), install(), install()])
    expect(ran.filter(({ length }) => length > 0)).toHaveLength(1)
    const client = new pg.Client({ connectionString: own.url })
    await client.connect()
    expect(await inspectSchema(client, 'house')).toEqual({ state: 'current', pending: [] })
    const operations = await client.query('SELECT action, subject FROM house.operations')
    expect(operations.rows).toEqual([{ action: 'schema.install', subject: 'house' }])
    const uncommented = await client.query(
      `SELECT attrelid::regclass, attname FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
        WHERE relnamespace = 'house'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0
          AND col_description(attrelid, attnum) IS NULL`,
    )
    expect(uncommented.rows).toEqual([])
    await client.end()
    expect(await removeSchema(own.url, 'house')).toBe(true)
    expect(await removeSchema(own.url, 'house')).toBe(false)
    await own.drop()
  })

  test('a schema of that name that is not ours is left alone', async () => {
    await withClient((client) => client.query('CREATE SCHEMA theirs; CREATE TABLE theirs.mine (n int)'))
    await expect(installSchema(database.url, 'theirs', OPTIONS)).rejects.toMatchObject({
      code: 'HF_SCHEMA_FOREIGN',
    })
    await expect(removeSchema(database.url, 'theirs')).rejects.toMatchObject({ code: 'HF_SCHEMA_FOREIGN' })
    expect(await exists('theirs.mine')).toBe(true)
  })

  test('operations can be added and neither changed nor removed', async () => {
    await withClient(async (client) => {
      await new OperationRecorder(client, 'holdfast').record({
        action: 'test.run',
        subject: 'nothing',
        details: { n: 1 },
      })
      const kept = await client.query<{ id: string }>(
        "SELECT id FROM holdfast.operations WHERE action = 'test.run'",
      )
      expect(kept.rows).toHaveLength(1)
      expect(kept.rows[0]?.id).toMatch(
        /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      )
      for (const sql of [
        'UPDATE holdfast.operations SET actor = $1',
        'DELETE FROM holdfast.operations WHERE actor <> $1',
      ]) {
        await expect(client.query(sql, ['x'])).rejects.toMatchObject({ code: '42501' })
      }
      await expect(client.query('TRUNCATE holdfast.operations')).rejects.toMatchObject({ code: '42501' })
    })
  })

  test('without rights the exact GRANT is named', async () => {
    const role = `powerless_${database.name}`
    await withClient((client) => client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'powerless'`))
    const url = new URL(database.url)
    url.username = role
    url.password = 'powerless'
    await expect(installSchema(url.href, 'other', OPTIONS)).rejects.toMatchObject({
      code: 'HF_MIGRATE_NOT_ALLOWED',
      details: { grant: `GRANT CREATE ON DATABASE ${database.name} TO ${role};` },
    })
    await withClient((client) => client.query(`DROP ROLE ${role}`))
  })
})
