/** What is told of partitioned tables: each partition, what is next, and when a table runs out of them. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { withOwners } from '../../src/core/index.ts'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { installSchema } from '../../src/migrate/index.ts'
import { partitions as check } from '../../src/monitor/checks/partitions.ts'
import type { CheckContext, Found } from '../../src/monitor/finding.ts'
import {
  convert,
  listPartitioned,
  listPartitions,
  maintain,
  manage,
  partitionedAsJson,
  partitionsAsJson,
  type PartitionTarget,
  unmanage,
} from '../../src/partitions/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { queryAt } from '../support/database.ts'
import { startServer } from '../support/servers.ts'

describe.each([15, 18])('on PostgreSQL %i', (version) => {
  let server: EmbeddedServer
  let target: PartitionTarget
  let client: pg.Client
  beforeAll(async () => {
    server = await startServer({
      ...(version === 18 ? {} : { version }),
      settings: {
        autovacuum_naptime: '1s',
        stats_fetch_consistency: 'none',
      },
    })
    const { url } = await createTestDatabase(server.url)
    await installSchema(url, 'holdfast', {})
    target = { url, ownSchema: 'holdfast' }
    client = new pg.Client(url)
    await client.connect()
  })
  afterAll(async () => {
    await client.end()
    await server.stop()
  })

  const run = (sql: string): Promise<Record<string, unknown>[]> => queryAt(target.url, sql)
  const found = async (table: string): Promise<Found[]> => {
    const findings = await check.run({
      db: withOwners(client),
      schema: 'holdfast',
    } as unknown as CheckContext)
    return (findings ?? []).filter(({ subject }) => subject === `public.${table}`)
  }

  test('a list tells rows, sizes, what is next, a forecast, and when each partition was last read', async () => {
    await run(`CREATE TABLE sales (id bigint, at timestamptz NOT NULL) PARTITION BY RANGE (at)`)
    await manage(target, 'sales', { every: 'month', premake: 3, keep: 1, retention: 'drop' })
    await run(`SET TimeZone = 'UTC'; DO $$ BEGIN FOR m IN 0..3 LOOP
      EXECUTE format('CREATE TABLE %I PARTITION OF sales FOR VALUES FROM (%L) TO (%L)', 'sales_' || m,
        date_trunc('month', now()) - make_interval(months => m), date_trunc('month', now()) - make_interval(months => m - 1));
      INSERT INTO sales SELECT n, date_trunc('month', now()) - make_interval(months => m) FROM generate_series(1, 100) n;
    END LOOP; END $$; ANALYZE sales; SELECT count(*) FROM sales_1`)
    const list = partitionsAsJson(await listPartitions(target, 'sales'))
    expect(list).toMatchObject({ table: 'public.sales', key: 'time', ahead: 0 })
    expect(list.partitions.map(({ name, rows, when }) => [name, rows, when])).toEqual([
      ['sales_3', 100, 'past'],
      ['sales_2', 100, 'past'],
      ['sales_1', 100, 'past'],
      ['sales_0', 100, 'current'],
    ])
    expect(list.forecast).toMatchObject({ rows: 100, basis: 3 })
    expect(list.ends_at).toBe(list.next.find(({ at }) => at !== null)?.at)
    expect(list.next.slice(0, 2)).toEqual([
      { at: null, action: 'make', partitions: expect.objectContaining({ length: 3 }) },
      { at: null, action: 'drop', partitions: ['sales_3', 'sales_2'] },
    ])
    const read = Object.fromEntries(list.partitions.map(({ name, last_read_at: at }) => [name, at]))
    expect(Number.isNaN(Date.parse(read.sales_1 ?? ''))).toBe(version < 16)
    const whole = (await listPartitioned(client, 'holdfast'))
      .map(partitionedAsJson)
      .find(({ table }) => table === 'public.sales')
    expect(whole).toMatchObject({ count: 4, rows: 400, ahead: 0, policy: { every: 'month' } })
  })

  test('a table that runs out of partitions is found before its inserts fail', async () => {
    const [last] = await found('sales')
    expect(last).toMatchObject({ severity: 'error', evidence: { ahead: 0, premake: 3 } })
    expect(last?.message).toMatch(/fail from .* on: sales_0 is the last partition/)
    await maintain(target, { table: 'sales' })
    expect(await found('sales')).toEqual([])
    const { partitions } = await listPartitions(target, 'sales')
    await run(`DROP TABLE ${partitions.at(-1)?.sql}`)
    expect(await found('sales')).toMatchObject([{ severity: 'warning', evidence: { ahead: 2 } }])
    // Nobody makes more of it: that is told once the last one is the current one.
    await unmanage(target, 'sales')
    expect(await found('sales')).toEqual([])
    for (const { sql, when } of partitions.slice(0, -1)) if (when === 'ahead') await run(`DROP TABLE ${sql}`)
    expect(await found('sales')).toMatchObject([
      { severity: 'error', action: expect.stringContaining('manage') },
    ])
    await run('CREATE TABLE sales_rest PARTITION OF sales DEFAULT')
    expect(await found('sales')).toEqual([])
  })

  test('that nothing takes what is written now is found, whatever is ready ahead', async () => {
    await run(`CREATE TABLE holed (at timestamptz NOT NULL) PARTITION BY RANGE (at)`)
    expect(await found('holed')).toMatchObject([
      { severity: 'error', message: expect.stringMatching(/^Inserts into public.holed fail: no/) },
    ])
    await manage(target, 'holed', { every: 'month', premake: 4 })
    await maintain(target, { table: 'holed' })
    expect(await found('holed')).toEqual([])
    const current = (await listPartitions(target, 'holed')).partitions.find(({ when }) => when === 'current')
    await run(`DROP TABLE ${current?.sql}`)
    expect(await found('holed')).toMatchObject([{ severity: 'error', evidence: { ahead: 4 } }])
    await run('DROP TABLE holed')
    await unmanage(target, 'public.holed')
  })

  test('a gap behind the current partition is where inserts fail, whatever comes behind it; a length that does not fit is no end of the list', async () => {
    await run(`CREATE TABLE gapped (at int NOT NULL) PARTITION BY RANGE (at); CREATE TABLE gapped_0 PARTITION OF gapped FOR VALUES FROM (0) TO (100);
      CREATE TABLE gapped_2 PARTITION OF gapped FOR VALUES FROM (200) TO (300); INSERT INTO gapped VALUES (50)`)
    expect(await found('gapped')).toEqual([])
    await manage(target, 'gapped', { every: 100n })
    expect(await found('gapped')).toMatchObject([
      {
        severity: 'error',
        message: 'Inserts into public.gapped fail from 100 on: gapped_0 is the last partition without a gap.',
      },
    ])
    await run(`UPDATE holdfast.partitioned_tables SET every = 'month' WHERE relation = 'public.gapped'`)
    expect(await listPartitions(target, 'gapped')).toMatchObject({ outlook: null })
    await run('DROP TABLE gapped')
    await unmanage(target, 'public.gapped')
  })

  test('rows in a default partition, and upkeep that failed', async () => {
    await run(`CREATE TABLE strays (at timestamptz NOT NULL) PARTITION BY RANGE (at);
      CREATE TABLE strays_rest PARTITION OF strays DEFAULT; INSERT INTO strays VALUES (now() + interval '40 days'); ANALYZE strays`)
    expect(await found('strays')).toMatchObject([
      { severity: 'info', evidence: { partition: 'strays_rest', rows: 1 } },
    ])
    await manage(target, 'strays', { every: 'month', premake: 1 })
    await run(
      `UPDATE holdfast.partitioned_tables SET last_error = 'disk full' WHERE relation = 'public.strays'`,
    )
    expect(await found('strays')).toMatchObject([
      { message: expect.not.stringContaining('disk full'), evidence: { error: 'disk full' } },
      { evidence: { partition: 'strays_rest' } },
    ])
    await run(`DROP TABLE strays`)
    expect(await found('strays')).toMatchObject([
      { severity: 'warning', action: expect.stringContaining('unmanage') },
    ])
    await unmanage(target, 'public.strays')
    expect(await found('strays')).toEqual([])
  })

  test('an autovacuum that is at the table is no reason to wait for it', async () => {
    await run(`CREATE TABLE dusty (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL, filler text, PRIMARY KEY (id, at))
        WITH (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 10, autovacuum_vacuum_scale_factor = 0);
      INSERT INTO dusty (at, filler) SELECT now() - interval '1 day', repeat('x', 500) FROM generate_series(1, 20000);
      DELETE FROM dusty WHERE id % 2 = 0`)
    // It takes its time: a page, a tenth of a second.
    await vi.waitUntil(
      async () =>
        (await run(`SELECT FROM pg_stat_progress_vacuum WHERE relid = 'dusty'::regclass`)).length > 0,
      { timeout: 60_000 },
    )
    let waits = 0
    const done = await convert(
      target,
      'dusty',
      { by: 'at', every: 'month' },
      {
        onProgress: ({ state }) => {
          if (state === 'waiting') waits += 1
        },
      },
    )
    expect(done.state).toBe('done')
    // Without stepping aside all thirty of its attempts would have waited.
    expect(waits).toBeLessThan(15)

    // One that nobody is at any more is found.
    expect(await found('dusty')).toEqual([])
    await run(
      `UPDATE holdfast.partition_conversions SET state = 'running', step = 'swap', updated_at = now() - interval '1 hour' WHERE relation = 'public.dusty'`,
    )
    expect(await found('dusty')).toMatchObject([
      { severity: 'warning', action: expect.stringContaining('partition resume') },
    ])
  })
})
