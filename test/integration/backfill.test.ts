/** Filling in large tables, batch by batch. */
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import {
  backfillStatus,
  migrateDown,
  type MigrateProgress,
  migrateUp,
  pauseBackfill,
  resumeBackfill,
  runBackfills,
} from '../../src/migrate/index.ts'
import { queryAt } from '../support/database.ts'
import { MigrationFolder } from '../support/migration-folder.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'
import { useOwnServer } from '../support/servers.ts'

removeScratchAfterwards()
// How busy the server is, is the whole server's.
const database = useOwnServer()
const ROWS = 2_500
let made = 0

const run = (sql: string): Promise<Record<string, unknown>[]> => queryAt(database.url, sql)

/** A table with rows, and a folder whose migration fills a column of it. */
async function prepared(
  rest = '',
  batch?: string,
): Promise<{ folder: MigrationFolder; id: string; table: string }> {
  made += 1
  const table = `filled_${made}`
  await run(
    `CREATE TABLE ${table} (id bigint PRIMARY KEY, n int); INSERT INTO ${table} SELECT n, n FROM generate_series(1, ${ROWS}) n; ANALYZE ${table}`,
  )
  const folder = new MigrationFolder(database.url)
  const id = folder.add({
    'up.sql': `ALTER TABLE ${table} ADD COLUMN times int NOT NULL DEFAULT 0`,
    'down.sql': `ALTER TABLE ${table} DROP COLUMN times`,
    'backfill.ts': `export default { table: '${table}', key: 'id', batch: ${batch ?? `'UPDATE ${table} SET times = times + 1 WHERE id = ANY ($1)'`}, ${rest} }`,
  })
  return { folder, id, table }
}

const up = (folder: MigrationFolder, options: Parameters<typeof migrateUp>[1] = {}): Promise<string[]> =>
  migrateUp(folder.target, { allowOutOfOrder: true, ...options })
const timesOf = (table: string): Promise<unknown> =>
  run(`SELECT times, count(*)::int FROM ${table} GROUP BY 1`)

