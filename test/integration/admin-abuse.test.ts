/** What somebody can do to the API who is nobody, or may only look: and what that must not do to others. */
import { request as httpRequest } from 'node:http'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Admin, type AdminServer, serveAdmin } from '../../src/admin/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { AdminClient, TEST_OPTIONS } from '../support/admin-server.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { MigrationFolder } from '../support/migration-folder.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'
import { secretOf } from '../support/signing-in.ts'

removeScratchAfterwards()
const database = useDatabase()
const METRICS_TOKEN = 'metrics-token-of-this-test'
/** So small that what goes beside it shows. */
const POOL_SIZE = 2
let client: AdminClient
let server: AdminServer
let folder: MigrationFolder

beforeAll(async () => {
  const pool = new Pool({ connectionString: database.url, size: POOL_SIZE, overflow: 0 })
  folder = new MigrationFolder(database.url)
  folder.add('CREATE TABLE made (n int)')
  const state = scratch('state')
  const options = { ...TEST_OPTIONS, metricsToken: METRICS_TOKEN, hosts: ['ops.example.com'] }
  const input = {
    pool,
    migrations: folder.target,
    partitions: { url: database.url, ownSchema: 'holdfast' },
    access: {
      url: database.url,
      options: { roles: { owner: `${database.name}_boss`, migrator: false }, schemas: { public: {} } },
      ownSchema: 'holdfast',
    },
  } as const
  server = await serveAdmin(input, options, state)
  client = new AdminClient(server, pool, state)
})
afterAll(async () => {
  await server.close()
  await client.pool.end()
})

const statusOf = async (url: string, headers: Record<string, string> = {}): Promise<number> =>
  (await server.app.inject({ url, headers })).statusCode

describe('asking too often', () => {
  test('locks out nobody else: not the probes, not who is signed in, not who signs in', async () => {
    const app = Fastify()
    const admin = new Admin({ pool: client.pool, metricsToken: METRICS_TOKEN })
    await app.register(admin.plugin)
    const viewer = { authorization: `Bearer ${admin.createToken('viewer')}` }
    const asked = new Set<number>()
    const ask = async (url: string, headers: Record<string, string> = {}): Promise<number> =>
      (await app.inject({ url, headers })).statusCode
    for (let attempt = 0; attempt < 1_201; attempt += 1) {
      asked.add(await ask('/nope.png'))
      asked.add(await ask('/v1/session'))
    }
    expect([...asked].toSorted()).toEqual([401, 404, 429])
    for (const probe of ['/livez', '/readyz', '/health', '/']) expect(await ask(probe), probe).toBe(200)
    expect(await ask('/v1/session', viewer)).toBe(200)
    expect(await ask('/metrics', { authorization: `Bearer ${METRICS_TOKEN}` })).toBe(200)
    const payload = { token: secretOf(admin.createSignInPath('admin')) }
    expect((await app.inject({ method: 'POST', url: '/v1/session', payload })).statusCode).toBe(201)
    // One who is signed in and asks too often is alone with that.
    for (let attempt = 0; attempt < 1_200; attempt += 1) await ask('/v1/session', viewer)
    expect(await ask('/v1/session', viewer)).toBe(429)
    expect(await ask('/v1/session', { authorization: `Bearer ${admin.createToken('viewer')}` })).toBe(200)
    await app.close()
  })

  test('what another site sends is not even counted', async () => {
    const app = Fastify()
    await app.register(new Admin({ pool: client.pool }).plugin)
    for (let attempt = 0; attempt < 1_300; attempt += 1)
      await app.inject({ url: '/v1/session', headers: { 'sec-fetch-site': 'cross-site' } })
    expect((await app.inject({ url: '/v1/session' })).statusCode).toBe(401)
    await app.close()
  })

  test('one session has a few streams, and others still get theirs', async () => {
    const ends: (() => void)[] = []
    const listen = (headers: Record<string, string>): Promise<number> =>
      new Promise((resolve) => {
        const asking = httpRequest(`${server.url}/v1/events`, { headers }, ({ statusCode = 0 }) =>
          resolve(statusCode),
        )
        asking.on('error', () => {})
        asking.end()
        ends.push(() => asking.destroy())
      })
    const viewer = client.bearer('viewer')
    const statuses: number[] = []
    for (let stream = 0; stream < 8; stream += 1) statuses.push(await listen(viewer))
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 503, 503])
    expect(await listen(client.bearer('viewer'))).toBe(200)
    for (const end of ends) end()
  })
})

