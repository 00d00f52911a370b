/** Rows of Holdfast's own tables are data: who may write them, and what they cannot have done, whatever they say. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Queryable } from '../../src/core/index.ts'
import { installSchema } from '../../src/migrate/index.ts'
import {
  abortConversion,
  convert,
  finishConversion,
  listBroken,
  listPartitioned,
  maintain,
  manage,
  type PartitionTarget,
  resumeConversion,
  retain,
  undoConversion,
} from '../../src/partitions/index.ts'
import { ownQueries, Pool } from '../../src/pool/index.ts'
import { usePlaces } from '../support/access-place.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { randomFrom } from '../support/random.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()

describe('a service', () => {
  const { place } = usePlaces(18)

  test('writes none of what steers, and says nothing under another name', async () => {
    const { url, name, run, runAs, urlAs, apply } = await place()
    await installSchema(url, 'holdfast', {})
    await apply()
    const columns = (await run(
      `SELECT c.relname AS "table", a.attname AS "column" FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'holdfast'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, a.attnum`,
    )) as { table: string; column: string }[]
    expect(columns.length).toBeGreaterThan(120)
    const may = /^(history_(minutes|ten_minutes|hours)|statement_texts)$/
    const app = new pg.Client(await urlAs(`${name}_app`))
    await app.connect()
    for (const { table, column } of columns.filter((one) => !may.test(one.table)))
      for (const statement of [
        `UPDATE holdfast.${table} SET ${column} = DEFAULT`,
        `DELETE FROM holdfast.${table}`,
        ...(table === 'operations' ? [] : [`INSERT INTO holdfast.${table} (${column}) VALUES (DEFAULT)`]),
      ])
        await expect(app.query(statement), statement).rejects.toMatchObject({ code: '42501' })
    await app.end()
    const record = `INSERT INTO holdfast.operations (id, action, subject, actor, database_user, occurred_at)
      VALUES (gen_random_uuid(), 'a.b', 's', 'alice', 'postgres', '2020-01-01')`
    await runAs('app', record)
    await runAs('migrator', record)
    expect(
      await run(
        `SELECT actor, database_user, occurred_at > now() - interval '1 hour' AS new FROM holdfast.operations WHERE action = 'a.b' ORDER BY database_user`,
      ),
    ).toEqual([
      { actor: `${name}_app: alice`, database_user: `${name}_app`, new: true },
      { actor: 'alice', database_user: `${name}_migrator`, new: true },
    ])
  })
})

describe('what is written down', () => {
  const database = useDatabase()
  const run = (sql: string): Promise<Record<string, unknown>[]> => queryAt(database.url, sql)
  const folder = scratch('places')
  const target = (): PartitionTarget => ({
    url: database.url,
    ownSchema: 'holdfast',
    archivePlaces: [join(folder, 'known')],
  })
  const code = (wanted: string) => expect.objectContaining({ code: wanted })
  let made = 0
  let pool: Pool
  let asked: Queryable
  beforeAll(() => {
    pool = new Pool({ connectionString: database.url, size: 1 })
    asked = ownQueries(pool)
  })
  afterAll(() => pool.end())

  /** A table of others that nobody named, and one that is split, with its old table kept. */
  async function kept(): Promise<{ table: string; secrets: string; untouched: () => Promise<unknown> }> {
    const table = `logs_${(made += 1)}`
    const secrets = `secrets_${made}`
    await run(`
      CREATE TABLE ${secrets} (n int PRIMARY KEY); INSERT INTO ${secrets} SELECT generate_series(1, 5);
      CREATE SCHEMA IF NOT EXISTS billing; CREATE TABLE billing.${secrets} (n int); INSERT INTO billing.${secrets} VALUES (7);
      CREATE TABLE ${table} (id int PRIMARY KEY, at timestamptz NOT NULL, word text);
      INSERT INTO ${table} SELECT n, now() - n * interval '9 days', 'w' || n FROM generate_series(1, 20) n`)
    await convert(target(), table, {
      by: 'at',
      every: 'month',
      mode: 'split',
      accept: ['primary-key', 'no-primary-key'],
    })
    const untouched = (): Promise<unknown> =>
      run(`SELECT (SELECT sum(n) FROM ${secrets})::int AS here, (SELECT sum(n) FROM billing.${secrets})::int AS there,
        (SELECT count(*)::int FROM pg_roles WHERE rolsuper) AS supers`)
    return { table, secrets, untouched }
  }

  test('cannot have a table dropped that is not the old one of the split', async () => {
    const { table, secrets, untouched } = await kept()
    const before = await untouched()
    const over = `undo_until = now() - interval '1 day'`
    const forged = [
      `plan = plan || '{"schema": "billing", "legacy": "${secrets}"}'`,
      `plan = plan || '{"legacy": "${secrets}"}'`,
      `plan = plan || '{"name": "${secrets}", "table": "public.${secrets}", "apart": "${secrets}_split"}', relation = 'public.${secrets}'`,
    ]
    for (const one of forged) {
      const [row] = await run(
        `SELECT to_jsonb(c) AS all FROM holdfast.partition_conversions c WHERE kind = 'split' AND relation = 'public.${table}'`,
      )
      await run(
        `UPDATE holdfast.partition_conversions SET ${one}, ${over} WHERE id = '${(row?.all as { id: string } | undefined)?.id ?? ''}'`,
      )
      const done = await maintain(target())
      expect(JSON.stringify(done)).not.toContain(`${secrets} is dropped`)
      expect(await untouched()).toEqual(before)
      await expect(finishConversion(target(), `public.${secrets}`)).rejects.toMatchObject({
        code: /^HF_PARTITION_/,
      })
      expect(await untouched()).toEqual(before)
      await run(`UPDATE holdfast.partition_conversions c SET relation = r.relation, plan = r.plan, undo_until = r.undo_until
        FROM jsonb_populate_record(NULL::holdfast.partition_conversions, $json$${JSON.stringify(row?.all)}$json$) r WHERE c.id = r.id`)
    }
    // As it was it goes, when its time is over.
    await run(
      `UPDATE holdfast.partition_conversions SET ${over} WHERE kind = 'split' AND relation = 'public.${table}'`,
    )
    expect(JSON.stringify(await maintain(target(), { table }))).toContain('legacy is dropped')
    expect(await untouched()).toEqual(before)
  })

  test('cannot have a table removed that was no partition, nor rows sent where nobody configured', async () => {
    const { table, secrets, untouched } = await kept()
    const before = await untouched()
    await manage(target(), table, { every: 'month', keep: 1_000, retention: 'drop' })
    const removal = (how: string): Promise<unknown> =>
      run(`INSERT INTO holdfast.partition_removals (id, relation, partition, how, bounds)
        VALUES (gen_random_uuid(), 'public.${table}', '${secrets}', '${how}', 'FOR VALUES FROM (1) TO (2)')
        ON CONFLICT (relation, partition) WHERE state <> 'done' DO UPDATE SET how = excluded.how`)
    await removal('drop')
    expect(await retain(target(), { table })).toMatchObject([
      { outcome: 'failed', code: 'HF_PARTITION_RECORD', dropped: [] },
    ])
    expect(await untouched()).toEqual(before)
    await removal('archive')
    for (const place of [
      join(folder, 'chosen'),
      's3://loot/x?endpoint=http://127.0.0.1:9',
      join(folder, 'known/../chosen'),
    ]) {
      await run(
        `UPDATE holdfast.partitioned_tables SET retention = 'archive', archive_to = '${place}' WHERE relation = 'public.${table}'`,
      )
      expect(await retain(target(), { table })).toMatchObject([
        { outcome: 'failed', code: 'HF_PARTITION_ARCHIVE_PLACE', archives: [] },
      ])
      expect(existsSync(join(folder, 'chosen'))).toBe(false)
    }
    await run(
      `UPDATE holdfast.partitioned_tables SET archive_to = '${join(folder, 'known/deep')}' WHERE relation = 'public.${table}'`,
    )
    expect(await retain(target(), { table })).toMatchObject([
      { outcome: 'failed', code: 'HF_PARTITION_RECORD', archives: [] },
    ])
    expect(await untouched()).toEqual(before)
    await run(`DELETE FROM holdfast.partition_removals`)
  })

  test('a type, an owner or a name in it is not SQL', async () => {
    const { table, untouched } = await kept()
    const before = await untouched()
    await run(`CREATE ROLE forger_${made} LOGIN`)
    const evil = `timestamptz) NOT VALID; ALTER ROLE forger_${made} SUPERUSER; --`
    for (const field of ['columnType', 'owner', 'cutoff', 'column', 'legacy', 'shape']) {
      await run(`UPDATE holdfast.partition_conversions SET state = 'running', step = NULL, plan = jsonb_set(plan, '{${field}}', to_jsonb($evil$${evil}$evil$::text))
        WHERE relation = 'public.${table}' AND kind = 'split'`)
      for (const work of [resumeConversion, abortConversion, undoConversion, finishConversion])
        await work(target(), table).catch((error: unknown) =>
          expect(error).toEqual(code(expect.stringMatching(/^HF_PARTITION_/))),
        )
      expect(await untouched()).toEqual(before)
    }
    await run(
      `DELETE FROM holdfast.partition_conversions WHERE relation = 'public.${table}'; DROP ROLE forger_${made}`,
    )
  })

  test('one that is broken is told of by its table, and holds up no other', async () => {
    const { table } = await kept()
    const other = (await kept()).table
    await run(`UPDATE holdfast.partition_conversions SET plan = '{"odd": 1}' WHERE relation = 'public.${table}';
               UPDATE holdfast.partitioned_tables SET keep = 5000 WHERE relation = 'public.${table}'`)
    expect(await listBroken(asked, 'holdfast')).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ table: `public.${table}`, record: 'policy' }),
        expect.objectContaining({ table: `public.${table}`, record: expect.stringContaining('conversion') }),
      ]),
    )
    const done = await maintain(target())
    expect(done.find((one) => one.table === `public.${table}`)).toMatchObject({
      outcome: 'failed',
      code: 'HF_PARTITION_RECORD',
    })
    expect(done.find((one) => one.table === `public.${other}`)).toMatchObject({ outcome: 'done' })
    await expect(maintain(target(), { table })).rejects.toEqual(code('HF_PARTITION_RECORD'))
    await run(
      `DELETE FROM holdfast.partition_conversions WHERE relation = 'public.${table}'; DELETE FROM holdfast.partitioned_tables WHERE relation = 'public.${table}'`,
    )
  })

  test('an infinite time breaks the record of its table alone', async () => {
    const { table } = await kept()
    const other = (await kept()).table
    await run(`UPDATE holdfast.partitioned_tables SET maintained_at = 'infinity' WHERE relation = 'public.${table}';
               UPDATE holdfast.partition_conversions SET undo_until = 'infinity' WHERE relation = 'public.${table}' AND kind = 'split'`)
    const broken = (await listBroken(asked, 'holdfast')).filter((one) => one.table === `public.${table}`)
    expect(broken.map(({ why }) => why)).toEqual([
      'one of its times is infinite',
      'one of its times is infinite',
    ])
    expect((await listPartitioned(asked, 'holdfast')).map((one) => one.table)).toEqual(
      expect.arrayContaining([`public.${table}`, `public.${other}`]),
    )
    await run(
      `DELETE FROM holdfast.partition_conversions WHERE relation = 'public.${table}'; DELETE FROM holdfast.partitioned_tables WHERE relation = 'public.${table}'`,
    )
  })

  test('a partition of another schema that was half taken out is not mistaken for a table of its name', async () => {
    await run(`CREATE SCHEMA IF NOT EXISTS billing; CREATE TABLE parted (at timestamptz NOT NULL) PARTITION BY RANGE (at);
      CREATE TABLE billing.parted_a PARTITION OF parted FOR VALUES FROM ('2019-01-01') TO ('2019-02-01');
      CREATE TABLE parted_b PARTITION OF parted FOR VALUES FROM ('2019-02-01') TO ('2019-03-01');
      CREATE TABLE parted_c PARTITION OF parted FOR VALUES FROM ('2019-03-01') TO ('2019-04-01');
      CREATE TABLE parted_a (precious int); INSERT INTO parted_a VALUES (1)`)
    // A transaction that still sees it keeps the second half from being done.
    const reader = new pg.Client(database.url)
    await reader.connect()
    await reader.query('BEGIN; SELECT count(*) FROM parted')
    const detaching = new pg.Client(database.url)
    await detaching.connect()
    const { rows } = await detaching.query('SELECT pg_backend_pid() AS pid')
    const half = detaching
      .query('ALTER TABLE parted DETACH PARTITION billing.parted_a CONCURRENTLY')
      .catch(() => {})
    await vi.waitUntil(
      async () =>
        (await run(`SELECT FROM pg_inherits WHERE inhparent = 'parted'::regclass AND inhdetachpending`))
          .length > 0,
      { timeout: 60_000 },
    )
    await run(`SELECT pg_cancel_backend(${rows[0].pid})`)
    await half
    await detaching.end()
    await reader.end()
    await manage(target(), 'parted', { every: 'month', keep: 1, retention: 'drop' })
    await retain(target(), { table: 'parted' })
    expect(await run('SELECT precious FROM parted_a')).toEqual([{ precious: 1 }])
    expect(await run(`SELECT to_regclass('billing.parted_a') IS NOT NULL AS there`)).toEqual([
      { there: true },
    ])
  })

  test('whatever it says, in whatever column, nothing but what it is about is changed', async () => {
    const { table, secrets, untouched } = await kept()
    await manage(target(), table, { every: 'month', keep: 2, retention: 'drop' })
    await run(
      `INSERT INTO holdfast.partition_removals (id, relation, partition, how, bounds) VALUES (gen_random_uuid(), 'public.${table}', '${table}_gone', 'drop', '')`,
    )
    const before = await untouched()
    const random = randomFrom(7)
    const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T
    const odd = [
      `public.${secrets}`,
      `billing.${secrets}`,
      secrets,
      `'; DROP TABLE ${secrets}; --`,
      `"; DROP TABLE ${secrets}; --`,
      '',
      'x'.repeat(300),
      'month',
      'drop',
      'archive',
      folder,
      '-1',
      '{}',
    ]
    const columns =
      (await run(`SELECT table_name AS "table", column_name AS "column", data_type AS type FROM information_schema.columns
      WHERE table_schema = 'holdfast' AND table_name IN ('partitioned_tables', 'partition_conversions', 'partition_removals') ORDER BY 1, ordinal_position`)) as {
        table: string
        column: string
        type: string
      }[]
    let changed = 0
    for (let turn = 0; turn < 90; turn += 1) {
      const { table: of, column, type } = pick(columns)
      const value = pick(odd)
      const [row] = await run(
        `SELECT plan FROM holdfast.partition_conversions WHERE relation LIKE 'public.${table}%' LIMIT 1`,
      )
      const field = pick(Object.keys((row?.plan as object | undefined) ?? { table: 1 }))
      const literal =
        type === 'jsonb'
          ? `jsonb_set(coalesce(${column}, '{}'), '{${field}}', to_jsonb($v$${value}$v$::text))`
          : `$v$${value}$v$::text::${type}`
      const done = await run(`UPDATE holdfast.${of} SET ${column} = ${literal}`).then(
        () => true,
        () => false,
      ) // a check refuses it
      if (!done) continue
      changed += 1
      for (const work of [maintain, retain])
        for (const { outcome, code: coded } of await work(target()))
          if (outcome === 'failed') expect(coded).toMatch(/^HF_/)
      await listPartitioned(asked, 'holdfast')
      expect(await untouched(), `${of}.${column} = ${value}`).toEqual(before)
    }
    expect(changed).toBeGreaterThan(15)
  })
})
