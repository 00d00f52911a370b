import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { useAdminServer } from '../support/admin-server.ts'
import { BROWSER_SUITE, isBrowserMissing, useBrowser, WatchedPage } from '../support/browser.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const client = useAdminServer(database)
const browser = useBrowser()

/** What has the focus, in words. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const element = document.activeElement
    return element?.getAttribute('aria-label') ?? element?.textContent ?? ''
  })

/** Presses Tab until something is reached, as a person would; says what came before when it never is. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  const passed: string[] = []
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab')
    const here = await focused(page)
    if (name.test(here)) return
    passed.push(here)
  }
  throw new Error(`Tab never reached ${name}: ${passed.join(' | ')}`)
}

/** By two keys, the second soon after the first: again where the machine was busy in between. */
async function goTo(page: Page, key: string, title: string): Promise<void> {
  await expect
    .poll(async () => {
      await page.keyboard.press('g')
      await page.keyboard.press(key)
      return page.getByRole('heading', { name: title, level: 1 }).count()
    })
    .toBe(1)
}

async function signedIn(): Promise<WatchedPage> {
  const watched = await WatchedPage.signedIn(browser(), client().server, '')
  await watched.page.getByRole('grid', { name: 'Largest tables' }).getByRole('row').nth(3).waitFor()
  return watched
}

describe.skipIf(isBrowserMissing)(`the console by keyboard alone${BROWSER_SUITE}`, () => {
  beforeAll(async () => {
    const { pool } = client()
    for (const name of ['anchors', 'buoys', 'cleats', 'davits'])
      await pool.query(`CREATE TABLE ${name} AS SELECT n FROM generate_series(1, 1000) n; ANALYZE ${name}`)
  })

  test('the rail: from the first Tab to another page', async () => {
    const { page } = await signedIn()
    await page.keyboard.press('Tab')
    expect(await focused(page)).toBe('Skip to content')
    await tabTo(page, /^Tables$/)
    await page.keyboard.press('Enter')
    await page.waitForURL('**/tables')
    await goTo(page, 'o', 'Overview')
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor({ state: 'detached' })
  })

  test('focus is always seen', async () => {
    const { page } = await signedIn()
    for (let presses = 0; presses < 30; presses += 1) {
      await page.keyboard.press('Tab')
      const seen = await page.evaluate(() => {
        const element = document.activeElement as HTMLElement
        const { outlineStyle, outlineWidth } = getComputedStyle(element)
        const { width, height } = element.getBoundingClientRect()
        return (
          element === document.body ||
          (outlineStyle !== 'none' && outlineWidth !== '0px' && width * height > 0)
        )
      })
      expect(seen, await focused(page)).toBe(true)
    }
  })

  test('the palette: finds a table, and opens it', async () => {
    const watched = await signedIn()
    const { page } = watched
    await page.keyboard.press('Control+k')
    const palette = page.getByRole('dialog', { name: 'Search or run' })
    await palette.getByRole('combobox').waitFor()
    await watched.expectAccessible()
    await page.keyboard.type('theme')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    await expect
      .poll(() => palette.getByRole('option', { selected: true }).textContent())
      .toContain('Theme: dark')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark')
    await page.keyboard.press('Control+k')
    await palette.getByRole('combobox').waitFor()
    await page.keyboard.type('buoys')
    await palette.getByRole('option', { name: /public\.buoys/ }).waitFor()
    await page.keyboard.press('Enter')
    await page.getByRole('complementary', { name: 'public.buoys' }).waitFor()
    await expect.poll(() => page.url()).toContain('/tables?open=public.buoys')
    await page.keyboard.press('Control+k')
    await palette.waitFor()
    await page.keyboard.press('Escape')
    await palette.waitFor({ state: 'detached' })
  })

  test('a table and its panel: move, open, read, close, and be back where one was', async () => {
    const watched = await signedIn()
    const { page } = watched
    await goTo(page, 't', 'Tables')
    const grid = page.getByRole('grid', { name: 'Tables' })
    await grid.getByText('davits').waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('a')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Escape')
    await tabTo(page, /^Table/)
    await tabTo(page, /anchors|cleats|davits/)
    const first = await focused(page)
    await page.keyboard.press('ArrowDown')
    const second = await focused(page)
    expect(second).not.toBe(first)
    await page.keyboard.press('End')
    await page.keyboard.press('Home')
    await expect.poll(() => focused(page)).toBe(first)
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    const panel = page.getByRole('complementary')
    await panel.waitFor()
    await expect.poll(() => focused(page)).toBe('Close')
    await watched.expectAccessible()
    await page.keyboard.press('Escape')
    await panel.waitFor({ state: 'detached' })
    await expect.poll(() => focused(page)).toBe(second)
    await watched.expectClean()
  })
})
