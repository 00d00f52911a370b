/** The console's pages of what monitoring sees: alerts, replication, settings, a statement's plan, a table's indexes. */
import { beforeAll, describe, expect, test } from 'vitest'
import { type AlertRule, Alerts, AlertStore, log, rulesOf, webhook } from '../../src/alerts/index.ts'
import { DEFAULT_LIMITS, findHistory } from '../../src/monitor/index.ts'
import { useAdminServer } from '../support/admin-server.ts'
import { BROWSER_SUITE, isBrowserMissing, useBrowser, WatchedPage } from '../support/browser.ts'
import { Collecting } from '../support/collecting.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { Receiver } from '../support/receiving.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const OWN: AlertRule = { name: 'mine', metric: 'rss_bytes', above: { error: 1e12 }, message: 'It is huge.' }
let collecting: Collecting
let receiver: Receiver
// Before the server, which is about it.
beforeAll(async () => {
  receiver = await Receiver.start()
  collecting = new Collecting(database.url)
  return async () => {
    await collecting.close()
    await receiver.stop()
  }
})
const client = useAdminServer(database, () => ({
  monitor: collecting.collector,
  alerts: new Alerts({
    collector: collecting.collector,
    rules: rulesOf(DEFAULT_LIMITS, [OWN]),
    channels: [webhook(receiver.url), log(() => {})],
    database: 'shop',
  }),
  configuration: [
    {
      name: 'database.url',
      value: 'postgresql://app:***@db/shop',
      source: 'environment DATABASE_URL',
      env: ['DATABASE_URL'],
    },
    { name: 'monitor.intervalMs', value: 60_000, source: 'default', env: ['HOLDFAST_MONITOR_INTERVAL_MS'] },
  ],
}))
const browser = useBrowser()
const open = (
  ...how: [path: string, role?: 'viewer' | 'operator' | 'admin', options?: object]
): Promise<WatchedPage> => WatchedPage.signedIn(browser(), client().server, ...how)

async function fire(): Promise<void> {
  const history = await findHistory(client().pool, 'holdfast')
  if (!history) throw new Error('there is a history')
  const since = Date.now() - 300_000
  await new AlertStore(history.place).put(
    {
      id: crypto.randomUUID(),
      rule: 'lock_wait',
      instance: '',
      state: 'firing',
      severity: 'warning',
      metric: 'longest_lock_wait_seconds',
      value: 45,
      threshold: 30,
      message: 'Statements stand still: somebody holds what they want.',
      action: 'holdfast activity locks',
      since,
      firedAt: since,
      resolvedAt: null,
    },
    Date.now(),
  )
}

const SLOW = 'SELECT note, count(*) FROM orders WHERE id > $1 GROUP BY note ORDER BY 2 DESC'

beforeAll(async () => {
  await queryAt(
    database.url,
    `CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
     CREATE TABLE orders (id int PRIMARY KEY, note text);
     INSERT INTO orders SELECT n, 'note ' || n % 100 FROM generate_series(1, 20000) n;
     CREATE INDEX orders_by_note ON orders (note); ANALYZE orders`,
  )
  for (let n = 0; n < 5; n += 1) await client().pool.query(SLOW, [n])
})

describe.skipIf(isBrowserMissing)(`alerts in the console${BROWSER_SUITE}`, () => {
  test('an alert is told first, looked at, acknowledged and silenced', async () => {
    const { page } = await open('alerts', 'operator')
    await page.getByRole('heading', { name: 'No alert is open.' }).waitFor()
    await fire()
    await page.reload()
    await page.getByRole('heading', { name: 'One alert is open.' }).waitFor()
    await page.getByRole('button', { name: 'Look at it' }).click()
    const panel = page.getByRole('complementary', { name: 'lock_wait' })
    await panel.getByText('npx holdfast activity locks').waitFor()
    await panel.getByRole('button', { name: 'I know of it' }).click()
    await page.getByRole('heading', { name: 'One alert is open, and known.' }).waitFor()
    await panel.getByLabel('Why, for those who wonder:').fill('data move')
    await panel.getByRole('button', { name: 'Silence it' }).click()
    await page.getByRole('row', { name: /lock_wait.*data move/ }).click()
    const silence = page.getByRole('complementary', { name: 'Silence' })
    await silence.getByText('link of the service (operator)').waitFor()
    await silence.getByRole('button', { name: 'End this silence' }).click()
    await page.getByText('Nothing is silenced.').waitFor()
  })

  test('channels are tried, rules are explained, a viewer reads who may', async () => {
    const { page } = await open('alerts', 'operator')
    await page.getByRole('button', { name: 'Send a test' }).click()
    await page.getByText('took the test').first().waitFor()
    expect(receiver.events).toContain('test')
    await page.getByRole('row', { name: /^mine/ }).click()
    await page.getByRole('complementary', { name: 'mine' }).getByText('It is huge.').waitFor()
    const viewer = await open('alerts', 'viewer')
    await viewer.page.getByText('An operator may do it here.').first().waitFor()
    expect(await viewer.page.getByRole('button', { name: 'Send a test' }).count()).toBe(0)
  })
})

