/** Who is in: let in by a link, listed, and ended, from the console. */
import { describe, expect, test } from 'vitest'
import { useAdminServer } from '../support/admin-server.ts'
import { BROWSER_SUITE, isBrowserMissing, useBrowser, WatchedPage } from '../support/browser.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'

removeScratchAfterwards()
const client = useAdminServer(useDatabase())
const browser = useBrowser()

describe.skipIf(isBrowserMissing)(`people${BROWSER_SUITE}`, () => {
  test('an admin lets somebody in by name, sees them, and ends their session: they are out at once', async () => {
    const { server } = client()
    const watched = await WatchedPage.signedIn(browser(), server, 'settings')
    const { page } = watched
    await page.getByRole('button', { name: 'Let somebody in' }).click()
    await page.getByLabel('Whom it is for').fill('ben')
    await watched.expectAccessibleInEveryLook()
    await page.getByRole('button', { name: 'Make a link' }).click()
    const link = await page.locator('.to-type code').filter({ hasText: '#token=' }).innerText()
    const other = await WatchedPage.open(browser(), server.url)
    await other.page.goto(link)
    await other.page.getByRole('heading', { name: 'Overview' }).waitFor()
    // Neither the address nor the history keeps the secret.
    expect(other.page.url()).toBe(`${server.url}/`)
    await page.goto(`${server.url}/settings`)
    const list = page.getByRole('grid', { name: 'Who is in' })
    await list.getByRole('row', { name: /^ben.*viewer/i }).click()
    await watched.expectAccessible()
    await page.getByRole('button', { name: 'End this session' }).click()
    await page.getByText('It has ended.').waitFor()
    await other.page.getByRole('heading', { name: 'Sign in to Holdfast' }).waitFor()
    await watched.expectClean()
  })

  test('a link asks before it takes the place of who is signed in, and their other tabs follow', async () => {
    const { server } = client()
    const watched = await WatchedPage.signedIn(browser(), server, 'overview', 'viewer')
    const { page } = watched
    const whoAmI = (of: typeof page): Promise<string> =>
      of.evaluate(async () => {
        const [, key = ''] =
          Object.entries(localStorage).find(([name]) => name.startsWith('holdfast.key')) ?? []
        const answer = await fetch('/v1/session', { headers: { 'x-holdfast-key': String(key) } })
        return ((await answer.json()) as { role: string }).role
      })
    const tab = await page.context().newPage()
    await tab.goto(`${server.url}/settings`)
    await tab.getByRole('heading', { name: 'Settings' }).waitFor()
    expect(await tab.getByRole('button', { name: 'Let somebody in' }).count()).toBe(0)
    // What is no link at all ends nothing.
    await page.goto(`${server.url}/#token=nothing-of-that-kind-was-made`)
    await page.getByRole('heading', { name: 'Sign in with this link?' }).waitFor()
    await watched.expectAccessible()
    await page.getByRole('button', { name: 'Sign in with the link' }).click()
    await page.getByText('You are still signed in as before.').waitFor()
    await page.getByRole('button', { name: /^Stay signed in/ }).click()
    expect(await whoAmI(page)).toBe('viewer')
    await page.goto(`${server.url}${server.admin.createSignInPath('admin')}`)
    await page.getByRole('button', { name: 'Sign in with the link' }).click()
    await page.getByRole('heading', { name: 'Sign in with this link?' }).waitFor({ state: 'detached' })
    expect(await whoAmI(page)).toBe('admin')
    await tab.getByRole('button', { name: 'Let somebody in' }).waitFor()
  })

  test('others do not see the list', async () => {
    const { page } = await WatchedPage.signedIn(browser(), client().server, 'settings', 'operator')
    await page.getByRole('region', { name: 'Monitoring' }).waitFor()
    expect(await page.getByText('Who is in').count()).toBe(0)
  })
})
