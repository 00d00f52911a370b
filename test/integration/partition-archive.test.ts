/** Old partitions archived before they go, and brought back. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { beforeEach, expect, test } from 'vitest'
import {
  archive,
  listPartitions,
  manage,
  type PartitionTarget,
  restoreArchive,
  retain,
  UpkeepSchedule,
} from '../../src/partitions/index.ts'
import { folderStore, type Store } from '../../src/storage/index.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { startS3 } from '../support/s3-server.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
/** Where archives may lie: the folder of each test, and the bucket of one. */
let places: string[] = []
const target = (): PartitionTarget => ({
  url: database.url,
  ownSchema: 'holdfast',
  archivePlaces: places,
})
const run = (sql: string): Promise<Record<string, unknown>[]> => queryAt(database.url, sql)
let folder: string
let name: string
let count = 0

/** Values that come back otherwise when they are written carelessly. */
const ODD = `
  id bigint, at timestamptz NOT NULL, f float8, n numeric, b bytea, j json, x jsonb, t text, a text[], r tstzrange, i interval, u uuid, e inet,
  up text GENERATED ALWAYS AS (upper(t)) STORED, PRIMARY KEY (id, at)`
const ROWS = `
  SELECT g, date_trunc('month', now() AT TIME ZONE 'UTC') - interval '3 months' + g * interval '1 minute 0.123457 s',
    CASE g % 4 WHEN 0 THEN 'NaN' WHEN 1 THEN '-Infinity' WHEN 2 THEN 0.1 + 0.2 ELSE 1e-300 END, g / 7.0, decode(md5(g::text), 'hex'),
    E'{"a" :\\n 1e2, "a": "twice"}'::json, '{"big": 12345678901234567890.10}', E'line\\nquote" \\\\ tab\\t \\u2028 ' || chr(133) || 'ä' || repeat('x', g % 300),
    ARRAY['a,b', NULL, '{"}'], tstzrange(now(), NULL), g * interval '1 month 2 days 3.5 s', gen_random_uuid(), '10.0.0.1/8' FROM generate_series(1, 5000) g`

beforeEach(async () => {
  name = `archived_${(count += 1)}`
  folder = join(scratch('archive'), 'deep')
  places = [folder]
  await run(`SET TimeZone = 'UTC'; CREATE TABLE ${name} (${ODD}) PARTITION BY RANGE (at);
    DO $$ BEGIN FOR m IN 0..4 LOOP EXECUTE format('CREATE TABLE %I PARTITION OF ${name} FOR VALUES FROM (%L) TO (%L)', '${name}_old_' || m,
      date_trunc('month', now()) - make_interval(months => m), date_trunc('month', now()) - make_interval(months => m - 1)); END LOOP; END $$;
    INSERT INTO ${name} (id, at, f, n, b, j, x, t, a, r, i, u, e) ${ROWS}`)
  await manage(target(), name, { every: 'month', keep: 1, retention: 'archive', archiveTo: folder })
})

const contents = (of: string): Promise<unknown> =>
  run(`SELECT count(*)::int AS rows, md5(string_agg(x::text, '|' ORDER BY id)) AS sum FROM ${of} x`)
const namesOf = async (): Promise<string[]> =>
  (await listPartitions(target(), name)).partitions.map((one) => one.name)
const old = (month: number): string => `${name}_old_${month}`

test('archived, read back, dropped; restored, the rows are identical, whatever the types', async () => {
  const before = await contents(name)
  const [done] = await retain(target(), { table: name })
  expect(done).toMatchObject({ outcome: 'done', dropped: [old(4), old(3), old(2)], detached: [] })
  expect(await namesOf()).toEqual([old(1), old(0)])
  const manifest = done?.archives.find((one) => one.includes(old(3))) as string
  expect(JSON.parse(readFileSync(manifest, 'utf8'))).toMatchObject({
    format: 1,
    table: `public.${name}`,
    partition: old(3),
    column: 'at',
    rows: 5000,
  })
  // Nobody else of this machine reads it.
  expect(statSync(manifest).mode & 0o077).toBe(0)
  expect(
    await run(
      `SELECT state, rows::int AS rows FROM holdfast.partition_removals WHERE partition = '${old(3)}'`,
    ),
  ).toEqual([{ state: 'done', rows: 5000 }])

  expect(await restoreArchive(target(), name, { manifest })).toEqual({
    table: `public.${name}`,
    partition: old(3),
    rows: 5000,
  })
  expect(await contents(name)).toEqual(before)
  expect(await namesOf()).toEqual([old(3), old(1), old(0)])
  // Whoever brought it back wants to have it.
  expect(await retain(target(), { table: name })).toMatchObject([{ dropped: [] }])
  await expect(restoreArchive(target(), name, { manifest })).rejects.toMatchObject({
    code: 'HF_PARTITION_ARCHIVE_UNFIT',
  })
  expect(await archive(target(), { table: name, partitions: [old(3)] })).toMatchObject([
    { dropped: [old(3)] },
  ])
})

