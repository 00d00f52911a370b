/** What people do to migrations: each of these once left the history telling something that was not so. */
import { mkdirSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  abandon,
  migrateDown,
  migrateHistory,
  migrateStatus,
  migrateUp,
  squash,
  stamp,
} from '../../src/migrate/index.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { MigrationFolder, stepwise } from '../support/migration-folder.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()

const run = (sql: string): Promise<Record<string, unknown>[]> => queryAt(database.url, sql)
const newFolder = (): MigrationFolder => new MigrationFolder(database.url)
const up = (folder: MigrationFolder): Promise<string[]> => migrateUp(folder.target, { allowOutOfOrder: true })
const isThere = async (table: string): Promise<unknown> =>
  (await run(`SELECT to_regclass('${table}') IS NOT NULL AS there`))[0]?.there
const givingUp = { runnerWaitMs: 10_000, reason: 'test' }

describe('TypeScript', () => {
  test('a check that ends the transaction fails the migration', async () => {
    const folder = newFolder()
    const id = folder.add({
      'up.sql': '-- holdfast: irreversible\nCREATE TABLE rolled_back (n int)',
      'validate.ts': "export default async ({ query }) => { await query('ROLLBACK'); return [] }",
    })
    await expect(up(folder)).rejects.toMatchObject({ code: 'HF_MIGRATE_TRANSACTION_ENDED', details: { id } })
    expect((await migrateStatus(folder.target)).find((one) => one.id === id)?.state).toBe('pending')
  })

  test('a step that does not wait for its queries fails, and nothing of it stays', async () => {
    const folder = newFolder()
    await run('CREATE TABLE late (n int)')
    folder.add({
      'up.ts': `// holdfast: irreversible
        export default async ({ query }) => {
          [1, 2, 3].forEach(async (n) => {
            await query('SELECT pg_sleep(0.05)')
            await query('INSERT INTO late VALUES ($1)', [n])
          })
        }`,
    })
    await expect(up(folder)).rejects.toMatchObject({
      code: 'HF_MIGRATE_MODULE',
      message: expect.stringContaining('await each'),
    })
    expect(await run('SELECT * FROM late')).toEqual([])
  })
})

test('what a step that threw asks for later does not run behind its transaction', async () => {
  await run('CREATE TABLE afterwards (n int)')
  const folder = newFolder()
  folder.add({
    'up.ts': `// holdfast: irreversible
      export default async ({ query }) => {
        // Spread over the time that the end of the migration takes.
        for (let n = 0; n < 100; n += 1) setTimeout(() => query('INSERT INTO afterwards VALUES (1)').catch(() => {}), n / 10)
        await query('SELECT 1/0')
      }`,
  })
  await expect(up(folder)).rejects.toMatchObject({ code: 'HF_MIGRATE_FAILED' })
  expect(await run('SELECT n FROM afterwards')).toEqual([])
})