test('the database has connections left for others, however much is asked at once', async () => {
  const { paths } = JSON.parse(
    readFileSync(new URL('../../docs/reference/openapi.json', import.meta.url), 'utf8'),
  ) as { paths: Record<string, Record<string, object>> }
  const reads = Object.entries(paths)
    .filter(([path, { get }]) => get && path !== '/v1/events' && !path.startsWith('/openapi'))
    .map(([path]) => path.replaceAll(/\{\w+\}/g, '1'))
  const operator = client.bearer('operator')
  const watching = new pg.Client(database.url)
  await watching.connect()
  let most = 0
  const over = new AbortController()
  const watch = (async () => {
    while (!over.signal.aborted) {
      const { rows } = await watching.query(
        `SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
      )
      most = Math.max(most, rows[0].count as number)
      await sleep(5)
    }
  })()
  const flood = async (count: number, url: (number: number) => string): Promise<number[]> =>
    Promise.all(Array.from({ length: count }, (_, number) => statusOf(url(number), operator)))
  const statuses = [
    ...(await flood(300, (number) => `/v1/database/migrations/history?limit=${number + 1}`)),
    ...(await flood(150, (number) => `/v1/database/migrations/rollback-plan?count=${number + 1}`)),
    ...(await flood(reads.length * 5, (number) => reads[number % reads.length] as string)),
  ]
  const planned = await Promise.all(
    Array.from({ length: 60 }, (_, number) =>
      client.post('/v1/database/partitions/plan', 'operator', { table: `t${number}`, every: 'day' }),
    ),
  )
  const managed = await Promise.all(
    Array.from({ length: 60 }, (_, number) =>
      client.post(`/v1/database/partitions/${number % 2 === 0 ? 'manage' : 'unmanage'}`, 'admin', {
        table: `t${number}`,
        ...(number % 2 === 0 && { every: 'day' }),
      }),
    ),
  )
  const explained = await Promise.all(
    Array.from({ length: 60 }, (_, number) =>
      client.post('/v1/database/performance/explain', 'operator', { id: String(number) }),
    ),
  )
  over.abort()
  await watch
  await watching.end()
  // The pool, three of the Reader, three of the gate; a plan may hold a second one for a moment.
  expect(most).toBeLessThanOrEqual(POOL_SIZE + 3 + 2 * 3)
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(300)
  for (const { status, body } of [...planned, ...managed, ...explained])
    expect([404, 409, 422, 503], JSON.stringify(body)).toContain(status)
  expect(statuses.filter((status) => status === 500)).toEqual([])
})

describe('a name that is not ours', () => {
  test('is refused for every path; addresses, localhost and configured names are not', async () => {
    for (const host of [
      'rebind.test',
      'evil.example:4600',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
    ]) {
      for (const url of ['/livez', '/', '/openapi.json', '/v1/session', '/nowhere'])
        expect(await statusOf(url, { host }), `${host}${url}`).toBe(421)
    }
    for (const host of [
      '127.0.0.1:1',
      '[::1]:4600',
      'localhost',
      'db.localhost',
      'OPS.example.com',
      '10.0.0.7',
    ])
      expect(await statusOf('/livez', { host }), host).toBe(200)
  })
})

describe('input', () => {
  const viewer = (): Record<string, string> => client.bearer('viewer')

  test.each([
    ['/v1/database/tables/a.b.c.d.e', 404],
    ['/v1/database/tables/%00', 400],
    ['/v1/database/tables/x%22y', 404],
    ['/v1/database/partitions/table?table=a.b.c.d.e', 404],
    ['/v1/database/partitions/table?table=%00', 400],
    ['/v1/database/partitions/archives?table=a.b.c.d.e', 404],
    ['/v1/database/performance/queries/99999999999999999999', 404],
    ['/v1/database/performance/queries/-9223372036854775809', 404],
    ['/v1/database/tables?limit=1e3', 400],
    ['/v1/database/tables?limit=0x10', 400],
    ['/v1/database/tables?limit=1&limit=2', 400],
    ['/v1/database/tables?limti=5', 400],
  ])('%s is answered with %i', async (url, status) => {
    const response = await server.app.inject({ url, headers: viewer() })
    expect(response.statusCode, response.body).toBe(status)
  })

  test.each([
    ['/v1/sign-in-links', 'admin', { role: ['admin'] }],
    ['/v1/sign-in-links', 'admin', { role: 'viewer', rolle: 'admin' }],
    ['/v1/sign-in-links', 'admin', { role: 'viewer', name: 'a\u001B[2Jb' }],
    ['/v1/database/monitoring/activity/cancel', 'operator', { pid: '1' }],
    ['/v1/database/monitoring/activity/cancel', 'operator', { pid: 2_147_483_648 }],
    ['/v1/database/monitoring/start', 'operator', { stray: 1 }],
    ['/v1/alerts/test', 'operator', { stray: 1 }],
    ['/v1/database/migrations/drift', 'operator', [1]],
    ['/v1/sign-in-links', 'admin', { role: 'viewer', name: '   ' }],
    ['/v1/sign-in-links', 'admin', { role: 'viewer', name: 'x (admin)' }],
    ['/v1/sign-in-links', 'admin', JSON.parse(`${'['.repeat(9_000)}${']'.repeat(9_000)}`)],
    ['/v1/database/partitions/plan', 'operator', { table: 'a\0b', every: 'day' }],
    ['/v1/database/migrations/backfills/%00/pause', 'operator', undefined],
  ] as const)('%s by %s refuses %j', async (path, role, body) => {
    expect(await client.post(path, role, body)).toMatchObject({
      status: 400,
      body: { code: 'HF_ADMIN_REQUEST_INVALID' },
    })
  })

  test('too many dots in what is planned is a table that there is not', async () => {
    const { status, body } = await client.post('/v1/database/partitions/plan', 'operator', {
      table: 'a.b.c.d.e',
      every: 'day',
    })
    expect([status, body.code]).toEqual([404, 'HF_PARTITION_TABLE'])
  })

  test('no answer is kept by a browser or a proxy', async () => {
    for (const url of ['/v1/session', '/v1/database/tables', '/v1/nowhere'])
      expect((await server.app.inject({ url, headers: viewer() })).headers['cache-control'], url).toBe(
        'no-store',
      )
  })
})

describe('what a viewer reads', () => {
  test('holds no value that an error of PostgreSQL quoted', async () => {
    const id = folder.add("SELECT 'TOPSECRETVAL'::int")
    const { body } = await client.post('/v1/database/migrations/up', 'operator', {})
    expect(await client.outcome(body.id)).toMatchObject({ state: 'failed' })
    for (const path of ['/v1/database/migrations', '/v1/database/migrations/history', '/v1/operations']) {
      const seen = await (await client.get(path, client.bearer('viewer'))).text()
      expect(seen, path).not.toContain('TOPSECRETVAL')
      expect(seen, path).toContain('An operator can read why.')
    }
    const told = await (await client.get('/v1/database/migrations', client.bearer('operator'))).text()
    expect(told).toContain('TOPSECRETVAL')
    folder.write(id, 'SELECT 1')
  })
})

describe('operations', () => {
  test(
    'that are asked for twice are one, and end where somebody holds a lock',
    { timeout: 60_000 },
    async () => {
      const blocker = new pg.Client(database.url)
      await blocker.connect()
      await blocker.query('CREATE TABLE held (n int); CREATE VIEW of_held AS SELECT n FROM held')
      await blocker.query('BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE')
      const path = '/v1/database/migrations/drift'
      const [first, second] = [await client.post(path, 'operator'), await client.post(path, 'operator')]
      expect(first).toMatchObject({ status: 202 })
      expect(second.body.id).toBe(first.body.id)
      expect(await client.outcome(first.body.id)).toMatchObject({
        state: 'failed',
        error: { code: 'HF_STRUCTURE_BUSY' },
      })
      await blocker.query('ROLLBACK; DROP TABLE held CASCADE')
      await blocker.end()
    },
  )

  test('are ended by an operator, and nothing of them goes on', async () => {
    folder.add('-- holdfast: transaction=off irreversible\nSELECT pg_sleep(600)')
    const { body } = await client.post('/v1/database/migrations/up', 'operator', {})
    const sleeping = () =>
      queryAt(
        database.url,
        `SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid() AND state = 'active'`,
      )
    await vi.waitFor(async () => expect(await sleeping()).toHaveLength(1), { timeout: 30_000 })
    const path = `/v1/operations/${String(body.id)}/end`
    expect(await client.post(path, 'viewer')).toMatchObject({ status: 403 })
    expect(await client.post(path, 'operator')).toMatchObject({
      status: 200,
      body: { state: 'failed', error: { code: 'HF_ADMIN_OPERATION_ENDED' } },
    })
    await vi.waitFor(async () => expect(await sleeping()).toHaveLength(0), { timeout: 30_000 })
    expect(await client.post(path, 'operator')).toMatchObject({
      status: 409,
      body: { code: 'HF_ADMIN_OPERATION_OVER' },
    })
  })
})

describe('who did it', () => {
  test('stands in the table of operations: sign-in, refusal, change, sign-out, by name', async () => {
    const link = server.admin.createSignInPath('operator', 'ann')
    const signedIn = await server.app.inject({
      method: 'POST',
      url: '/v1/session',
      payload: { token: secretOf(link) },
      headers: { host: new URL(server.url).host },
    })
    const { id, key } = signedIn.json() as { id: string; key: string }
    const headers = {
      host: new URL(server.url).host,
      cookie: String(signedIn.headers['set-cookie']).split(';')[0] as string,
      'x-holdfast-key': key,
    }
    const send = (method: 'POST' | 'DELETE', url: string, payload?: object) =>
      server.app.inject({ method, url, headers, ...(payload && { payload }) })
    expect((await send('POST', '/v1/database/pool/resume', {})).statusCode).toBe(200)
    expect((await send('POST', '/v1/sign-in-links', { role: 'admin' })).statusCode).toBe(403)
    const listed = (await (await client.get('/v1/sessions', client.bearer('admin'))).json()) as {
      data: object[]
    }
    expect(listed.data).toContainEqual(
      expect.objectContaining({ id, name: 'ann', role: 'operator', kind: 'session' }),
    )
    expect((await send('DELETE', '/v1/session')).statusCode).toBe(204)
    await vi.waitFor(
      async () => {
        const rows = await queryAt(
          database.url,
          `SELECT action, subject, actor, details FROM holdfast.operations WHERE details ->> 'session' = '${id}' ORDER BY id`,
        )
        expect(rows.map(({ action, subject, actor }) => [action, subject, actor])).toEqual([
          ['session.sign_in', 'ann', 'ann (operator)'],
          ['api.change', 'POST /v1/database/pool/resume', 'ann (operator)'],
          ['api.refused', 'POST /v1/sign-in-links', 'ann (operator)'],
          ['session.sign_out', 'ann', 'ann (operator)'],
          ['api.change', 'DELETE /v1/session', 'ann (operator)'],
        ])
        expect(JSON.stringify(rows)).not.toContain(key)
      },
      { timeout: 30_000 },
    )
  })

  test('one who floods the record takes no place of another’s', async () => {
    const flooding = { authorization: `Bearer ${server.admin.createToken('viewer', 'flood')}` }
    const quiet = { authorization: `Bearer ${server.admin.createToken('operator', 'oona')}` }
    const flood = Array.from({ length: 300 }, () =>
      server.app.inject({
        method: 'POST',
        url: '/v1/sign-in-links',
        headers: flooding,
        payload: { role: 'admin' },
      }),
    )
    for (let turn = 0; turn < 5; turn += 1) {
      const { statusCode } = await server.app.inject({
        method: 'POST',
        url: '/v1/database/pool/resume',
        headers: quiet,
        payload: {},
      })
      expect(statusCode).toBe(200)
    }
    await Promise.all(flood)
    expect(
      (await server.app.inject({ method: 'POST', url: '/v1/nowhere', headers: flooding })).statusCode,
    ).toBe(404)
    await vi.waitFor(
      async () => {
        const [row] = await queryAt(
          database.url,
          `SELECT count(*) FILTER (WHERE actor = 'oona (operator)')::int AS oona, count(*) FILTER (WHERE actor LIKE 'flood%' AND details ->> 'status' IN ('404', '429'))::int AS nothing FROM holdfast.operations WHERE action = 'api.change'`,
        )
        expect(row).toEqual({ oona: 5, nothing: 0 })
      },
      { timeout: 30_000 },
    )
  })

  test('an admin ends the session of another at once', async () => {
    const halves = await client.signIn('viewer')
    const { id } = (await (await client.get('/v1/session', halves)).json()) as { id: string }
    const ended = await fetch(`${server.url}/v1/sessions/${id}`, {
      method: 'DELETE',
      headers: client.bearer('admin'),
    })
    expect(ended.status).toBe(204)
    expect((await client.get('/v1/session', halves)).status).toBe(401)
  })
})