describe('a backfill', () => {
  test('goes through every row once behind its migration, and tells how far it is', async () => {
    const { folder, id, table } = await prepared()
    const seen: MigrateProgress[] = []
    expect(await up(folder, { onProgress: (one) => seen.push(one) })).toEqual([id])
    expect(await timesOf(table)).toEqual([{ times: 1, count: ROWS }])
    const told = seen.filter((one) => one.kind === 'backfill')
    expect(told.map(({ rowsDone }) => rowsDone)).toEqual([1_000, 2_000, 2_500])
    expect(told[0]).toMatchObject({ rowsEstimated: ROWS })
    const [record] = await backfillStatus(folder.target)
    expect(record).toMatchObject({
      migrationId: id,
      state: 'done',
      rowsDone: ROWS,
      batches: 3,
      position: String(ROWS),
    })
    expect(await up(folder)).toEqual([])
    await migrateDown(folder.target)
    expect((await backfillStatus(folder.target)).some(({ migrationId }) => migrationId === id)).toBe(false)
  })

  test('only touches the rows that its condition names, and may be a function', async () => {
    const { folder, table } = await prepared(
      "where: 'n % 2 = 0'",
      `async ({ keys, query }) => query('UPDATE filled_${made + 1} SET times = 7 WHERE id = ANY ($1)', [keys])`,
    )
    await up(folder)
    expect(await run(`SELECT count(*)::int AS count FROM ${table} WHERE times = 7 AND n % 2 = 0`)).toEqual([
      { count: ROWS / 2 },
    ])
    expect(await run(`SELECT count(*)::int AS count FROM ${table} WHERE times = 0`)).toEqual([
      { count: ROWS / 2 },
    ])
  })

  test('waits from the next batch on when somebody pauses it, and goes on when they let it', async () => {
    // Its second batch waits until the pause is there.
    const paused = Promise.withResolvers<void>()
    Object.assign(globalThis, { untilPaused: paused.promise })
    const { folder, id, table } = await prepared(
      'batchRows: 100',
      `async ({ keys, query }) => { if (Number(keys[0]) > 100) await globalThis.untilPaused
         await query('UPDATE filled_${made + 1} SET times = times + 1 WHERE id = ANY ($1)', [keys]) }`,
    )
    const waiting = Promise.withResolvers<void>()
    let isPausing: Promise<unknown> | undefined
    const running = up(folder, {
      onProgress(progress) {
        if (progress.kind === 'backfill')
          isPausing ??= pauseBackfill(folder.target, id).then(() => paused.resolve())
        if (progress.kind === 'held back') waiting.resolve()
      },
    })
    await waiting.promise
    expect((await backfillStatus(folder.target))[0]).toMatchObject({ migrationId: id, state: 'paused' })
    await resumeBackfill(folder.target, id)
    await running
    expect(await timesOf(table)).toEqual([{ times: 1, count: ROWS }])
  })

  test('that is paused before it is run says so, and one that is run already says by whom', async () => {
    const { folder, id, table } = await prepared('batchRows: 100')
    await up(folder, { skipsBackfills: true })
    await pauseBackfill(folder.target, id)
    await expect(runBackfills(folder.target, { id })).rejects.toMatchObject({ code: 'HF_BACKFILL_PAUSED' })
    await resumeBackfill(folder.target, id)
    expect(await runBackfills(folder.target, { id })).toEqual([id])
    expect(await timesOf(table)).toEqual([{ times: 1, count: ROWS }])
    await expect(pauseBackfill(folder.target, 'nothing')).rejects.toMatchObject({
      code: 'HF_BACKFILL_UNKNOWN',
    })
  })

  test('waits while more sessions are busy than it was told to bear', async () => {
    const { folder, table } = await prepared('throttle: { maxActiveSessions: 20 }')
    const sleepers = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const client = new pg.Client({ connectionString: database.url, application_name: 'sleeper' })
        client.on('error', () => {}) // it is ended below
        await client.connect()
        return { client, sleeping: client.query('SELECT pg_sleep(60)').catch(() => {}) }
      }),
    )
    const heldBack = Promise.withResolvers<string>()
    const running = up(folder, {
      onProgress: (one) => one.kind === 'held back' && heldBack.resolve(one.reason),
    })
    expect(await heldBack.promise).toMatch(/sessions are busy/)
    expect(await timesOf(table)).toEqual([{ times: 0, count: ROWS }])
    await run(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sleeper' AND datname = current_database()`,
    )
    await Promise.all(sleepers.map(({ sleeping }) => sleeping))
    await running
    expect(await timesOf(table)).toEqual([{ times: 1, count: ROWS }])
  })

  test('that fails keeps what is done, and goes on behind it', async () => {
    const { folder, id, table } = await prepared('batchRows: 1000')
    await run(`ALTER TABLE ${table} ADD CONSTRAINT stop CHECK (n <> 1500) NOT VALID`)
    await expect(up(folder)).rejects.toMatchObject({
      code: 'HF_BACKFILL_FAILED',
      details: { id, position: '1000' },
    })
    expect((await backfillStatus(folder.target))[0]).toMatchObject({
      state: 'failed',
      rowsDone: 1_000,
      error: expect.stringContaining('stop'),
    })
    await run(`ALTER TABLE ${table} DROP CONSTRAINT stop`)
    expect(await up(folder)).toEqual([])
    expect(await timesOf(table)).toEqual([{ times: 1, count: ROWS }])
  })

  test('is held to validate.ts, and a contract waits for it', async () => {
    const { folder, id, table } = await prepared()
    folder.write(id, {
      'validate.ts': `export default async ({ query }) => (await query('SELECT 1 FROM ${table} WHERE times = 0')).rowCount ? ['a row is empty'] : []`,
    })
    const contract = folder.add(`-- holdfast: phase=contract\nALTER TABLE ${table} DROP COLUMN n`)
    await expect(up(folder, { skipsBackfills: true })).rejects.toMatchObject({
      code: 'HF_MIGRATE_CONTRACT_EARLY',
      details: { id: contract, waiting: expect.arrayContaining([id]) },
    })
    expect(await up(folder)).toEqual([contract])
    expect((await backfillStatus(folder.target)).find(({ migrationId }) => migrationId === id)?.state).toBe(
      'done',
    )
  })

  test.each([
    ["{ table: 'nowhere', key: 'id', batch: 'SELECT $1' }", 'there is no column'],
    [
      "{ table: 'pg_catalog.pg_class', key: 'relpages', batch: 'SELECT $1' }",
      'not the first column of an index',
    ],
    ["{ table: 't', key: 'id', batch: 'SELECT 1' }", 'no $1'],
    ["{ key: 'id', batch: 'SELECT $1' }", 'no table'],
    ["{ table: 't', key: 'id', batch: 'SELECT $1', batchRows: 0 }", 'batchRows'],
  ])('%s is refused', async (text, words) => {
    const folder = new MigrationFolder(database.url)
    folder.add({ 'up.sql': '-- holdfast: irreversible\nSELECT 1', 'backfill.ts': `export default ${text}` })
    await expect(up(folder)).rejects.toMatchObject({
      code: 'HF_BACKFILL_INVALID',
      message: expect.stringContaining(words),
    })
    await run('DELETE FROM holdfast.backfills')
  })
})
