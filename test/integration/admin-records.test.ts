/** What the API writes down of who did what, and what it does where somebody locks the table for that. */
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type AdminServer, serveAdmin } from '../../src/admin/index.ts'
import { Gate } from '../../src/admin/gate.ts'
import { Pool } from '../../src/pool/index.ts'
import { FakeClock } from '../../src/testing/index.ts'
import { AdminClient, TEST_OPTIONS } from '../support/admin-server.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { MigrationFolder } from '../support/migration-folder.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
let client: AdminClient
let server: AdminServer
let folder: MigrationFolder

beforeAll(async () => {
  const pool = new Pool({ connectionString: database.url, size: 2, overflow: 0 })
  folder = new MigrationFolder(database.url)
  const partitions = { url: database.url, ownSchema: 'holdfast' }
  const state = scratch('state')
  server = await serveAdmin(
    { pool, migrations: folder.target, partitions },
    { ...TEST_OPTIONS, hosts: ['ops.example.com'], trustProxy: ['127.0.0.1'] },
    state,
  )
  client = new AdminClient(server, pool, state)
})
afterAll(async () => {
  await server.close()
  await client.pool.end()
})

const tokenOf = (role: 'viewer' | 'operator' | 'admin', name: string): { authorization: string } => ({
  authorization: `Bearer ${server.admin.createToken(role, name)}`,
})
const recorded = (actor: string) =>
  queryAt(
    database.url,
    `SELECT action, subject, details FROM holdfast.operations WHERE actor = '${actor}' ORDER BY id`,
  )

