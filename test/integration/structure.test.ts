/** Migrations worked out from a wanted structure, and what else looks at structures. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, inject, test } from 'vitest'
import {
  baseline,
  findDrift,
  generate,
  type GenerateOptions,
  migrateDown,
  migrateStatus,
  migrateUp,
  squash,
} from '../../src/migrate/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { MigrationFolder, stepwise } from '../support/migration-folder.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()

function project(schema: string): {
  options: GenerateOptions
  folder: MigrationFolder
  want: (sql: string) => void
} {
  const folder = new MigrationFolder('')
  const schemaFile = join(scratch('wanted'), 'schema.sql')
  writeFileSync(schemaFile, schema)
  return {
    folder,
    options: { directory: folder.directory, schemaFile, name: 'next', shadowUrl: inject('serverUrl') },
    want: (sql) => writeFileSync(schemaFile, sql),
  }
}

async function withDatabase<T>(work: (url: string) => Promise<T>): Promise<T> {
  const database = await createTestDatabase(inject('serverUrl'), inject('templateName'))
  try {
    return await work(database.url)
  } finally {
    await database.drop()
  }
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

describe('generate', () => {
  test('writes what leads to the wanted structure, in steps that do not stop traffic, and a way back', async () => {
    const { options, folder, want } = project('CREATE TABLE users (id int PRIMARY KEY, email text);')
    const first = await generate(options)
    expect(first.migrations).toHaveLength(1)
    want(`CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL, team int);
          CREATE INDEX users_team ON users (team);
          ALTER TABLE users ADD CONSTRAINT users_email UNIQUE (email)`)
    const second = await generate(options)
    const sql = second.migrations.map(({ up }) => up).join('\n')
    expect(sql).toContain('CREATE INDEX CONCURRENTLY users_team')
    expect(sql).toContain('CHECK (email IS NOT NULL) NOT VALID')
    expect(sql).toContain('UNIQUE USING INDEX users_email')
    expect(second.migrations.every(({ down }) => down !== undefined)).toBe(true)
    expect((await generate(options)).migrations).toEqual([])
    await withDatabase(async (url) => {
      const target = { ...folder.target, url }
      const ran = await migrateUp(target)
      expect(ran).toEqual([...first.migrations, ...second.migrations].map(({ id }) => id))
      const drift = await findDrift(url, { kind: 'migrations', ...folder.target }, options)
      expect(drift.differences).toEqual([])
      expect(drift.hash.actual).toBe(drift.hash.expected)
      expect(await migrateDown(target, { count: ran.length })).toEqual(ran.toReversed())
      expect(await query(url, "SELECT to_regclass('users') AS t")).toEqual([{ t: null }])
    })
  })

  test('asks about what looks renamed, and does what it is told', async () => {
    const { options, want } = project('CREATE TABLE users (id int PRIMARY KEY, mail text);')
    await generate(options)
    want('CREATE TABLE users (id int PRIMARY KEY, email text);')
    await expect(generate(options)).rejects.toMatchObject({
      code: 'HF_GENERATE_RENAME',
      message: expect.stringContaining('--rename public.users.mail=public.users.email'),
    })
    const renames = new Map([['public.users.mail', 'public.users.email']])
    const { migrations, losses } = await generate({ ...options, renames, isDryRun: true })
    expect(losses).toEqual([])
    expect(migrations[0]?.up).toContain('RENAME COLUMN mail TO email')
    expect(migrations[0]?.down).toContain('RENAME COLUMN email TO mail')
    const anew = await generate({ ...options, areAll: true, isDryRun: true })
    expect(anew.losses).toEqual(['the values of public.users.mail'])
    await expect(
      generate({ ...options, renames: new Map([['public.users.nothing', 'public.users.x']]) }),
    ).rejects.toMatchObject({
      code: 'HF_GENERATE_RENAME_UNKNOWN',
    })
  })

  test.each([
    ['CREATE TABEL x ()', 'HF_MIGRATE_SYNTAX'],
    ['SELECT 1;\nCREATE TABLE x (n nothing)', 'HF_STRUCTURE_SCRIPT'],
  ])('a wanted structure that is none (%s) is refused with %s', async (sql, code) => {
    const { options } = project(sql)
    await expect(generate(options)).rejects.toMatchObject({ code })
    expect(readdirSync(options.directory)).toEqual([])
  })

  test('what has no statement is said, and nothing written', async () => {
    const { options, want } = project('CREATE TABLE logs (at date);')
    await generate(options)
    want('CREATE TABLE logs (at date) PARTITION BY RANGE (at);')
    await expect(generate(options)).rejects.toMatchObject({ code: 'HF_GENERATE_UNSUPPORTED' })
    await expect(generate({ ...options, schemaFile: '/nowhere' })).rejects.toMatchObject({
      code: 'HF_STRUCTURE_FILE',
    })
    expect(readdirSync(options.directory)).toHaveLength(1)
  })
})

describe('adopting and squashing', () => {
  test('a baseline says a database that is there, counts as run there, and builds the same elsewhere', async () => {
    await withDatabase(async (url) => {
      await query(
        url,
        `CREATE TYPE mood AS ENUM ('a'); CREATE TABLE parents (id serial PRIMARY KEY, feel mood);
        CREATE TABLE children (parent int REFERENCES parents); CREATE VIEW pairs AS SELECT * FROM parents JOIN children ON parent = id;
        CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT count(*)::int FROM parents'`,
      )
      const folder = new MigrationFolder(url)
      const { id, isProven } = await baseline(folder.target, { shadowUrl: inject('serverUrl') })
      expect(isProven).toBe(true)
      expect(await migrateStatus(folder.target)).toMatchObject([{ id, state: 'applied', method: 'baseline' }])
      expect(await migrateUp(folder.target)).toEqual([])
      const drift = await findDrift(
        url,
        { kind: 'migrations', ...folder.target },
        { shadowUrl: inject('serverUrl') },
      )
      expect(drift.differences).toEqual([])
      await expect(baseline(folder.target)).rejects.toMatchObject({ code: 'HF_BASELINE_NOT_FIRST' })
    })
  })

  test('a squashed migration counts as run where its parts ran, runs where none did, and asks where some did', async () => {
    const folder = new MigrationFolder('')
    const ids = [
      folder.add({ 'up.sql': 'CREATE TABLE one (n int)', 'down.sql': 'DROP TABLE one' }),
      folder.add(stepwise('CREATE INDEX CONCURRENTLY one_n ON one (n)')),
      folder.add('ALTER TABLE one ADD COLUMN m int'),
    ]
    await withDatabase(async (all) =>
      withDatabase(async (none) =>
        withDatabase(async (some) => {
          await migrateUp({ ...folder.target, url: all })
          await migrateUp({ ...folder.target, url: some }, { to: ids[1] })
          const { id, replaced } = await squash(folder.directory, { shadowUrl: inject('serverUrl') })
          expect(replaced).toEqual(ids)
          expect(readdirSync(folder.directory)).toEqual([id])
          expect(await migrateUp({ ...folder.target, url: all })).toEqual([])
          expect(await migrateStatus({ ...folder.target, url: all })).toMatchObject([
            { id, state: 'applied', method: 'squash' },
          ])
          expect(await migrateUp({ ...folder.target, url: none })).toEqual([id])
          await expect(migrateUp({ ...folder.target, url: some })).rejects.toMatchObject({
            code: 'HF_MIGRATE_REPLACES',
            details: { missing: [ids[2]] },
          })
          const drift = await findDrift(none, { kind: 'database', url: all })
          expect(drift.differences).toEqual([])
        }),
      ),
    )
  })

  test('statements about rows are not lost in silence', async () => {
    const folder = new MigrationFolder('')
    folder.add('CREATE TABLE one (n int)')
    folder.add('INSERT INTO one VALUES (1)')
    await expect(squash(folder.directory, { shadowUrl: inject('serverUrl') })).rejects.toMatchObject({
      code: 'HF_SQUASH_ROWS',
    })
    expect(readdirSync(folder.directory)).toHaveLength(2)
    const { id } = await squash(folder.directory, { shadowUrl: inject('serverUrl'), leavesRowsOut: true })
    expect(readFileSync(join(folder.directory, id, 'up.sql'), 'utf8')).toContain('CREATE TABLE public.one')
  })
})

test('a throwaway server is started where no shadow is named, and makes the roles that are granted to', async () => {
  const { options } = project('CREATE TABLE t (n int); GRANT SELECT ON t TO somebody_else;')
  mkdirSync(options.directory, { recursive: true })
  const { migrations } = await generate({ ...options, shadowUrl: undefined, isDryRun: true })
  expect(migrations[0]?.up).toContain('GRANT SELECT ON TABLE public.t TO somebody_else')
})
