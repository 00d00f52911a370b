/** Rows of a default partition: what is moved, and what hangs on it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { installSchema } from '../../src/migrate/index.ts'
import { listPartitions, maintain, manage, type PartitionTarget } from '../../src/partitions/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { queryAt } from '../support/database.ts'
import { startServer } from '../support/servers.ts'

let server: EmbeddedServer
let target: PartitionTarget
beforeAll(async () => {
  server = await startServer({ settings: { wal_level: 'logical' } })
  const { url } = await createTestDatabase(server.url)
  await installSchema(url, 'holdfast', {})
  target = { url, ownSchema: 'holdfast' }
})
afterAll(() => server.stop())

const run = (sql: string): Promise<Record<string, unknown>[]> => queryAt(target.url, sql)
const NEXT = `date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '1 month'`
let made = 0
/** A table with a row of next month in its default partition. */
async function withStray(more = ''): Promise<string> {
  const name = `t${(made += 1)}`
  await run(`CREATE TABLE ${name} (id int, at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE ${name}_rest PARTITION OF ${name} DEFAULT; ${more.replaceAll('TABLE_', name)}; INSERT INTO ${name} VALUES (1, ${NEXT})`)
  await manage(target, name, { every: 'month', premake: 2 })
  return name
}

test.each([
  [
    'a foreign key on the default partition',
    'CREATE TABLE TABLE__notes (id int, at timestamptz, FOREIGN KEY (id, at) REFERENCES TABLE__rest ON DELETE CASCADE)',
    'foreign key',
  ],
  [
    'a foreign key on the table',
    'CREATE TABLE TABLE__notes (id int, at timestamptz, FOREIGN KEY (id, at) REFERENCES TABLE_ ON DELETE CASCADE)',
    'foreign key',
  ],
  [
    'a trigger on the default partition',
    `CREATE FUNCTION TABLE__gone() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
     CREATE TRIGGER gone BEFORE DELETE ON TABLE__rest FOR EACH ROW EXECUTE FUNCTION TABLE__gone()`,
    'trigger gone',
  ],
  [
    'a trigger on the table',
    `CREATE FUNCTION TABLE__gone() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
     CREATE TRIGGER gone AFTER DELETE ON TABLE_ FOR EACH ROW EXECUTE FUNCTION TABLE__gone()`,
    'trigger gone',
  ],
  ['a publication', 'CREATE PUBLICATION TABLE__news FOR TABLE TABLE_', 'publication'],
  ['a rule', 'CREATE RULE too AS ON DELETE TO TABLE__rest DO ALSO SELECT 1', 'rule too'],
  ['forced row security', 'ALTER TABLE TABLE__rest FORCE ROW LEVEL SECURITY', 'row security'],
])('%s keeps rows where they are; all else is made', async (_, sql, why) => {
  const table = await withStray(sql)
  const [failed] = await maintain(target, { table })
  expect(failed).toMatchObject({ outcome: 'failed', error: expect.stringContaining(why) })
  // This month's and the one behind the next are there.
  expect(failed?.made).toHaveLength(2)
  expect(await run(`SELECT count(*)::int AS count FROM ${table}_rest`)).toEqual([{ count: 1 }])
})

test('a statement trigger on the table is none that moving would set off', async () => {
  const table =
    await withStray(`CREATE FUNCTION TABLE__gone() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''gone''; END';
     CREATE TRIGGER gone AFTER DELETE ON TABLE_ FOR EACH STATEMENT EXECUTE FUNCTION TABLE__gone()`)
  expect(await maintain(target, { table })).toMatchObject([{ outcome: 'done', ahead: 2 }])
})

test('a foreign key on what the table is a partition of', async () => {
  await run(`CREATE TABLE whole (tenant int, id int, at timestamptz NOT NULL, PRIMARY KEY (tenant, id, at)) PARTITION BY LIST (tenant);
    CREATE TABLE part PARTITION OF whole FOR VALUES IN (1) PARTITION BY RANGE (at); CREATE TABLE part_rest PARTITION OF part DEFAULT;
    CREATE TABLE notes (tenant int, id int, at timestamptz, FOREIGN KEY (tenant, id, at) REFERENCES whole ON DELETE CASCADE);
    INSERT INTO whole VALUES (1, 1, ${NEXT}); INSERT INTO notes SELECT * FROM whole`)
  await manage(target, 'part', { every: 'month', premake: 2 })
  expect(await maintain(target, { table: 'part' })).toMatchObject([{ outcome: 'failed' }])
  expect(await run('SELECT count(*)::int AS count FROM notes')).toEqual([{ count: 1 }])
})

test('what has no place, is too old to be kept, or lies far away holds up nothing', async () => {
  const table = await withStray()
  await run(
    `INSERT INTO ${table} VALUES (2, '-infinity'), (3, 'infinity'), (4, '0044-03-15 BC'), (5, '12026-01-01'), (6, '1970-01-05'), (7, now() - interval '10 years')`,
  )
  await manage(target, table, { every: 'month', premake: 2, keep: 240, retention: 'drop' })
  const [done] = await maintain(target, { table })
  expect(done).toMatchObject({ outcome: 'done', ahead: 2 })
  expect(done?.notes.join()).toMatch(/1 rows in t\d+_rest are older than is kept/)
  // One for itself, not all the months since.
  expect(done?.made.toSorted()).toHaveLength(4)
  expect(await run(`SELECT id FROM ${table}_rest ORDER BY id`)).toEqual([2, 3, 4, 5, 6].map((id) => ({ id })))
  expect(await maintain(target, { table })).toMatchObject([{ outcome: 'done', made: [] }])
  const { partitions } = await listPartitions(target, table)
  expect(partitions.at(-1)).toMatchObject({ isDefault: true, rows: 5 })
})

test('more periods than one run moves keep nothing else from being made, and are moved by the next', async () => {
  const table = `t${(made += 1)}`
  await run(`CREATE TABLE ${table} (at int) PARTITION BY RANGE (at); CREATE TABLE ${table}_rest PARTITION OF ${table} DEFAULT;
    INSERT INTO ${table} SELECT n * 10 FROM generate_series(0, 299) n`)
  await manage(target, table, { every: 10n, premake: 2 })
  const [first] = await maintain(target, { table })
  expect(first).toMatchObject({
    outcome: 'done',
    notes: expect.arrayContaining([expect.stringContaining('the next run goes on')]),
  })
  expect(first?.made).toHaveLength(240)
  const [second] = await maintain(target, { table })
  expect(second).toMatchObject({ outcome: 'done', ahead: 2 })
  expect(await run(`SELECT count(*)::int AS count FROM ${table}_rest`)).toEqual([{ count: 0 }])
  expect(await run(`SELECT count(*)::int AS count FROM ${table}`)).toEqual([{ count: 300 }])
})

test('names that are taken, and keys at the end of their type', async () => {
  const table = `t${(made += 1)}`
  await run(`CREATE TABLE ${table} (at int) PARTITION BY RANGE (at); CREATE TABLE ${table}_rest PARTITION OF ${table} DEFAULT;
    CREATE TABLE ${table}_0 (note text); INSERT INTO ${table} VALUES (5), (NULL), (2147483647)`)
  await manage(target, table, { every: 1_000_000n, premake: 1 })
  // Now is where the greatest key is: at its end nothing can be made ahead.
  await run(`DELETE FROM ${table} WHERE at > 5`)
  expect(await maintain(target, { table })).toMatchObject([
    { outcome: 'done', made: [`${table}_0_2`, `${table}_1000000`] },
  ])
  expect(await run(`SELECT at FROM ${table}_rest`)).toEqual([{ at: null }])
})
