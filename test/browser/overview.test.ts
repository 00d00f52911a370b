import { beforeAll, describe, expect, test } from 'vitest'
import { useAdminServer } from '../support/admin-server.ts'
import {
  BROWSER_SUITE,
  isBrowserMissing,
  RULES_OF_COLOURS,
  useBrowser,
  WatchedPage,
} from '../support/browser.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const client = useAdminServer(database)
const browser = useBrowser()

async function open(options: Parameters<typeof WatchedPage.open>[2] = {}): Promise<WatchedPage> {
  return WatchedPage.open(browser(), client().server.url, options)
}

const signedIn = (options = {}): Promise<WatchedPage> =>
  WatchedPage.signedIn(browser(), client().server, '', 'admin', options)

describe.skipIf(isBrowserMissing)(`the console's overview${BROWSER_SUITE}`, () => {
  beforeAll(async () => {
    const { pool } = client()
    await pool.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements')
    await pool.query(
      "CREATE TABLE orders AS SELECT n AS id, repeat('x', 100) AS note FROM generate_series(1, 5000) n",
    )
    await pool.query('ANALYZE orders')
    // Begins to take differences; from then on there is something to show.
    await client().get('/v1/database/monitoring/slow-queries', client().bearer('viewer'))
    await pool.query('SELECT count(*) FROM orders')
  })

  describe('from its first moment', () => {
    test.each([360, 768, 1280])(
      'at %i px: signed in by the link, complete, accessible in light and dark, within the policy, and nothing moves',
      async (width) => {
        const watched = await open({ viewport: { width, height: 900 } })
        const { page } = watched
        // Data comes after the first paint, as it does over a network.
        const network = await page.context().newCDPSession(page)
        await network.send('Network.enable')
        await network.send('Network.emulateNetworkConditions', {
          offline: false,
          latency: 150,
          downloadThroughput: -1,
          uploadThroughput: -1,
        })
        await page.goto(client().server.createSignInLink())
        await page.getByRole('heading', { name: /^Working/ }).waitFor()
        await page.getByRole('grid', { name: 'Largest tables' }).getByText('orders').waitFor()
        await page.getByRole('grid', { name: 'Slowest statements' }).getByRole('row').nth(1).waitFor()
        await page.locator('.live', { hasText: /^live/ }).waitFor()
        await page.getByRole('img', { name: /^Connections: \d/ }).waitFor()
        await expect.poll(() => page.title()).toBe(`Overview · ${database.name} · Holdfast`)
        await expect.poll(() => page.url()).toBe(`${client().server.url}/`)
        await watched.expectNoShift()
        await watched.expectAccessible()
        await page.emulateMedia({ colorScheme: 'dark' })
        await watched.expectAccessible(RULES_OF_COLOURS)
        await watched.expectClean()
        expect(
          await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          ),
          'wider than the window',
        ).toBeLessThanOrEqual(0)
      },
    )
  })

  test('says which database it is, and what its figures mean', async () => {
    const { page } = await signedIn()
    await page.locator('.db', { hasText: database.name }).waitFor()
    await expect.poll(() => page.locator('.db').textContent()).toMatch(/PostgreSQL \d+.* · primary · \S+:\d+/)
    await page.getByRole('button', { name: 'What does this mean: Pool' }).click()
    await page
      .getByRole('dialog', { name: 'What this means: Pool' })
      .getByText('pool.stats()')
      .first()
      .waitFor()
  })

  test('shows a chart as a table, and zooms the page by dragging', async () => {
    const { page } = await signedIn()
    const card = page.getByRole('region', { name: 'Latency' })
    await client().pool.query('SELECT 1')
    await card.getByRole('button', { name: 'Latency as a table' }).click()
    await card.getByRole('grid', { name: 'Latency over time' }).getByRole('row').nth(1).waitFor()
    await card.getByRole('button', { name: 'Latency as a chart' }).click()
    const plot = await card.locator('.u-over').boundingBox()
    if (!plot) throw new Error('no plot')
    await page.mouse.move(plot.x + plot.width * 0.5, plot.y + 20)
    await page.mouse.down()
    await page.mouse.move(plot.x + plot.width * 0.8, plot.y + 20, { steps: 5 })
    await page.mouse.up()
    await page.waitForURL(/\?span=\d+-\d+$/)
    const [, from = 0, to = 0] = (/span=(\d+)-(\d+)/.exec(page.url()) ?? []).map(Number)
    expect((to - from) / 60_000).toBeGreaterThan(3)
    expect((to - from) / 60_000).toBeLessThan(6)
    // One drag is one step: back is where one was.
    await page.goBack()
    await page.waitForURL(`${client().server.url}/`)
    await page.goForward()
    await page.getByRole('button', { name: 'back to now' }).click()
    await page.waitForURL(`${client().server.url}/`)
  })

  test('names what needs a person, with evidence and the next step, under an address of its own', async () => {
    const holder = await client().pool.connect()
    const waiter = await client().pool.connect()
    await holder.query('BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE')
    const waiting = waiter.query('SELECT count(*) FROM orders')
    const watched = await signedIn({ isHastened: true })
    const { page } = watched
    // The summary is at most ten seconds old, and asked for every fifteen.
    const finding = page.locator('.todo li', { hasText: 'One statement waits' })
    await finding.waitFor()
    await finding.getByRole('button', { name: 'See the lock' }).click()
    const panel = page.getByRole('complementary', { name: 'What to do' })
    await panel.getByText(/pg_terminate_backend\(\d+\)/).waitFor()
    await watched.expectAccessible()
    const address = page.url()
    await page.reload()
    await panel.getByText(/pg_terminate_backend\(\d+\)/).waitFor()
    expect(page.url()).toBe(address)
    await holder.query('ROLLBACK')
    await waiting
    holder.release()
    waiter.release()
  })

  test('believes the clock of the server where the browser has another time', async () => {
    const { page } = await open()
    await page.clock.install({ time: Date.now() - 3_600_000 })
    await page.goto(client().server.createSignInLink())
    await page.locator('.live', { hasText: /^live$/ }).waitFor()
    await page
      .getByRole('region', { name: 'Slowest' })
      .getByText(/^last \d+ (s|min)$/)
      .waitFor()
    const card = page.getByRole('region', { name: 'Latency' })
    await client().pool.query('SELECT 1')
    await card.getByRole('button', { name: 'Latency as a table' }).click()
    await card.getByRole('grid').getByRole('row').nth(1).waitFor()
    await expect.poll(() => page.locator('.age').count()).toBe(0)
  })

  test('an address leads there: order, filter and the open row, also for whoever has to sign in first', async () => {
    const { page } = await open()
    const address = `${client().server.url}/tables?sort=name&filter=orders&open=public.orders`
    await page.goto(address)
    await page.getByRole('heading', { name: 'Sign in to Holdfast' }).waitFor()
    await page.goto(client().server.createSignInLink())
    await page.getByRole('complementary', { name: 'public.orders' }).waitFor()
    expect(page.url()).toBe(address)
    await expect
      .poll(() => page.getByRole('columnheader', { name: 'Table' }).getAttribute('aria-sort'))
      .toBe('ascending')
    await page.getByRole('button', { name: /^Size/ }).click()
    await page.waitForURL(/tables\?filter=orders&open=public.orders$/)
    for (const nonsense of ['?range=toString', '?range=constructor', '?span=9-1', '?open=__proto__']) {
      await page.goto(`${client().server.url}/${nonsense}`)
      await page.getByRole('img', { name: /^Connections: \d/ }).waitFor()
    }
  })

  test('remembers the choice of light or dark, and paints it first', async () => {
    const { page } = await signedIn()
    await page.getByRole('group', { name: 'Theme' }).getByRole('button', { name: 'Dark' }).click()
    const html = await (await page.request.get(`${client().server.url}/`)).text()
    expect(html).toContain('<html lang="en" data-theme="dark"')
    await page.reload()
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    await expect
      .poll(() => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme))
      .toBe('dark')
  })

  test('signs out, and explains how to get in again; a link that was used says so', async () => {
    const watched = await open()
    const { page } = watched
    const link = client().server.createSignInLink()
    await page.goto(link)
    await page.getByRole('button', { name: /^Sign out/ }).click()
    await page.getByRole('heading', { name: 'Sign in to Holdfast' }).waitFor()
    await page.goto(link)
    await page.getByRole('alert').getByText('was used before').waitFor()
    await watched.expectAccessible()
    await page.getByLabel('Have a link?').fill(client().server.createSignInLink())
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    await watched.expectClean()
  })
})
