/** Coming over from another tool: its migrations, and what it ran on a database. */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate as drizzleMigrate } from 'drizzle-orm/node-postgres/migrator'
import { runner as nodePgMigrate } from 'node-pg-migrate'
import pg from 'pg'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import {
  importHistory,
  installSchema,
  migrateHistory,
  migrateStatus,
  type MigrateTarget,
  migrateUp,
  userHistory,
} from '../../src/migrate/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { queryAt } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()

/** A database with Holdfast's schema, for one test. */
async function newDatabase(): Promise<string> {
  const { url, drop } = await createTestDatabase(inject('serverUrl'), inject('templateName'))
  onTestFinished(drop)
  return url
}

const targetOf = (url: string, directory = scratch('adopted')): MigrateTarget => ({
  url,
  directory,
  history: userHistory('holdfast'),
})

function files(all: Readonly<Record<string, string>>): string {
  const directory = scratch('old')
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
  return directory
}

const upOf = ({ directory }: MigrateTarget, id: string): string =>
  readFileSync(join(directory, id, 'up.sql'), 'utf8')
const statesOf = async (target: MigrateTarget): Promise<[string, string][]> =>
  (await migrateStatus(target)).map(({ id, state }) => [id, state])
const shadowUrl = (): string => inject('serverUrl')
const tablesOf = async (url: string): Promise<unknown> =>
  (await queryAt(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")).map(
    (row) => row.tablename,
  )

describe('from Prisma', () => {
  const sum = (text: string): string => createHash('sha256').update(text).digest('hex')
  const FIRST = 'CREATE TABLE "User" ("id" SERIAL PRIMARY KEY);\r\n'
  const SECOND = 'CREATE INDEX CONCURRENTLY "User_id_idx" ON "User"("id");'
  const oldFiles = (): string =>
    files({
      'migration_lock.toml': 'provider = "postgresql"',
      '20230131120000_init/migration.sql': FIRST,
      '20230201000000_Add index/migration.sql': SECOND,
      '20230301000000_later/migration.sql': 'ALTER TABLE "User" ADD COLUMN name text;',
    })
  /** The table as Prisma makes it. */
  async function oldDatabase(
    rows: readonly [name: string, sum: string, finished: boolean, undone: boolean][],
  ): Promise<string> {
    const url = await newDatabase()
    await queryAt(
      url,
      `CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz,
         migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(),
         applied_steps_count integer NOT NULL DEFAULT 0);
       CREATE TABLE "User" ("id" SERIAL PRIMARY KEY); CREATE INDEX "User_id_idx" ON "User"("id")`,
    )
    for (const [name, checksum, finished, undone] of rows)
      await queryAt(
        url,
        `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, rolled_back_at) VALUES
         (gen_random_uuid(), '${checksum}', '${name}', '2023-02-02 10:00Z', ${finished ? "'2023-02-02 10:01Z'" : 'NULL'}, ${undone ? 'now()' : 'NULL'})`,
      )
    return url
  }

  test('each becomes a migration; what ran counts as run, and what is pending runs', async () => {
    const url = await oldDatabase([
      ['20230131120000_init', sum('another'), true, true],
      ['20230131120000_init', sum(FIRST), true, false],
      ['20230201000000_Add index', 'x'.repeat(64), true, false],
    ])
    const target = targetOf(url)
    const from = oldFiles()
    const options = { tool: 'prisma', from } as const
    const dry = await importHistory(target, { ...options, isDryRun: true })
    expect(readdirSync(target.directory)).toEqual([])
    const done = await importHistory(target, options)
    expect(done).toEqual(dry)
    const [first, second, third] = [
      '20230131T120000Z_init',
      '20230201T000000Z_add_index',
      '20230301T000000Z_later',
    ]
    expect(done).toMatchObject({
      written: [first, second, third],
      imported: [first, second],
      pending: [third],
      baseline: null,
    })
    expect(done.notes).toEqual(['20230201000000_Add index changed after prisma ran it.'])
    expect(upOf(target, first)).toBe(
      '-- holdfast: irreversible\nCREATE TABLE "User" ("id" SERIAL PRIMARY KEY);\n',
    )
    expect(upOf(target, second)).toContain('-- holdfast: transaction=off\n')
    expect(await migrateHistory(target)).toMatchObject([
      {
        migrationId: second,
        method: 'import',
        reason: expect.stringContaining('the file has changed since'),
      },
      { migrationId: first, method: 'import', startedAt: new Date('2023-02-02T10:01:00Z') },
    ])
    // Again it is nothing; then what is pending runs as any other.
    expect(await importHistory(target, options)).toMatchObject({ written: [], imported: [] })
    expect(await migrateUp(target)).toEqual([third])
    // A new database is built from the same folder.
    const fresh = targetOf(await newDatabase(), target.directory)
    expect(await migrateUp(fresh)).toEqual([first, second, third])
  })

  test('what was there before Prisma comes first, and what it squashed is left out when that is said', async () => {
    const url = await oldDatabase([
      ['20220101000000_gone', sum('x'), true, false],
      ['0_init', sum(FIRST), true, false],
    ])
    const from = files({ '0_init/migration.sql': FIRST, '20230301000000_later/migration.sql': 'SELECT 1;' })
    const target = targetOf(url)
    await expect(importHistory(target, { tool: 'prisma', from })).rejects.toMatchObject({
      code: 'HF_IMPORT_UNKNOWN',
    })
    const done = await importHistory(target, { tool: 'prisma', from, ignoresMissing: true })
    expect(done).toMatchObject({
      written: ['19700101T000001Z_0_init', '20230301T000000Z_later'],
      imported: ['19700101T000001Z_0_init'],
      notes: ['20220101000000_gone ran here, and has no file any more: left out.'],
    })
  })

  test('an import that was killed while it wrote is completed by the next', async () => {
    const url = await oldDatabase([['20230131120000_init', sum(FIRST), true, false]])
    const target = targetOf(url)
    mkdirSync(join(target.directory, '.20230131T120000Z_init'), { recursive: true })
    writeFileSync(join(target.directory, '.20230131T120000Z_init/up.sql'), 'CREATE TA')
    await importHistory(target, { tool: 'prisma', from: oldFiles() })
    expect(upOf(target, '20230131T120000Z_init')).toContain('CREATE TABLE "User"')
    expect(readdirSync(target.directory).filter((name) => name.startsWith('.'))).toEqual([])
  })

  test('refuses what did not finish, what is not in the folder, and a database without its table', async () => {
    const from = oldFiles()
    const importFrom = (url: string, more: object = {}): Promise<unknown> =>
      importHistory(targetOf(url), { tool: 'prisma', from, ...more })
    const half = await oldDatabase([['20230131120000_init', sum(FIRST), false, false]])
    await expect(importFrom(half)).rejects.toMatchObject({ code: 'HF_IMPORT_UNFINISHED' })
    const other = await oldDatabase([['20220101000000_lost', sum(FIRST), true, false]])
    await expect(importFrom(other)).rejects.toMatchObject({ code: 'HF_IMPORT_UNKNOWN' })
    const url = await newDatabase()
    await expect(importFrom(url)).rejects.toMatchObject({ code: 'HF_IMPORT_TABLE' })
    await expect(importFrom(url, { from: '/nowhere' })).rejects.toMatchObject({ code: 'HF_IMPORT_NOTHING' })
    const target = targetOf(other)
    mkdirSync(join(target.directory, '20220501T000000Z_mine'), { recursive: true })
    writeFileSync(
      join(target.directory, '20220501T000000Z_mine/up.sql'),
      '-- holdfast: irreversible\nSELECT 1',
    )
    await queryAt(other, 'DELETE FROM _prisma_migrations')
    await expect(importHistory(target, { tool: 'prisma', from })).rejects.toMatchObject({
      code: 'HF_IMPORT_FOLDER',
    })
  })
})

test('from Drizzle, run by Drizzle itself', async () => {
  const url = await newDatabase()
  const when = Date.parse('2024-05-06T07:08:09Z')
  const from = files({
    'meta/_journal.json': JSON.stringify({
      version: '7',
      dialect: 'postgresql',
      entries: [
        { idx: 0, version: '7', when, tag: '0000_fat_hulk', breakpoints: true },
        { idx: 1, version: '7', when: when + 10, tag: '0001_thin_thor', breakpoints: true },
      ],
    }),
    '0000_fat_hulk.sql':
      'CREATE TABLE "users" ("id" serial);\n--> statement-breakpoint\nCREATE TABLE "posts" ("id" serial);',
    '0001_thin_thor.sql': 'ALTER TABLE "posts" ADD COLUMN "title" text;',
  })
  const pool = new pg.Pool({ connectionString: url })
  await drizzleMigrate(drizzle(pool), { migrationsFolder: from })
  await pool.end()
  const target = targetOf(url)
  const done = await importHistory(target, { tool: 'drizzle', from })
  // Two of one second are a second apart.
  const ids = ['20240506T070809Z_0000_fat_hulk', '20240506T070810Z_0001_thin_thor']
  expect(done).toMatchObject({ written: ids, imported: ids, pending: [], notes: [] })
  expect(await statesOf(target)).toEqual(ids.map((id) => [id, 'applied']))
  const fresh = targetOf(await newDatabase(), target.directory)
  await migrateUp(fresh)
  expect(await tablesOf(fresh.url)).toEqual(['posts', 'users'])
})

test('two of Drizzle with the same content are two', async () => {
  const url = await newDatabase()
  const when = Date.parse('2024-05-06T07:08:09Z')
  const entries = ['0000_counters', '0001_bump', '0002_bump_again'].map((tag, idx) => ({
    idx,
    version: '7',
    when: when + idx * 1_000,
    tag,
    breakpoints: true,
  }))
  const from = files({
    'meta/_journal.json': JSON.stringify({ version: '7', dialect: 'postgresql', entries }),
    '0000_counters.sql': 'CREATE TABLE counters AS SELECT 0 AS n;',
    '0001_bump.sql': 'UPDATE counters SET n = n + 1;',
    '0002_bump_again.sql': 'UPDATE counters SET n = n + 1;',
  })
  const pool = new pg.Pool({ connectionString: url })
  await drizzleMigrate(drizzle(pool), { migrationsFolder: from })
  await pool.end()
  expect(await importHistory(targetOf(url), { tool: 'drizzle', from })).toMatchObject({
    pending: [],
    notes: [],
  })
})

describe('from node-pg-migrate, run by itself', () => {
  const runOld = (url: string, dir: string, count = 100): Promise<unknown> =>
    nodePgMigrate({
      databaseUrl: url,
      dir,
      direction: 'up',
      migrationsTable: 'pgmigrations',
      count,
      log: () => {},
      logger: { info() {}, warn() {}, error() {} },
    })

  test('SQL becomes SQL, with its way back', async () => {
    const url = await newDatabase()
    const from = files({
      '1675166400000_users.sql':
        '-- Up Migration\nCREATE TABLE users (id int);\n-- Down Migration\nDROP TABLE users;',
      '20230201000000000_posts.sql': 'CREATE TABLE posts (id int);',
    })
    await runOld(url, from, 1)
    const target = targetOf(url)
    const done = await importHistory(target, { tool: 'node-pg-migrate', from })
    const [users, posts] = ['20230131T120000Z_users', '20230201T000000Z_posts']
    expect(done).toMatchObject({ written: [users, posts], imported: [users], pending: [posts] })
    expect(readFileSync(join(target.directory, users, 'down.sql'), 'utf8')).toContain('DROP TABLE users')
    expect(upOf(target, users)).not.toContain('DROP')
    expect(await migrateUp(target)).toEqual([posts])
  })

  test('files come in the order in which it runs them, whatever their numbers are', async () => {
    const url = await newDatabase()
    const from = files({
      '0001_a.sql': 'CREATE TABLE a (id int);',
      '0002_make_b.sql': 'CREATE TABLE b (id int);',
      '0002_Zap_b.sql': 'ALTER TABLE b ADD COLUMN c int;',
      '0003_step2.sql': 'ALTER TABLE b ADD COLUMN d int;',
      '0003_step10.sql': 'ALTER TABLE b DROP COLUMN d;',
      '20240101000000_with_seconds.sql': 'SELECT 1;',
    })
    const elsewhere = files({ 'a.sql': 'SELECT 2;' })
    symlinkSync(join(elsewhere, 'a.sql'), join(from, '0004_linked.sql'))
    await runOld(url, from)
    const ran = (await queryAt(url, 'SELECT name FROM pgmigrations ORDER BY id')).map(({ name }) =>
      String(name)
        .replace(/^\d{14}_/, '')
        .toLowerCase(),
    )
    const target = targetOf(url)
    const { imported, written } = await importHistory(target, { tool: 'node-pg-migrate', from })
    expect(imported).toEqual(written)
    expect(written.map((id) => id.slice(17))).toEqual(ran)
    expect(written.at(-1)).toBe('20240101T000000Z_with_seconds')
    await migrateUp(targetOf(await newDatabase(), target.directory))
  })

  test('programs become one baseline that stands for them, also on the next database', async () => {
    const from = files({
      '1675166400000_users.cjs': "exports.up = (pgm) => pgm.createTable('users', { id: 'id' })",
      '1675252800000_posts.cjs': "exports.up = (pgm) => pgm.createTable('posts', { id: 'id' })",
    })
    const url = await newDatabase()
    await runOld(url, from, 1)
    const target = targetOf(url)
    const options = { tool: 'node-pg-migrate', from, shadowUrl: shadowUrl() } as const
    await expect(importHistory(target, options)).rejects.toMatchObject({ code: 'HF_IMPORT_PENDING' })
    await runOld(url, from)
    const done = await importHistory(target, options)
    expect(done).toMatchObject({
      imported: ['20230131T120000Z_users', '20230201T120000Z_posts'],
      pending: [],
    })
    const { baseline } = done
    expect(await statesOf(target)).toEqual([[baseline, 'applied']])
    expect(await migrateUp(target)).toEqual([])
    expect(await importHistory(target, options)).toMatchObject({ written: [], imported: [], baseline })

    const second = targetOf(await newDatabase(), target.directory)
    await runOld(second.url, from)
    expect(await importHistory(second, options)).toMatchObject({
      written: [],
      imported: done.imported,
      baseline,
    })
    expect(await statesOf(second)).toEqual([[baseline, 'applied']])

    const fresh = targetOf(await newDatabase(), target.directory)
    expect(await migrateUp(fresh)).toEqual([baseline])
    expect(await tablesOf(fresh.url)).toEqual(['pgmigrations', 'posts', 'users'])
  })
})

describe('from Alembic', () => {
  const revision = (id: string, down: string, date: string, words: string): string =>
    `"""${words}\n\nRevision ID: ${id}\nRevises: \nCreate Date: ${date}\n\n"""\nfrom alembic import op\n\n# revision identifiers, used by Alembic.\n` +
    `revision: str = '${id}'\ndown_revision: Union[str, None] = ${down}\nbranch_labels = None\ndepends_on = None\n\n\ndef upgrade() -> None:\n    op.create_table('t')\n`
  const oldFiles = (): string =>
    files({
      '__init__.py': '',
      'a1_init.py': revision('a1', 'None', '2023-01-31 12:00:00.123456', 'Init the thing'),
      'b2_left.py': revision('b2', "'a1'", '2023-02-01 12:00:00', 'left'),
      'c3_right.py': revision('c3', "'a1'", '2023-01-30 12:00:00', 'right'),
      'env.py': "print('no revision')",
      'more/e5_other.py': revision('e5', "'d4'  # it's the last\\n", '2023-04-01 12:00:00', 'other').replace(
        'depends_on = None',
        "depends_on = ('a1',)",
      ),
      'd4_merge.py': revision('d4', "(\n    'b2',\n    'c3',\n)", '2023-03-01 12:00:00', 'merge'),
    })
  async function oldDatabase(heads: readonly string[]): Promise<string> {
    const url = await newDatabase()
    await queryAt(
      url,
      `CREATE TABLE alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY); CREATE TABLE thing (id int)`,
    )
    for (const head of heads) await queryAt(url, `INSERT INTO alembic_version VALUES ('${head}')`)
    return url
  }

  test('all that its heads stand on ran; the baseline stands for them', async () => {
    const from = oldFiles()
    const options = { tool: 'alembic', from, shadowUrl: shadowUrl() } as const
    const half = targetOf(await oldDatabase(['b2']))
    await expect(importHistory(half, options)).rejects.toMatchObject({
      code: 'HF_IMPORT_PENDING',
      details: { names: ['c3 right', 'd4 merge', 'e5 other'] },
    })
    const target = targetOf(await oldDatabase(['e5']))
    const done = await importHistory(target, options)
    expect(done.imported).toEqual([
      '20230131T120000Z_a1_init_the_thing',
      // Older than what it stands on by its date: it comes after that all the same.
      '20230131T120001Z_c3_right',
      '20230201T120000Z_b2_left',
      '20230301T120000Z_d4_merge',
      '20230401T120000Z_e5_other',
    ])
    expect(await statesOf(target)).toEqual([[done.baseline, 'applied']])
    expect((await migrateHistory(target)).at(-1)?.reason).toContain(
      'at a time that alembic does not write down',
    )
    const lost = targetOf(await oldDatabase(['zz']))
    await expect(importHistory(lost, options)).rejects.toMatchObject({ code: 'HF_IMPORT_UNKNOWN' })
    // The same database from a working copy without the baseline.
    await expect(importHistory(targetOf(target.url), options)).rejects.toMatchObject({
      code: 'HF_IMPORT_FOLDER',
    })
  })
})

test('what a new database could not be built from is told', async () => {
  const url = await newDatabase()
  await installSchema(url, 'holdfast', {})
  await queryAt(url, 'CREATE TABLE pgmigrations (id serial, name text, run_on timestamp)')
  const from = files({ '1675166400000_own.sql': 'BEGIN; CREATE TABLE own (n int); COMMIT;' })
  const { notes } = await importHistory(targetOf(url), { tool: 'node-pg-migrate', from })
  expect(notes).toEqual([expect.stringContaining('A new database cannot be built from 20230131T120000Z_own')])
})
