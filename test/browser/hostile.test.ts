/** Pages of others, and names that are markup: what they do to the console, which is nothing. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Pool } from '../../src/pool/index.ts'
import { useAdminServer } from '../support/admin-server.ts'
import { BROWSER_SUITE, isBrowserMissing, useBrowser, WatchedPage } from '../support/browser.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { hostileObjects, markupName } from '../support/hostile-names.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const client = useAdminServer(database, () => ({
  partitions: { url: database.url, ownSchema: 'holdfast' },
}))
const browser = useBrowser()

describe.skipIf(isBrowserMissing)(`a page of another port of this machine${BROWSER_SUITE}`, () => {
  let evil: Server
  let origin = ''
  /** What its requests brought along. */
  const seen: IncomingHttpHeaders[] = []
  let headers: Record<string, string> = {}
  beforeAll(async () => {
    evil = createServer((request, response) => {
      seen.push(request.headers)
      response.writeHead(200, { 'content-type': 'text/html', ...headers })
      response.end('<!doctype html><title>evil</title>')
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => evil.once('listening', resolve))
    origin = `http://127.0.0.1:${(evil.address() as AddressInfo).port}`
  })
  afterAll(() => {
    evil.closeAllConnections()
    evil.close()
  })

  test('reads nothing, changes nothing and uses nothing up, whatever it sends', async () => {
    const { server } = client()
    const watched = await WatchedPage.signedIn(browser(), server, '')
    await watched.page.getByRole('heading', { name: 'Overview' }).waitFor()
    const page = await watched.page.context().newPage()
    await page.goto(origin)
    const got = await page.evaluate(async (target) => {
      const read: string[] = []
      const ways: RequestInit[] = [
        { credentials: 'include' },
        { credentials: 'include', mode: 'no-cors' },
        {
          credentials: 'include',
          method: 'POST',
          body: '{"pool":null}',
          headers: { 'content-type': 'text/plain' },
        },
        {
          credentials: 'include',
          method: 'POST',
          body: '{}',
          headers: { 'content-type': 'application/json', 'x-holdfast-key': 'guess' },
        },
      ]
      for (const init of ways)
        for (const path of ['v1/session', 'v1/database/pool/drain', 'health', 'openapi.json', ''])
          await fetch(`${target}/${path}`, init)
            .then(async (response) => read.push(`${path}: ${await response.text()}`))
            .catch(() => {})
      for (let round = 0; round < 1_300; round += 50)
        await Promise.all(
          Array.from({ length: 50 }, (_, at) =>
            fetch(`${target}/nope-${round + at}.png`, { mode: 'no-cors' }).catch(() => {}),
          ),
        )
      const embedded = async (make: () => HTMLElement): Promise<string> =>
        new Promise((resolve) => {
          const element = make()
          element.addEventListener('load', () => resolve('loaded'))
          element.addEventListener('error', () => resolve('refused'))
          document.body.append(element)
          setTimeout(() => resolve('nothing'), 2_000)
        })
      const script = await embedded(() =>
        Object.assign(document.createElement('script'), { src: `${target}/v1/session` }),
      )
      const image = await embedded(() =>
        Object.assign(document.createElement('img'), { src: `${target}/v1/session` }),
      )
      const frame = Object.assign(document.createElement('iframe'), { src: `${target}/` })
      await embedded(() => frame)
      let framed = 'nothing'
      try {
        framed = frame.contentDocument?.body.innerText ?? 'another origin'
      } catch {
        framed = 'another origin'
      }
      const stream = await new Promise<string>((resolve) => {
        const source = new EventSource(`${target}/v1/events`, { withCredentials: true })
        source.addEventListener('error', () => resolve('refused'))
        source.addEventListener('pool', () => resolve('read'))
      })
      return { read: read.filter((one) => !one.endsWith(': ')), script, image, framed, stream }
    }, server.url)
    expect(got).toMatchObject({ read: [], image: 'refused', framed: 'another origin', stream: 'refused' })
    expect(got.script).not.toBe('loaded')
    // A form needs no permission to be sent.
    await page.evaluate((target) => {
      const form = Object.assign(document.createElement('form'), {
        method: 'POST',
        action: `${target}/v1/database/pool/drain`,
        enctype: 'text/plain',
      })
      form.append(Object.assign(document.createElement('input'), { name: '{"a":"', value: '"}' }))
      document.body.append(form)
      form.submit()
    }, server.url)
    await page.waitForURL(/drain/)
    expect(await page.locator('body').innerText()).toContain('HF_ADMIN_CROSS_SITE')
    expect(client().pool.activity(0).isDrained).toBe(false)
    // And the console goes on as if nothing had been.
    await watched.page.getByRole('link', { name: 'Tables', exact: true }).click()
    await watched.page.getByRole('heading', { name: 'Tables', level: 1 }).waitFor()
    await watched.page.reload()
    await watched.page.locator('.live', { hasText: /^live/ }).waitFor()
    await watched.expectClean()
  })

  test('is sent the cookie, which is worth nothing; one that it sets signs nobody out', async () => {
    const { server } = client()
    const watched = await WatchedPage.signedIn(browser(), server, '')
    const { page } = watched
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    seen.length = 0
    const name = `holdfast-${new URL(server.url).port}`
    headers = { 'set-cookie': `${name}=tossed; Path=/v1` }
    await page.goto(origin)
    const cookie = seen.map((one) => one.cookie ?? '').find((text) => text.includes(`${name}=`))
    expect(cookie, 'cookies know no ports').toBeDefined()
    const replayed = await fetch(`${server.url}/v1/session`, { headers: { cookie: cookie ?? '' } })
    expect(replayed.status).toBe(401)
    await page.goto(`${server.url}/tables`)
    await page.getByRole('heading', { name: 'Tables', level: 1 }).waitFor()
    await page.locator('.live', { hasText: /^live/ }).waitFor()
    headers = {}
    expect(watched.errors).toEqual([])
  })
})