describe('a migration that stopped midway', () => {
  /** Its first two statements are done, the third failed. */
  async function interrupted(
    name: string,
    third = 'SELECT 1/0',
  ): Promise<{ folder: MigrationFolder; id: string }> {
    const folder = newFolder()
    const id = folder.add({
      'up.sql': `-- holdfast: transaction=off\nCREATE TABLE ${name} (n int);\nINSERT INTO ${name} VALUES (1);\n${third}`,
      'down.sql': `DROP TABLE ${name}`,
    })
    await expect(up(folder)).rejects.toMatchObject({ code: 'HF_MIGRATE_FAILED' })
    return { folder, id }
  }

  test('does not run its statements twice when transaction=off is taken out', async () => {
    const { folder, id } = await interrupted('once_only')
    folder.write(id, {
      'up.sql': 'CREATE TABLE IF NOT EXISTS once_only (n int);\nINSERT INTO once_only VALUES (1)',
    })
    await expect(up(folder)).rejects.toMatchObject({ code: 'HF_MIGRATE_STEP_CHANGED' })
    expect(await run('SELECT n FROM once_only')).toEqual([{ n: 1 }])
    folder.write(id, { 'up.sql': '-- holdfast: transaction=off\nCREATE TABLE once_only (n int);' })
    await expect(up(folder)).rejects.toMatchObject({ code: 'HF_MIGRATE_STEP_CHANGED' })
    await abandon(folder.target, id, givingUp)
    expect(await run('SELECT FROM holdfast.migration_history_steps')).toEqual([])
  })

  test('keeps others from going down past it', async () => {
    const folder = newFolder()
    folder.add({ 'up.sql': 'CREATE TABLE below (n int)', 'down.sql': 'DROP TABLE below' })
    await up(folder)
    const id = folder.add(stepwise('ALTER TABLE below ADD b int; SELECT 1/0'))
    await expect(up(folder)).rejects.toMatchObject({ code: 'HF_MIGRATE_FAILED' })
    await expect(migrateDown(folder.target)).rejects.toMatchObject({
      code: 'HF_MIGRATE_INTERRUPTED',
      details: { id },
    })
    folder.write(id, stepwise('ALTER TABLE below ADD b int; SELECT 1'))
    await up(folder)
  })

  test('that is stamped is begun anew after it was taken back', async () => {
    const { folder, id } = await interrupted('stamped')
    await stamp(folder.target, id, givingUp)
    expect((await migrateStatus(folder.target)).find((one) => one.id === id)?.state).toBe('applied')
    await migrateDown(folder.target)
    folder.write(id, { 'up.sql': '-- holdfast: transaction=off\nCREATE TABLE stamped (n int)' })
    await up(folder)
    expect(await isThere('stamped')).toBe(true)
  })

  test('on its way down is finished downwards', async () => {
    const folder = newFolder()
    const id = folder.add({
      'up.sql': 'CREATE TABLE half_down (n int)',
      'down.sql': '-- holdfast: transaction=off\nALTER TABLE half_down ADD m int;\nSELECT 1/0',
    })
    await up(folder)
    await expect(migrateDown(folder.target)).rejects.toMatchObject({ code: 'HF_MIGRATE_FAILED' })
    await expect(up(folder)).rejects.toMatchObject({
      code: 'HF_MIGRATE_INTERRUPTED',
      details: { id, direction: 'down' },
    })
    folder.write(id, {
      'down.sql': '-- holdfast: transaction=off\nALTER TABLE half_down ADD m int;\nDROP TABLE half_down',
    })
    expect(await migrateDown(folder.target)).toEqual([id])
    expect(await isThere('half_down')).toBe(false)
  })

  test('has its settings again when it goes on, those of set_config too', async () => {
    await run('CREATE SCHEMA app')
    const folder = newFolder()
    const id = folder.add(
      stepwise(
        "SELECT pg_catalog.set_config('search_path', 'app', false); CREATE TABLE one (n int); SELECT 1/0; CREATE TABLE two (n int)",
      ),
    )
    await expect(up(folder)).rejects.toMatchObject({ code: 'HF_MIGRATE_FAILED' })
    folder.write(
      id,
      stepwise(
        "SELECT pg_catalog.set_config('search_path', 'app', false); CREATE TABLE one (n int); SELECT 1; CREATE TABLE two (n int)",
      ),
    )
    await up(folder)
    expect([await isThere('app.one'), await isThere('app.two')]).toEqual([true, true])
  })
})

