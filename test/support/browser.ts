import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, type BrowserContextOptions, chromium, type Page, type Request } from 'playwright-core'
import { beforeAll, expect, onTestFinished } from 'vitest'
import { signInAt } from './signing-in.ts'

/** The shell has no window around each page, and takes a little more than half of the processor's time. */
const PLACES = [
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
]
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Where the servers' data lies in memory, a full one would be nobody's fault.
  '--disable-dev-shm-usage',
]

const executablePath = [process.env.HOLDFAST_TEST_CHROMIUM ?? '', ...PLACES].find((path) => existsSync(path))

/** Browser tests are left out where there is no Chromium; in CI that is a failure, not a reason. */
export const isBrowserMissing = executablePath === undefined && process.env.CI !== 'true'
export const BROWSER_SUITE = isBrowserMissing
  ? ' (skipped: no Chromium; install the package chromium-headless-shell or chromium)'
  : ''

/** All that a theme can break: what stands where is the same in each. */
export const RULES_OF_COLOURS = ['color-contrast', 'link-in-text-block']

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

/** One browser for all files of a worker; it ends with the worker. What a test opens in it is a context of its own. */
let launched: Promise<Browser> | undefined

/** The browser, there from `beforeAll` on. */
export function useBrowser(): () => Browser {
  let browser: Browser | undefined
  beforeAll(async () => {
    if (isBrowserMissing) return
    // One that is gone is no reason for the files after it to fail.
    const before = await launched?.catch(() => undefined)
    if (!before?.isConnected())
      launched = chromium.launch({ executablePath: executablePath ?? PLACES[0] ?? '', args: FLAGS })
    browser = await launched
  })
  return () => {
    if (!browser) throw new Error('the browser is there from beforeAll on')
    return browser
  }
}

type Role = 'viewer' | 'operator' | 'admin'

interface PageOptions extends BrowserContextOptions {
  /** What the page does every few seconds it does some ten times as often: for what waits for that. */
  readonly isHastened?: boolean
}

interface SignInServer {
  readonly url: string
  readonly admin: { createSignInPath(role: Role): string }
}

interface Axe {
  run(options: {
    readonly runOnly?: { readonly type: 'rule'; readonly values: string[] }
  }): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }>
}

/** Both halves of a browser's session. */
interface BrowserSession {
  readonly cookie: {
    readonly name: string
    readonly value: string
    readonly url: string
    readonly httpOnly: true
    readonly sameSite: 'Strict'
  }
  readonly key: string
}

const sessions = new WeakMap<SignInServer, Map<Role, Promise<BrowserSession>>>()

/** The session of a role at a server: signed in once, for all pages that are not about it. */
function sessionOf(server: SignInServer, role: Role): Promise<BrowserSession> {
  const ofServer = sessions.get(server) ?? new Map<Role, Promise<BrowserSession>>()
  sessions.set(server, ofServer)
  const session = ofServer.get(role) ?? signIn(server, role)
  ofServer.set(role, session)
  return session
}

async function signIn({ url, admin }: SignInServer, role: Role): Promise<BrowserSession> {
  const { cookie, key } = await signInAt(url, admin.createSignInPath(role))
  const [name = '', value = ''] = cookie.split('=')
  return { cookie: { name, value, url, httpOnly: true, sameSite: 'Strict' }, key }
}

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

  /** Signed in, on a path of the console. How signing in looks is for the tests of the Overview. */
  static async signedIn(
    browser: Browser,
    server: SignInServer,
    path: string,
    role: Role = 'admin',
    options: PageOptions = {},
  ): Promise<WatchedPage> {
    const watched = await WatchedPage.open(browser, server.url, options)
    const { cookie, key } = await sessionOf(server, role)
    await watched.page.context().addCookies([cookie])
    await watched.page.context().addInitScript((kept) => {
      if (localStorage.getItem('holdfast.key /') === null) localStorage.setItem('holdfast.key /', kept)
    }, key)
    await watched.page.goto(`${server.url}/${path}`)
    return watched
  }

  static async open(
    browser: Browser,
    origin: string,
    { isHastened = false, ...options }: PageOptions = {},
  ): Promise<WatchedPage> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
    onTestFinished(() => context.close())
    // Only failures wait this long: a busy machine is none.
    context.setDefaultTimeout(90_000)
    if (isHastened) await context.clock.install()
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
    const watched = new WatchedPage(await context.newPage(), origin)
    if (isHastened) watched.#hasten()
    return watched
  }

  /** The page's clock runs some ten times as fast from now on, until the page is closed. */
  #hasten(): void {
    const { clock } = this.page
    // Limits of its requests go by the same clock: while one is on its way it goes as others do.
    let asked = 0
    const count = (by: number) => (request: Request) => {
      // The stream of events is always on its way.
      if (request.resourceType() === 'fetch' && !request.url().endsWith('/v1/events')) asked += by
    }
    this.page.on('request', count(1))
    this.page.on('requestfinished', count(-1))
    this.page.on('requestfailed', count(-1))
    const step = (): void => {
      if (!this.page.isClosed())
        clock.runFor(asked > 0 ? 40 : 400).then(
          () => setTimeout(step, 40),
          () => {},
        ) // it was closed meanwhile
    }
    step()
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

  /**
   * Nothing that axe knows to be in a person's way.
   * @param rules that are looked at; default all
   */
  async expectAccessible(rules?: readonly string[]): Promise<void> {
    if (!(await this.page.evaluate(() => 'axe' in globalThis))) await this.page.evaluate(axeSource)
    const found = await this.page.evaluate(async (runOnly) => {
      const { axe } = globalThis as unknown as { axe: Axe }
      const { violations } = await axe.run(runOnly ? { runOnly: { type: 'rule', values: [...runOnly] } } : {})
      return violations.map(({ id, nodes }) => ({
        id,
        nodes: nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`),
      }))
    }, rules)
    expect(found, 'violations that axe found').toEqual([])
  }

  /**
   * The same, in light and dark, on a desk and on a telephone: the page is loaded once, and looked at four times.
   * Of a theme only the rules about colours can speak.
   */
  async expectAccessibleInEveryLook(): Promise<void> {
    const { height = 900, width: before = 1_280 } = this.page.viewportSize() ?? {}
    for (const width of [1_280, 360]) {
      await this.page.setViewportSize({ width, height })
      await this.page.emulateMedia({ colorScheme: 'light' })
      await this.expectAccessible()
      await this.page.emulateMedia({ colorScheme: 'dark' })
      await this.expectAccessible(RULES_OF_COLOURS)
    }
    await this.page.emulateMedia({ colorScheme: 'light' })
    await this.page.setViewportSize({ width: before, height })
  }
}