describe.skipIf(isBrowserMissing)(`names that are markup${BROWSER_SUITE}`, () => {
  let role = ''
  let other: Pool
  beforeAll(async () => {
    role = markupName(`r${database.name.slice(-8)}`)
    await queryAt(database.url, hostileObjects(markupName, role))
    await queryAt(database.url, 'CREATE EXTENSION IF NOT EXISTS pg_stat_statements')
    const url = new URL(database.url)
    ;[url.username, url.password] = [encodeURIComponent(role), 'hostile']
    url.searchParams.set('application_name', markupName('a'))
    other = new Pool({ connectionString: url.href, size: 1 })
    await other.query(`SELECT '<script>alert(1)</script>' AS "<b>x</b>"`)
    await other.query(`SELECT 1 AS "<b>x</b>" -- <img src=x onerror=alert(1)>`)
  })
  afterAll(async () => {
    await other.end()
    const quoted = `"${role.replaceAll('"', '""')}"`
    await queryAt(
      database.url,
      `REASSIGN OWNED BY ${quoted} TO current_user; DROP OWNED BY ${quoted}; DROP ROLE ${quoted}`,
    )
  })

  test.each([
    '',
    'queries?window=reset',
    'activity',
    'pool',
    'alerts',
    'tables',
    'partitions',
    'migrations',
    'replication',
    'access',
    'settings',
    '%3Cimg%20src=x%20onerror=alert(1)%3E?open=%3Cscript%3E&filter=%3Cimg%20src=x%20onerror=alert(1)%3E#%3Cscript%3E',
  ])('are text on /%s, in every open row, too', async (path) => {
    const watched = await WatchedPage.signedIn(browser(), client().server, path)
    const { page } = watched
    const dialogs: string[] = []
    page.on('dialog', (dialog) => {
      dialogs.push(dialog.message())
      void dialog.dismiss()
    })
    await page.locator('main').waitFor()
    await page.waitForFunction(() => document.querySelectorAll('.loading').length === 0)
    // Every list once: its first row that can be opened, and its CSV.
    for (const grid of await page.getByRole('grid').all()) {
      const row = grid.getByRole('row').nth(1)
      if ((await row.count()) === 0) continue
      await row.click()
      const panel = page.getByRole('complementary')
      if ((await panel.count()) > 0) await page.keyboard.press('Escape')
    }
    expect(dialogs).toEqual([])
    expect(await page.locator('main img, main b:text-is("x"), main script').count()).toBe(0)
    await watched.expectClean()
  })

  test('are cells of a CSV that no spreadsheet runs', async () => {
    await queryAt(
      database.url,
      `CREATE TABLE public." =1+1" (n int); CREATE TABLE public."@SUM(A1)" (n int); CREATE TABLE public."\n=2+2" (n int); ANALYZE`,
    )
    const watched = await WatchedPage.signedIn(browser(), client().server, 'tables')
    const { page } = watched
    await page.getByRole('grid', { name: 'Tables' }).getByRole('row').nth(1).waitFor()
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: /CSV/ }).first().click(),
    ])
    const stream = await file.createReadStream()
    let text = ''
    for await (const chunk of stream) text += String(chunk)
    expect(text).toContain('SUM(A1)')
    // RFC 4180: a quoted cell may hold anything, and a quote in it is doubled.
    const cells = [...text.matchAll(/(?:^|,|\r\n)(?:"((?:[^"]|"")*)"|([^",\r\n]*))/g)].map(
      ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
    )
    expect(cells.filter((cell) => /^\s*[=+@-]|^[\t\r\n]/.test(cell))).toEqual([])
    await watched.expectClean()
  })
})
