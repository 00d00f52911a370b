/** Migrations without transaction, in TypeScript, and those that wait for each other. */
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { migrateHistory, migrateStatus, migrateUp, repair, stamp, unstamp } from '../../src/migrate/index.ts'
import { useDatabase } from '../support/database.ts'
import { MigrationFolder, stepwise } from '../support/migration-folder.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()

async function withClient<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
const run = (sql: string): Promise<Record<string, unknown>[]> =>
  withClient(async (client) => {
    const result = (await client.query(sql)) as pg.QueryResult | pg.QueryResult[]
    return (Array.isArray(result) ? result.at(-1) : result)?.rows as Record<string, unknown>[]
  })
const newFolder = (): MigrationFolder => new MigrationFolder(database.url)
const up = (folder: MigrationFolder): Promise<string[]> => migrateUp(folder.target, { allowOutOfOrder: true })

const INDEX_STATE = (name: string): string =>
  `SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass('${name}')`

describe('without transaction', () => {
  test('a failure keeps what is done, and the next run goes on behind it when the rest is corrected', async () => {
    const folder = newFolder()
    const id = folder.add(stepwise('CREATE TABLE kept (n int);\nINSERT INTO kept VALUES (1);\nSELECT 1/0'))
    await expect(up(folder)).rejects.toMatchObject({
      code: 'HF_MIGRATE_FAILED',
      details: { id, line: 4 },
      message: expect.stringContaining('2 of its 3 statements are applied and stay'),
    })
    const status = await migrateStatus(folder.target)
    expect(status.find((one) => one.id === id)).toMatchObject({
      state: 'interrupted',
      lastError: 'division by zero',
    })
    folder.write(id, {
      'up.sql': stepwise('CREATE TABLE kept (m int);\nINSERT INTO kept VALUES (1);\nSELECT 1'),
    })
    await expect(up(folder)).rejects.toMatchObject({
      code: 'HF_MIGRATE_STEP_CHANGED',
      details: { id, line: 2 },
    })
    folder.write(id, {
      'up.sql': stepwise('CREATE TABLE kept (n int);\nINSERT INTO kept VALUES (1);\nSELECT 1'),
    })
    expect(await up(folder)).toEqual([id])
    expect(await run('SELECT * FROM kept')).toEqual([{ n: 1 }])
    const [last, failed] = (await migrateHistory(folder.target)).filter(
      ({ migrationId }) => migrationId === id,
    )
    expect(last).toMatchObject({
      status: 'applied',
      statements: [{ line: 2 }, { line: 3, rows: 1 }, { line: 4 }],
    })
    expect(failed).toMatchObject({ status: 'failed', failedLine: 4, failedStatement: 'SELECT 1/0' })
  })

  test('an invalid index that somebody left is dropped and built anew, also with IF NOT EXISTS', async () => {
    await run('CREATE TABLE twins (n int); INSERT INTO twins VALUES (1), (1)')
    await run('CREATE UNIQUE INDEX CONCURRENTLY twins_n ON twins (n)').catch(() => {})
    expect(await run(INDEX_STATE('twins_n'))).toEqual([{ valid: false }])
    await run('DELETE FROM twins')
    const folder = newFolder()
    folder.add(stepwise('CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS twins_n ON twins (n)'))
    await up(folder)
    expect(await run(INDEX_STATE('twins_n'))).toEqual([{ valid: true }])
  })

  test('an invalid index of another table, and a valid one of that name, are left alone', async () => {
    await run('CREATE TABLE owner (n int); INSERT INTO owner VALUES (1), (1); CREATE TABLE guest (n int)')
    await run('CREATE UNIQUE INDEX CONCURRENTLY shared_name ON owner (n)').catch(() => {})
    const folder = newFolder()
    folder.add(stepwise('CREATE INDEX CONCURRENTLY shared_name ON guest (n)'))
    await expect(up(folder)).rejects.toMatchObject({ code: 'HF_MIGRATE_INDEX_INVALID' })
    expect(await run(INDEX_STATE('shared_name'))).toEqual([{ valid: false }])
    await run('DELETE FROM owner; DROP INDEX shared_name; CREATE INDEX shared_name ON guest (n)')
    await expect(up(folder)).rejects.toMatchObject({
      code: 'HF_MIGRATE_INDEX_INVALID',
      message: expect.stringContaining('exists already'),
    })
  })

  test('a build that fails leaves a failure, and the next run drops what it left', async () => {
    await run('CREATE TABLE doubles (n int); INSERT INTO doubles VALUES (1), (1)')
    const folder = newFolder()
    const id = folder.add(stepwise('CREATE UNIQUE INDEX CONCURRENTLY doubles_n ON doubles (n)'))
    await expect(up(folder)).rejects.toMatchObject({ code: 'HF_MIGRATE_FAILED', details: { id } })
    await run('DELETE FROM doubles')
    expect(await up(folder)).toEqual([id])
    expect(await run(INDEX_STATE('doubles_n'))).toEqual([{ valid: true }])
  })

  test('a block that commits on its own runs, and is asked about when it fails midway', async () => {
    await run('CREATE TABLE marks (n int)')
    const folder = newFolder()
    const id = folder.add(stepwise('DO $$ BEGIN INSERT INTO marks VALUES (1); COMMIT; PERFORM 1/0; END $$'))
    await expect(up(folder)).rejects.toMatchObject({ code: 'HF_MIGRATE_FAILED' })
    await expect(up(folder)).rejects.toMatchObject({
      code: 'HF_MIGRATE_STEP_UNKNOWN',
      details: { id, step: 1 },
    })
    expect(await run('SELECT n FROM marks')).toEqual([{ n: 1 }])
    await expect(repair(folder.target, id, { step: 2, mark: 'done', reason: 'x' })).rejects.toMatchObject({
      code: 'HF_MIGRATE_NOTHING_TO_REPAIR',
    })
    await repair(folder.target, id, { step: 1, mark: 'done', reason: 'the first half is enough' })
    expect(await up(folder)).toEqual([id])
    expect(await run('SELECT n FROM marks')).toEqual([{ n: 1 }])
  })

  test.each([
    ['CREATE INDEX CONCURRENTLY i ON t (n)', 'HF_MIGRATE_NEEDS_TRANSACTION_OFF'],
    ['VACUUM t', 'HF_MIGRATE_NEEDS_TRANSACTION_OFF'],
    ['REINDEX (CONCURRENTLY) TABLE t', 'HF_MIGRATE_NEEDS_TRANSACTION_OFF'],
  ])('in a transaction %s is refused before anything runs', async (sql, code) => {
    const folder = newFolder()
    folder.add(`CREATE TABLE never (n int);\n${sql}`)
    await expect(up(folder)).rejects.toMatchObject({ code, details: { line: 3 } })
  })

  test('an index without a name cannot be found again, and is refused', async () => {
    const folder = newFolder()
    folder.add(stepwise('CREATE INDEX CONCURRENTLY ON pg_catalog.pg_class (oid)'))
    await expect(up(folder)).rejects.toMatchObject({ code: 'HF_MIGRATE_INDEX_UNNAMED' })
  })
})

