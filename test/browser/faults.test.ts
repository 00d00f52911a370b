/** What a person sees while the stream is cut, or PostgreSQL is gone; and that it heals without a reload. */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type AdminServer, serveAdmin } from '../../src/admin/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { FaultProxy } from '../../src/testing/index.ts'
import { TEST_OPTIONS } from '../support/admin-server.ts'
import { BROWSER_SUITE, isBrowserMissing, useBrowser, WatchedPage } from '../support/browser.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const browser = useBrowser()

let toDatabase: FaultProxy
let toServer: FaultProxy
let pool: Pool
let server: AdminServer

beforeAll(async () => {
  toDatabase = await FaultProxy.start({ host: '127.0.0.1', port: Number(new URL(database.url).port) })
  pool = new Pool({ connectionString: toDatabase.through(database.url) })
  server = await serveAdmin({ pool }, TEST_OPTIONS, scratch('state'))
  toServer = await FaultProxy.start({ host: '127.0.0.1', port: Number(new URL(server.url).port) })
})

// What one test broke must not be the next one's fault.
afterEach(async () => {
  await toServer.heal()
  await toDatabase.heal()
})

afterAll(async () => {
  await server.close()
  await pool.end()
  await toServer.stop()
  await toDatabase.stop()
})

/** A page that came in through the proxy, and a mark that a reload would wipe out. */
async function marked(options: { isHastened?: boolean } = {}): Promise<WatchedPage> {
  const origin = toServer.through(server.url).replace(/\/$/, '')
  const watched = await WatchedPage.open(browser(), origin, options)
  await watched.page.goto(`${origin}${server.admin.createSignInPath('viewer')}`)
  await isLive(watched.page)
  await watched.page.getByRole('img', { name: /^Connections: \d/ }).waitFor()
  // There is a last picture to keep only once there was a first.
  await watched.page.getByRole('heading', { name: /^Working/ }).waitFor()
  // What the database is called, it says once: it has to have been asked before it goes.
  await watched.page.locator('.db', { hasText: database.name }).waitFor()
  await watched.page.evaluate(() => Object.assign(globalThis, { mark: 'same page' }))
  return watched
}

const isLive = (page: Page): Promise<void> => page.locator('.live', { hasText: /^live/ }).waitFor()

async function isSamePage(page: Page): Promise<void> {
  expect(await page.evaluate(() => (globalThis as { mark?: string }).mark)).toBe('same page')
}

describe.skipIf(isBrowserMissing)(`the console when something is gone${BROWSER_SUITE}`, () => {
  test('the stream cut for 20 s: says stale with its age, then goes on where it is', async () => {
    const watched = await marked({ isHastened: true })
    const { page } = watched
    const region = page.getByRole('region', { name: 'Pool' })
    await toServer.refuse()
    toServer.cut()
    await page.locator('.live', { hasText: /^stale, \d+ s old/ }).waitFor()
    await region.getByText(/^\d+ s old$/).waitFor()
    await page.locator('.live', { hasText: /^stale, 2\d s old/ }).waitFor()
    await page.locator('.verdict').getByText(/s old/).waitFor()
    // Whatever the figures are worth just now: words on the darkest ground have to be readable, too.
    await page.evaluate(() => {
      for (const tag of document.querySelectorAll('.tag')) {
        tag.className = 'tag crit'
        tag.textContent ||= 'poor'
      }
    })
    await watched.expectAccessible()
    await toServer.heal()
    await isLive(page)
    await region.getByText('kept +').waitFor()
    await page.locator('.verdict .age').waitFor({ state: 'detached' })
    await isSamePage(page)
    await watched.expectNoShift()
  })

  test('a stream that is open in name only is found out, and made anew', async () => {
    const { page } = await marked({ isHastened: true })
    toServer.freeze()
    await page.locator('.live', { hasText: /^stale/ }).waitFor()
    await page.waitForRequest('**/v1/events') // after ten seconds of silence, by itself
    await toServer.heal()
    await isLive(page)
    await isSamePage(page)
  })

  test('PostgreSQL gone: says what and since when, keeps the last picture, and heals', async () => {
    const before = Date.now()
    const watched = await marked()
    const { page } = watched
    await toDatabase.refuse()
    toDatabase.cut()
    await page
      .getByRole('heading', { name: /^PostgreSQL does not answer since \d\d:\d\d:\d\d \(\d+ s\)\.$/ })
      .waitFor()
    const since = await page.locator('.verdict h2 time').getAttribute('datetime')
    expect(Date.parse(since ?? '')).toBeGreaterThan(before)
    expect(Date.parse(since ?? '')).toBeLessThanOrEqual(Date.now())
    await page.locator('.verdict').getByText('ECONNREFUSED').waitFor() // what was cut came first: the newest reason counts
    await page.locator('.live', { hasText: 'database down' }).waitFor()
    await page
      .getByRole('region', { name: 'Connections' })
      .getByText(/^\d+ s old$/)
      .waitFor()
    await page.locator('.db', { hasText: database.name }).getByText('does not answer').waitFor()
    await watched.expectAccessible()
    // Whoever comes now learns it, too.
    const late = await WatchedPage.open(browser(), server.url)
    await late.page.goto(server.createSignInLink())
    await late.page.getByRole('heading', { name: /^PostgreSQL does not answer since/ }).waitFor()
    await late.page.getByRole('alert').first().waitFor()
    await late.expectAccessible()
    await toDatabase.heal()
    await page.getByRole('heading', { name: /^Working/ }).waitFor()
    await page.locator('.live', { hasText: /^live$/ }).waitFor()
    await late.page.getByRole('heading', { name: /^Working/ }).waitFor()
    await isSamePage(page)
    await watched.expectClean()
  })

  test('PostgreSQL frozen in the middle of a look: found out all the same', async () => {
    const { page } = await marked()
    toDatabase.freeze()
    await page.getByRole('heading', { name: /^PostgreSQL does not answer since/ }).waitFor()
    await toDatabase.heal()
    await page.getByRole('heading', { name: /^Working/ }).waitFor()
    await isSamePage(page)
  })

  test('a page that was paused comes back, also when its first try is refused', async () => {
    const { page } = await marked()
    await page.clock.install()
    await page.evaluate(() => Object.defineProperty(document, 'hidden', { configurable: true, value: true }))
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
    await page.clock.runFor(62_000)
    await page.locator('.live', { hasText: 'paused' }).waitFor()
    await page.route('**/v1/events', (route) => route.fulfill({ status: 502, body: '' }))
    await page.evaluate(() => Object.defineProperty(document, 'hidden', { configurable: true, value: false }))
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
    await page.clock.runFor(7_000)
    await page.locator('.live', { hasText: /^stale/ }).waitFor()
    await page.unroute('**/v1/events')
    await page.clock.runFor(7_000)
    await isLive(page)
    await isSamePage(page)
  })
})
