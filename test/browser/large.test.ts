/** Lists of a large database: 5,000 statements and 1,000 tables. */
import { beforeAll, describe, expect, test } from 'vitest'
import { useAdminServer } from '../support/admin-server.ts'
import { BROWSER_SUITE, isBrowserMissing, useBrowser, WatchedPage } from '../support/browser.ts'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { queryAt } from '../support/database.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'
import { startServer } from '../support/servers.ts'

removeScratchAfterwards()
/** Of its own: the statistics of statements are those of a whole server, and others need theirs. */
let server: EmbeddedServer
const database = {
  get url(): string {
    return server.url
  },
}
beforeAll(async () => {
  server = await startServer({ settings: { 'pg_stat_statements.max': '10000' } })
  return () => server.stop()
})
const client = useAdminServer(database)
const browser = useBrowser()
const TABLES = 1_000
/** The extension keeps five thousand, of the whole server; what others run has its place among them. */
const FORMS = 5
/** As many as a tall window has room for, and a few that are about to be seen. */
const MOST_DRAWN = 80

describe.skipIf(isBrowserMissing)(`a large database in the console${BROWSER_SUITE}`, () => {
  beforeAll(async () => {
    await queryAt(
      database.url,
      `CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
       DO $do$ BEGIN FOR n IN 1..${TABLES} LOOP EXECUTE format('CREATE TABLE large_%s (id int PRIMARY KEY)', n); END LOOP; END $do$;
       SET pg_stat_statements.track = 'all';
       DO $do$ BEGIN FOR n IN 1..${TABLES} LOOP FOR k IN 1..${FORMS} LOOP
         EXECUTE format('SELECT id FROM large_%s WHERE id > 0%s', n, repeat(' AND id > 1', k)); END LOOP; END LOOP; END $do$`,
    )
  })

  test.each([
    ['tables', 'Tables', TABLES, 'large_777'],
    ['queries?window=reset', 'Statements', TABLES * FORMS, 'large_777 '],
  ] as const)('%s draws what is seen, scrolls to its end and filters', async (path, list, least, one) => {
    const watched = await WatchedPage.signedIn(browser(), client().server, path)
    const { page } = watched
    const grid = page.getByRole('grid', { name: list })
    await grid.getByRole('row').nth(5).waitFor()
    const count = Number((await page.getByText(/^[\d,]+ rows$/).textContent())?.replace(/\D/g, ''))
    expect(count).toBeGreaterThanOrEqual(least)
    const drawn = (): Promise<number> => grid.locator('tbody tr:not(.gap)').count()
    expect(await drawn()).toBeLessThan(MOST_DRAWN)
    // To the end and back, as a wheel does it.
    await grid.getByRole('row').nth(3).click()
    await page.keyboard.press('Escape')
    await page.keyboard.press('End')
    await expect
      .poll(() => grid.getByRole('row').last().getAttribute('aria-rowindex'))
      .toBe(String(count + 1))
    expect(await drawn()).toBeLessThan(MOST_DRAWN)
    await page.getByPlaceholder('Filter').fill(one)
    await page.getByText(/^[\d,]+ of [\d,]+ rows$/).waitFor()
    await grid.getByText(one).first().waitFor()
    await watched.expectClean()
  })
})
