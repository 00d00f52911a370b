import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import cookiePlugin from '@fastify/cookie'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Admin, type AdminServer, describeApi, serveAdmin } from '../../src/admin/index.ts'
import { renderApiTypes } from '../../scripts/api-types.ts'
import type { Pool } from '../../src/pool/index.ts'
import { type AdminClient, TEST_OPTIONS, useAdminServer } from '../support/admin-server.ts'
import { secretOf } from '../support/signing-in.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const client = useAdminServer(database)
let pool: Pool
let server: AdminServer
beforeAll(() => {
  ;({ pool, server } = client())
})
const get: AdminClient['get'] = (path, headers) => client().get(path, headers)
const bearer: AdminClient['bearer'] = (role) => client().bearer(role)

describe('public routes', () => {
  test('tell health with the pool in the names that operators know', async () => {
    const response = await get('/health')
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      status: 'healthy',
      components: {
        database: { status: 'healthy', latency_ms: expect.any(Number), reason: null },
        pool: {
          pool_size: 10,
          max_overflow: 20,
          checked_in: expect.any(Number),
          checked_out: expect.any(Number),
          overflow: 0,
          total: expect.any(Number),
        },
      },
    })
    expect(await (await get('/livez')).json()).toEqual({ status: 'ok' })
    expect(await (await get('/readyz')).json()).toEqual({ status: 'ready', code: null, reason: null })
  })

  test('describe the API, as committed', async () => {
    const committed: unknown = JSON.parse(
      readFileSync(new URL('../../docs/reference/openapi.json', import.meta.url), 'utf8'),
    )
    expect(await describeApi(), 'run npm run generate and commit').toEqual(committed)
    const operations = new URL('../../dashboard/src/api/operations.ts', import.meta.url)
    expect(readFileSync(operations, 'utf8'), 'run npm run generate and commit').toBe(
      renderApiTypes(committed as object),
    )
    expect(await (await get('/openapi.json')).json()).toMatchObject({
      openapi: '3.1.0',
      paths: { '/v1/events': expect.any(Object) },
    })
    const page = await get('/docs')
    const html = await page.text()
    expect(html).toContain('/v1/database/performance/pool-stats')
    expect(html).not.toMatch(/<script| style=| on\w+=/)
    expect(page.headers.get('content-security-policy')).toBe(
      "default-src 'none';style-src 'self';script-src 'self';connect-src 'self';img-src 'self';font-src 'self';base-uri 'self';form-action 'self';frame-ancestors 'none'",
    )
    expect((await get('/docs/style.css')).headers.get('content-type')).toMatch(/^text\/css/)
  })

  test('show the page of every error that they answer', async () => {
    const problem = (await (await get('/nowhere')).json()) as { type: string }
    const page = await get(problem.type)
    expect(page.status).toBe(200)
    expect(await page.text()).toContain('HF_ADMIN_NOT_FOUND')
    for (const path of ['/docs/errors/HF_NO_SUCH', '/docs/errors/..%2f..%2fpackage'])
      expect((await get(path)).status).toBeGreaterThanOrEqual(400)
  })
})

describe('errors', () => {
  test.each([
    ['GET', '/nowhere', {}, undefined, 404, 'HF_ADMIN_NOT_FOUND'],
    ['GET', '/v1/database/health', {}, undefined, 401, 'HF_ADMIN_UNAUTHENTICATED'],
    ['GET', '/%zz', {}, undefined, 400, 'HF_ADMIN_REQUEST_INVALID'],
    ['GET', '/v1/events', {}, undefined, 401, 'HF_ADMIN_UNAUTHENTICATED'],
    [
      'GET',
      '/v1/session',
      { authorization: 'Bearer nonsense-nonsense-nonsense' },
      undefined,
      401,
      'HF_ADMIN_UNAUTHENTICATED',
    ],
    ['GET', '/v1/session', { cookie: 'holdfast=x' }, undefined, 401, 'HF_ADMIN_UNAUTHENTICATED'],
    ['POST', '/v1/session', {}, '{"token":"wrong"}', 401, 'HF_ADMIN_LINK_INVALID'],
    ['POST', '/v1/session', {}, undefined, 400, 'HF_ADMIN_REQUEST_INVALID'],
    ['POST', '/v1/session', {}, `{"token":"${'x'.repeat(300)}"}`, 400, 'HF_ADMIN_REQUEST_INVALID'],
    ['DELETE', '/v1/sessions/nobody', 'admin', undefined, 404, 'HF_ADMIN_SESSION_UNKNOWN'],
    ['POST', '/v1/sign-in-links', 'admin', '{"role":"owner"}', 400, 'HF_ADMIN_REQUEST_INVALID'],
    ['POST', '/v1/sign-in-links', 'admin', '{not json', 400, 'HF_ADMIN_REQUEST_INVALID'],
    [
      'POST',
      '/v1/sign-in-links',
      'admin',
      `{"role":"${'x'.repeat(70_000)}"}`,
      413,
      'HF_ADMIN_REQUEST_INVALID',
    ],
    ['POST', '/v1/sign-in-links', 'operator', '{"role":"viewer"}', 403, 'HF_ADMIN_FORBIDDEN'],
  ] as const)('%s %s is a problem document: %#', async (method, path, who, body, status, code) => {
    const headers = typeof who === 'string' ? bearer(who as 'admin') : (who as Record<string, string>)
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body }),
    })
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.json()).toMatchObject({
      status,
      code,
      request_id: response.headers.get('x-request-id'),
    })
  })
})

