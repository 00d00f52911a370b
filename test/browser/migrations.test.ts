import pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import { serveAdmin } from '../../src/admin/index.ts'
import { migrateUp } from '../../src/migrate/index.ts'
import { TEST_OPTIONS, useAdminServer } from '../support/admin-server.ts'
import { BROWSER_SUITE, isBrowserMissing, useBrowser, WatchedPage } from '../support/browser.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { MigrationFolder } from '../support/migration-folder.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
let folder: MigrationFolder | undefined
const theFolder = (): MigrationFolder => (folder ??= new MigrationFolder(database.url))
const client = useAdminServer(database, () => ({
  migrations: theFolder().target,
  migrateOptions: { lockTimeoutMs: 500, lockRetries: 3 },
  access: { url: database.url, options: { roles: {}, schemas: { public: {} } }, ownSchema: 'holdfast' },
}))
const browser = useBrowser()
const ids = { ran: '', pending: '' }

const open = (
  ...how: [path: string, role?: 'viewer' | 'operator' | 'admin', options?: object]
): Promise<WatchedPage> => WatchedPage.signedIn(browser(), client().server, ...how)

describe.skipIf(isBrowserMissing)(`the pages of migrations and access${BROWSER_SUITE}`, () => {
  beforeAll(async () => {
    ids.ran = theFolder().add({
      'up.sql': 'CREATE TABLE parcels (id int PRIMARY KEY, weight int)',
      'down.sql': 'DROP TABLE parcels',
      'backfill.ts': "export default { table: 'parcels', key: 'id', batch: 'SELECT $1::int[]' }",
    })
    await migrateUp(theFolder().target)
    await queryAt(
      database.url,
      `INSERT INTO parcels VALUES (1, 1), (2, 2);
       UPDATE holdfast.backfills SET state = 'running', rows_done = 400, rows_estimated = 1000, position = '400', batches = 4,
              started_at = now() - interval '1 minute', worker = 'me@here 1', updated_at = now()`,
    )
    ids.pending = theFolder().add('CREATE INDEX parcels_weight ON parcels (weight)')
  })

  test('are accessible in every look, with each panel open', async () => {
    const watched = await open('migrations')
    const { page } = watched
    await page.getByRole('heading', { name: 'One migration is pending.' }).waitFor()
    await page.getByRole('grid', { name: 'Pending' }).getByText('CREATE INDEX parcels_weight').waitFor()
    await page.getByRole('grid', { name: 'Backfills' }).getByText('running').waitFor()
    await watched.expectAccessibleInEveryLook()
    const at = `${client().server.url}/migrations?open=`
    for (const [panel, text] of [
      ['run', 'Run this migration'],
      ['rollback', 'Take it back'],
      [`migration:${ids.ran}`, 'Attempts'],
      [`pending:${ids.pending}:1`, 'create-index-not-concurrent'],
      [`backfill:${ids.ran}`, 'Pause this backfill'],
    ]) {
      await page.goto(at + panel)
      await page
        .getByRole('complementary')
        .getByText(text as string)
        .first()
        .waitFor()
      await watched.expectAccessibleInEveryLook()
    }
    await page.goto(`${client().server.url}/access`)
    await page.getByRole('grid', { name: 'Differences' }).getByText('too little').first().waitFor()
    await watched.expectAccessibleInEveryLook()
    await page.goto(`${client().server.url}/access?open=apply`)
    await page
      .getByRole('button', { name: /^Settle/ })
      .last()
      .waitFor()
    await watched.expectAccessibleInEveryLook()
    await watched.expectClean()
  })

  test('nothing moves while the page loads, and goes on being loaded', async () => {
    const watched = await open('migrations', 'admin', { isHastened: true })
    await watched.page.getByRole('grid', { name: 'All migrations' }).getByText(ids.ran).waitFor()
    await watched.page.getByRole('grid', { name: 'Pending' }).getByText('CREATE INDEX').waitFor()
    // Twice the pace of the fastest of its lists.
    for (const _ of [1, 2])
      await watched.page.waitForResponse((response) => response.url().endsWith('/backfills'))
    await watched.expectNoShift()
  })

  test('a backfill is followed live, and paused', async () => {
    const watched = await open(`migrations?open=backfill:${ids.ran}`, 'operator', { isHastened: true })
    const panel = watched.page.getByRole('complementary', { name: 'Backfill' })
    const list = watched.page.getByRole('grid', { name: 'Backfills' })
    await list.getByText('40 %').or(list.getByText('40%')).waitFor()
    await queryAt(database.url, 'UPDATE holdfast.backfills SET rows_done = 500, updated_at = now()')
    await list.getByText('50 %').or(list.getByText('50%')).waitFor()
    await panel.getByRole('button', { name: 'Pause this backfill' }).click()
    await panel.getByRole('button', { name: 'Let this backfill go on' }).waitFor()
    expect(await queryAt(database.url, 'SELECT state FROM holdfast.backfills')).toEqual([{ state: 'paused' }])
    await panel.getByRole('button', { name: 'Let this backfill go on' }).click()
    await expect
      .poll(() => queryAt(database.url, 'SELECT state FROM holdfast.backfills'))
      .not.toEqual([{ state: 'paused' }])
  })

  test('a viewer sees all and reads who may act', async () => {
    const watched = await open('migrations?open=run', 'viewer')
    const { page } = watched
    const panel = page.getByRole('complementary', { name: 'Run what is pending' })
    await panel.getByText('You are signed in as a viewer. An operator may do it here.').waitFor()
    expect(await page.getByRole('button', { name: 'Run this migration' }).count()).toBe(0)
    await page.goto(`${client().server.url}/migrations?open=rollback`)
    await page.getByText('An operator may see what taking back would cost.').waitFor()
    await watched.expectClean()
  })

  test('from pending to applied, and back: each with its plan, its progress and its end', async () => {
    await queryAt(database.url, "UPDATE holdfast.backfills SET state = 'done'")
    const watched = await open('migrations', 'admin', { isHastened: true })
    const { page } = watched
    await page.getByRole('button', { name: 'Run it' }).click()
    const blocker = new pg.Client(database.url)
    await blocker.connect()
    await blocker.query('BEGIN; INSERT INTO parcels VALUES (3, 3)')
    // The table is in use: it gives way, and says so.
    await page.getByRole('button', { name: 'Run this migration' }).click()
    const panel = page.getByRole('complementary', { name: 'Run what is pending' })
    await panel.getByRole('link', { name: 'HF_MIGRATE_LOCK_TIMEOUT' }).waitFor()
    await blocker.query('COMMIT')
    await blocker.end()
    await page.getByRole('button', { name: 'Run this migration' }).click()
    await panel.getByText('1 applied.').waitFor()
    await page.getByRole('heading', { name: 'All 2 migrations are applied.' }).waitFor()
    await page.getByText('Nothing is pending.').first().waitFor()

    // What cannot be taken back is said to be so.
    await page.getByRole('button', { name: 'Take the last back' }).click()
    const back = page.getByRole('complementary', { name: 'Take the last migration back' })
    await back.getByText('blocked').waitFor()
    await queryAt(
      database.url,
      `DELETE FROM holdfast.migration_history WHERE migration_id = '${ids.pending}'`,
    )
    await page.goto(`${client().server.url}/migrations?open=rollback`)
    await back.getByText('3 rows or values are at risk now').waitFor()
    const button = back.getByRole('button', { name: 'Take it back' })
    await expect.poll(() => button.isDisabled()).toBe(true)
    await back.getByRole('textbox').fill(ids.ran)
    await button.click()
    await back.getByText('rows or values lost.').waitFor()
    expect(await queryAt(database.url, "SELECT to_regclass('parcels') AS there")).toEqual([{ there: null }])
    await watched.expectClean()
  })

  test('access is settled as its plan shows, and says then that nothing differs', async () => {
    const kinds = ['owner', 'migrator', 'app', 'readonly', 'monitor', 'auditor']
    try {
      const { page } = await open('access', 'admin', { isHastened: true })
      await page.getByRole('heading', { name: 'rights are missing' }).waitFor()
      await page.getByRole('button', { name: 'Settle them' }).click()
      const panel = page.getByRole('complementary', { name: 'Settle the differences' })
      await panel.getByRole('button', { name: /^Settle \d+/ }).click()
      await panel.getByText('There is nothing to settle.').waitFor()
      await page.getByText('Every role has what it is to have, and no more.').waitFor()
      await page.getByRole('heading', { name: 'Access is as configured' }).waitFor()
    } finally {
      for (const kind of kinds)
        await queryAt(
          database.url,
          `REASSIGN OWNED BY "${database.name}_${kind}" TO current_user; DROP OWNED BY "${database.name}_${kind}"; DROP ROLE "${database.name}_${kind}"`,
        )
    }
  })

  test('drift is compared on request', async () => {
    await queryAt(database.url, 'CREATE TABLE by_hand (n int)')
    const { page } = await open('migrations', 'operator', { isHastened: true })
    const card = page.getByRole('region', { name: 'Drift' })
    await card.getByText('was not compared yet').waitFor()
    await card.getByRole('button', { name: 'Compare with the migrations' }).click()
    await card.getByText('by_hand').waitFor()
  })

  test('before there is anything, it says what would be here and how to get it', async () => {
    const { pool } = client()
    const migrations = new MigrationFolder(database.url).target
    await queryAt(
      database.url,
      'CREATE TABLE holdfast.no_history (LIKE holdfast.migration_history INCLUDING ALL)',
    )
    await queryAt(
      database.url,
      'CREATE TABLE holdfast.no_history_steps (LIKE holdfast.migration_history_steps INCLUDING ALL)',
    )
    const empty = { ...migrations, history: { schema: 'holdfast', table: 'no_history' } }
    await queryAt(database.url, 'DELETE FROM holdfast.backfills')
    const server = await serveAdmin({ pool, migrations: empty }, TEST_OPTIONS, scratch('state'))
    try {
      const watched = await WatchedPage.signedIn(browser(), server, 'migrations')
      const { page } = watched
      await page.getByRole('heading', { name: 'There are no migrations yet.' }).waitFor()
      await page.getByText('npx holdfast migrate new create_users').waitFor()
      await page.getByText('No migration has a backfill.').waitFor()
      await page.getByText('Nothing is pending.').waitFor()
      await watched.expectAccessible()
    } finally {
      await server.close()
    }
  })

  test('a role that may not see the history reads the exact GRANT; a service without migrations says so', async () => {
    await client().pool.query('CREATE ROLE narrow_of_migrations')
    const url = `${database.url}?options=-c%20role%3Dnarrow_of_migrations`
    const narrow = { ...theFolder().target, url }
    const { pool } = client()
    const server = await serveAdmin({ pool, migrations: narrow }, TEST_OPTIONS, scratch('state'))
    try {
      const watched = await WatchedPage.signedIn(browser(), server, 'migrations')
      const { page } = watched
      await page.getByText('TO narrow_of_migrations;').first().waitFor()
      await watched.expectAccessible()
      await page.goto(`${server.url}/access`)
      await page.getByText('HF_ADMIN_ACCESS_UNKNOWN').first().waitFor()
    } finally {
      await server.close()
      await client().pool.query('DROP ROLE narrow_of_migrations')
    }
  })
})
