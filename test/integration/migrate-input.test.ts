/** Files as they come: damaged, huge, changed, twice. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { installSchema, lintScripts, migrateStatus, migrateUp, readScript } from '../../src/migrate/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { MigrationFolder } from '../support/migration-folder.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const newFolder = (): MigrationFolder => new MigrationFolder(database.url)
const up = (folder: MigrationFolder): Promise<string[]> => migrateUp(folder.target, { allowOutOfOrder: true })

test('a file that is not UTF-8 is refused with its line', async () => {
  const folder = newFolder()
  const id = folder.add('SELECT 1')
  const bytes = Buffer.concat([
    Buffer.from('-- holdfast: irreversible\n-- caf'),
    Buffer.from([0xe9]),
    Buffer.from('\nSELECT 1'),
  ])
  writeFileSync(join(folder.directory, id, 'up.sql'), bytes)
  await expect(up(folder)).rejects.toMatchObject({ code: 'HF_MIGRATE_ENCODING', details: { line: 2 } })
})

test('two migrations of one time are refused, whatever their words', async () => {
  const folder = newFolder()
  const id = folder.add('SELECT 1')
  const twin = id.replace('_step', '_twin')
  mkdirSync(join(folder.directory, twin))
  folder.write(twin, 'SELECT 2')
  await expect(up(folder)).rejects.toMatchObject({
    code: 'HF_MIGRATE_DUPLICATE_ID',
    details: { first: id, second: twin },
  })
})

test('a mistake is shown with its line, its column and a mark under it', async () => {
  const folder = newFolder()
  folder.add("SELECT '🙂';\nCREATE TABEL t (n int)")
  const failure = await up(folder).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'HF_MIGRATE_SYNTAX', details: { line: 3, column: 8 } })
  expect(String(failure)).toMatch(/\n {2}CREATE TABEL t \(n int\)\n {2} {7}\^/)
})

test('what stands behind a NUL is not left out in silence', async () => {
  const folder = newFolder()
  folder.add('CREATE TABLE nul (n int);\0\nCREATE TABLE behind (n int);')
  await expect(up(folder)).rejects.toMatchObject({ code: 'HF_MIGRATE_SYNTAX', details: { line: 2 } })
})

test('what changed after it ran is told by its lines, and comments alone as that', async () => {
  const folder = newFolder()
  const id = folder.add('CREATE TABLE changing (n int);\nINSERT INTO changing VALUES (1);')
  await up(folder)
  const toldOf = async (sql: string): Promise<string> => {
    folder.write(id, sql)
    return String(await up(folder).catch((error: unknown) => error))
  }
  expect(await toldOf('CREATE TABLE changing (n int);\nINSERT INTO changing VALUES (2);\nSELECT 1')).toMatch(
    /HF_MIGRATE_CHECKSUM|line 3 is gone or another, lines 3, 4 did not run/,
  )
  expect(await toldOf('CREATE TABLE changing (n int);\nINSERT INTO changing VALUES (2);')).toContain(
    'what stood on line 3 is gone or another, line 3 did not run',
  )
  expect(
    await toldOf('-- a word\nCREATE TABLE changing (n int);\nINSERT INTO changing VALUES (1);'),
  ).toContain('only comments, directives')
  expect(await toldOf('INSERT INTO changing VALUES (1);\nCREATE TABLE changing (n int);')).toContain(
    'in another order',
  )
})

test('five megabytes of statements, and a function of as many semicolons, run and are linted', async () => {
  const folder = newFolder()
  const rows = Array.from(
    { length: 4_000 },
    (_, n) => `INSERT INTO large VALUES (${n}, 'some text; with a semicolon ${n}');`,
  )
  const body = `/* ${';'.repeat(5_000_000)} */ SELECT 7;`
  const id = folder.add(
    `CREATE TABLE large (n int, words text);\n${rows.join('\n')}\nCREATE FUNCTION seven() RETURNS int LANGUAGE sql AS $body$ ${body} $body$;`,
  )
  const script = readScript(join(folder.directory, id, 'up.sql'))
  expect(Buffer.byteLength(script.text)).toBeGreaterThan(5_000_000)
  expect(await lintScripts([script])).toEqual([])
  expect(await up(folder)).toEqual([id])
  expect(await queryAt(database.url, 'SELECT count(*)::int AS rows, seven() FROM large')).toEqual([
    { rows: 4_000, seven: 7 },
  ])
})

test('the history of an older version is refused by its code, and init brings it up to date with what is in it', async () => {
  const own = await createTestDatabase(inject('serverUrl'), inject('templateName'))
  try {
    const folder = new MigrationFolder(own.url)
    const id = folder.add('CREATE TABLE before_the_update (n int)')
    await migrateUp(folder.target)
    await queryAt(
      own.url,
      `ALTER TABLE holdfast.migration_history DROP COLUMN method, DROP COLUMN reason, DROP COLUMN failed_statement;
       DROP TABLE holdfast.migration_history_steps`,
    )
    await expect(migrateUp(folder.target)).rejects.toMatchObject({ code: 'HF_SCHEMA_OUTDATED' })
    await installSchema(own.url, 'holdfast', {})
    expect(await migrateStatus(folder.target)).toMatchObject([{ id, state: 'applied', method: 'run' }])
    expect(await migrateUp(folder.target)).toEqual([])
  } finally {
    await own.drop()
  }
})

test('a role that may not read how far others came is told what to grant', async () => {
  const own = await createTestDatabase(inject('serverUrl'), inject('templateName'))
  try {
    await queryAt(
      own.url,
      `DROP ROLE IF EXISTS half_allowed; CREATE ROLE half_allowed LOGIN PASSWORD 'half'; GRANT USAGE ON SCHEMA holdfast TO half_allowed;
       GRANT SELECT ON holdfast.migration_history TO half_allowed`,
    )
    const url = new URL(own.url)
    url.username = 'half_allowed'
    url.password = 'half'
    const folder = new MigrationFolder(url.href)
    await expect(migrateStatus(folder.target)).rejects.toMatchObject({
      code: 'HF_MIGRATE_NOT_ALLOWED',
      message: expect.stringContaining(
        'holdfast.migration_history_steps, holdfast.backfills TO half_allowed',
      ),
    })
  } finally {
    await queryAt(own.url, 'DROP OWNED BY half_allowed; DROP ROLE half_allowed')
    await own.drop()
  }
})