describe('the database', () => {
  test('is described with size, largest tables, connections and cache hits', async () => {
    await pool.query(
      'CREATE TABLE big AS SELECT n, repeat($1, 100) AS filler FROM generate_series(1, 20000) n',
      ['x'],
    )
    await pool.query('CREATE INDEX big_n ON big (n)')
    await pool.query('ANALYZE big')
    const stats = (await (await get('/v1/database/performance/database-stats', bearer('viewer'))).json()) as {
      largest_tables: {
        table: string
        total_bytes: number
        table_bytes: number
        index_bytes: number
        toast_bytes: number
        estimated_rows: number
      }[]
    }
    expect(stats).toMatchObject({
      database: database.name,
      database_size_bytes: expect.any(Number),
      connections: { max: 300, by_state: { active: expect.any(Number) } },
      cache_hit_ratio_percent: expect.any(Number),
      hidden: [],
    })
    const [largest] = stats.largest_tables
    const { rows } = await pool.query(
      "SELECT pg_relation_size('big')::int AS table, pg_relation_size('big_n')::int AS index",
    )
    expect(largest).toMatchObject({
      table: 'big',
      table_bytes: rows[0].table,
      index_bytes: rows[0].index,
      estimated_rows: 20_000,
    })
    const { table_bytes = 0, index_bytes = 0, toast_bytes = 0, total_bytes } = largest ?? {}
    expect(total_bytes).toBe(table_bytes + index_bytes + toast_bytes)
  })

  test('is described while somebody holds every lock on a table', async () => {
    const holder = await pool.connect()
    await holder.query('CREATE TABLE IF NOT EXISTS locked (n int)')
    await holder.query('BEGIN; LOCK TABLE locked IN ACCESS EXCLUSIVE MODE')
    expect((await get('/v1/database/performance/database-stats', bearer('viewer'))).status).toBe(200)
    await holder.query('ROLLBACK')
    holder.release()
  })

  test('says which one it is', async () => {
    expect(await (await get('/v1/database/health', bearer('viewer'))).json()).toMatchObject({
      status: 'healthy',
      database: database.name,
      role: 'primary',
      is_read_only: false,
      schema: { name: 'holdfast', state: 'current', pending: [] },
      hidden: [],
    })
  })
})

describe('live events', () => {
  async function* read(
    headers: Record<string, string>,
  ): AsyncGenerator<{ id: number; type: string; data: Record<string, unknown> }> {
    const response = await get('/v1/events', headers)
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
    expect(response.headers.get('content-security-policy')).toBeTruthy()
    let rest = ''
    for await (const chunk of response.body as ReadableStream<Uint8Array>) {
      rest += Buffer.from(chunk).toString()
      const blocks = rest.split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        const match = /^id: (\d+)\nevent: (\w+)\ndata: (.*)$/.exec(block)
        if (match)
          yield { id: Number(match[1]), type: match[2] as string, data: JSON.parse(match[3] as string) }
      }
    }
  }

  test('carry moving numbers, and resume where the reader was cut off', async () => {
    let first: { id: number; type: string; data: Record<string, unknown> } | undefined
    for await (const event of read(bearer('viewer'))) {
      if (event.type !== 'pool') continue
      if (!first) {
        first = event
        await pool.query('SELECT 1')
        continue
      }
      // The next may have been on its way already.
      if ((event.data.acquired as number) > (first.data.acquired as number)) break
    }
    const seen = first as NonNullable<typeof first>
    for await (const event of read({ ...bearer('viewer'), 'last-event-id': String(seen.id) })) {
      expect(event.id).toBe(seen.id + 1)
      break
    }
    for await (const event of read(bearer('viewer'))) {
      if (event.type === 'health') {
        expect(event.data).toMatchObject({ healthy: true })
        break
      }
      if (event.type === 'database') break
    }
  })

  test('end for whoever was cut off, and leave nothing behind', async () => {
    const giveUp = new AbortController()
    const response = await fetch(`${server.url}/v1/events`, {
      headers: bearer('viewer'),
      signal: giveUp.signal,
    })
    expect(response.status).toBe(200)
    giveUp.abort()
    await expect(response.text()).rejects.toThrow()
    expect((await get('/v1/events', { ...bearer('viewer'), 'last-event-id': 'x' })).status).toBe(400)
    expect(
      (await fetch(`${server.url}/v1/events`, { method: 'HEAD', headers: bearer('viewer') })).status,
    ).toBe(404)
  })
})

