import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AdminServer, serveAdmin } from '../../src/admin/index.ts'
import { Pool, withLabel } from '../../src/pool/index.ts'
import { TEST_OPTIONS } from '../support/admin-server.ts'
import { BROWSER_SUITE, isBrowserMissing, useBrowser, WatchedPage } from '../support/browser.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const browser = useBrowser()
let pool: Pool
let jobs: Pool
let server: AdminServer

beforeAll(async () => {
  pool = new Pool({ connectionString: database.url, size: 3, overflow: 1, leakThresholdMs: 20 })
  jobs = new Pool({ connectionString: database.url, size: 1, overflow: 0, name: 'jobs' })
  server = await serveAdmin({ pool, otherPools: [jobs] }, TEST_OPTIONS, scratch('state'))
})
afterAll(async () => {
  await server.close()
  await pool.end()
  await jobs.end()
})

describe.skipIf(isBrowserMissing)(`the pool's page${BROWSER_SUITE}`, () => {
  test('is accessible in every look, with the panels open, too', async () => {
    await withLabel('GET /things', () => pool.query('SELECT 1 AS thing'))
    const watched = await WatchedPage.signedIn(browser(), server, 'pool')
    const { page } = watched
    await page.getByRole('grid', { name: 'Statements' }).getByText('GET /things').waitFor()
    await page.getByText('Nobody waits.').waitFor()
    await watched.expectAccessibleInEveryLook()
    await page.getByRole('grid', { name: 'Statements' }).getByText('GET /things').click()
    await page.getByRole('complementary', { name: 'GET /things' }).waitFor()
    await watched.expectAccessibleInEveryLook()
    await page.goto(`${server.url}/pool?open=maintenance`)
    await page.getByRole('button', { name: 'Drain the pool' }).waitFor()
    await watched.expectAccessibleInEveryLook()
    await watched.expectClean()
  })

  test('shows who holds, who waits and what leaked, of each pool', async () => {
    const watched = await WatchedPage.signedIn(browser(), server, '', 'admin', { isHastened: true })
    const { page } = watched
    const held = await withLabel('the importer', () => pool.connect())
    await held.query('SELECT 2 AS held_by_it')
    await page.goto(`${server.url}/pool`)
    const holders = page.getByRole('grid', { name: 'Who holds connections' })
    await holders.getByText('the importer').waitFor()
    await holders.getByText('SELECT 2 AS held_by_it').waitFor()
    await holders.getByText('pool.test.ts').waitFor()
    const leaks = page.getByRole('grid', { name: 'Leaks' })
    await leaks.getByText('not yet').waitFor()
    held.release()
    await leaks.getByText(/^after /).waitFor()
    await page.getByText('Nobody holds a connection.').waitFor()

    const own = await jobs.connect()
    const waiting = withLabel('nightly', () => jobs.query('SELECT 3 AS waits'))
    await page.getByRole('button', { name: 'jobs' }).click()
    await page.getByRole('grid', { name: 'Who waits' }).getByText('nightly').waitFor()
    await expect.poll(() => page.url()).toContain('pool=jobs')
    own.release()
    await waiting
    await watched.expectClean()
  })

  test('drains and resumes for an operator, and tells a viewer who may', async () => {
    const watched = await WatchedPage.signedIn(
      browser(),
      server,
      'pool?pool=jobs&open=maintenance',
      'operator',
    )
    const { page } = watched
    await page.getByRole('button', { name: 'Drain the pool' }).click()
    await page.getByRole('button', { name: 'Resume the pool' }).waitFor()
    expect(jobs.activity().isDrained).toBe(true)
    await page.getByRole('button', { name: 'Resume the pool' }).click()
    await page.getByRole('button', { name: 'Drain the pool' }).waitFor()
    expect(jobs.activity().isDrained).toBe(false)
    await watched.expectClean()

    const other = await WatchedPage.signedIn(browser(), server, 'pool?open=maintenance', 'viewer')
    await other.page.getByText('You are signed in as a viewer.').waitFor()
    expect(await other.page.getByRole('button', { name: 'Drain the pool' }).count()).toBe(0)
  })

  test('a name that no pool has is explained, and an answer that fails is told', async () => {
    const { page } = await WatchedPage.signedIn(browser(), server, 'pool?pool=nobody')
    await page.getByText('There is no pool "nobody" in this process.').waitFor()
    await page.route('**/v1/database/pools', (route) => route.abort())
    await page.goto(`${server.url}/pool`)
    await page.getByRole('alert').getByText('Holdfast does not answer.').waitFor()
  })
})