test(
  'whoever locks the records holds up neither the service nor whoever ends them',
  { timeout: 60_000 },
  async () => {
    const blocker = new pg.Client(database.url)
    blocker.on('error', () => {})
    await blocker.connect()
    const { rows } = await blocker.query('SELECT pg_backend_pid() AS pid')
    await blocker.query('BEGIN; LOCK TABLE holdfast.operations IN ACCESS EXCLUSIVE MODE')
    const flooding = tokenOf('viewer', 'flood')
    const flood = Array.from({ length: 200 }, () =>
      server.app.inject({ method: 'DELETE', url: '/v1/sessions/x', headers: flooding }),
    )
    for (const { statusCode } of await Promise.all(flood)) expect(statusCode).toBe(403)
    const resumed = { method: 'POST', url: '/v1/database/pool/resume', payload: {} } as const
    await server.app.inject({ ...resumed, headers: tokenOf('operator', 'oona') })
    // Both of the pool's connections are the service's all the while.
    const held = [await client.pool.connect(), await client.pool.connect()]
    for (const one of held) {
      expect((await one.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
      one.release()
    }
    // The blocker is whom it is about: it ends although it cannot be written down before.
    const ended = await server.app.inject({
      method: 'POST',
      url: '/v1/database/monitoring/activity/terminate',
      headers: tokenOf('admin', 'ada'),
      payload: { pid: rows[0].pid as number },
    })
    expect([ended.statusCode, ended.json()]).toEqual([200, { pid: rows[0].pid }])
    await vi.waitFor(
      async () => {
        expect(await recorded('oona (operator)')).toMatchObject([
          { action: 'api.change', subject: 'POST /v1/database/pool/resume' },
        ])
        expect(await recorded('ada (admin)')).toMatchObject([
          { action: 'session.terminate', subject: `pid ${String(rows[0].pid)}` },
          { action: 'api.change', subject: 'POST /v1/database/monitoring/activity/terminate' },
        ])
        // Two hundred refusals are one row, until the minute is over.
        expect(await recorded('flood (viewer)')).toMatchObject([
          { action: 'api.refused', subject: 'DELETE /v1/sessions/:id', details: { needed: 'admin' } },
        ])
      },
      { timeout: 30_000 },
    )
  },
)

test(
  'while somebody locks the records nothing waits, and all of it is there afterwards',
  { timeout: 60_000 },
  async () => {
    const blocker = new pg.Client(database.url)
    await blocker.connect()
    await blocker.query('BEGIN; LOCK TABLE holdfast.operations IN ACCESS EXCLUSIVE MODE')
    const bystander = new pg.Client(database.url)
    bystander.on('error', () => {})
    await bystander.connect()
    const { rows } = await bystander.query('SELECT pg_backend_pid() AS pid')
    await server.app.inject({ method: 'DELETE', url: '/v1/sessions/x', headers: tokenOf('viewer', 'victor') })
    const headers = tokenOf('operator', 'otto')
    const payload = { for_seconds: 60, reason: 'quiet' }
    const silences = Array.from({ length: 30 }, () =>
      server.app.inject({ method: 'POST', url: '/v1/alerts/silences', headers, payload }),
    )
    for (const { statusCode, body } of await Promise.all(silences)) expect(statusCode, body).toBe(201)
    // Whoever does much at once hides nothing of what else they do.
    const mallory = tokenOf('admin', 'mallory')
    const many = Array.from({ length: 40 }, () =>
      server.app.inject({ method: 'POST', url: '/v1/database/pool/resume', headers: mallory, payload: {} }),
    )
    const link = server.app.inject({
      method: 'POST',
      url: '/v1/sign-in-links',
      headers: mallory,
      payload: { role: 'admin', name: 'accomplice' },
    })
    expect((await Promise.all([...many, link])).map(({ statusCode }) => statusCode)).toEqual([
      ...many.map(() => 200),
      201,
    ])
    const ended = await server.app.inject({
      method: 'POST',
      url: '/v1/database/monitoring/activity/terminate',
      headers: tokenOf('admin', 'adam'),
      payload: { pid: rows[0].pid as number },
    })
    expect(ended.statusCode, ended.body).toBe(200)
    await blocker.query('ROLLBACK')
    await blocker.end()
    await vi.waitFor(
      async () => {
        expect(await recorded('victor (viewer)')).toMatchObject([{ action: 'api.refused' }])
        const ofOtto = (await recorded('otto (operator)')).map(({ action }) => action)
        expect(ofOtto.filter((action) => action === 'alert.silence')).toHaveLength(30)
        expect(ofOtto.filter((action) => action === 'api.change')).toHaveLength(30)
        expect(await recorded('mallory (admin)')).toHaveLength(42)
        expect(await recorded('mallory (admin)')).toContainEqual(
          expect.objectContaining({ action: 'session.link', subject: 'accomplice' }),
        )
        expect(await recorded('adam (admin)')).toMatchObject([
          { action: 'session.terminate', subject: `pid ${String(rows[0].pid)}` },
          { action: 'api.change' },
        ])
      },
      { timeout: 30_000 },
    )
  },
)

test('a record that comes just as the last one is written is written, too', async () => {
  const { AccessLog } = await import('../../src/admin/access-log.ts')
  for (let ticks = 0; ticks < 8; ticks += 1) {
    const written: string[] = []
    const log = new AccessLog({ record: async ({ subject }) => void written.push(subject) }, new FakeClock())
    const first = log.recorderOf({ identity: null, log: server.app.log })
    await first.record({ action: 'a', subject: 'one', details: {} })
    for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve()
    await first.record({ action: 'a', subject: 'two', details: {} })
    await log.close()
    expect(written, String(ticks)).toEqual(['one', 'two'])
  }
})

test('refusals are counted in one more row, changes say what of', async () => {
  const pool = new Pool({ connectionString: database.url })
  const other = await serveAdmin({ pool }, TEST_OPTIONS, scratch('other'))
  const viewer = { authorization: `Bearer ${other.admin.createToken('viewer', 'vera')}` }
  const admin = { authorization: `Bearer ${other.admin.createToken('admin', 'abel')}` }
  for (let turn = 0; turn < 30; turn += 1)
    await other.app.inject({ method: 'DELETE', url: '/v1/sessions/x', headers: viewer })
  const { id } = (await other.app.inject({ url: '/v1/session', headers: viewer })).json() as { id: string }
  expect(
    (await other.app.inject({ method: 'DELETE', url: `/v1/sessions/${id}`, headers: admin })).statusCode,
  ).toBe(204)
  await other.close()
  await pool.end()
  const refused = (await recorded('vera (viewer)')).map(({ details }) => details as { again?: number })
  expect(refused.map(({ again }) => again)).toEqual([undefined, 29])
  expect(await recorded('abel (admin)')).toMatchObject([
    { action: 'session.end', subject: 'vera' },
    { action: 'api.change', subject: 'DELETE /v1/sessions/:id', details: { params: { id } } },
  ])
})

describe('the gate', () => {
  const never = new Promise<never>(() => {})
  const settled = async (promise: Promise<unknown>): Promise<boolean> =>
    Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))])

  test('has a place that only what is urgent takes, and a queue of its own that ends', async () => {
    const gate = new Gate(new FakeClock())
    for (let reading = 0; reading < 10; reading += 1) void gate.run(() => never).catch(() => {})
    expect(await settled(gate.run(async () => {}, { isUrgent: true }))).toBe(true)
    void gate.run(() => never, { isUrgent: true })
    for (let urgent = 0; urgent < 50; urgent += 1)
      void gate.run(() => never, { isUrgent: true }).catch(() => {})
    await expect(gate.run(() => never, { isUrgent: true })).rejects.toMatchObject({ code: 'HF_ADMIN_BUSY' })
  })

  test('ends what takes longer than anything may, and the next has its place', async () => {
    const clock = new FakeClock()
    const gate = new Gate(clock)
    const held = new pg.Client(database.url)
    await held.connect()
    await held.query('BEGIN; LOCK TABLE holdfast.partitioned_tables IN ACCESS EXCLUSIVE MODE')
    const { withDirectClient } = await import('../../src/pool/index.ts')
    const stuck = [1, 2, 3].map(() =>
      gate.run(() =>
        withDirectClient(database.url, 'stuck', (one) =>
          one.query('SELECT FROM holdfast.partitioned_tables'),
        ),
      ),
    )
    const waiting = () =>
      queryAt(
        database.url,
        `SELECT pid FROM pg_stat_activity WHERE application_name = 'stuck' AND wait_event_type = 'Lock'`,
      )
    await vi.waitFor(async () => expect(await waiting()).toHaveLength(3), { timeout: 30_000 })
    const ends = Promise.allSettled(stuck)
    await clock.advance(60_000)
    for (const end of await ends)
      expect(end).toMatchObject({ status: 'rejected', reason: { code: 'HF_ADMIN_BUSY' } })
    expect(await gate.run(async () => 'in')).toBe('in')
    await vi.waitFor(async () => expect(await waiting()).toHaveLength(0), { timeout: 30_000 })
    await held.end()
  })
})

