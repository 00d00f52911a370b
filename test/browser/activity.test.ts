import { describe, expect, test } from 'vitest'
import { withLabel } from '../../src/pool/index.ts'
import { useAdminServer } from '../support/admin-server.ts'
import { BROWSER_SUITE, isBrowserMissing, useBrowser, WatchedPage } from '../support/browser.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { withSessions } from '../support/faulty-database.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const client = useAdminServer(database)
const browser = useBrowser()

const open = (
  ...how: [path: string, role?: 'viewer' | 'operator' | 'admin', options?: object]
): Promise<WatchedPage> => WatchedPage.signedIn(browser(), client().server, ...how)

describe.skipIf(isBrowserMissing)(`the page of activity${BROWSER_SUITE}`, () => {
  test('who holds what others want is named first, looked at, and ended', async () => {
    await queryAt(database.url, 'CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1)')
    const root = await withLabel('close the books', () => client().pool.connect())
    await root.query('BEGIN; UPDATE t SET n = 9 WHERE id = 1')
    await withSessions(database.url, 1, async (waiter) => {
      const waiting = waiter?.query('UPDATE t SET n = 7 WHERE id = 1')
      waiting?.catch(() => {})
      const { page } = await open('activity')
      await page.getByRole('heading', { name: /^One session waits for a lock, the longest for / }).waitFor()
      await page.getByText('close the books holds what 1 session waits for, and does nothing').waitFor()
      await page.getByRole('button', { name: 'Look at it' }).first().click()
      const panel = page.getByRole('complementary', { name: 'close the books' })
      await panel.getByText('Nothing runs here that could be cancelled.').waitFor()
      const pid = (await panel.locator('dd').first().textContent()) ?? ''
      await panel.getByLabel(/to go on/).fill(pid)
      await panel.getByRole('button', { name: 'End this session' }).click()
      await page.getByRole('heading', { name: /^Nobody waits for a lock/ }).waitFor()
      await waiting
    })
    root.release(true)
  })

  test('a viewer reads who may do it; nobody waiting is a state of its own', async () => {
    await withSessions(database.url, 1, async (session) => {
      await session?.query("SET application_name = 'reporting'")
      const { page } = await open('activity', 'viewer')
      await page.getByText('Nobody waits for a lock.').waitFor()
      await page.getByRole('row', { name: /reporting/ }).click()
      const panel = page.getByRole('complementary', { name: 'reporting' })
      await panel.getByText('An admin may do it here.').waitFor()
      expect(await panel.getByRole('button', { name: 'End this session' }).count()).toBe(0)
    })
  })

  test('is accessible in every look, with its panel open', async () => {
    await withSessions(database.url, 1, async (session) => {
      await session?.query("SET application_name = 'reporting'; SELECT 'a long text that stands in one line'")
      const watched = await open('activity')
      const { page } = watched
      await page.getByRole('heading', { name: /^Nobody waits for a lock/ }).waitFor()
      await page.getByRole('row', { name: /reporting/ }).waitFor()
      await watched.expectAccessibleInEveryLook()
      await page.getByRole('row', { name: /reporting/ }).click()
      await page.getByRole('complementary', { name: 'reporting' }).waitFor()
      await watched.expectAccessibleInEveryLook()
      await watched.expectClean()
    })
  })
})
