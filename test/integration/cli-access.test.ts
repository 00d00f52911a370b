/** `holdfast access` and `holdfast migrate import` as somebody at a terminal meets them. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { createTestDatabase, type TestDatabase } from '../../src/testing/index.ts'
import { type CliRun, runCli } from '../support/cli.ts'
import { queryAt } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'
import { startServer } from '../support/servers.ts'

removeScratchAfterwards()
// Roles belong to a whole server: this one is the file's own.
let server: EmbeddedServer
let database: TestDatabase
let cwd: string
beforeAll(async () => {
  server = await startServer()
  database = await createTestDatabase(server.url)
  cwd = scratch('access')
  writeFileSync(
    join(cwd, 'holdfast.config.json'),
    JSON.stringify({ access: { roles: { app: 'api', auditor: false, monitor: false } } }),
  )
  await queryAt(database.url, 'CREATE TABLE orders (id serial PRIMARY KEY); CREATE TABLE depots (id int)')
})
afterAll(() => server.stop())

const run = (...args: string[]): Promise<CliRun> => runCli(args, { cwd, env: { DATABASE_URL: database.url } })
const json = ({ stdout }: CliRun): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>

describe('holdfast access', () => {
  test('plan, apply and check, each with its exit code and its next step', async () => {
    const check = await run('access', 'check')
    expect(check).toMatchObject({ code: 3, stderr: expect.stringContaining('Next: holdfast access plan') })
    expect(check.stdout).toContain('api (app) is not there yet')
    expect(check.stdout).toContain(
      'api lacks: SELECT, INSERT, UPDATE, DELETE on table public.depots, table public.orders',
    )

    const plan = json(await run('access', 'plan', '--json'))
    expect(plan).toMatchObject({ version: 1, roles: { app: 'api' }, blocked_by: [] })
    const sql = (await run('access', 'plan', '--sql')).stdout
    expect(sql).toContain('CREATE ROLE "api" LOGIN;')

    const refused = await run('access', 'apply')
    expect(refused).toMatchObject({ code: 5, stderr: expect.stringContaining('HF_ACCESS_WIDENS') })
    expect(await run('access', 'apply', '--plan', 'another')).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('HF_ACCESS_PLAN_CHANGED'),
    })
    const applied = await run('access', 'apply', '--plan', String(plan.plan))
    expect(applied).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('the rights are as configured'),
    })
    expect(applied.stderr).toContain('No password is set for')
    expect(applied.stderr).toContain('api')
    expect(await run('access', 'check')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('The rights are as configured.'),
    })
    expect(json(await run('access', 'apply', '--json'))).toMatchObject({ differences: [] })
  })

  test('the printed statements do the same by hand', async () => {
    await queryAt(database.url, 'CREATE TABLE "by ""hand""" (id int); GRANT TRUNCATE ON orders TO api')
    const { stdout } = await run('access', 'plan', '--sql')
    await queryAt(database.url, stdout)
    expect((await run('access', 'check')).code).toBe(0)
  })

  test('what the configuration cannot mean is said at once', async () => {
    const odd = scratch('odd')
    for (const [access, code, says] of [
      [{ roles: { owner: false } }, 2, 'access.roles'],
      [{ roles: { boss: 'x' } }, 2, 'access.roles'],
      [{ schemas: { public: { app: 'all' } } }, 2, 'access.schemas'],
      [{ roles: { app: 'x', readonly: 'x' } }, 2, 'HF_ACCESS_MODEL'],
      [{ roles: { app: 'postgres' } }, 3, 'is a superuser'],
    ] as const) {
      writeFileSync(join(odd, 'holdfast.config.json'), JSON.stringify({ access }))
      const seen = await runCli(['access', 'check'], { cwd: odd, env: { DATABASE_URL: database.url } })
      expect(`${seen.stdout}${seen.stderr}`, JSON.stringify(access)).toContain(says)
      expect(seen.code, JSON.stringify(access)).toBe(code)
    }
  })
})

describe('holdfast migrate import', () => {
  test('says what it would write, writes it, and names the proof', async () => {
    await run('init')
    mkdirSync(join(cwd, 'migrations'), { recursive: true })
    writeFileSync(join(cwd, 'migrations/1675166400000_users.sql'), 'CREATE TABLE users (id int);')
    const missing = await run('migrate', 'import', '--tool', 'node-pg-migrate')
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('HF_IMPORT_TABLE') })
    await queryAt(database.url, 'CREATE TABLE ran (id serial, name text, run_on timestamp)')
    // The schema was handed over above, and with it what stands in for anything in it.
    const strange = await run('migrate', 'import', '--tool', 'node-pg-migrate', '--table', 'ran', '--dry-run')
    expect(strange).toMatchObject({ code: 1, stderr: expect.stringContaining('HF_TABLE_OWNERS') })
    await queryAt(
      database.url,
      `DO $$ BEGIN EXECUTE format('ALTER TABLE ran OWNER TO %I', (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public')); END $$`,
    )
    expect(await run('migrate', 'import', '--tool', 'node-pg-migrate', '--table', 'a.b.c')).toMatchObject({
      code: 2,
    })
    const dry = await run('migrate', 'import', '--tool', 'node-pg-migrate', '--table', 'ran', '--dry-run')
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('Would have written 1 migration.') })
    const done = await run('migrate', 'import', '--tool', 'node-pg-migrate', '--table', 'public.ran')
    expect(done).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Nothing new ran here; 1 pending.'),
      stderr: expect.stringContaining('Next: holdfast schema drift'),
    })
    expect(await run('migrate', 'up')).toMatchObject({ code: 0 })
    const wrong = await run('migrate', 'import', '--tool', 'flyway')
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('alembic, drizzle') })
  })
})