describe.skipIf(isBrowserMissing)(`what monitoring sees, in the console${BROWSER_SUITE}`, () => {
  test('a statement has its plan, for any values and measured for some', async () => {
    const { page } = await open('queries?window=reset&filter=GROUP%20BY%20note')
    await page.getByRole('row', { name: /SELECT note, count/ }).click()
    const panel = page.getByRole('complementary', { name: 'Statement' })
    await panel.getByRole('button', { name: 'Show the plan' }).click()
    await panel.getByText('Not run: shares are of its cost, for any values.').waitFor()
    const tree = panel.getByRole('list', { name: 'Plan, from top to bottom' })
    await tree.getByText('Sort', { exact: true }).waitFor()
    await panel.getByLabel(/^Values of/).fill('{"a": 1}')
    await panel.getByRole('button', { name: 'Show the plan' }).click()
    await panel.getByText('Values are a list of JSON').waitFor()
    await panel.getByLabel(/^Values of/).fill('[100]')
    await panel.getByLabel('Run it, where nothing can be written, and roll back').check()
    await panel.getByRole('button', { name: 'Run it and show the plan' }).click()
    await panel.getByText(/^It took /).waitFor()
    await tree
      .getByText(/rows of .* expected/)
      .first()
      .waitFor()
  })

  test('a table has its indexes and how they are used, and is tidied up', async () => {
    const { page } = await open('tables?open=public.orders')
    const panel = page.getByRole('complementary', { name: 'public.orders' })
    await panel.getByRole('row', { name: /public\.orders_by_note/ }).waitFor()
    await panel.getByText('npx holdfast table optimize public.orders --dry-run').waitFor()
    await panel.getByRole('button', { name: 'Tidy up this table' }).click()
    await panel.getByText('Done', { exact: true }).waitFor()
  })

  test('replication names slots that nobody reads, with what dropping one means', async () => {
    const slot = `of_the_page_${process.pid}`
    await queryAt(database.url, `SELECT pg_create_physical_replication_slot('${slot}', true)`)
    try {
      const { page } = await open('replication')
      await page.getByRole('heading', { name: 'This is a primary, and nobody follows it.' }).waitFor()
      await page.getByText(`of log are kept for ${slot}, which nobody reads`).waitFor()
      await page.getByRole('row', { name: new RegExp(slot) }).click()
      await page.getByText(`SELECT pg_drop_replication_slot('${slot}');`).waitFor()
    } finally {
      await queryAt(database.url, `SELECT pg_drop_replication_slot('${slot}')`)
    }
  })

  test('settings say who decided what, and whether a history is kept', async () => {
    const { page } = await open('settings')
    await page.getByText('Nothing is kept: the history has a gap from here on.').waitFor()
    await page.getByRole('row', { name: /database\.url.*environment DATABASE_URL/ }).click()
    await page
      .getByRole('complementary', { name: 'database.url' })
      .getByText('postgresql://app:***@db/shop')
      .waitFor()
    await page
      .getByRole('row', { name: /max_connections/ })
      .first()
      .click()
    await page.getByText('after a restart').first().waitFor()
  })
})

describe.skipIf(isBrowserMissing)(`the pages${BROWSER_SUITE}`, () => {
  const PAGES = [
    ['alerts', /^(firing|known)/, 'alerts?which=all'],
    ['replication', undefined, 'replication'],
    ['settings', /^database\.url/, 'settings'],
    ['queries', /SELECT note, count/, 'queries?window=reset&filter=GROUP%20BY%20note'],
    ['tables', /^orders/, 'tables'],
    ['overview', undefined, ''],
  ] as const

  test('are accessible in every look, with a panel open, too', async () => {
    await fire()
    const watched = await open('alerts')
    const { page } = watched
    const isLoaded = (): Promise<void> =>
      expect.poll(() => page.getByRole('status', { name: 'Loading' }).count()).toBe(0)
    for (const [name, row, path] of PAGES) {
      await page.goto(`${client().server.url}/${path}`)
      await page.getByRole('heading', { level: 2 }).first().waitFor()
      await isLoaded()
      await watched.expectAccessibleInEveryLook()
      if (row) {
        await page.getByRole('row', { name: row }).first().click()
        await page.getByRole('complementary').waitFor()
        await isLoaded()
        if (name === 'queries') {
          await page.getByRole('button', { name: 'Show the plan' }).click()
          await page.getByRole('list', { name: 'Plan, from top to bottom' }).waitFor()
        }
        await watched.expectAccessibleInEveryLook()
      }
    }
    await watched.expectClean()
  })
})