describe('in TypeScript', () => {
  test('a step runs in the transaction of its history row; what it throws takes all of it back', async () => {
    const folder = newFolder()
    const id = folder.add({
      'up.ts': `// holdfast: irreversible
        export default async ({ query, say }) => {
          await query('CREATE TABLE by_step (n int)')
          await query('INSERT INTO by_step VALUES ($1)', [7])
          say('half way')
          throw new Error('changed my mind')
        }`,
    })
    await expect(up(folder)).rejects.toMatchObject({
      code: 'HF_MIGRATE_FAILED',
      message: expect.stringContaining('changed my mind'),
    })
    expect(await run("SELECT to_regclass('by_step') AS t")).toEqual([{ t: null }])
    expect((await migrateStatus(folder.target)).find((one) => one.id === id)).toMatchObject({
      state: 'pending',
    })
  })

  test.each([
    ['export default 5', 'HF_MIGRATE_MODULE'],
    ['export default async () => {', 'HF_MIGRATE_MODULE'],
    ["export default async ({ query }) => { await query('COMMIT') }", 'HF_MIGRATE_TRANSACTION_ENDED'],
  ])('%s is refused with %s', async (body, code) => {
    const folder = newFolder()
    folder.add({ 'up.ts': `// holdfast: irreversible\n${body}` })
    await expect(up(folder)).rejects.toMatchObject({ code })
  })

  test('what validate.ts finds fails the migration, and nothing of it stays', async () => {
    const folder = newFolder()
    const id = folder.add({
      'up.sql': 'CREATE TABLE checked (n int)',
      'down.sql': 'DROP TABLE checked',
      'validate.ts':
        "export default async ({ query }) => (await query('SELECT 1 FROM checked')).rowCount ? [] : ['it is empty']",
    })
    await expect(up(folder)).rejects.toMatchObject({
      code: 'HF_MIGRATE_VALIDATION',
      details: { id, faults: ['it is empty'] },
    })
    expect(await run("SELECT to_regclass('checked') AS t")).toEqual([{ t: null }])
  })
})

describe('after', () => {
  test('a migration waits for one that bears a later time', async () => {
    const folder = newFolder()
    const early = folder.add('')
    const late = folder.add('CREATE TABLE waited_for (n int)')
    folder.write(early, `-- holdfast: after=${late}\nALTER TABLE waited_for ADD COLUMN m int`)
    expect(await up(folder)).toEqual([late, early])
  })

  test.each([
    ['20990101T000000Z_nowhere', 'which does not exist'],
    ['itself', 'which in turn waits for it'],
  ])('%s is refused', async (name, why) => {
    const folder = newFolder()
    const id = folder.add('')
    folder.write(id, `-- holdfast: after=${name === 'itself' ? id : name}\nSELECT 1`)
    await expect(up(folder)).rejects.toMatchObject({
      code: 'HF_MIGRATE_AFTER',
      message: expect.stringContaining(why),
    })
  })
})

test('what is written down by hand is safe from a crash, also where the database would not wait for its disk', async () => {
  const url = Object.assign(new URL(database.url), { search: '?options=-c%20synchronous_commit%3Doff' }).href
  const folder = new MigrationFolder(url)
  const id = folder.add('CREATE TABLE waits (n int)')
  await run(`CREATE TABLE seen_commits (how text);
    CREATE FUNCTION see_commit() RETURNS trigger LANGUAGE plpgsql AS $f$
      BEGIN INSERT INTO public.seen_commits VALUES (current_setting('synchronous_commit')); RETURN NULL; END $f$;
    CREATE TRIGGER see AFTER INSERT ON holdfast.migration_history FOR EACH ROW EXECUTE FUNCTION see_commit()`)
  await stamp(folder.target, id, { reason: 'it is there' })
  await unstamp(folder.target, id, { reason: 'it is not' })
  expect(await run('SELECT how FROM seen_commits')).toEqual([{ how: 'local' }, { how: 'local' }])
  await run(
    'DROP TRIGGER see ON holdfast.migration_history; DROP FUNCTION see_commit; DROP TABLE seen_commits',
  )
})
