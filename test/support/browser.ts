import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const executablePath = [process.env.HOLDFAST_TEST_CHROMIUM ?? '', ...PLACES].find((path) => existsSync(path))

/** Browser tests are left out where there is no Chromium; in CI that is a failure, not a reason. */
export const isBrowserMissing = executablePath === undefined && process.env.CI !== 'true'
export const BROWSER_SUITE = isBrowserMissing ? ' (skipped: no Chromium; install the package chromium)' : ''

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What the page records about itself from its first moment on. */
interface Recorded {
  readonly violations: string[]
  readonly shifts: string[]
}

/** As the Layout Instability API reports it; TypeScript does not know it. */
interface LayoutShift {
  readonly hadRecentInput: boolean
  readonly sources: readonly {
    readonly node: Node | null
    readonly previousRect: DOMRectReadOnly
    readonly currentRect: DOMRectReadOnly
  }[]
}

/** One browser for the test file. */
export function useBrowser(): () => Browser {
  let browser: Browser | undefined
  beforeAll(async () => {
    if (isBrowserMissing) return
    browser = await chromium.launch({ executablePath: executablePath ?? PLACES[0] ?? '', args: FLAGS })
  })
  afterAll(() => browser?.close())
  return () => {
    if (!browser) throw new Error('the browser is there from beforeAll on')
    return browser
  }
}

type Role = 'viewer' | 'operator' | 'admin'

/** A page that watches itself: policy violations, layout shifts, errors, requests elsewhere. */
export class WatchedPage {
  readonly page: Page
  /** Errors of the page that nobody expected. */
  readonly errors: string[] = []
  readonly foreignRequests: string[] = []

  private constructor(page: Page, origin: string) {
    this.page = page
    page.on('pageerror', (error) => this.errors.push(error.message))
    page.on('request', (request) => {
      const { protocol, origin: asked } = new URL(request.url())
      if (protocol !== 'blob:' && asked !== origin) this.foreignRequests.push(request.url())
    })
  }

  /** Signed in by a link, on a path of the console. */
  static async signedIn(
    browser: Browser,
    server: { readonly url: string; readonly admin: { createSignInPath(role: Role): string } },
    path: string,
    role: Role = 'admin',
    options: object = {},
  ): Promise<WatchedPage> {
    const watched = await WatchedPage.open(browser, server.url, options)
    await watched.page.goto(`${server.url}${server.admin.createSignInPath(role)}`)
    await watched.page.getByRole('heading', { name: 'Overview' }).waitFor()
    await watched.page.goto(`${server.url}/${path}`)
    return watched
  }

  static async open(
    browser: Browser,
    origin: string,
    options: BrowserContextOptions = {},
  ): Promise<WatchedPage> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
    onTestFinished(() => context.close())
    await context.addInitScript(() => {
      const recorded = { violations: [] as string[], shifts: [] as string[] }
      Object.assign(globalThis, { recorded })
      document.addEventListener('securitypolicyviolation', (event) =>
        recorded.violations.push(`${event.violatedDirective} ${event.blockedURI}`),
      )
      const describe = (node: Node | null): string =>
        node instanceof Element
          ? node.outerHTML.slice(0, 80)
          : `"${node?.textContent}" in ${node?.parentElement?.outerHTML.slice(0, 60)}`
      const place = ({ x, y }: DOMRectReadOnly): string => `${Math.round(x)} ${Math.round(y)}`
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries() as unknown as LayoutShift[]) {
          if (entry.hadRecentInput) continue
          // A number that gets another digit stays where it is: nothing moved.
          const moved = entry.sources.filter(
            ({ previousRect, currentRect }) => place(previousRect) !== place(currentRect),
          )
          for (const { node, previousRect, currentRect } of moved)
            recorded.shifts.push(`${describe(node)}: ${place(previousRect)} -> ${place(currentRect)}`)
        }
      }).observe({ type: 'layout-shift', buffered: true })
    })
    return new WatchedPage(await context.newPage(), origin)
  }

  async recorded(): Promise<Recorded> {
    return this.page.evaluate(() => (globalThis as unknown as { recorded: Recorded }).recorded)
  }

  /** No policy violation, no error, no request to another origin. */
  async expectClean(): Promise<void> {
    expect((await this.recorded()).violations, 'violations of the content security policy').toEqual([])
    expect(this.errors, 'errors in the page').toEqual([])
    expect(this.foreignRequests, 'requests to another origin').toEqual([])
  }

  /** Nothing moved that nobody touched. */
  async expectNoShift(): Promise<void> {
    expect((await this.recorded()).shifts, 'layout shifts').toEqual([])
  }

  /** Nothing that axe knows to be in a person's way. */
  async expectAccessible(): Promise<void> {
    await this.page.evaluate(axeSource)
    const found = await this.page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: {
          run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }>
        }
      }
      const { violations } = await axe.run()
      return violations.map(({ id, nodes }) => ({
        id,
        nodes: nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`),
      }))
    })
    expect(found, 'violations that axe found').toEqual([])
  }
}
