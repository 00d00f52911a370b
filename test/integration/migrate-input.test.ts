/** Files as they come: damaged, huge, changed, twice. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lintScripts, migrateUp, readScript } from '../../src/migrate/index.ts'
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

test(
  'five megabytes of statements, and a function of as many semicolons, run and are linted',
  { timeout: 120_000 },
  async () => {
    const folder = newFolder()
    const rows = Array.from(
      { length: 25_000 },
      (_, n) => `INSERT INTO large VALUES (${n}, 'some text; with a semicolon ${n}');`,
    )
    const body = `/* ${';'.repeat(3_500_000)} */ SELECT 7;`
    const id = folder.add(
      `CREATE TABLE large (n int, words text);\n${rows.join('\n')}\nCREATE FUNCTION seven() RETURNS int LANGUAGE sql AS $body$ ${body} $body$;`,
    )
    const script = readScript(join(folder.directory, id, 'up.sql'))
    expect(Buffer.byteLength(script.text)).toBeGreaterThan(5_000_000)
    expect(await lintScripts([script])).toEqual([])
    expect(await up(folder)).toEqual([id])
    expect(await queryAt(database.url, 'SELECT count(*)::int AS rows, seven() FROM large')).toEqual([
      { rows: 25_000, seven: 7 },
    ])
  },
)
