import { beforeAll, describe, expect, test } from 'vitest'
import { serveAdmin } from '../../src/admin/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { TEST_OPTIONS, useAdminServer } from '../support/admin-server.ts'
import { BROWSER_SUITE, isBrowserMissing, useBrowser, WatchedPage } from '../support/browser.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const client = useAdminServer(database)
const browser = useBrowser()

describe.skipIf(isBrowserMissing)(`the console's pages${BROWSER_SUITE}`, () => {
  beforeAll(async () => {
    const { pool } = client()
    await pool.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements')
    await pool.query('CREATE TABLE "a.b" (n int); CREATE SCHEMA a; CREATE TABLE a.b (n int); ANALYZE')
  })

  test('are accessible in every look, with the panel open, too', async () => {
    const watched = await WatchedPage.signedIn(browser(), client().server, '')
    const { page } = watched
    for (const [path, list] of [
      ['queries?window=reset', 'Statements'],
      ['tables', 'Tables'],
    ] as const) {
      await page.goto(`${client().server.url}/${path}`)
      const grid = page.getByRole('grid', { name: list })
      await grid.getByRole('row').nth(1).waitFor()
      await watched.expectAccessibleInEveryLook()
      await grid.getByRole('row').nth(1).click()
      await page.getByRole('complementary').waitFor()
      await watched.expectAccessibleInEveryLook()
    }
    await watched.expectClean()
  })

  test('tell tables apart whose names differ only in where a dot belongs', async () => {
    const { page } = await WatchedPage.signedIn(browser(), client().server, 'tables?filter=a.b')
    const grid = page.getByRole('grid', { name: 'Tables' })
    await grid.getByText('"a.b"').waitFor()
    await grid.getByText('a.b', { exact: true }).click()
    await page.getByRole('complementary', { name: 'a.b', exact: true }).waitFor()
  })

  test('the crosshair of one chart is that of all', async () => {
    const { page } = await WatchedPage.signedIn(browser(), client().server, '')
    const chart = page.getByRole('region', { name: 'Throughput' }).locator('.u-over')
    await chart.waitFor()
    await expect
      .poll(async () => {
        await chart.hover()
        return page.locator('.chart > .at').count()
      })
      .toBeGreaterThan(1)
  })

  test('show a role without rights what is hidden, and the exact GRANT', async () => {
    await client().pool.query('CREATE ROLE narrow_of_the_page')
    const narrow = new Pool({ connectionString: database.url, options: '-c role=narrow_of_the_page' })
    const server = await serveAdmin({ pool: narrow }, TEST_OPTIONS, scratch('state'))
    try {
      const watched = await WatchedPage.signedIn(browser(), server, '')
      const { page } = watched
      const card = page.getByRole('region', { name: 'Connections' })
      await card.getByText('GRANT pg_read_all_stats TO narrow_of_the_page;').waitFor()
      await page.getByRole('button', { name: 'See the grant' }).first().waitFor()
      await watched.expectAccessible()
    } finally {
      await server.close()
      await narrow.end()
      await client().pool.query('DROP ROLE narrow_of_the_page')
    }
  })
})
