import { statSync } from 'node:fs'
import { join } from 'node:path'
import Fastify from 'fastify'
import { beforeAll, describe, expect, test } from 'vitest'
import { Admin, type AdminServer, readTokenFile, serveAdmin } from '../../src/admin/index.ts'
import type { Pool } from '../../src/pool/index.ts'
import { FakeClock } from '../../src/testing/index.ts'
import { type AdminClient, TEST_OPTIONS, useAdminServer } from '../support/admin-server.ts'
import { RunningCli } from '../support/cli.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'
import { secretOf } from '../support/signing-in.ts'

/** Passes over time without what would have come due in it: half a day of samples, of each second. */
class LeapingClock extends FakeClock {
  leaptMs = 0
  override now(): number {
    return super.now() + this.leaptMs
  }
}

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

const signIn: AdminClient['signIn'] = (role) => client().signIn(role)

const redeem = (link: string, headers: Record<string, string> = {}, at = server.url): Promise<Response> =>
  fetch(`${at}/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ token: secretOf(link) }),
  })

describe('signing in', () => {
  test('works once per link; each half of the session is worth nothing by itself', async () => {
    const link = server.admin.createSignInPath('viewer', 'ann')
    // Looking at the link uses nothing up: the secret stands behind the # and reaches no server.
    expect((await get(link.split('#')[0] as string, { accept: 'text/html' })).status).toBe(200)
    const response = await redeem(link)
    expect(response.status).toBe(201)
    expect(response.headers.get('cache-control')).toBe('no-store')
    const { key, ...who } = (await response.json()) as Record<string, string>
    expect(who).toMatchObject({ role: 'viewer', name: 'ann', kind: 'session' })
    const [cookie = '', ...attributes] = (response.headers.get('set-cookie') ?? '').split('; ')
    expect(cookie).toMatch(/^holdfast-\d+=[\w-]{43}$/)
    expect(attributes).toEqual(['Path=/', 'HttpOnly', 'SameSite=Strict'])
    expect((await redeem(link)).status).toBe(401)
    const statusWith = (headers: Record<string, string>): Promise<number> =>
      get('/v1/session', headers).then(({ status }) => status)
    expect(await statusWith({ cookie })).toBe(401)
    expect(await statusWith({ 'x-holdfast-key': key ?? '' })).toBe(401)
    expect(await statusWith({ authorization: `Bearer ${key}` })).toBe(401)
    expect(await statusWith({ cookie, 'x-holdfast-key': key ?? '' })).toBe(200)
    // Another server of this machine set a cookie of the name, for a path: both are sent, its own first.
    const name = cookie.split('=')[0]
    expect(await statusWith({ cookie: `${name}=other; ${cookie}`, 'x-holdfast-key': key ?? '' })).toBe(200)
  })

  test('a link is good for ten minutes, a session for twelve hours, and for one in which nothing is asked', async () => {
    const clock = new LeapingClock()
    const app = Fastify()
    const admin = new Admin({ pool, clock })
    await app.register(admin.plugin)
    const sign = (link: string) =>
      app.inject({ method: 'POST', url: '/v1/session', payload: { token: secretOf(link) } })
    const late = admin.createSignInPath('viewer')
    clock.leaptMs += 10 * 60_000
    expect((await sign(late)).statusCode).toBe(401)
    const enter = async (): Promise<() => Promise<number>> => {
      const signedIn = await sign(admin.createSignInPath('viewer'))
      const headers = {
        cookie: String(signedIn.headers['set-cookie']).split(';')[0] as string,
        'x-holdfast-key': signedIn.json().key,
      }
      return () => app.inject({ url: '/v1/session', headers }).then(({ statusCode }) => statusCode)
    }
    const idle = await enter()
    clock.leaptMs += 3_599_000
    expect(await idle()).toBe(200)
    clock.leaptMs += 3_600_000
    expect(await idle()).toBe(401)
    const busy = await enter()
    for (let halfHour = 0; halfHour < 23; halfHour += 1) {
      clock.leaptMs += 1_800_000
      expect(await busy()).toBe(200)
    }
    clock.leaptMs += 1_800_000
    expect(await busy()).toBe(401)
    await app.close()
  })

  test('signing in anew ends the session that this browser had', async () => {
    const before = await signIn('viewer')
    const { cookie: _, ...rest } = before
    expect((await redeem(server.admin.createSignInPath('viewer'), before)).status).toBe(201)
    expect((await get('/v1/session', before)).status).toBe(401)
    expect(rest).toHaveProperty('x-holdfast-key')
  })

  test('each role may do what the smaller ones may', async () => {
    const createLink = async (role: 'viewer' | 'operator' | 'admin'): Promise<number> => {
      const response = await fetch(`${server.url}/v1/sign-in-links`, {
        method: 'POST',
        headers: { ...(await signIn(role)), 'content-type': 'application/json' },
        body: '{"role":"viewer"}',
      })
      return response.status
    }
    expect([await createLink('viewer'), await createLink('operator'), await createLink('admin')]).toEqual([
      403, 403, 201,
    ])
    for (const role of ['viewer', 'operator', 'admin'] as const) {
      expect((await get('/v1/database/performance/pool-stats', bearer(role))).status).toBe(200)
    }
  })

  test('what another site or port sends is refused, whatever comes along with it', async () => {
    const halves = await signIn()
    // Not by fetch, which says for itself how it is asked.
    const ask = async (method: 'GET' | 'DELETE', url: string, headers: Record<string, string>) => {
      const { statusCode, body } = await server.app.inject({
        method,
        url,
        headers: { host: new URL(server.url).host, ...halves, ...headers },
      })
      return { status: statusCode, body }
    }
    const signOut = (headers: Record<string, string>) => ask('DELETE', '/v1/session', headers)
    const { port } = new URL(server.url)
    const followed = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    }
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `http://127.0.0.1:${Number(port) - 1}` },
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' },
      { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' },
      followed, // a form that is sent
    ] as Record<string, string>[]) {
      const refused = await signOut(headers)
      expect([refused.status, JSON.parse(refused.body)], JSON.stringify(headers)).toMatchObject([
        403,
        { code: 'HF_ADMIN_CROSS_SITE' },
      ])
    }
    // Also what changes nothing: an image, a frame, a script. Following a link to here is something else.
    for (const dest of ['image', 'iframe', 'script', 'empty']) {
      const mode = dest === 'iframe' ? 'navigate' : 'no-cors'
      const headers = { ...followed, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest }
      expect((await ask('GET', '/v1/session', headers)).status, dest).toBe(403)
    }
    expect((await ask('GET', '/', { accept: 'text/html', ...followed })).status).toBe(200)
    expect((await signOut({ origin: server.url, 'sec-fetch-site': 'same-origin' })).status).toBe(204)
    expect((await get('/v1/session', halves)).status).toBe(401)
  })

  test('leaves no secret in the log of the application, and a line of each thing that was done', async () => {
    const lines: string[] = []
    const app = Fastify({
      logger: { level: 'trace', stream: { write: (line: string) => void lines.push(line) } },
    })
    const admin = new Admin({ pool })
    await app.register(admin.plugin, { prefix: '/ops' })
    const link = admin.createSignInPath('viewer', 'ann')
    const sign = () =>
      app.inject({ method: 'POST', url: '/ops/v1/session', payload: { token: secretOf(link) } })
    const { key } = (await sign()).json() as { key: string }
    expect((await sign()).statusCode).toBe(401)
    await app.inject({ url: '/ops/livez' })
    await app.close()
    const log = lines.join('')
    expect(log).toContain('/ops/livez')
    expect(log).not.toContain(secretOf(link))
    expect(log).not.toContain(key)
    expect(lines.map((line) => (JSON.parse(line) as { event?: string }).event).filter(Boolean)).toEqual([
      'session.link',
      'session.sign_in',
      'session.refused',
    ])
  })

  test('guessing is slowed down, and a good link is taken meanwhile', async () => {
    const app = Fastify()
    const admin = new Admin({ pool })
    await app.register(admin.plugin)
    const sign = (token: string) => app.inject({ method: 'POST', url: '/v1/session', payload: { token } })
    const answers = []
    for (let attempt = 0; attempt < 21; attempt += 1) answers.push(await sign('guess'))
    const last = answers.at(-1)
    expect(last?.statusCode).toBe(429)
    expect(last?.json()).toMatchObject({ code: 'HF_ADMIN_RATE_LIMITED' })
    expect(Number(last?.headers['retry-after'])).toBeGreaterThan(0)
    expect((await sign(secretOf(admin.createSignInPath('viewer')))).statusCode).toBe(201)
    await app.close()
  })

  test('a server that ends leaves the one before it to be found', async () => {
    const cwd = scratch('two')
    const env = { DATABASE_URL: database.url }
    const found = () => readTokenFile(join(cwd, '.holdfast'))?.pid
    const first = new RunningCli(['serve'], { cwd, env })
    await first.waitFor(/http:/)
    const second = new RunningCli(['serve'], { cwd, env })
    await second.waitFor(/http:/)
    expect(found()).toBe(second.child.pid)
    await second.stop()
    expect(found()).toBe(first.child.pid)
    await first.stop()
    expect(found()).toBeUndefined()
  })

  test('the command line finds the server by a file that only this user can read', async () => {
    expect(statSync(join(client().stateDirectory, 'server.json')).mode & 0o777).toBe(0o600)
    const known = readTokenFile(client().stateDirectory)
    expect(known?.url).toBe(server.url)
    expect(
      await (await get('/v1/session', { authorization: `Bearer ${known?.token}` })).json(),
    ).toMatchObject({ role: 'admin', kind: 'token', expires_at: null })
  })
})

describe('behind a proxy that ends HTTPS', () => {
  test('people sign in over HTTPS alone, with a cookie that is good for nothing else', async () => {
    const options = { ...TEST_OPTIONS, trustProxy: ['127.0.0.1'], hosts: ['ops.example.com'] }
    const proxied = await serveAdmin({ pool: client().pool }, options, scratch('state'))
    const sign = (headers: Record<string, string>) =>
      fetch(`${proxied.url}/v1/session`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ token: secretOf(proxied.admin.createSignInPath('viewer')) }),
      })
    const plain = await sign({})
    expect([plain.status, await plain.json()]).toMatchObject([403, { code: 'HF_ADMIN_SIGN_IN_UNENCRYPTED' }])
    const secure = await sign({
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'ops.example.com',
      'x-forwarded-for': '203.0.113.7',
      origin: 'https://ops.example.com',
    })
    expect(secure.status).toBe(201)
    expect(secure.headers.get('set-cookie')).toMatch(
      /^__Host-holdfast=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    )
    const downgraded = await sign({
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'ops.example.com',
      origin: 'http://ops.example.com',
    })
    expect(downgraded.status).toBe(403)
    await proxied.close()
  })
})