describe('mounted into an application', () => {
  let app: FastifyInstance
  let admin: Admin

  beforeAll(async () => {
    app = Fastify()
    admin = new Admin({ pool })
    app.get('/own', async () => ({ own: true }))
    await app.register(admin.plugin, { prefix: '/ops' })
  })
  afterAll(() => app.close())

  test('gets on with an application that reads cookies itself', async () => {
    const host = Fastify()
    await host.register(cookiePlugin)
    const other = new Admin({ pool })
    await host.register(other.plugin, { prefix: '/ops' })
    const signedIn = await host.inject({
      method: 'POST',
      url: '/ops/v1/session',
      payload: { token: secretOf(other.createSignInPath('viewer')) },
    })
    const headers = {
      cookie: String(signedIn.headers['set-cookie']).split(';')[0] as string,
      'x-holdfast-key': signedIn.json().key as string,
    }
    expect((await host.inject({ url: '/ops/v1/session', headers })).statusCode).toBe(200)
    await host.close()
  })

  test('keeps to its prefix: routes, links, errors, headers', async () => {
    expect((await app.inject({ url: '/ops/health' })).statusCode).toBe(200)
    expect((await app.inject({ url: '/health' })).statusCode).toBe(404)
    const own = await app.inject({ url: '/own' })
    expect(own.headers['content-security-policy']).toBeUndefined()
    const made = await app.inject({
      method: 'POST',
      url: '/ops/v1/sign-in-links',
      headers: { authorization: `Bearer ${admin.createToken('admin')}` },
      payload: { role: 'viewer' },
    })
    expect(made.json().path).toMatch(/^\/ops\/sign-in#token=/)
    expect((await app.inject({ url: '/ops' })).headers.location).toBe('./ops/')
    // Where a parameter stands in the prefix, what stands there is anybody's: it must not lead elsewhere.
    const anywhere = Fastify()
    await anywhere.register(new Admin({ pool }).plugin, { prefix: '/:tenant' })
    for (const tenant of ['https:evil.test', 'javascript:alert(1)']) {
      const { location } = (await anywhere.inject({ url: `/${tenant}`, headers: { accept: 'text/html' } }))
        .headers
      expect(new URL(String(location), 'http://here.test/').host, tenant).toBe('here.test')
    }
    await anywhere.close()
    expect((await app.inject({ url: '/ops/' })).body).toContain('<base href="./"')
    expect((await app.inject({ url: '/ops/docs' })).body).toContain('href="docs/style.css"')
    expect((await app.inject({ url: '/ops/nowhere' })).json()).toMatchObject({
      type: '/ops/docs/errors/HF_ADMIN_NOT_FOUND',
    })
    expect((await app.inject({ url: '/nowhere' })).json()).not.toHaveProperty('code')
    expect((await app.inject({ url: '/ops/openapi.json' })).json()).toMatchObject({
      servers: [{ url: '/ops' }],
    })
  })
})

describe('the server', () => {
  test('refuses a port that is taken, an address that is not here, and plain HTTP for everyone', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as { port: number }
    await expect(
      serveAdmin({ pool }, { ...TEST_OPTIONS, port }, client().stateDirectory),
    ).rejects.toMatchObject({
      code: 'HF_ADMIN_PORT_TAKEN',
      message: expect.stringContaining('by another program'),
    })
    taken.close()
    const own = Number(new URL(client().server.url).port)
    await expect(
      serveAdmin({ pool }, { ...TEST_OPTIONS, port: own }, client().stateDirectory),
    ).rejects.toMatchObject({ message: expect.stringContaining('holdfast sign-in') })
    await expect(
      serveAdmin({ pool }, { ...TEST_OPTIONS, host: '192.0.2.1', insecure: true }, client().stateDirectory),
    ).rejects.toMatchObject({ code: 'HF_ADMIN_ADDRESS' })
    await expect(
      serveAdmin({ pool }, { ...TEST_OPTIONS, host: '0.0.0.0' }, client().stateDirectory),
    ).rejects.toMatchObject({ code: 'HF_ADMIN_PUBLIC_PLAIN_HTTP' })
  })

  test('says that it is going before it goes', async () => {
    const other = await serveAdmin({ pool }, TEST_OPTIONS, scratch('state'))
    other.admin.drain()
    const response = await fetch(`${other.url}/readyz`)
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({
      status: 'not ready',
      reason: 'This process is shutting down.',
    })
    await other.close()
  })
})
