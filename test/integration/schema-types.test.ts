import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { type CliRun, runCli } from '../support/cli.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()

async function change(text: string): Promise<void> {
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query(text)
  await client.end()
}

beforeAll(() =>
  change(
    'CREATE TABLE parcels (id uuid PRIMARY KEY, weight_grams int, sent_at timestamptz NOT NULL DEFAULT now())',
  ),
)

const run = (cwd: string, args: string): Promise<CliRun> =>
  runCli(args.split(' '), { cwd, env: { DATABASE_URL: database.url } })

/** A project that has the generator installed. */
function project(): string {
  const folder = scratch('types')
  const installed = dirname(dirname(createRequire(import.meta.url).resolve('kysely-codegen')))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(installed, join(folder, 'node_modules', 'kysely-codegen'))
  return folder
}

test('types of the user’s tables are written, and checked against the database', async () => {
  const cwd = project()
  const written = await run(cwd, 'schema types --out db.ts --json')
  expect(written).toMatchObject({ code: 0 })
  expect(JSON.parse(written.stdout)).toMatchObject({ file: join(cwd, 'db.ts'), written: true })
  const text = readFileSync(join(cwd, 'db.ts'), 'utf8')
  expect(text).toMatch(
    /interface Parcels \{\s+id: string;\s+sent_at: Generated<Timestamp>;\s+weight_grams: number \| null;/,
  )
  expect(text).not.toMatch(/migrations|operations/i)
  expect(await run(cwd, 'schema types --out db.ts --check')).toMatchObject({ code: 0 })
  expect(await run(cwd, 'schema types --out missing.ts --check')).toMatchObject({ code: 3 })
  // What an extension brought is not the user's, and may not be there on the next server.
  await change('CREATE EXTENSION IF NOT EXISTS pg_stat_statements; CREATE TABLE crates (id int)')
  await run(cwd, 'schema types --out other.ts -- --exclude-pattern crate*')
  expect(readFileSync(join(cwd, 'other.ts'), 'utf8')).toBe(text)
  await change('DROP TABLE crates; DROP EXTENSION pg_stat_statements')
  await change('ALTER TABLE parcels ADD COLUMN note text')
  const stale = await run(cwd, 'schema types --out db.ts --check')
  expect(stale).toMatchObject({ code: 3 })
  expect(stale.stderr).toContain('HF_CLI_TYPES_OUTDATED')
  expect(readFileSync(join(cwd, 'db.ts'), 'utf8')).toBe(text)
  await run(cwd, 'schema types --out db.ts -- --camel-case')
  expect(readFileSync(join(cwd, 'db.ts'), 'utf8')).toContain('weightGrams')
})

test('what cannot be done is told, without the URL', async () => {
  const bare = scratch('no-types')
  const missing = await run(bare, 'schema types')
  expect(missing).toMatchObject({ code: 2 })
  expect(missing.stderr).toContain('HF_CLI_PACKAGE_MISSING')
  const cwd = project()
  writeFileSync(join(cwd, 'taken'), '')
  const failed = await run(cwd, 'schema types --out taken/db.ts')
  expect(failed).toMatchObject({ code: 1 })
  expect(failed.stderr).toContain('HF_CLI_TYPES_FAILED')
  expect(failed.stderr).not.toContain(new URL(database.url).password)
})
