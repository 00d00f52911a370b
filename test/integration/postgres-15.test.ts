import { readFileSync } from 'node:fs'
import { join } from 'node:path'
/** An existing PostgreSQL 15 that is looked after by somebody else. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { createTestDatabase, type TestDatabase } from '../../src/testing/index.ts'
import { runCli, RunningCli } from '../support/cli.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'
import { startServer } from '../support/servers.ts'

removeScratchAfterwards()
let server: EmbeddedServer
let database: TestDatabase
let readOnlyUrl: string
let cwd: string

beforeAll(async () => {
  cwd = scratch('existing')
  server = await startServer({ version: 15, settings: { shared_preload_libraries: '' } })
  database = await createTestDatabase(server.url)
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query(`
    CREATE TABLE orders AS SELECT n FROM generate_series(1, 1000) n;
    ANALYZE orders;
    CREATE ROLE "read only" LOGIN PASSWORD 'reading';
    REVOKE ALL ON DATABASE ${database.name} FROM PUBLIC;
    GRANT CONNECT ON DATABASE ${database.name} TO "read only"`)
  await client.end()
  const url = new URL(database.url)
  url.username = 'read only'
  url.password = 'reading'
  readOnlyUrl = url.href
})

afterAll(async () => {
  await database.drop()
  await server.stop()
})

async function withServe(
  url: string,
  work: (baseUrl: string, headers: Record<string, string>) => Promise<void>,
): Promise<void> {
  const serve = new RunningCli(['serve'], {
    cwd,
    env: { DATABASE_URL: `${url}?sslmode=disable`, ENVIRONMENT: 'production' },
  })
  const [, baseUrl = ''] = await serve.waitFor(/(http:\/\/[\d.:]+)/)
  const { token } = JSON.parse(readFileSync(join(cwd, '.holdfast/server.json'), 'utf8')) as { token: string }
  await work(baseUrl, { authorization: `Bearer ${token}` })
  expect(await serve.stop('SIGTERM')).toMatchObject({ code: 0 })
}

describe('with a role that may only read', () => {
  test('serve works, is ready, and names what it cannot see with the exact GRANT', async () => {
    await withServe(readOnlyUrl, async (baseUrl, headers) => {
      expect(await (await fetch(`${baseUrl}/readyz`)).json()).toEqual({
        status: 'ready',
        code: null,
        reason: null,
      })
      const health = (await (await fetch(`${baseUrl}/v1/database/health`, { headers })).json()) as object
      expect(health).toMatchObject({
        server_version: expect.stringMatching(/^15\./),
        user: 'read only',
        schema: { state: 'missing' },
        hidden: [{ what: expect.any(String), grant: 'GRANT pg_read_all_stats TO "read only";' }],
      })
      const stats = await (
        await fetch(`${baseUrl}/v1/database/performance/database-stats`, { headers })
      ).json()
      expect(stats).toMatchObject({
        largest_tables: [{ schema: 'public', table: 'orders', estimated_rows: 1000 }],
        connections: { total: expect.any(Number) },
      })
    })
  })

  test('the GRANT is the right one', async () => {
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    await client.query('GRANT pg_read_all_stats TO "read only"')
    await withServe(readOnlyUrl, async (baseUrl, headers) => {
      expect(await (await fetch(`${baseUrl}/v1/database/health`, { headers })).json()).toMatchObject({
        hidden: [],
      })
    })
    await client.query('REVOKE pg_read_all_stats FROM "read only"')
    await client.end()
  })

  test('a schema that is there and closed to it is named, too, and does not stop readiness', async () => {
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    expect(await runCli(['init'], { cwd, env: { DATABASE_URL: database.url } })).toMatchObject({ code: 0 })
    const grants: string[] = []
    await withServe(readOnlyUrl, async (baseUrl, headers) => {
      expect((await fetch(`${baseUrl}/readyz`)).status).toBe(200)
      const health = (await (await fetch(`${baseUrl}/v1/database/health`, { headers })).json()) as {
        hidden: { grant: string }[]
      }
      grants.push(...health.hidden.map(({ grant }) => grant))
    })
    for (const grant of grants) await client.query(grant)
    await withServe(readOnlyUrl, async (baseUrl, headers) => {
      expect(await (await fetch(`${baseUrl}/v1/database/health`, { headers })).json()).toMatchObject({
        schema: { state: 'current' },
        hidden: [],
      })
    })
    await runCli(['reset', `--confirm=${database.name}`], { cwd, env: { DATABASE_URL: database.url } })
    await client.query('REVOKE pg_read_all_stats FROM "read only"')
    await client.end()
  })

  test('doctor names each grant, and init says what it would need', async () => {
    const env = { DATABASE_URL: readOnlyUrl }
    const doctor = await runCli(['doctor', '--json'], { cwd, env })
    expect(doctor.code).toBe(3)
    expect(JSON.parse(doctor.stdout)).toMatchObject({
      findings: [
        { check: 'rights', sql: 'GRANT pg_read_all_stats TO "read only";' },
        { check: 'statement-statistics', severity: 'warning' },
        { check: 'primary-keys', subject: 'public.orders' },
        { check: 'own-schema', severity: 'info' },
      ],
    })
    expect(await runCli(['init'], { cwd, env })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`GRANT CREATE ON DATABASE ${database.name} TO "read only";`),
    })
  })
})

test('with a role that may write, readiness waits for the schema and names the command', async () => {
  await withServe(database.url, async (baseUrl) => {
    const response = await fetch(`${baseUrl}/readyz`)
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({
      code: 'HF_SCHEMA_MISSING',
      reason: expect.stringContaining('holdfast init'),
    })
    expect(await runCli(['init'], { cwd, env: { DATABASE_URL: database.url } })).toMatchObject({ code: 0 })
    expect((await fetch(`${baseUrl}/readyz`)).status).toBe(200)
  })
})
