/** Ways in which a role without rights has tried to have its code run with those of whoever looks after the database. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Kysely } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/core/index.ts'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import {
  importHistory,
  installSchema,
  migrateUp,
  OperationRecorder,
  planRollback,
} from '../../src/migrate/index.ts'
import { explain, resetStatements } from '../../src/monitor/index.ts'
import {
  convert,
  listPartitions,
  maintain,
  manage,
  type PartitionTarget,
  resumeConversion,
  retain,
} from '../../src/partitions/index.ts'
import { ownQueries, Pool } from '../../src/pool/index.ts'
import { defineTenancy, HoldfastDialect } from '../../src/query/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { runCli } from '../support/cli.ts'
import { queryAt, untilBlocking } from '../support/database.ts'
import { MigrationFolder } from '../support/migration-folder.ts'
import { REPORTED, REPORTING } from '../support/reporting.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'
import { startServer } from '../support/servers.ts'

removeScratchAfterwards()

describe.each([14, 18])('on PostgreSQL %i', (version) => {
  let server: EmbeddedServer
  let url: string
  const folder = scratch('attacks')
  const target = (): PartitionTarget => ({ url, ownSchema: 'holdfast', archivePlaces: [folder] })
  const run = (sql: string): Promise<Record<string, unknown>[]> => queryAt(url, sql)
  const as = (role: string): string => Object.assign(new URL(url), { username: role, password: 'x' }).href
  const asLow = (sql: string): Promise<Record<string, unknown>[]> => queryAt(as('low'), sql)
  const isSuper = async (): Promise<unknown> =>
    (await run(`SELECT rolsuper FROM pg_roles WHERE rolname = 'low'`))[0]?.rolsuper
  const connected = async (at: string): Promise<pg.Client> => {
    const client = new pg.Client(at)
    client.on('error', () => {})
    await client.connect()
    onTestFinished(() => client.end())
    return client
  }
  beforeAll(async () => {
    server = await startServer({ version })
    url = (await createTestDatabase(server.url)).url
    await installSchema(url, 'holdfast', {})
    await run(`CREATE ROLE low LOGIN PASSWORD 'x'; CREATE SCHEMA theirs AUTHORIZATION low`)
    await asLow(REPORTING)
  })
  afterAll(() => server.stop())
  beforeEach(() => asLow(`ALTER SEQUENCE theirs.as_low RESTART; ALTER SEQUENCE theirs.as_other RESTART`))
  const expectNobodyElse = async (): Promise<void> => {
    expect((await run(REPORTED))[0]?.other).toBe(0)
    expect(await isSuper()).toBe(false)
  }
  const logs = (table: string): string =>
    `CREATE TABLE ${table} (id int NOT NULL, at timestamptz NOT NULL) PARTITION BY RANGE (at); CREATE TABLE ${table}_rest PARTITION OF ${table} DEFAULT;
     INSERT INTO ${table} SELECT n, now() - interval '70 days' + n * interval '20 days' FROM generate_series(1, 3) n`

  test('names that close a statement and begin another one', async () => {
    const column = '"x\nALTER ROLE low SUPERUSER; --"'
    const partition = 'theirs."p  (at); --"'
    await asLow(`CREATE TABLE theirs.named (id int, at timestamptz NOT NULL, ${column} int) PARTITION BY RANGE (at);
      CREATE TABLE ${partition} PARTITION OF theirs.named FOR VALUES FROM ('2020-01-01') TO ('2020-02-01') PARTITION BY RANGE (at);
      CREATE UNIQUE INDEX ON ${partition} (at, ${column})`)
    await manage(target(), 'theirs.named', { every: 'month' })
    expect((await maintain(target(), { table: 'theirs.named' }))[0]).toMatchObject({ outcome: 'done' })
    await expectNobodyElse()
    // And each new one has the index.
    const [made] = await run(
      `SELECT count(*)::int AS indexes FROM pg_index i JOIN pg_inherits h ON h.inhrelid = i.indrelid WHERE h.inhparent = 'theirs.named'::regclass AND i.indisunique`,
    )
    expect(made?.indexes).toBeGreaterThan(3)
  })

  test('a session that only acts as the role: by the database’s settings, or by its own', async () => {
    const database = new URL(url).pathname.slice(1)
    await asLow(logs('theirs.acted'))
    await manage(target(), 'theirs.acted', { every: 'month' })
    await asLow(`CREATE FUNCTION theirs.climbing() RETURNS void LANGUAGE plpgsql AS $f$
        BEGIN PERFORM set_config('role', 'postgres', true); ALTER ROLE low SUPERUSER; EXCEPTION WHEN others THEN NULL; END $f$;
      CREATE OR REPLACE FUNCTION theirs.climb(n int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN PERFORM theirs.climbing(); RETURN true; END $f$;
      CREATE INDEX ON theirs.acted (at) WHERE theirs.climb(1)`)
    await run(
      `GRANT ALL ON SCHEMA holdfast TO low; GRANT ALL ON ALL TABLES IN SCHEMA holdfast TO low; ALTER DATABASE ${database} SET role = 'low'`,
    )
    await maintain(target(), { table: 'theirs.acted' })
    await queryAt(url.replace(/\/[^/]*$/, '/postgres'), `ALTER DATABASE ${database} RESET role`)
    await run(`REVOKE ALL ON SCHEMA holdfast FROM low; REVOKE ALL ON ALL TABLES IN SCHEMA holdfast FROM low`)
    await expectNobodyElse()
    await asLow('DROP TABLE theirs.acted')
  })

  test('a table of others in a schema that is theirs: whoever owns the schema puts another in its place', async () => {
    await run(`CREATE TABLE theirs.supers (id int PRIMARY KEY, at timestamptz NOT NULL); INSERT INTO theirs.supers VALUES (1, now());
      CREATE TABLE theirs.counted (id int NOT NULL) PARTITION BY RANGE (id); CREATE TABLE theirs.counted_1 PARTITION OF theirs.counted FOR VALUES FROM (0) TO (100);
      ${logs('theirs.dated')}`)
    const refused = { code: 'HF_TABLE_OWNERS' }
    await manage(target(), 'theirs.dated', {
      every: 'month',
      keep: 1,
      retention: 'archive',
      archiveTo: folder,
    })
    expect((await maintain(target(), { table: 'theirs.dated' }))[0]).toMatchObject(refused)
    expect((await retain(target(), { table: 'theirs.dated' }))[0]).not.toMatchObject({
      archives: [expect.anything()],
    })
    await expect(
      convert(target(), 'theirs.supers', { by: 'at', every: 'month', mode: 'split' }),
    ).rejects.toMatchObject(refused)
    await manage(target(), 'theirs.counted', { every: 100n })
    expect((await listPartitions(target(), 'theirs.counted')).partitions.length).toBe(1)
    const project = new MigrationFolder(url)
    project.add({ 'up.sql': 'SELECT 1', 'down.sql': 'DROP TABLE theirs.supers' })
    await migrateUp(project.target, { allowOutOfOrder: true })
    expect(await planRollback(project.target)).toMatchObject({ verdict: 'lossy', rowLimit: 0 })
    await run(
      'DROP TABLE theirs.supers, theirs.counted, theirs.dated; DELETE FROM holdfast.partitioned_tables',
    )
  })

  test('a partition or a child of theirs below a table of others', async () => {
    await run(`CREATE TABLE public.parent (id int NOT NULL) PARTITION BY RANGE (id); CREATE TABLE theirs.part PARTITION OF public.parent FOR VALUES FROM (0) TO (100); ALTER TABLE theirs.part OWNER TO low; INSERT INTO public.parent VALUES (1);
      CREATE TABLE public.elder (id int PRIMARY KEY); CREATE TABLE theirs.child () INHERITS (public.elder); ALTER TABLE theirs.child OWNER TO low; INSERT INTO theirs.child VALUES (1);
      CREATE TABLE public.orphans (of int); INSERT INTO public.orphans VALUES (7); ALTER TABLE public.orphans ADD FOREIGN KEY (of) REFERENCES public.elder NOT VALID`)
    for (const table of ['part', 'child'])
      await asLow(`CREATE INDEX ON theirs.${table} (id) WHERE theirs.fine(9)`)
    await manage(target(), 'public.parent', { every: 100n })
    await listPartitions(target(), 'public.parent')
    expect((await maintain(target(), { table: 'public.parent' }))[0]).toMatchObject({
      code: 'HF_TABLE_OWNERS',
    })
    await runCli(['doctor', '--deep'], { cwd: folder, env: { DATABASE_URL: url } })
    const project = new MigrationFolder(url)
    project.add({
      'up.sql': 'SELECT 1',
      'down.sql': 'DROP TABLE public.parent; DROP TABLE public.elder CASCADE',
    })
    await migrateUp(project.target, { allowOutOfOrder: true })
    await planRollback(project.target)
    await expect(
      convert(target(), 'public.elder', { by: 'id', every: 100n, mode: 'attach' }),
    ).rejects.toThrow()
    await expectNobodyElse()
    await run(
      'DROP TABLE public.parent, public.orphans, public.elder CASCADE; DELETE FROM holdfast.partitioned_tables',
    )
  })

  test('who may name what is in other sessions’ temporary schemas is not worked for', async () => {
    await run(`GRANT pg_read_all_data TO low`)
    await asLow(logs('theirs.readable'))
    await manage(target(), 'theirs.readable', { every: 'month' })
    expect((await maintain(target(), { table: 'theirs.readable' }))[0]).toMatchObject({
      code: 'HF_CONFINEMENT_OPEN',
    })
    await run('REVOKE pg_read_all_data FROM low')
    expect((await maintain(target(), { table: 'theirs.readable' }))[0]).toMatchObject({ outcome: 'done' })
    await asLow('DROP TABLE theirs.readable')
  })

  test('a consent that stands in a row', async () => {
    await asLow(`CREATE TABLE theirs.forced (id int PRIMARY KEY, at timestamptz NOT NULL); INSERT INTO theirs.forced VALUES (1, now());
      CREATE INDEX ON theirs.forced (at) WHERE theirs.fine(9)`)
    const wishes = { by: 'at', every: 'month', mode: 'split' } as const
    await convert(target(), 'theirs.forced', wishes)
    await asLow(
      `ALTER TABLE theirs.forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; ALTER SEQUENCE theirs.as_other RESTART`,
    )
    await run(
      `UPDATE holdfast.partition_conversions SET state = 'running', step_done = false, finished_at = NULL, plan = jsonb_set(plan, '{accepted}', '["forced-row-security"]') WHERE id = (SELECT id FROM holdfast.partition_conversions WHERE relation = 'theirs.forced' ORDER BY id DESC LIMIT 1)`,
    )
    await expect(resumeConversion(target(), 'theirs.forced')).rejects.toMatchObject({
      code: 'HF_PARTITION_CONSENT',
    })
    await maintain(target())
    await expectNobodyElse()
    await run(
      `DELETE FROM holdfast.partition_conversions; DELETE FROM holdfast.partitioned_tables; DROP TABLE IF EXISTS theirs.forced, theirs.forced_legacy CASCADE`,
    )
  })

  test('a function that hangs on a table and is dropped while the table is exchanged does not become ours', async () => {
    await asLow(`CREATE SEQUENCE theirs.held; CREATE TABLE theirs.hung (id int PRIMARY KEY, n int DEFAULT nextval('theirs.held'), at timestamptz NOT NULL); ALTER SEQUENCE theirs.held OWNED BY theirs.hung.n;
      INSERT INTO theirs.hung (id, at) VALUES (1, now()); ${version >= 14 ? `CREATE FUNCTION theirs.hanging() RETURNS bigint LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT count(theirs.same(id)) FROM theirs.hung; END` : ''}`)
    const [one, two] = [await connected(as('low')), await connected(as('low'))]
    await one.query('BEGIN; ALTER SEQUENCE theirs.held RESTART')
    const converting = convert(target(), 'theirs.hung', { by: 'at', every: 'month', mode: 'split' }).then(
      () => 'done',
      (error: { code?: string }) => error.code,
    )
    await untilBlocking(one, url)
    await two.query('DROP FUNCTION theirs.hanging()')
    await one.query('ROLLBACK')
    await converting
    const [left] = await run(
      `SELECT pg_get_userbyid(proowner)::text AS owner FROM pg_proc WHERE proname = 'hanging'`,
    )
    expect(left?.owner ?? 'nobody').not.toBe('postgres')
    await expectNobodyElse()
    await run(
      `DELETE FROM holdfast.partition_conversions; DELETE FROM holdfast.partitioned_tables; DROP TABLE IF EXISTS theirs.hung, theirs.hung_legacy CASCADE`,
    )
  })

  test.each([
    [
      'alembic',
      'alembic_version',
      `SELECT theirs.words('a1') AS version_num`,
      'a1.py',
      `"""x"""\nrevision = 'a1'\ndown_revision = None\n`,
    ],
    [
      'prisma',
      '_prisma_migrations',
      `SELECT theirs.words('20240101000000_a') AS migration_name, now() AS finished_at, NULL::timestamptz AS rolled_back_at, '' AS checksum, now() AS started_at`,
      '20240101000000_a/migration.sql',
      'SELECT 1;',
    ],
  ] as const)('a view of theirs in the place of a table of %s', async (tool, name, sql, file, text) => {
    await run('GRANT CREATE ON SCHEMA public TO low')
    await asLow(`CREATE VIEW public.${name} AS ${sql}; GRANT SELECT ON public.${name} TO PUBLIC`)
    const from = join(scratch('old'), 'migrations')
    mkdirSync(join(from, file, '..'), { recursive: true })
    writeFileSync(join(from, file), text)
    const project = new MigrationFolder(url)
    await expect(importHistory(project.target, { tool, from, isDryRun: true })).rejects.toMatchObject({
      code: 'HF_IMPORT_TABLE',
    })
    await asLow(
      `DROP VIEW public.${name}; CREATE TABLE public.${name} AS ${sql} LIMIT 0; CREATE INDEX ON public.${name} ((1)) WHERE theirs.fine(9)`,
    )
    await importHistory(project.target, { tool, from, isDryRun: true }).catch(() => {})
    await expectNobodyElse()
    await asLow(`DROP TABLE public.${name}`)
    await run('REVOKE CREATE ON SCHEMA public FROM low')
  })

  test('operators and functions of theirs on the path of a service', async () => {
    await asLow(`
      CREATE FUNCTION theirs.eq(text, text) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN PERFORM theirs.report(); RETURN true; END $f$;
      CREATE FUNCTION theirs.eq(oid, oid) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN PERFORM theirs.report(); RETURN true; END $f$;
      CREATE FUNCTION theirs.eq(name, name) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN PERFORM theirs.report(); RETURN true; END $f$;
      CREATE FUNCTION theirs.eq("char", "char") RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN PERFORM theirs.report(); RETURN true; END $f$;
      CREATE FUNCTION theirs.eq(oid, regclass) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN PERFORM theirs.report(); RETURN true; END $f$;
      CREATE OPERATOR theirs.= (LEFTARG = text, RIGHTARG = text, FUNCTION = theirs.eq); CREATE OPERATOR theirs.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = theirs.eq);
      CREATE OPERATOR theirs.= (LEFTARG = name, RIGHTARG = name, FUNCTION = theirs.eq); CREATE OPERATOR theirs.= (LEFTARG = "char", RIGHTARG = "char", FUNCTION = theirs.eq);
      CREATE OPERATOR theirs.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = theirs.eq)`)
    const address = new URL(url)
    address.searchParams.set('options', '-c search_path=theirs,pg_catalog')
    const pool = new Pool({ connectionString: address.href, size: 2 })
    await pool.query('SELECT 1')
    await pool.health()
    await pool.advise()
    const db = new Kysely<{ t: { tenant_id: string } }>({ dialect: new HoldfastDialect({ pool }) })
    await defineTenancy<{ t: { tenant_id: string } }>()({ column: 'tenant_id', tables: ['t'] }).check(db)
    await pool.end()
    await expectNobodyElse()
    for (const types of ['text, text', 'oid, oid', 'name, name', '"char", "char"', 'oid, regclass'])
      await asLow(`DROP OPERATOR theirs.= (${types})`)
  })

  test('a function of theirs beside those of an extension', async () => {
    await run(
      `CREATE SCHEMA statistics; GRANT ALL ON SCHEMA statistics TO low; CREATE EXTENSION pg_stat_statements SCHEMA statistics`,
    )
    for (const types of ['int, oid, int', 'oid, oid, int', 'int, oid, bigint'])
      await asLow(
        `CREATE FUNCTION statistics.pg_stat_statements_reset(${types}) RETURNS void LANGUAGE plpgsql AS $f$ BEGIN PERFORM theirs.report(); END $f$`,
      )
    const pool = new Pool({ connectionString: url, size: 1 })
    await resetStatements(ownQueries(pool), new OperationRecorder(ownQueries(pool), 'holdfast'))
    await pool.end()
    await expectNobodyElse()
    await run('DROP EXTENSION pg_stat_statements; DROP SCHEMA statistics CASCADE')
  })

  test('one statement that the server would take for three', async () => {
    const address = new URL(url)
    address.searchParams.set('options', '-c standard_conforming_strings=off')
    const pool = new Pool({ connectionString: address.href, size: 1 })
    await explain(pool, systemClock, {
      text: String.raw`SELECT '\''; COMMIT; CREATE TABLE public.written (n int); --'`,
    }).catch(() => {})
    await pool.end()
    expect((await run(`SELECT to_regclass('public.written') IS NULL AS gone`))[0]?.gone).toBe(true)
  })

  test('settings and temporary tables that do not let themselves be cleared away', async () => {
    for (const table of ['theirs.settings', 'theirs.later']) {
      await asLow(logs(table))
      await manage(target(), table, { every: 'month' })
    }
    await asLow(`CREATE FUNCTION theirs.littering() RETURNS void LANGUAGE plpgsql AS $f$
        BEGIN IF session_user <> 'low' THEN FOR n IN 1..300 LOOP EXECUTE format('CREATE TEMP TABLE IF NOT EXISTS litter_%s (n int)', n); END LOOP;
          PERFORM set_config('statement_timeout', '1', false), set_config('default_transaction_read_only', 'on', false); END IF; END $f$;
      CREATE FUNCTION theirs.litter(n int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN PERFORM theirs.littering(); RETURN true; END $f$;
      ALTER TABLE theirs.settings ADD CHECK (theirs.litter(id)) NOT VALID`)
    const done = new Map((await maintain(target())).map((one) => [one.table, one.outcome]))
    expect(done.get('theirs.later')).toBe('done')
    await expectNobodyElse()
  })
})
