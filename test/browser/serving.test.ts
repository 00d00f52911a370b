import { createServer, request as forward } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Admin } from '../../src/admin/index.ts'
import { useAdminServer } from '../support/admin-server.ts'
import { BROWSER_SUITE, isBrowserMissing, useBrowser, WatchedPage } from '../support/browser.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const client = useAdminServer(database)
const browser = useBrowser()

/** A server of somebody's own that has the console under /ops. */
async function mounted(): Promise<{ origin: string; base: string; path: string }> {
  const app = Fastify({ forceCloseConnections: true })
  const admin = new Admin({ pool: client().pool })
  app.get('/', async () => 'the application itself')
  await app.register(admin.plugin, { prefix: '/ops/database' })
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => app.close())
  return { origin, base: `${origin}/ops/database/`, path: `/ops/database${admin.createSignInPath('viewer')}` }
}

/** A proxy that takes /db away before it passes requests on. */
async function stripped(): Promise<{ origin: string; base: string; path: string }> {
  const target = new URL(client().server.url)
  const proxy = createServer((request, response) => {
    if (!request.url?.startsWith('/db/')) return void response.writeHead(404).end()
    const passed = forward(
      {
        host: target.hostname,
        port: target.port,
        method: request.method,
        path: request.url.slice(3),
        headers: request.headers,
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      },
    )
    passed.on('error', () => response.destroy())
    response.on('close', () => passed.destroy())
    request.pipe(passed)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  const origin = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  return { origin, base: `${origin}/db/`, path: `/db${client().server.admin.createSignInPath('viewer')}` }
}

async function atRoot(): Promise<{ origin: string; base: string; path: string }> {
  const { url, admin } = client().server
  return { origin: url, base: `${url}/`, path: admin.createSignInPath('viewer') }
}

describe.skipIf(isBrowserMissing)(`the console is served${BROWSER_SUITE}`, () => {
  test.each([
    ['at the root', atRoot],
    ['under a prefix', mounted],
    ['behind a proxy that takes a prefix away', stripped],
  ])('%s: signing in, every page by link and by address, live', async (_name, start) => {
    const { origin, base, path } = await start()
    const watched = await WatchedPage.open(browser(), origin)
    const { page } = watched
    await page.goto(`${origin}${path}`)
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    await expect.poll(() => page.url()).toBe(base)
    await page.locator('.live', { hasText: /^live/ }).waitFor()
    await page.getByRole('link', { name: 'Tables', exact: true }).click()
    await page.getByRole('heading', { name: 'Tables', level: 1 }).waitFor()
    await expect.poll(() => page.url()).toBe(`${base}tables`)
    await page.reload()
    await page.getByRole('heading', { name: 'Tables', level: 1 }).waitFor()
    await page.goto(`${base}queries?window=reset`)
    await page.getByRole('heading', { name: 'Queries', level: 1 }).waitFor()
    await page.goto(`${base}no/such/page`)
    await page.getByRole('heading', { name: 'There is no such page' }).waitFor()
    await page.goBack()
    await page.getByRole('heading', { name: 'Queries', level: 1 }).waitFor()
    await page.getByRole('link', { name: 'API reference' }).click()
    await page.getByText('/v1/database/monitoring/summary').waitFor()
    await expect.poll(() => page.url()).toBe(`${base}docs`)
    await page.goBack()
    await page.getByRole('button', { name: /^Sign out/ }).click()
    await page.getByRole('heading', { name: 'Sign in to Holdfast' }).waitFor()
    await watched.expectClean()
  })
})

describe('what is served', () => {
  const asPerson = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

  test('caches what is named by its content for ever, and the page never', async () => {
    const page = await client().get('/', asPerson)
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    const html = await page.text()
    expect(html).not.toMatch(/<script(?![^>]* src=)| style=| on\w+=/)
    const assets = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(([, path]) => path as string)
    expect(assets.length).toBeGreaterThanOrEqual(3)
    for (const path of assets) {
      const asset = await client().get(`/${path}`)
      expect(asset.status, path).toBe(200)
      expect(asset.headers.get('cache-control'), path).toBe('public, max-age=31536000, immutable')
      expect(path).toMatch(/-[\w-]{8}\.(js|css|svg)$/)
    }
    const script = await client().get(`/${assets.find((path) => path.endsWith('.js'))}`, {
      'accept-encoding': 'br',
    })
    expect(script.headers.get('content-encoding')).toBe('br')
  })

  test('gives people the console, and programs an answer', async () => {
    for (const path of ['/', '/queries', '/queries/1/more', '/nowhere'])
      expect((await client().get(path, asPerson)).headers.get('content-type'), path).toMatch(/^text\/html/)
    expect(await (await client().get('/queries/1/more', asPerson)).text()).toContain('<base href="../../"')
    for (const path of ['/v1/nowhere', '/assets/nothing.js', '/docs/nowhere'])
      expect((await client().get(path, asPerson)).status, path).toBe(404)
    expect((await client().get('/nowhere')).headers.get('content-type')).toBe('application/problem+json')
    expect(await (await client().get('/sign-in', asPerson)).text()).toContain('<div id="app">')
  })

  test.each([
    ['/ops', '/ops'],
    ['/ops/', '/ops'],
    ['/:tenant/ops', '/acme/ops'],
  ])('mounted at %s finds itself at %s', async (prefix, at) => {
    const app = Fastify()
    await app.register(new Admin({ pool: client().pool }).plugin, { prefix })
    const ask = (path: string) => app.inject({ url: `${at}${path}`, headers: asPerson })
    expect((await ask('/')).body).toContain('<base href="./"')
    expect((await ask('/queries')).body).toContain('<base href="./"')
    expect((await ask('/queries/1')).body).toContain('<base href="../"')
    expect((await ask('/v1/nowhere')).statusCode).toBe(404)
    await app.close()
  })

  test('does not believe what a cookie says about the theme', async () => {
    const html = await (await client().get('/', { ...asPerson, cookie: 'holdfast-theme="><script>' })).text()
    expect(html).toContain('<html lang="en">')
    expect(html).not.toContain('><script>')
  })
})