test(
  'a viewer reads no value that PostgreSQL quoted, wherever a failure is told',
  { timeout: 60_000 },
  async () => {
    await queryAt(database.url, 'CREATE TABLE kept (at timestamptz NOT NULL, v int) PARTITION BY RANGE (at)')
    expect(
      await client.post('/v1/database/partitions/manage', 'admin', { table: 'kept', every: 'day' }),
    ).toMatchObject({
      status: 200,
    })
    await queryAt(
      database.url,
      `CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'Key (mail)=(TOPSECRETVAL) already exists'; END $$;
     CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.refuse()`,
    )
    await client.outcome((await client.post('/v1/database/partitions/maintain', 'operator', {})).body.id)
    await queryAt(database.url, 'DROP EVENT TRIGGER refuse')
    folder.add("SELECT 'TOPSECRETVAL'::int")
    await client.outcome((await client.post('/v1/database/migrations/up', 'operator', {})).body.id)
    const { paths } = JSON.parse(
      readFileSync(new URL('../../docs/reference/openapi.json', import.meta.url), 'utf8'),
    ) as { paths: Record<string, { get?: object }> }
    const told: string[] = []
    for (const [path, { get }] of Object.entries(paths)) {
      if (!get || path === '/v1/events') continue
      const ofTable = /partitions\/(table|archives)$/.test(path) ? '?table=kept' : ''
      const url = path.replaceAll(/\{\w+\}/g, '1') + ofTable
      expect(await (await client.get(url, client.bearer('viewer'))).text(), path).not.toContain(
        'TOPSECRETVAL',
      )
      if ((await (await client.get(url, client.bearer('admin'))).text()).includes('TOPSECRETVAL'))
        told.push(path)
    }
    // An operator sees it in each of these: the table's page, the summary, the report, the digest, the operations, the migrations.
    expect(told.length, told.join()).toBeGreaterThanOrEqual(8)
  },
)

