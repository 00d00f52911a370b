/**
 * The README's pictures of a running console: `node scripts/screenshots.ts <sign-in link>`. Let the demo run for a
 * quarter of an hour first, so that its charts are full.
 */
import { chromium } from 'playwright-core'

const [, , link] = process.argv
if (link === undefined) throw new Error('Which console? Give its sign-in link.')
const executablePath = process.env.HOLDFAST_TEST_CHROMIUM ?? '/usr/bin/chromium'
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
const page = await browser.newPage({ viewport: { width: 1280, height: 980 } })
await page.goto(link)
for (const colorScheme of ['light', 'dark'] as const) {
  await page.emulateMedia({ colorScheme })
  await page.reload()
  await page.getByRole('grid', { name: 'Slowest statements' }).getByRole('row').nth(1).waitFor()
  await page.getByRole('grid', { name: 'Largest tables' }).getByRole('row').nth(1).waitFor()
  await page.locator('.live', { hasText: /^live/ }).waitFor()
  await page.screenshot({ path: `docs/images/overview-${colorScheme}.png` })
}
await browser.close()