describe('without transaction', () => {
  test('an index of that name on another table is none, and one in another schema is not in the way', async () => {
    await run(
      'CREATE TABLE mine (x int); CREATE TABLE theirs (x int); CREATE INDEX by_x ON theirs (x); CREATE SCHEMA s2; CREATE TABLE s2.far (x int)',
    )
    const folder = newFolder()
    const id = folder.add(stepwise('CREATE INDEX CONCURRENTLY IF NOT EXISTS by_x ON mine (x)'))
    await expect(up(folder)).rejects.toMatchObject({ code: 'HF_MIGRATE_INDEX_INVALID' })
    folder.write(id, stepwise('SET search_path = public, s2; CREATE INDEX CONCURRENTLY by_x ON far (x)'))
    await up(folder)
    expect(await isThere('s2.by_x')).toBe(true)
  })

  test('a role that was taken on does not write the notes, and is kept', async () => {
    const modest = `modest_${database.name}`
    await run(`CREATE ROLE ${modest}; GRANT CREATE ON SCHEMA public TO ${modest}`)
    const folder = newFolder()
    folder.add(
      stepwise(
        `SET ROLE ${modest}; CREATE TABLE by_modest (n int); CREATE INDEX CONCURRENTLY by_modest_n ON by_modest (n); CREATE TABLE also_by_modest (n int)`,
      ),
    )
    await up(folder)
    expect(await run("SELECT DISTINCT tableowner FROM pg_tables WHERE tablename LIKE '%by_modest'")).toEqual([
      { tableowner: modest },
    ])
  })

  test('what turns out not to run in a transaction runs without', async () => {
    await run(
      'CREATE TABLE parted (n int) PARTITION BY RANGE (n); CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (9); CREATE INDEX ON parted (n)',
    )
    const folder = newFolder()
    const id = folder.add(stepwise('REINDEX TABLE parted'))
    expect(await up(folder)).toEqual([id])
  })

  test.each(['DISCARD ALL', 'SELECT pg_advisory_unlock_all()'])(
    '%s would give up the lock, and is refused',
    async (sql) => {
      const folder = newFolder()
      folder.add(sql)
      await expect(up(folder)).rejects.toMatchObject({ code: 'HF_MIGRATE_LOCK_GIVEN_UP' })
    },
  )
})

describe('files', () => {
  test('directives below a licence count, and a folder behind a link is one', async () => {
    const folder = newFolder()
    const id = folder.add({
      'up.sql': '/* Copyright\n * nobody */\n-- Holdfast: irreversible\nCREATE TABLE licensed (n int)',
    })
    const elsewhere = join(scratch('elsewhere'), 'migration')
    mkdirSync(join(elsewhere, '..'), { recursive: true })
    renameSync(join(folder.directory, id), elsewhere)
    symlinkSync(elsewhere, join(folder.directory, id))
    expect(await up(folder)).toEqual([id])
  })

  test('an empty file does nothing where it says that it is meant; one that was only begun is refused', async () => {
    const folder = newFolder()
    const meant = folder.add('-- nothing yet')
    const begun = folder.add({ 'up.sql': '-- What changes.', 'down.sql': '' })
    await expect(up(folder)).rejects.toMatchObject({ code: 'HF_MIGRATE_EMPTY' })
    folder.write(begun, { 'up.sql': 'SELECT 1', 'down.sql': '' })
    expect(await up(folder)).toEqual([meant, begun])
  })

  test('no value of a statement that failed is kept', async () => {
    const folder = newFolder()
    folder.add("ALTER ROLE nobody_here SET application_name = 'hunter2'")
    await expect(up(folder)).rejects.toMatchObject({ code: 'HF_MIGRATE_FAILED' })
    const [failed] = await migrateHistory(folder.target)
    expect(failed?.failedStatement).toContain('ALTER ROLE nobody_here')
    expect(JSON.stringify(failed)).not.toContain('hunter2')
  })
})

test('what was squashed can be squashed again, and is still waited for', async () => {
  const folder = newFolder()
  folder.add('CREATE TABLE squashed_1 (n int)')
  const second = folder.add('CREATE TABLE squashed_2 (n int)')
  await up(folder)
  const shadow = { shadowUrl: database.url }
  await squash(folder.directory, shadow)
  await up(folder)
  folder.add(`-- holdfast: after=${second}\nCREATE TABLE squashed_3 (n int)`)
  await up(folder)
  await squash(folder.directory, shadow)
  expect(await up(folder)).toEqual([])
})