describe('what is asked', () => {
  const ask = (url: string, headers: Record<string, string> = {}) => server.app.inject({ url, headers })

  test('an instant that there is not is refused, not an error of ours', async () => {
    const { statusCode } = await ask(
      '/v1/database/monitoring/history?series=connections&from=2026-06-30T23:59:60Z',
      client.bearer('viewer'),
    )
    expect(statusCode).toBe(400)
    const { status } = await client.post('/v1/database/monitoring/activity/cancel', 'operator', {
      pid: 1,
      started_at: '2026-06-30T23:59:60Z',
    })
    expect(status).toBe(400)
  })

  test('behind a proxy both names have to be known', async () => {
    for (const [host, forwarded, status] of [
      ['ops.example.com', 'ops.example.com', 200],
      ['evil.test', 'localhost', 421],
      ['localhost', 'evil.test', 421],
      ['[::1].evil.test', undefined, 421],
      ['localhost:80@evil.test', undefined, 421],
    ] as const) {
      const headers = { host, ...(forwarded && { 'x-forwarded-host': forwarded }) }
      expect((await ask('/livez', headers)).statusCode, `${host} ${String(forwarded)}`).toBe(status)
    }
  })

  test('an address that is called as the scraper takes nothing of the scraper', async () => {
    const scraped = await serveAdmin(
      { pool: client.pool },
      { ...TEST_OPTIONS, metricsToken: 'metrics-token-of-this-test', trustProxy: ['127.0.0.1'] },
      scratch('scraped'),
    )
    for (let turn = 0; turn < 1_250; turn += 1)
      await scraped.app.inject({ url: '/v1/session', headers: { 'x-forwarded-for': 'metrics' } })
    const headers = { authorization: 'Bearer metrics-token-of-this-test' }
    expect((await scraped.app.inject({ url: '/metrics', headers })).statusCode).toBe(200)
    await scraped.close()
  })

  test('signing in with what is none is counted, whatever is wrong with it; a good link is taken', async () => {
    const headers = { 'x-forwarded-for': '10.9.8.7', 'x-forwarded-proto': 'https' }
    const send = (payload: object) =>
      server.app
        .inject({ method: 'POST', url: '/v1/session', headers, payload })
        .then(({ statusCode }) => statusCode)
    const statuses: number[] = []
    for (let turn = 0; turn < 25; turn += 1)
      statuses.push(await send(turn % 2 === 0 ? { token: 1 } : { token: 'x' }))
    expect(new Set(statuses.slice(0, 20))).toEqual(new Set([400, 401]))
    expect(statuses.at(-1)).toBe(429)
    // What a page elsewhere sends counts against nobody.
    const victim = { ...headers, 'x-forwarded-for': '10.9.8.8' }
    const payload = { token: 'x' }
    for (let turn = 0; turn < 25; turn += 1)
      for (const foreign of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'null' }, { host: 'evil.test' }])
        await server.app.inject({
          method: 'POST',
          url: '/v1/session',
          headers: { ...victim, ...foreign },
          payload,
        })
    const own = await server.app.inject({ method: 'POST', url: '/v1/session', headers: victim, payload })
    expect(own.statusCode).toBe(401)
    const token = server.admin.createSignInPath('viewer').split('=')[1] ?? ''
    expect(await send({ token })).toBe(201)
  })
})
