/** The page of parts: each in every state, and the long table. */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createServer, type ViteDevServer } from 'vite'
import { BROWSER_SUITE, isBrowserMissing, useBrowser, WatchedPage } from '../support/browser.ts'

const browser = useBrowser()
let vite: ViteDevServer
let origin: string

beforeAll(async () => {
  vite = await createServer({
    configFile: fileURLToPath(new URL('../../dashboard/vite.config.ts', import.meta.url)),
    server: { port: 0, host: '127.0.0.1', hmr: false },
    logLevel: 'error',
  })
  await vite.listen()
  origin = new URL(vite.resolvedUrls?.local[0] ?? '').origin
})
afterAll(() => vite?.close())

async function open(options: Parameters<typeof WatchedPage.open>[2] = {}): Promise<WatchedPage> {
  const watched = await WatchedPage.open(browser(), origin, options)
  await watched.page.goto(`${origin}/parts.html`)
  await watched.page.getByRole('grid', { name: 'Many orders' }).getByRole('row').nth(5).waitFor()
  return watched
}

describe.skipIf(isBrowserMissing)(`the parts of the console${BROWSER_SUITE}`, () => {
  test('are accessible in every state and every look', async () => {
    const watched = await open()
    await watched.expectAccessibleInEveryLook()
    await watched.page.getByRole('button', { name: 'A dialog' }).click()
    await watched.expectAccessibleInEveryLook()
    expect(watched.errors).toEqual([])
  })

  test('a table of 5,000 rows filters, sorts and scrolls with no task over 100 ms', async () => {
    const { page } = await open()
    const grid = page.getByRole('grid', { name: 'Many orders' })
    await expect.poll(() => grid.getAttribute('aria-rowcount')).toBe('5001')
    await expect.poll(() => grid.getByRole('row').count()).toBeLessThan(80)
    await browser().startTracing(page, {
      categories: ['toplevel', 'disabled-by-default-devtools.timeline'],
    })
    const filter = page.getByRole('searchbox', { name: 'Filter Many orders' })
    await filter.pressSequentially('customer 7 malmö')
    await page.getByText(/^[\d,]+ of 5,000 rows$/).waitFor()
    await filter.fill('')
    await page.getByText(/^5,000 rows$/).waitFor()
    await grid.getByRole('button', { name: /^Customer/ }).click()
    await grid.getByRole('button', { name: /^Total/ }).click()
    await grid.getByRole('row').nth(2).hover()
    for (let step = 0; step < 40; step += 1) await page.mouse.wheel(0, 3_000)
    await grid.getByRole('row').nth(5).press('End')
    await page.locator('tr[aria-rowindex="5001"]').waitFor()
    await page.keyboard.press('Home')
    const longest = longestTaskMs(await browser().stopTracing())
    console.log(`longest task with 5,000 rows: ${longest.toFixed(1)} ms`)
    expect(longest).toBeLessThanOrEqual(100)
  })

  test('a table exports what is shown as CSV, and remembers the columns', async () => {
    const { page } = await open()
    await page.getByRole('searchbox', { name: 'Filter Many orders' }).fill('cádiz')
    await page.getByRole('button', { name: 'Columns' }).click()
    await page.getByRole('checkbox', { name: 'Statement' }).uncheck()
    await page.keyboard.press('Escape')
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'CSV' }).click(),
    ])
    expect(download.suggestedFilename()).toBe('many.csv')
    const chunks: Buffer[] = []
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer)
    const [head, ...lines] = Buffer.concat(chunks).toString('utf8').trimEnd().split('\r\n')
    expect(head).toBe('Id,Customer,City,Total')
    expect(lines.length).toBe(
      Number.parseInt(((await page.getByText(/ of 5,000 rows$/).textContent()) ?? '').replace(',', ''), 10),
    )
    expect(lines.every((line) => line.includes('Cádiz'))).toBe(true)
    await page.reload()
    expect(
      await page.getByRole('grid', { name: 'Many orders' }).getByRole('columnheader').allTextContents(),
    ).toEqual(['Id ↑', 'Customer', 'City', 'Total'])
  })
})

interface TraceEvent {
  readonly name: string
  readonly pid: number
  readonly tid: number
  /** Microseconds that the thread itself ran: what else the machine does is not in it. */
  readonly tdur?: number
  readonly args: { readonly name?: string }
}

/** The longest task of any page's main thread in a trace, in milliseconds of the processor. */
function longestTaskMs(trace: Buffer): number {
  const { traceEvents } = JSON.parse(trace.toString('utf8')) as { traceEvents: readonly TraceEvent[] }
  const threadOf = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`
  const mains = new Set(
    traceEvents
      .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
      .map(threadOf),
  )
  const tasks = traceEvents.filter((event) => event.name.endsWith('RunTask') && mains.has(threadOf(event)))
  // A trace without tasks would prove nothing.
  expect(tasks.filter(({ tdur }) => tdur !== undefined).length).toBeGreaterThan(100)
  return Math.max(...tasks.map(({ tdur = 0 }) => tdur)) / 1_000
}
