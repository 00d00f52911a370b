import { statSync } from 'node:fs'
import { join } from 'node:path'
import Fastify from 'fastify'
import { beforeAll, describe, expect, test } from 'vitest'
import { Admin, type AdminServer, readTokenFile } from '../../src/admin/index.ts'
import type { Pool } from '../../src/pool/index.ts'
import { FakeClock } from '../../src/testing/index.ts'
import { type AdminClient, useAdminServer } from '../support/admin-server.ts'
import { RunningCli } from '../support/cli.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

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

describe('signing in', () => {
  test('works once per link, and sets a cookie that scripts and other sites do not get', async () => {
    const path = server.admin.createSignInPath('viewer')
    const head = await fetch(`${server.url}${path}`, { method: 'HEAD' })
    expect(head.status).toBe(404) // a preview does not use the link up
    const response = await get(path)
    expect(response.status).toBe(303)
    expect(response.headers.get('location')).toBe('./')
    expect(response.headers.get('set-cookie')).toMatch(
      /^holdfast-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/,
    )
    expect((await get(path)).status).toBe(401)
  })

  test('a link is good for ten minutes, a session for twelve hours', async () => {
    const clock = new LeapingClock()
    const app = Fastify()
    const admin = new Admin({ pool, clock })
    await app.register(admin.plugin)
    const path = admin.createSignInPath('viewer')
    clock.leaptMs += 10 * 60_000
    expect((await app.inject({ url: path })).statusCode).toBe(401)
    const cookie = String(
      (await app.inject({ url: admin.createSignInPath('viewer') })).headers['set-cookie'],
    ).split(';')[0] as string
    const session = (): Promise<number> =>
      app.inject({ url: '/v1/session', headers: { cookie } }).then(({ statusCode }) => statusCode)
    expect(await session()).toBe(200)
    clock.leaptMs += 12 * 3_600_000
    expect(await session()).toBe(401)
    await app.close()
  })

  test('each role may do what the smaller ones may', async () => {
    const createLink = async (role: 'viewer' | 'operator' | 'admin'): Promise<number> => {
      const { cookie, csrf } = await signIn(role)
      const response = await fetch(`${server.url}/v1/sign-in-links`, {
        method: 'POST',
        headers: { cookie, 'x-csrf-token': csrf, 'content-type': 'application/json' },
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

  test('a change by cookie needs the token that another site cannot know', async () => {
    const { cookie, csrf } = await signIn()
    const signOut = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${server.url}/v1/session`, { method: 'DELETE', headers: { cookie, ...headers } })
    expect(await (await signOut({})).json()).toMatchObject({ code: 'HF_ADMIN_CROSS_SITE' })
    expect((await signOut({ 'x-csrf-token': 'guessed' })).status).toBe(403)
    expect((await signOut({ 'x-csrf-token': csrf, origin: 'https://evil.example' })).status).toBe(403)
    expect((await signOut({ 'x-csrf-token': csrf, origin: server.url })).status).toBe(204)
    expect((await get('/v1/session', { cookie })).status).toBe(401)
  })

  test('asking without being signed in is slowed down, too', async () => {
    const app = Fastify()
    await app.register(new Admin({ pool }).plugin)
    const statuses = new Set<number>()
    for (let attempt = 0; attempt < 1_201; attempt += 1) {
      statuses.add((await app.inject({ url: attempt % 2 === 0 ? '/v1/session' : '/nowhere' })).statusCode)
    }
    expect([...statuses].toSorted()).toEqual([401, 404, 429])
    await app.close()
  })

  test('leaves no secret in the log of the application', async () => {
    const lines: string[] = []
    const app = Fastify({
      logger: { level: 'trace', stream: { write: (line: string) => void lines.push(line) } },
    })
    const admin = new Admin({ pool })
    await app.register(admin.plugin, { prefix: '/ops' })
    const path = admin.createSignInPath('viewer')
    expect((await app.inject({ url: `/ops${path}` })).statusCode).toBe(303)
    expect((await app.inject({ url: `/ops${path}` })).statusCode).toBe(401)
    await app.inject({ url: '/ops/livez' })
    expect(lines.join('')).toContain('/ops/livez')
    expect(lines.join('')).not.toContain(path.split('=')[1])
    await app.close()
  })

  test('guessing is slowed down', async () => {
    const app = Fastify()
    await app.register(new Admin({ pool }).plugin)
    const answers = []
    for (let attempt = 0; attempt < 21; attempt += 1)
      answers.push(await app.inject({ url: '/sign-in?token=guess' }))
    const last = answers.at(-1)
    expect(last?.statusCode).toBe(429)
    expect(last?.json()).toMatchObject({ code: 'HF_ADMIN_RATE_LIMITED' })
    expect(Number(last?.headers['retry-after'])).toBeGreaterThan(0)
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
    ).toMatchObject({ role: 'admin', kind: 'token', csrf_token: null })
  })
})
