/** Upkeep of a table sets off its owner's code: checks, defaults, expressions, triggers, domains. Whose rights it has is reported by itself. */
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { applyRollback, installSchema, migrateUp, planRollback } from '../../src/migrate/index.ts'
import {
  archive,
  convert,
  finishConversion,
  listPartitions,
  maintain,
  manage,
  type PartitionTarget,
  restoreArchive,
  retain,
  undoConversion,
  unmanage,
} from '../../src/partitions/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { runCli } from '../support/cli.ts'
import { queryAt } from '../support/database.ts'
import { MigrationFolder } from '../support/migration-folder.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'
import { startServer } from '../support/servers.ts'

removeScratchAfterwards()

describe.each([14, 18])('on PostgreSQL %i', (version) => {
  let server: EmbeddedServer
  let url: string
  const folder = scratch('owners')
  const target = (): PartitionTarget => ({ url, ownSchema: 'holdfast', archivePlaces: [folder] })
  const run = (sql: string): Promise<Record<string, unknown>[]> => queryAt(url, sql)
  const asLow = (sql: string): Promise<Record<string, unknown>[]> =>
    queryAt(Object.assign(new URL(url), { username: 'low', password: 'x' }).href, sql)

  beforeAll(async () => {
    server = await startServer({ version })
    url = (await createTestDatabase(server.url)).url
    await installSchema(url, 'holdfast', {})
    await run(`CREATE ROLE low LOGIN PASSWORD 'x'; CREATE SCHEMA theirs AUTHORIZATION low`)
    // A sequence is counted on also by what is rolled back, and by what may not write: one for each role that was seen.
    await asLow(`
      CREATE SEQUENCE theirs.as_low; CREATE SEQUENCE theirs.as_other; GRANT ALL ON ALL SEQUENCES IN SCHEMA theirs TO PUBLIC; GRANT USAGE ON SCHEMA theirs TO PUBLIC;
      CREATE FUNCTION theirs.report() RETURNS void LANGUAGE plpgsql AS $f$
        BEGIN PERFORM nextval(CASE current_user WHEN 'low' THEN 'theirs.as_low'::regclass ELSE 'theirs.as_other'::regclass END);
        EXCEPTION WHEN read_only_sql_transaction THEN IF current_user <> 'low' THEN RAISE EXCEPTION 'sprung as %', current_user; END IF; END $f$;
      CREATE FUNCTION theirs.same(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $f$
        BEGIN PERFORM set_config('theirs.seen', current_user, false); PERFORM theirs.report(); RETURN n; END $f$;
      CREATE FUNCTION theirs.fine(n int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN PERFORM theirs.report(); RETURN n > 0; END $f$;
      CREATE DOMAIN theirs.amount AS int CHECK (theirs.fine(VALUE));
      CREATE FUNCTION theirs.spring() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN PERFORM theirs.report(); RETURN NEW; END $f$`)
  })
  afterAll(() => server.stop())

  const counted = async (): Promise<{ low: number; other: number }> => {
    const [row] = await run(`SELECT CASE WHEN l.is_called THEN l.last_value ELSE 0 END::int AS low,
      CASE WHEN o.is_called THEN o.last_value ELSE 0 END::int AS other FROM theirs.as_low l, theirs.as_other o`)
    return row as { low: number; other: number }
  }
  beforeEach(() => asLow(`ALTER SEQUENCE theirs.as_low RESTART; ALTER SEQUENCE theirs.as_other RESTART`))
  const expectOwn = async (): Promise<void> => {
    const { low, other } = await counted()
    expect({ hasRun: low > 0, other }).toEqual({ hasRun: true, other: 0 })
  }

  /** What runs code whenever a row is written, read, or only planned for. */
  const columns = `id int NOT NULL DEFAULT theirs.same(1), at timestamptz NOT NULL, size theirs.amount DEFAULT theirs.same(2),
    twice int GENERATED ALWAYS AS (theirs.same(size) * 2) STORED, CHECK (theirs.fine(id)), CHECK (theirs.same(7) = 7), CHECK (theirs.fine(8))`
  const indexes = (table: string): string =>
    `CREATE INDEX ON theirs.${table} (theirs.same(id), at); CREATE INDEX ON theirs.${table} (at) WHERE theirs.fine(9) AND theirs.fine(id);
     CREATE STATISTICS theirs.${table}_s ON theirs.same(id), at FROM theirs.${table}`
  const months = (n: number): string => `date_trunc('month', now()) - interval '${n} months'`

  test('the table really sets it off', async () => {
    await asLow(`CREATE TABLE theirs.live (${columns}); INSERT INTO theirs.live VALUES (1, now(), 1)`)
    await run(
      `SELECT set_config('search_path', 'pg_catalog', false); INSERT INTO theirs.live VALUES (2, now(), 1)`,
    )
    expect((await counted()).other).toBeGreaterThan(0)
  })

  test('rows moved out of a default partition, partitions made, archived, dropped and brought back', async () => {
    await asLow(`CREATE TABLE theirs.logs (${columns}) PARTITION BY RANGE (at); CREATE TABLE theirs.logs_rest PARTITION OF theirs.logs DEFAULT; ${indexes('logs')};
      CREATE TRIGGER sprung BEFORE INSERT ON theirs.logs FOR EACH ROW EXECUTE FUNCTION theirs.spring();
      INSERT INTO theirs.logs (id, at, size) SELECT n, ${months(3)} + n * interval '20 days', n FROM generate_series(1, 5) n;
      ALTER TABLE theirs.logs ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON theirs.logs USING (theirs.fine(id))`)
    await asLow(`ALTER SEQUENCE theirs.as_low RESTART`)
    await manage(target(), 'theirs.logs', { every: 'month' })
    expect((await maintain(target(), { table: 'theirs.logs' }))[0]).toMatchObject({
      outcome: 'done',
      error: null,
    })
    await expectOwn()
    await manage(target(), 'theirs.logs', {
      every: 'month',
      keep: 1,
      retention: 'archive',
      archiveTo: folder,
    })
    for (const format of ['ndjson', 'csv'] as const) {
      const before = await asLow('SELECT id, size, twice FROM theirs.logs ORDER BY id')
      const [done] = await retain(target(), { table: 'theirs.logs', format })
      expect(done).toMatchObject({ outcome: 'done', error: null })
      expect(done?.archives.length).toBeGreaterThan(0)
      for (const manifest of done?.archives ?? []) await restoreArchive(target(), 'theirs.logs', { manifest })
      expect(await asLow('SELECT id, size, twice FROM theirs.logs ORDER BY id')).toEqual(before)
      await run(`DELETE FROM holdfast.partition_removals`)
    }
    const { partitions } = await listPartitions(target(), 'theirs.logs')
    const [old] = partitions.map(({ name }) => name)
    expect(
      (await archive(target(), { table: 'theirs.logs', partitions: [old as string], to: folder }))[0],
    ).toMatchObject({ outcome: 'done' })
    await expectOwn()
  })

  test('a table converted, its history split, taken back, and split for good', async () => {
    await asLow(`CREATE TABLE theirs.orders (${columns}, PRIMARY KEY (id)); ${indexes('orders')};
      INSERT INTO theirs.orders (id, at, size) SELECT n, ${months(4)} + n * interval '9 days', n FROM generate_series(1, 12) n`)
    await asLow(`ALTER SEQUENCE theirs.as_low RESTART`)
    const whole = (): Promise<unknown> => asLow('SELECT id, size, twice FROM theirs.orders ORDER BY id')
    const before = await whole()
    const wishes = { by: 'at', every: 'month', mode: 'split' } as const
    expect(await convert(target(), 'theirs.orders', wishes)).toMatchObject({ state: 'done', kind: 'split' })
    expect(await whole()).toEqual(before)
    await asLow(
      `INSERT INTO theirs.orders (id, at, size) VALUES (99, now(), 3); UPDATE theirs.orders SET size = 50 WHERE id = 3; DELETE FROM theirs.orders WHERE id = 4`,
    )
    const changed = await whole()
    await undoConversion(target(), 'theirs.orders')
    await undoConversion(target(), 'theirs.orders')
    expect(await whole()).toEqual(changed)
    await convert(target(), 'theirs.orders', wishes)
    await finishConversion(target(), 'theirs.orders')
    expect(await whole()).toEqual(changed)
    await expectOwn()
  })

  test('what a way back would lose is counted, and a backfill in SQL is run', async () => {
    await asLow(`CREATE TABLE theirs.texts (key text PRIMARY KEY, n int NOT NULL, CHECK (theirs.fine(n)), CHECK (theirs.fine(8)));
      CREATE INDEX ON theirs.texts ((theirs.same(n))) WHERE theirs.fine(9);
      CREATE TRIGGER sprung BEFORE UPDATE ON theirs.texts FOR EACH ROW EXECUTE FUNCTION theirs.spring();
      INSERT INTO theirs.texts VALUES ('a"b', 1), (E'c\\\\d', 2), ('e,''f', 3), ('{g}', 4), ('', 5)`)
    await asLow(`ALTER SEQUENCE theirs.as_low RESTART`)
    const migrations = new MigrationFolder(url)
    migrations.add({
      'up.sql': 'SELECT 1',
      'down.sql': 'DROP TABLE theirs.texts',
      'backfill.ts': `export default { table: 'theirs.texts', key: 'key', batchRows: 2, where: 'theirs.fine(n)', batch: 'UPDATE theirs.texts SET n = n + 10 WHERE key = ANY ($1)' }`,
    })
    await migrateUp(migrations.target)
    expect(await asLow('SELECT sum(n)::int AS n, count(*)::int AS rows FROM theirs.texts')).toEqual([
      { n: 65, rows: 5 },
    ])
    const plan = await planRollback(migrations.target)
    expect(plan).toMatchObject({ verdict: 'lossy', rowsAtRisk: 5 })
    await expectOwn()
    await applyRollback(migrations.target, { plan: plan.hash })
    await expectOwn()
  })

  test('rows that refer to nothing are looked for, and the end of an integer key', async () => {
    await asLow(`CREATE TABLE theirs.heads (id int PRIMARY KEY); CREATE TABLE theirs.lines (id int, head int, CHECK (theirs.fine(8)));
      INSERT INTO theirs.lines VALUES (1, 7); ALTER TABLE theirs.lines ADD FOREIGN KEY (head) REFERENCES theirs.heads NOT VALID;
      CREATE INDEX ON theirs.lines ((theirs.same(id))) WHERE theirs.fine(9);
      CREATE TABLE theirs.numbers (id int NOT NULL, CHECK (theirs.fine(8))) PARTITION BY RANGE (id);
      CREATE TABLE theirs.numbers_0 PARTITION OF theirs.numbers FOR VALUES FROM (0) TO (100);
      CREATE INDEX ON theirs.numbers ((theirs.same(id))) WHERE theirs.fine(9); INSERT INTO theirs.numbers VALUES (42)`)
    await manage(target(), 'theirs.numbers', { every: 100n })
    await asLow(`ALTER SEQUENCE theirs.as_low RESTART`)
    const { code, stdout } = await runCli(['doctor', '--deep', '--json'], {
      cwd: scratch('doctor'),
      env: { DATABASE_URL: url },
    })
    expect(code).toBe(3)
    expect(stdout.match(/\d+ rows of theirs.lines refer to rows of theirs.heads/)?.[0]).toBe(
      '1 rows of theirs.lines refer to rows of theirs.heads',
    )
    expect((await counted()).other).toBe(0)
  })

  test('code that gives up locks lets no second run in, and a session that is lost holds up no other table', async () => {
    await asLow(`
      CREATE FUNCTION theirs.held_up(n int) RETURNS boolean LANGUAGE plpgsql AS $f$
        BEGIN PERFORM pg_advisory_unlock_all(); PERFORM pg_advisory_xact_lock_shared(CASE WHEN n < 10 THEN 4711 ELSE 4712 END); RETURN true; END $f$`)
    for (const [name, first] of [
      ['a_lost', 1],
      ['letting_go', 11],
    ] as const) {
      await asLow(`CREATE TABLE theirs.${name} (id int, at timestamptz NOT NULL) PARTITION BY RANGE (at); CREATE TABLE theirs.${name}_rest PARTITION OF theirs.${name} DEFAULT;
        INSERT INTO theirs.${name} SELECT n, ${months(3)} + (n - ${first}) * interval '20 days' FROM generate_series(${first}, ${first + 3}) n;
        ALTER TABLE theirs.${name} ADD CHECK (theirs.held_up(id)) NOT VALID`)
      await manage(target(), `theirs.${name}`, { every: 'month' })
    }
    const holder = new pg.Client(url)
    await holder.connect()
    await holder.query('SELECT pg_advisory_lock(4711), pg_advisory_lock(4712)')
    const waitingFor = async (key: number): Promise<number> => {
      const { rows } = await holder.query(
        `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = ${key} AND NOT granted`,
      )
      if (rows.length === 0) throw new Error('nobody waits')
      return rows[0].pid as number
    }
    const first = maintain(target())
    const patient = { timeout: 60_000, interval: 20 }
    const lost = await vi.waitFor(() => waitingFor(4711), patient)
    await holder.query('SELECT pg_terminate_backend($1)', [lost])
    await vi.waitFor(() => waitingFor(4712), patient)
    // Its code has given up whatever the session held.
    const [second] = await maintain(target(), { table: 'theirs.letting_go' })
    expect(second).toMatchObject({ outcome: 'busy' })
    await holder.end()
    const done = new Map((await first).map((one) => [one.table, one]))
    expect(done.get('theirs.a_lost')).toMatchObject({ outcome: 'failed' })
    expect(done.get('theirs.letting_go')).toMatchObject({ outcome: 'done', error: null })
    for (const name of ['a_lost', 'letting_go']) await unmanage(target(), `theirs.${name}`)
  })

  test('rows of a table whose partitions have other owners are counted as those, each; what cannot be counted is not called safe', async () => {
    await asLow(`CREATE TABLE theirs.shared (id int, n int CHECK (theirs.fine(8))) PARTITION BY RANGE (id);
      CREATE TABLE theirs.shared_1 PARTITION OF theirs.shared FOR VALUES FROM (1) TO (10); CREATE TABLE theirs.shared_2 PARTITION OF theirs.shared FOR VALUES FROM (10) TO (20);
      CREATE INDEX ON theirs.shared_1 ((theirs.same(n))) WHERE theirs.fine(9); INSERT INTO theirs.shared SELECT n, n FROM generate_series(1, 19) n`)
    await run(
      `CREATE ROLE third; GRANT USAGE ON SCHEMA theirs TO third; CREATE SCHEMA thirds AUTHORIZATION third; ALTER TABLE theirs.shared_2 SET SCHEMA thirds; ALTER TABLE thirds.shared_2 OWNER TO third`,
    )
    const project = new MigrationFolder(url)
    project.add({ 'up.sql': 'SELECT 1', 'down.sql': 'DROP TABLE theirs.shared' })
    await migrateUp(project.target, { allowOutOfOrder: true })
    await asLow(`ALTER SEQUENCE theirs.as_low RESTART`)
    expect(await planRollback(project.target)).toMatchObject({ verdict: 'lossy', rowsAtRisk: 19 })
    const { low, other } = await counted()
    expect({ low: low > 0, other }).toEqual({ low: true, other: 0 })
    await run(
      `DROP TABLE theirs.shared; DROP OWNED BY third; DROP ROLE third; CREATE TABLE theirs.shared (n int)`,
    )
    const holder = new pg.Client(url)
    await holder.connect()
    await holder.query('BEGIN; LOCK TABLE theirs.shared')
    const plan = await planRollback(project.target)
    expect(plan).toMatchObject({ verdict: 'lossy', rowsAtRisk: 0, rowLimit: 0 })
    expect(plan.steps[0]?.reasons.join()).toContain('is not known')
    await holder.query('ROLLBACK; DROP TABLE theirs.shared')
    await holder.end()
  })

  test('a table whose partitions belong to others is left alone', async () => {
    await run(`CREATE TABLE public.mixed (at timestamptz NOT NULL) PARTITION BY RANGE (at); CREATE TABLE theirs.mixed_rest PARTITION OF public.mixed DEFAULT;
      ALTER TABLE theirs.mixed_rest OWNER TO low; INSERT INTO public.mixed VALUES (now())`)
    await asLow(`CREATE INDEX ON theirs.mixed_rest (at) WHERE theirs.fine(9)`)
    await asLow(`ALTER SEQUENCE theirs.as_low RESTART; ALTER SEQUENCE theirs.as_other RESTART`)
    await manage(target(), 'public.mixed', { every: 'month' })
    expect((await maintain(target(), { table: 'public.mixed' }))[0]).toMatchObject({
      outcome: 'failed',
      code: 'HF_TABLE_OWNERS',
    })
    expect((await counted()).other).toBe(0)
  })

  test('a table that it leaves in the session is not met by the user’s scripts, nor is a record under another name written', async () => {
    await run(
      `CREATE TABLE public.orders (n int); INSERT INTO public.orders VALUES (1); GRANT USAGE ON SCHEMA holdfast TO low; GRANT INSERT ON holdfast.operations TO low`,
    )
    await asLow(`CREATE TABLE theirs.baits (n int PRIMARY KEY, note text);
      INSERT INTO theirs.baits VALUES (1);
      CREATE FUNCTION theirs.plant() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN
        CREATE TEMP TABLE IF NOT EXISTS orders (n int); INSERT INTO pg_temp.orders VALUES (1);
        INSERT INTO holdfast.operations (id, action, subject, actor, database_user) VALUES (gen_random_uuid(), 'forged.record', 's', 'dba', 'postgres'); END $f$;
      CREATE FUNCTION theirs.planting() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN PERFORM theirs.plant(); RETURN NEW; END $f$;
      CREATE TRIGGER planting BEFORE UPDATE ON theirs.baits FOR EACH ROW EXECUTE FUNCTION theirs.planting()`)
    const migrations = new MigrationFolder(url)
    migrations.add({
      'up.sql': 'SELECT 1',
      'down.sql': 'UPDATE orders SET n = n + 100; DROP TABLE theirs.baits',
      'backfill.ts': `export default { table: 'theirs.baits', key: 'n', batch: 'UPDATE theirs.baits SET note = $$x$$ WHERE n = ANY ($1)' }`,
    })
    migrations.add({ 'up.sql': 'UPDATE orders SET n = n + 10', 'down.sql': 'SELECT 1' })
    await migrateUp(migrations.target)
    expect(await run('SELECT n FROM public.orders')).toEqual([{ n: 11 }])
    expect(
      await run(
        `SELECT DISTINCT actor, database_user FROM holdfast.operations WHERE action = 'forged.record'`,
      ),
    ).toEqual([{ actor: 'low: dba', database_user: 'low' }])
    await asLow(
      `CREATE INDEX ON theirs.baits (n) WHERE theirs.same(9) = 9; CREATE OR REPLACE FUNCTION theirs.same(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN PERFORM theirs.plant(); RETURN n; END $f$`,
    )
    const scope = { to: undefined, count: 2 }
    const plan = await planRollback(migrations.target, scope)
    await applyRollback(migrations.target, { ...scope, plan: plan.hash })
    expect(await run('SELECT n FROM public.orders')).toEqual([{ n: 111 }])
  })

  test('a backfill in TypeScript names tables by the user’s path', async () => {
    await asLow(
      `CREATE TABLE theirs.plain (n int PRIMARY KEY, note text); INSERT INTO theirs.plain VALUES (1), (2)`,
    )
    await run('CREATE TABLE public.noted (n int)')
    const migrations = new MigrationFolder(url)
    migrations.add({
      'up.sql': 'SELECT 1',
      'down.sql': 'SELECT 1',
      'backfill.ts': `export default { table: 'theirs.plain', key: 'n', batchRows: 1,
        batch: ({ keys, query }) => query('INSERT INTO noted SELECT unnest($1::int[])', [keys]) }`,
    })
    await migrateUp(migrations.target)
    expect(await run('SELECT n FROM public.noted ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }])
  })
})