test('with one byte flipped nothing is dropped, and nothing restored', async () => {
  const flipping: Store = {
    ...folderStore(folder),
    async write(file, content) {
      await folderStore(folder).write(file, content)
      if (file.endsWith('.zst')) flip(join(folder, file))
    },
  }
  expect(await archive(target(), { table: name, to: flipping })).toMatchObject([
    { outcome: 'failed', error: expect.stringContaining('is not what was written'), dropped: [] },
  ])
  expect(await namesOf()).toContain(old(4))
  expect(await contents(old(3))).toMatchObject([{ rows: 5000 }])
  // The next run goes through.
  const [done] = await retain(target(), { table: name })
  expect(done).toMatchObject({ outcome: 'done', dropped: [old(4), old(3), old(2)] })
  const manifest = done?.archives.find((one) => one.includes(old(3))) as string
  flip(manifest.replace('.manifest.json', '.ndjson.zst'))
  await expect(restoreArchive(target(), name, { manifest })).rejects.toMatchObject({
    code: 'HF_PARTITION_ARCHIVE_DAMAGED',
  })
  expect(await run(`SELECT to_regclass('${old(3)}') AS there`)).toEqual([{ there: null }])
})

function flip(path: string): void {
  const bytes = readFileSync(path)
  const at = Math.floor(bytes.length / 2)
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(path, bytes)
}

test('what is written to while it is archived stays, and is archived anew', async () => {
  let isWritten = false
  const slow: Store = {
    ...folderStore(folder),
    async write(file, content) {
      await folderStore(folder).write(file, content)
      if (isWritten || !file.includes(old(3))) return
      isWritten = true
      await run(`UPDATE ${old(3)} SET t = 'late' WHERE id = 77`)
    },
  }
  expect(await archive(target(), { table: name, to: slow })).toMatchObject([
    { outcome: 'failed', error: expect.stringContaining('was written to') },
  ])
  expect(await run(`SELECT t FROM ${old(3)} WHERE id = 77`)).toEqual([{ t: 'late' }])
  const [done] = await retain(target(), { table: name })
  expect(done?.dropped).toContain(old(3))
  const manifest = done?.archives.find((one) => one.includes(old(3))) as string
  // Detached by the first run, its limits are still known.
  await restoreArchive(target(), name, { manifest })
  expect(await run(`SELECT t FROM ${name} WHERE id = 77`)).toEqual([{ t: 'late' }])
})

test('killed between detaching and dropping, the next run ends it', async () => {
  const client = new pg.Client(database.url)
  await client.connect()
  // What a kill leaves: the removal is written down, the partition is marked, out, and still there.
  await client.query(
    `INSERT INTO holdfast.partition_removals (id, relation, partition, how, bounds) VALUES ('01940000-0000-7000-8000-000000000001', 'public.${name}', '${old(4)}', 'archive', '')`,
  )
  await client.query(
    `COMMENT ON TABLE ${old(4)} IS 'taken away by the removal 01940000-0000-7000-8000-000000000001'`,
  )
  await client.query(`ALTER TABLE ${name} DETACH PARTITION ${old(4)} CONCURRENTLY`)
  await client.end()
  const [done] = await retain(target(), { table: name })
  expect(done?.dropped).toEqual([old(4), old(3), old(2)])
  expect(done?.archives).toHaveLength(3)
  expect(await run(`SELECT to_regclass('${old(4)}') AS there`)).toEqual([{ there: null }])
})

