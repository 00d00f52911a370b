import pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import { serveAdmin } from '../../src/admin/index.ts'
import { archive, convert, listPartitions, manage } from '../../src/partitions/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { TEST_OPTIONS, useAdminServer } from '../support/admin-server.ts'
import { BROWSER_SUITE, isBrowserMissing, useBrowser, WatchedPage } from '../support/browser.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const folder = scratch('letters')
const target = () => ({ url: database.url, ownSchema: 'holdfast', archivePlaces: [folder] })
const client = useAdminServer(database, () => ({ partitions: target() }))
const browser = useBrowser()

const open = (
  ...how: [path: string, role?: 'viewer' | 'operator' | 'admin', options?: object]
): Promise<WatchedPage> => WatchedPage.signedIn(browser(), client().server, ...how)

const run = (sql: string): Promise<unknown> => queryAt(database.url, sql)

describe.skipIf(isBrowserMissing)(`the page of partitions${BROWSER_SUITE}`, () => {
  beforeAll(async () => {
    await run(`CREATE TABLE parcels (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL);
      INSERT INTO parcels (at) SELECT now() - n * interval '10 days' FROM generate_series(0, 20) n;
      CREATE TABLE letters (at timestamptz NOT NULL) PARTITION BY RANGE (at)`)
    await manage(target(), 'letters', { every: 'month', premake: 3, keep: 2, retention: 'drop' })
    await run(`SET TimeZone = 'UTC'; DO $$ BEGIN FOR m IN 0..3 LOOP
      EXECUTE format('CREATE TABLE %I PARTITION OF letters FOR VALUES FROM (%L) TO (%L)', 'letters_' || m,
        date_trunc('month', now()) - make_interval(months => m), date_trunc('month', now()) - make_interval(months => m - 1));
      INSERT INTO letters SELECT date_trunc('month', now()) - make_interval(months => m) FROM generate_series(1, 50 - m) n;
    END LOOP; END $$; ANALYZE letters`)
  })

  test('a table that runs out says so first; what is due is made, and what is too old taken away', async () => {
    const { page } = await open('partitions', 'admin', { isHastened: true })
    await page.getByRole('heading', { name: /^Inserts into public\.letters fail from / }).waitFor()
    await page.getByRole('img', { name: /^4 partitions in order; the biggest has 50 rows/ }).waitFor()
    await page.getByText('Due now').first().waitFor()
    await page.getByRole('button', { name: 'Make more' }).click()
    const panel = page.getByRole('complementary', { name: 'Look after partitions' })
    await panel.getByRole('button', { name: 'Make what is due' }).click()
    await panel.getByText(/made letters_\d{4}_\d\d, letters_/).waitFor()
    await panel.getByLabel(/to go on/).fill('take away')
    await panel.getByRole('button', { name: 'Take away what is too old' }).click()
    await panel.getByText('dropped: letters_3').waitFor()
    await page.getByRole('heading', { name: 'The partitioned table looks after itself.' }).waitFor()
    expect((await listPartitions(target(), 'letters')).ahead).toBe(3)
  })

  test('what was archived is brought back', async () => {
    await manage(target(), 'letters', {
      every: 'month',
      premake: 3,
      keep: 2,
      retention: 'archive',
      archiveTo: folder,
    })
    await archive(target(), { table: 'letters', partitions: ['letters_2'] })
    const { page } = await open('partitions?open=table:public.letters', 'admin', { isHastened: true })
    const panel = page.getByRole('complementary', { name: 'public.letters' })
    await panel.getByRole('button', { name: 'Bring letters_2 back' }).click()
    await panel.getByText('letters_2 is there again, with 48 rows.').waitFor()
    await panel.getByRole('button', { name: 'Bring letters_2 back' }).waitFor({ state: 'detached' })
  })

  test('a table is planned and converted here, followed, and put back', async () => {
    const { page } = await open('partitions?open=plan', 'admin', { isHastened: true })
    const panel = page.getByRole('complementary', { name: 'Convert a table' })
    await panel.getByLabel('Table', { exact: true }).fill('public.parcels')
    await panel.getByLabel('Column to partition by').fill('weight')
    await panel.getByRole('button', { name: 'Show the plan' }).click()
    await panel.getByRole('alert').waitFor() // there is no such column
    await panel.getByLabel('Column to partition by').fill('at')
    await panel.getByRole('button', { name: 'Show the plan' }).click()
    await panel.getByText('parcels_legacy').first().waitFor()
    await panel.getByLabel(/to go on/).fill('public.parcels')
    await panel.getByRole('button', { name: 'Convert this table' }).click()
    await panel.getByText('The table is partitioned.').waitFor()
    await page.getByRole('grid', { name: 'Conversions' }).getByText('public.parcels').click()
    const detail = page.getByRole('complementary', { name: 'Conversion of public.parcels' })
    await detail.getByText('is no longer', { exact: false }).waitFor({ state: 'hidden' })
    await detail.getByLabel(/to go on/).fill('public.parcels')
    await detail.getByRole('button', { name: 'Undo the conversion' }).click()
    await detail.getByText('undone', { exact: true }).first().waitFor()
    await expect(listPartitions(target(), 'parcels')).rejects.toMatchObject({ code: 'HF_PARTITION_NONE' })
  })

  test('is accessible in every look, with each panel open', async () => {
    await convert(target(), 'parcels', { by: 'at', every: 'month' })
    const watched = await open('partitions')
    const { page } = watched
    await page.getByRole('grid', { name: 'Partitioned tables' }).getByText('public.letters').waitFor()
    await page.getByRole('img', { name: /partitions in order/ }).waitFor()
    await watched.expectAccessibleInEveryLook()
    await page.getByRole('grid', { name: 'Conversions' }).getByText('public.parcels').first().click()
    await page.getByRole('complementary', { name: 'Conversion of public.parcels' }).waitFor()
    await watched.expectAccessibleInEveryLook()
    await page.goto(`${client().server.url}/partitions?open=table:public.letters`)
    await page
      .getByRole('complementary', { name: 'public.letters' })
      .getByText('letters_2', { exact: true })
      .waitFor()
    await watched.expectAccessibleInEveryLook()
    await page.goto(`${client().server.url}/partitions?open=upkeep`)
    await page.getByRole('complementary', { name: 'Look after partitions' }).waitFor()
    await watched.expectAccessibleInEveryLook()
    await page.goto(`${client().server.url}/partitions?open=plan`)
    await page.getByRole('button', { name: 'Show the plan' }).waitFor()
    await watched.expectAccessibleInEveryLook()
    await watched.expectClean()
  })

  test('a viewer reads who may do what', async () => {
    const { page } = await open('partitions?open=upkeep', 'viewer')
    await page.getByText('You are signed in as a viewer. An operator may do it here.').first().waitFor()
    await page.getByText('You are signed in as a viewer. An admin may do it here.').first().waitFor()
  })

  test('a database without partitions says how to get some; a role that may not look reads the exact GRANT', async () => {
    const admin = new pg.Client(database.url)
    await admin.connect()
    await admin.query('CREATE ROLE narrow_of_partitions')
    const url = `${database.url}?options=-c%20role%3Dnarrow_of_partitions`
    const pool = new Pool({ connectionString: url })
    const server = await serveAdmin(
      { pool, partitions: { url, ownSchema: 'holdfast' } },
      TEST_OPTIONS,
      scratch('state'),
    )
    try {
      const watched = await WatchedPage.signedIn(browser(), server, 'partitions')
      const { page } = watched
      await page.getByText('TO narrow_of_partitions;').first().waitFor()
      await watched.expectAccessible()
      await admin.query('DROP TABLE letters, parcels; DELETE FROM holdfast.partition_conversions')
      await admin.query(
        'GRANT USAGE ON SCHEMA holdfast TO narrow_of_partitions; GRANT SELECT ON ALL TABLES IN SCHEMA holdfast TO narrow_of_partitions',
      )
      await page.getByRole('button', { name: 'Try again' }).first().click()
      await page.getByRole('heading', { name: 'No table is partitioned yet.' }).first().waitFor()
      await page.getByText('npx holdfast partition plan').waitFor()
      await watched.expectAccessible()
    } finally {
      await server.close()
      await pool.end()
      await admin.query('DROP OWNED BY narrow_of_partitions; DROP ROLE narrow_of_partitions')
      await admin.end()
    }
  })
})
