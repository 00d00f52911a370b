/** Upkeep of partitions: made ahead, gaps filled, old ones taken away, whatever else goes on. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { installSchema } from '../../src/migrate/index.ts'
import {
  listPartitions,
  maintain,
  manage,
  type ManageOptions,
  type PartitionTarget,
  retain,
  unmanage,
} from '../../src/partitions/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { queryAt } from '../support/database.ts'
import { startServer } from '../support/servers.ts'

describe.each([15, 18])('on PostgreSQL %i', (version) => {
  let server: EmbeddedServer
  let target: PartitionTarget
  beforeAll(async () => {
    server = await startServer({ version })
    const { url } = await createTestDatabase(server.url)
    await installSchema(url, 'holdfast', {})
    target = { url, ownSchema: 'holdfast' }
  })
  afterAll(() => server.stop())

  const run = (sql: string): Promise<Record<string, unknown>[]> => queryAt(target.url, sql)
  let made = 0
  /** A partitioned table under upkeep, by its definition and its key. */
  async function kept(
    options: ManageOptions,
    columns = 'id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL, PRIMARY KEY (id, at)',
    key = 'at',
    name = `kept_${(made += 1)}`,
  ): Promise<string> {
    await run(`CREATE TABLE ${name} (${columns}) PARTITION BY RANGE (${key})`)
    await manage(target, name, options)
    return name
  }
  const namesOf = async (table: string): Promise<string[]> =>
    (await listPartitions(target, table)).partitions.map(({ name }) => name)
  const monthsAgo = (count: number): string =>
    `date_trunc('month', now() AT TIME ZONE 'UTC') - interval '${count} months'`
  /** Partitions by month from so many months ago up to the last one, made by hand. */
  const months = (table: string, from: number, to = 0): Promise<unknown> =>
    run(`SET TimeZone = 'UTC'; DO $$ BEGIN FOR m IN ${to}..${from} LOOP
      EXECUTE format('CREATE TABLE %I PARTITION OF ${table} FOR VALUES FROM (%L) TO (%L)',
        '${table}_old_' || m, date_trunc('month', now()) - make_interval(months => m), date_trunc('month', now()) - make_interval(months => m - 1));
    END LOOP; END $$`)

  test('partitions are there ahead, with all that the table has; again there is nothing to do', async () => {
    await run(`CREATE TABLE things (id int PRIMARY KEY);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`)
    const table = await kept(
      { every: 'month', premake: 3 },
      `id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL DEFAULT now(), thing int REFERENCES things,
       up text GENERATED ALWAYS AS (repeat('x', n)) STORED, n int CHECK (n > 0), PRIMARY KEY (id, at)`,
    )
    await run(`CREATE INDEX ON ${table} (n); CREATE TRIGGER note BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION note();
      CREATE ROLE owner_of_${table}; ALTER TABLE ${table} OWNER TO owner_of_${table}`)
    const [done] = await maintain(target)
    expect(done).toMatchObject({
      table: `public.${table}`,
      outcome: 'done',
      ahead: 3,
      notes: [],
      error: null,
    })
    expect(done?.made).toHaveLength(4)
    expect(await maintain(target, { table })).toMatchObject([{ made: [], ahead: 3 }])
    await run(`INSERT INTO ${table} (n) VALUES (1)`)
    const [first] = done?.made ?? []
    await run(`ALTER TABLE ${done?.made.at(-1)} SET (fillfactor = 70)`)
    await manage(target, table, { every: 'month', premake: 4 })
    const [next] = await maintain(target, { table })
    expect(await run(`SELECT reloptions FROM pg_class WHERE oid = '${next?.made[0]}'::regclass`)).toEqual([
      { reloptions: ['fillfactor=70'] },
    ])
    expect(
      await run(`SELECT (SELECT count(*)::int FROM pg_indexes WHERE tablename = '${first}') AS indexes,
        (SELECT count(*)::int FROM pg_constraint WHERE conrelid = '${first}'::regclass AND contype IN ('p', 'f', 'c')) AS constraints,
        (SELECT count(*)::int FROM pg_trigger WHERE tgrelid = '${first}'::regclass AND tgname = 'note') AS triggers,
        (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = '${first}'::regclass) AS owner,
        (SELECT count(*)::int FROM ${first}) AS rows`),
    ).toEqual([{ indexes: 2, constraints: 3, triggers: 1, owner: `owner_of_${table}`, rows: 1 }])
  })

  test('gaps are filled from the first partition on, over the turn of a year', async () => {
    const table = await kept({ every: 'month', premake: 1 })
    await run(`CREATE TABLE ${table}_first PARTITION OF ${table} FOR VALUES FROM (${`'2025-11-01Z'`}) TO ('2025-12-01Z');
      CREATE TABLE ${table}_half PARTITION OF ${table} FOR VALUES FROM ('2026-01-10Z') TO ('2026-01-20Z')`)
    const [done] = await maintain(target, { table })
    expect(done?.made.slice(0, 4)).toEqual([
      `${table}_2025_12`,
      `${table}_2026_01`,
      `${table}_2026_01_2`,
      `${table}_2026_02`,
    ])
    const { partitions } = await listPartitions(target, table)
    for (const [index, { to }] of partitions.slice(0, -1).entries())
      expect(to).toBe(partitions[index + 1]?.from)
    expect(partitions.slice(0, 3).map(({ fromText }) => fromText)).toEqual([
      '2025-11-01 00:00:00+00',
      '2025-12-01 00:00:00+00',
      '2026-01-01 00:00:00+00',
    ])
  })

  test('boundaries are those of UTC, whatever zone the database and its sessions have', async () => {
    const [{ name }] = (await run('SELECT current_database() AS name')) as [{ name: string }]
    await run(
      `ALTER DATABASE "${name}" SET TimeZone = 'Europe/Moscow'; ALTER DATABASE "${name}" SET DateStyle = 'German, DMY'`,
    )
    const table = await kept({ every: 'day', premake: 2 })
    await maintain(target, { table })
    const { partitions, ahead } = await listPartitions(target, table)
    await run(`ALTER DATABASE "${name}" RESET TimeZone; ALTER DATABASE "${name}" RESET DateStyle`)
    expect(ahead).toBe(2)
    for (const { fromText } of partitions) expect(fromText).toMatch(/^\d{4}-\d\d-\d\d 00:00:00\+00$/)
  })

  test.each([
    ['timestamp', 'at timestamp NOT NULL', 'hour' as const, "now() AT TIME ZONE 'UTC'"],
    ['date', 'at date NOT NULL', 'year' as const, "(now() AT TIME ZONE 'UTC')::date"],
    ['integer', 'at int NOT NULL', 1_000n, '1500'],
    [
      'UUIDv7',
      'at uuid NOT NULL',
      'day' as const,
      "(lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '7abc8def0123456789ab')::uuid",
    ],
    ['ULID', 'at text COLLATE "C" NOT NULL', 'month' as const, "'01' || rpad('', 24, '0')"],
  ])('keys of %s', async (_, column, every, value) => {
    const table = await kept({ every, premake: 2 }, column)
    await maintain(target, { table })
    expect((await listPartitions(target, table)).ahead).toBe(2)
    // A ULID of today would have to be made first.
    if (!column.includes('text')) await run(`INSERT INTO ${table} VALUES (${value})`)
    if (every !== 1_000n) return
    // Integers go by the greatest there is.
    await maintain(target, { table })
    expect((await namesOf(table)).at(-1)).toBe(`${table}_3000`)
  })

  test('mixed case, quotes, other schemas and names of 63 bytes', async () => {
    await run('CREATE SCHEMA "Odd ""schema"""')
    const name = `"Odd ""schema"""."${'Ä'.repeat(31)}x"`
    await kept({ every: 'month', premake: 1 }, '"The At" timestamptz NOT NULL', '"The At"', name)
    expect(await maintain(target, { table: name })).toMatchObject([{ outcome: 'done', ahead: 1 }])
    for (const partition of await namesOf(name)) expect(Buffer.byteLength(partition)).toBeLessThanOrEqual(63)
  })

  test('nobody waits: not with rows being written, and not behind a long reader', async () => {
    const table = await kept({ every: 'month', premake: 2 })
    await maintain(target, { table })
    await manage(target, table, { every: 'month', premake: 4 })
    const other = new pg.Client(target.url)
    await other.connect()
    await other.query(`BEGIN; INSERT INTO ${table} (at) VALUES (now()); SELECT * FROM ${table}`)
    expect(await maintain(target, { table })).toMatchObject([{ outcome: 'done', ahead: 4 }])
    await other.query('COMMIT')
    await other.end()
  })

  test('two at once do it once', async () => {
    const table = await kept({ every: 'day', premake: 30 })
    const outcomes = (await Promise.all([1, 2, 3, 4].map(() => maintain(target, { table })))).flat()
    expect(outcomes.filter(({ outcome }) => outcome === 'failed')).toEqual([])
    expect(outcomes.reduce((sum, one) => sum + one.made.length, 0)).toBe(31)
  })

  test('rows of a default partition are moved to partitions of their own, each seen once all the time', async () => {
    const table = await kept(
      { every: 'month', premake: 1 },
      "id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL, up text GENERATED ALWAYS AS ('x' || n) STORED, n int, PRIMARY KEY (id, at)",
    )
    await run(`CREATE TABLE ${table}_rest PARTITION OF ${table} DEFAULT`)
    expect(await maintain(target, { table })).toMatchObject([{ outcome: 'done', notes: [] }])
    await manage(target, table, { every: 'month', premake: 3 })
    await run(`SET TimeZone = 'Pacific/Auckland'; INSERT INTO ${table} (at, n) SELECT date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + m * interval '1 month' + n * interval '1 minute', n
      FROM generate_series(1, 100) n, unnest(ARRAY[2, 20, -7]) m; INSERT INTO ${table} (at, n) VALUES ('infinity', 0)`)
    const sum = (): Promise<unknown> =>
      run(`SELECT count(*)::int, md5(string_agg(t::text, ',' ORDER BY id)) FROM ${table} t`)
    const before = await sum()
    const seen = new Set<unknown>()
    const ending = new AbortController()
    const looking = (async () => {
      while (!ending.signal.aborted)
        for (const { count } of await run(`SELECT count(*)::int AS count FROM ${table}`)) seen.add(count)
    })()
    const [done] = await maintain(target, { table })
    ending.abort()
    await looking
    expect(done).toMatchObject({ outcome: 'done', ahead: 3 })
    expect([...seen]).toEqual([301])
    expect(await sum()).toEqual(before)
    // What no partition with an end can take stays.
    expect(await run(`SELECT n FROM ${table}_rest`)).toEqual([{ n: 0 }])
    expect(await maintain(target, { table })).toMatchObject([{ outcome: 'done', made: [] }])
  })

  test('what cannot be moved in a moment, or would set off something, stays and is told of; all else is made', async () => {
    const table = await kept({ every: 1_000n, premake: 4 }, 'at int NOT NULL, n int')
    await run(`CREATE TABLE ${table}_rest PARTITION OF ${table} DEFAULT;
      INSERT INTO ${table} SELECT 2000, n FROM generate_series(1, 10001) n; INSERT INTO ${table} VALUES (500, 1), (7700, 2)`)
    const [failed] = await maintain(target, { table })
    expect(failed).toMatchObject({
      outcome: 'failed',
      code: 'HF_PARTITION_DEFAULT',
      error: expect.stringMatching(new RegExp(`10001 rows of ${table}_2000 lie in ${table}_rest: more than`)),
    })
    expect((await listPartitions(target, table)).policy?.lastError).toBe(failed?.error)
    expect(await namesOf(table)).toEqual(
      [0, 1000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10000, 11000]
        .map((from) => `${table}_${from}`)
        .concat(`${table}_rest`),
    )
    // It does not hold up the others.
    const other = await kept({ every: 'month', premake: 1 })
    expect(await maintain(target)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ table: `public.${table}`, outcome: 'failed' }),
        expect.objectContaining({ table: `public.${other}`, outcome: 'done', ahead: 1 }),
      ]),
    )
    await run(`DELETE FROM ${table} WHERE at = 2000 AND n > 5; CREATE FUNCTION ${table}_gone() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
      CREATE TRIGGER ${table}_gone AFTER DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}_gone()`)
    expect(await maintain(target, { table })).toMatchObject([
      { outcome: 'failed', error: expect.stringContaining(`sets off the trigger ${table}_gone`) },
    ])
    await run(`DROP TRIGGER ${table}_gone ON ${table}`)
    expect(await maintain(target, { table })).toMatchObject([{ outcome: 'done', made: [`${table}_2000`] }])
    await unmanage(target, table)
  })

  describe('retention', () => {
    test('old ones are detached, or dropped; the last never is', async () => {
      const table = await kept({ every: 'month', premake: 1, keep: 2 })
      await months(table, 5)
      await maintain(target, { table })
      await run(`INSERT INTO ${table} (at) SELECT ${monthsAgo(4)} FROM generate_series(1, 10)`)
      const old = [5, 4, 3].map((month) => `${table}_old_${month}`)
      expect(await retain(target, { table, isDryRun: true })).toMatchObject([{ detached: old, dropped: [] }])
      expect(await namesOf(table)).toContain(old[0])
      // Only looking leaves no trace.
      const [before] = await run(
        `SELECT maintained_at::text FROM holdfast.partitioned_tables WHERE relation = 'public.${table}'`,
      )
      await retain(target, { table, isDryRun: true })
      expect(
        await run(
          `SELECT maintained_at::text FROM holdfast.partitioned_tables WHERE relation = 'public.${table}'`,
        ),
      ).toEqual([before])
      expect(await retain(target, { table })).toMatchObject([{ outcome: 'done', detached: old }])
      // What is detached is a table of its own, with its rows.
      expect(await run(`SELECT count(*)::int AS rows FROM ${table}_old_4`)).toEqual([{ rows: 10 }])
      await manage(target, table, { every: 'month', premake: 1, keep: 1, retention: 'drop' })
      expect(await retain(target, { table })).toMatchObject([{ dropped: [`${table}_old_2`] }])
      expect(await run(`SELECT to_regclass('${table}_old_2') AS there`)).toEqual([{ there: null }])

      const alone = await kept({ every: 'month', keep: 1, retention: 'drop' })
      await months(alone, 9, 8)
      expect(await retain(target, { table: alone })).toMatchObject([{ dropped: [`${alone}_old_9`] }])
      expect(await retain(target, { table: alone })).toMatchObject([{ dropped: [] }])
    })

    test('a removal that was killed midway is finished by the next run', async () => {
      const table = await kept({ every: 'month', premake: 1, keep: 1, retention: 'drop' })
      await months(table, 3)
      await maintain(target, { table })
      const reader = new pg.Client(target.url)
      await reader.connect()
      await reader.query(`BEGIN; SELECT * FROM ${table}`)
      const removing = new pg.Client(target.url)
      removing.on('error', () => {})
      await removing.connect()
      const removal = removing
        .query(`ALTER TABLE ${table} DETACH PARTITION ${table}_old_3 CONCURRENTLY`)
        .catch((error: unknown) => error)
      await expect
        .poll(() =>
          run(`SELECT inhdetachpending AS half FROM pg_inherits WHERE inhrelid = '${table}_old_3'::regclass`),
        )
        .toEqual([{ half: true }])
      await run(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%${table}_old_3 CONCURRENTLY' AND pid <> pg_backend_pid()`,
      )
      await removal
      await reader.query('COMMIT')
      await reader.end()
      expect(await maintain(target, { table })).toMatchObject([{ finalized: [`${table}_old_3`] }])
      expect(await retain(target, { table })).toMatchObject([{ dropped: [`${table}_old_2`] }])
    })

    test('with a default partition it goes, too', async () => {
      const table = await kept({ every: 'month', keep: 1 })
      await months(table, 3)
      await run(`CREATE TABLE ${table}_rest PARTITION OF ${table} DEFAULT`)
      expect(await retain(target, { table })).toMatchObject([
        { outcome: 'done', detached: [`${table}_old_3`, `${table}_old_2`] },
      ])
    })

    test('a long reader is waited for; it reads on, and others write meanwhile', async () => {
      const table = await kept({ every: 'month', keep: 1 })
      await months(table, 2)
      const reader = new pg.Client(target.url)
      await reader.connect()
      await reader.query(`BEGIN; SELECT * FROM ${table}`)
      const retaining = retain(target, { table })
      // It waits a moment at a time, and what it has begun stays.
      await expect
        .poll(() =>
          run(`SELECT inhdetachpending AS half FROM pg_inherits WHERE inhrelid = '${table}_old_2'::regclass`),
        )
        .toEqual([{ half: true }])
      await run(`INSERT INTO ${table} (at) VALUES (now())`)
      await reader.query('COMMIT')
      await reader.end()
      expect(await retaining).toMatchObject([{ outcome: 'done', detached: [`${table}_old_2`] }])
    })
  })

  test('what cannot be kept is refused with its code', async () => {
    await run(`CREATE TABLE plain (id int); CREATE TABLE listed (id int) PARTITION BY LIST (id);
      CREATE TABLE by_words (w text) PARTITION BY RANGE (w); CREATE TABLE by_json (j jsonb) PARTITION BY RANGE (j);
      CREATE TABLE by_two (a int, b int) PARTITION BY RANGE (a, b); CREATE TABLE of_times (at timestamptz) PARTITION BY RANGE (at)`)
    for (const [table, code] of [
      ['nothing', 'HF_PARTITION_TABLE'],
      ['no"name', 'HF_PARTITION_TABLE'],
      ['plain', 'HF_PARTITION_NONE'],
      ['listed', 'HF_PARTITION_KEY'],
      ['by_two', 'HF_PARTITION_KEY'],
      ['by_words', 'HF_PARTITION_KEY'],
      ['by_json', 'HF_PARTITION_KEY'],
    ] as const)
      await expect(manage(target, table, { every: 'month' }), table).rejects.toMatchObject({ code })
    await expect(manage(target, 'of_times', { every: 'day', keep: 0 })).rejects.toThrow(RangeError)
    await expect(manage(target, 'of_times', { every: 10n })).rejects.toMatchObject({
      code: 'HF_PARTITION_EVERY',
    })
    await expect(maintain(target, { table: 'of_times' })).rejects.toMatchObject({
      code: 'HF_PARTITION_NOT_MANAGED',
    })
    await expect(maintain({ ...target, ownSchema: 'elsewhere' })).rejects.toMatchObject({
      code: 'HF_PARTITION_OWN_SCHEMA',
    })
  })

  test('a role that does not own the table is told who does', async () => {
    const table = await kept({ every: 'month', premake: 1 })
    await run(
      `CREATE ROLE no_owner LOGIN PASSWORD 'x'; GRANT ALL ON SCHEMA public, holdfast TO no_owner; GRANT ALL ON ALL TABLES IN SCHEMA holdfast TO no_owner`,
    )
    const url = Object.assign(new URL(target.url), { username: 'no_owner', password: 'x' }).href
    expect(await maintain({ ...target, url }, { table })).toMatchObject([
      { outcome: 'failed', error: expect.stringContaining('Its owner may: postgres') },
    ])
    await unmanage(target, table)
    await expect(maintain(target, { table })).rejects.toMatchObject({ code: 'HF_PARTITION_NOT_MANAGED' })
  })
})