test('the last partition is never taken, nor one that is not there; other tables refuse an archive', async () => {
  expect(await archive(target(), { table: name, partitions: ['nothing'] })).toMatchObject([
    { outcome: 'failed', error: expect.stringContaining('no partition nothing') },
  ])
  expect(await archive(target(), { table: name, partitions: [0, 1, 2, 3, 4].map(old) })).toMatchObject([
    { outcome: 'failed' },
  ])
  expect(await namesOf()).toHaveLength(5)
  const [done] = await archive(target(), { table: name, partitions: [old(3)] })
  const manifest = done?.archives[0] as string
  await run(
    `CREATE TABLE ${name}_other (id bigint, happened timestamptz NOT NULL) PARTITION BY RANGE (happened)`,
  )
  await expect(restoreArchive(target(), `${name}_other`, { manifest })).rejects.toMatchObject({
    code: 'HF_PARTITION_ARCHIVE_UNFIT',
  })
  await run(`ALTER TABLE ${name} DROP COLUMN e, ADD COLUMN more int DEFAULT 7`)
  await expect(restoreArchive(target(), name, { manifest })).rejects.toMatchObject({
    code: 'HF_PARTITION_ARCHIVE_UNFIT',
    message: expect.stringContaining('no column e'),
  })
  await run(`ALTER TABLE ${name} ADD COLUMN e inet`)
  await restoreArchive(target(), name, { manifest })
  expect(await run(`SELECT count(*)::int AS rows, min(more)::int AS more FROM ${old(3)}`)).toEqual([
    { rows: 5000, more: 7 },
  ])
  // A manifest is only a file.
  writeFileSync(
    manifest,
    readFileSync(manifest, 'utf8').replace(
      /FOR VALUES[^"]*/,
      `FOR VALUES FROM (1); DROP TABLE ${name}; --) TO (2)`,
    ),
  )
  await run(`ALTER TABLE ${name} DETACH PARTITION ${old(3)}; DROP TABLE ${old(3)}`)
  await expect(restoreArchive(target(), name, { manifest })).rejects.toMatchObject({
    code: 'HF_PARTITION_ARCHIVE_UNFIT',
  })
})

test('a schedule looks after the tables, and tells of one that fails', async () => {
  await run('DELETE FROM holdfast.partitioned_tables') // those of the tests before
  await manage(target(), name, {
    every: 'month',
    premake: 2,
    keep: 1,
    retention: 'archive',
    archiveTo: folder,
  })
  await run(`CREATE TABLE failing (at timestamptz NOT NULL) PARTITION BY RANGE (at)`)
  await manage(target(), 'failing', { every: 'month' })
  await run(`ALTER TABLE failing RENAME COLUMN at TO since; ALTER TABLE failing RENAME TO gone`)
  const told: string[] = []
  const schedule = new UpkeepSchedule(target(), {
    everyMs: 3_600_000,
    onFailure: (what) => told.push(what),
  })
  await expect.poll(namesOf).toHaveLength(4)
  await expect.poll(() => told).toContain('public.failing')
  await schedule.close()
})

test('as CSV, whatever is in the values; a flipped byte refuses the drop as well', async () => {
  const before = await contents(name)
  await run(`INSERT INTO ${name} (id, at, t) SELECT -g, at, CASE g WHEN 1 THEN '' WHEN 2 THEN NULL WHEN 3 THEN E'\\\\.' ELSE E'",\\r\\n"' END
    FROM ${name}, generate_series(1, 4) g WHERE id = 1`)
  const whole = await contents(name)
  expect(whole).not.toEqual(before)
  const [done] = await archive(target(), { table: name, partitions: [old(3)], format: 'csv' })
  expect(done).toMatchObject({ outcome: 'done', dropped: [old(3)] })
  const manifest = done?.archives[0] as string
  expect(JSON.parse(readFileSync(manifest, 'utf8'))).toMatchObject({
    encoding: 'csv',
    rows: 5004,
    file: expect.stringMatching(/\.csv\.zst$/),
  })
  await restoreArchive(target(), name, { manifest })
  expect(await contents(name)).toEqual(whole)
})

test('a bucket takes archives, and gives them back', async () => {
  const s3 = await startS3('archives')
  try {
    const before = await contents(name)
    const place = `s3://archives/of/${name}?endpoint=${s3.endpoint}`
    places.push(place)
    await manage(target(), name, { every: 'month', keep: 1, retention: 'archive', archiveTo: place })
    const [done] = await retain(target(), { table: name })
    expect(done).toMatchObject({ outcome: 'done', dropped: [old(4), old(3), old(2)] })
    const manifest = done?.archives.find((one) => one.includes(old(3))) as string
    expect(manifest).toMatch(/^s3:\/\/archives\/of\/.*\.manifest\.json\?endpoint=/)
    expect(await restoreArchive(target(), name, { manifest })).toMatchObject({ rows: 5000 })
    expect(await contents(name)).toEqual(before)
    // Nobody there: nothing is dropped.
    await s3.stop()
    const [failed] = await archive(target(), { table: name, partitions: [old(3)] })
    expect(failed).toMatchObject({ outcome: 'failed', dropped: [] })
    expect(await contents(name)).toEqual(before)
  } finally {
    await s3.stop().catch(() => {}) // stopped already
  }
})

test('values are archived as their types write them, not as somebody casts them to text', async () => {
  await run(`CREATE TYPE money_${count} AS (amount numeric, currency text);
    CREATE FUNCTION say_${count}(m money_${count}) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT (m).currency || ' ' || (m).amount $$;
    CREATE CAST (money_${count} AS text) WITH FUNCTION say_${count}(money_${count});
    ALTER TABLE ${name} ADD COLUMN m money_${count}, ADD COLUMN c char(5);
    UPDATE ${name} SET m = ROW(id, CASE WHEN id % 2 = 0 THEN 'EUR' END)::money_${count}, c = 'a'`)
  const before = await contents(name)
  for (const format of ['ndjson', 'csv'] as const) {
    const [done] = await archive(target(), { table: name, partitions: [old(3)], format })
    await restoreArchive(target(), name, { manifest: done?.archives[0] as string })
    expect(await contents(name)).toEqual(before)
  }
})

test('what is in use is not archived; what upkeep has made in its place gives way to an archive, unless it has rows', async () => {
  await expect(archive(target(), { table: name, partitions: [old(0)] })).resolves.toMatchObject([
    { outcome: 'failed', error: expect.stringContaining('takes rows of'), dropped: [] },
  ])
  await manage(target(), name, { every: 'month', retention: 'archive', archiveTo: folder })
  const [done] = await archive(target(), { table: name, partitions: [old(3)] })
  const manifest = done?.archives[0] as string
  await run(`CREATE TABLE ${old(3)} PARTITION OF ${name} FOR VALUES FROM (date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - interval '3 months')
      TO (date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - interval '2 months');
    INSERT INTO ${name} (id, at) VALUES (-1, date_trunc('month', now() AT TIME ZONE 'UTC') - interval '3 months' + interval '1 hour')`)
  await expect(restoreArchive(target(), name, { manifest })).rejects.toMatchObject({
    code: 'HF_PARTITION_ARCHIVE_UNFIT',
    message: expect.stringContaining('rows are in it'),
  })
  await run(`DELETE FROM ${name} WHERE id = -1`)
  expect(await restoreArchive(target(), name, { manifest })).toMatchObject({ rows: 5000 })
})

test('only what is too old is dropped: not what somebody began to take out, and not as an earlier policy wanted', async () => {
  await manage(target(), name, { every: 'month', keep: 100, retention: 'drop' })
  const reader = new pg.Client(database.url)
  await reader.connect()
  await reader.query(`BEGIN; SELECT count(*) FROM ${name}`)
  await expect(
    run(`SET lock_timeout = 300; ALTER TABLE ${name} DETACH PARTITION ${old(0)} CONCURRENTLY`),
  ).rejects.toThrow()
  await reader.query('COMMIT')
  await reader.end()
  expect(await retain(target(), { table: name })).toMatchObject([
    { outcome: 'done', dropped: [], detached: [] },
  ])
  expect(await run(`SELECT to_regclass('${old(0)}') IS NOT NULL AS there`)).toEqual([{ there: true }])
  // Begun as a drop, and still attached: the policy of today counts.
  await manage(target(), name, { every: 'month', keep: 1, retention: 'detach' })
  await run(
    `INSERT INTO holdfast.partition_removals (id, relation, partition, how, bounds) VALUES (gen_random_uuid(), 'public.${name}', '${old(4)}', 'drop', 'x')`,
  )
  expect(await retain(target(), { table: name })).toMatchObject([
    { detached: expect.arrayContaining([old(4)]), dropped: [] },
  ])
  expect(await run(`SELECT to_regclass('${old(4)}') IS NOT NULL AS there`)).toEqual([{ there: true }])
})
