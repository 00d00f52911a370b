/**
 * Functions and operators that another role made, of the names that PostgreSQL's own have, and of types that fit better:
 * what Holdfast runs as a superuser, or as the owner of a database, calls none of them.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { installSchema, userHistory } from '../../src/migrate/index.ts'
import { ownQueries, Pool } from '../../src/pool/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { type AdminClient, useAdminServer } from '../support/admin-server.ts'
import { runCli } from '../support/cli.ts'
import { queryAt } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'
import { startServer } from '../support/servers.ts'
import { traps } from '../support/traps.ts'

removeScratchAfterwards()

/** All that can be read over HTTP, but for the stream. */
const { paths } = JSON.parse(
  readFileSync(new URL('../../docs/reference/openapi.json', import.meta.url), 'utf8'),
) as { paths: Record<string, Record<string, unknown>> }
const READ = [
  ...Object.entries(paths)
    .filter(([path, methods]) => 'get' in methods && !path.includes('{') && path !== '/v1/events')
    .map(([path]) => path),
  '/v1/database/tables/kept',
  '/v1/database/partitions/table?table=logs',
  '/v1/database/partitions/archives?table=logs',
  '/v1/database/migrations/rollback-plan?count=1',
]

/** In their order: what one makes the next one works on. */
const COMMANDS = [
  'status',
  'migrate status',
  'migrate plan',
  'migrate up',
  'migrate history',
  'migrate check',
  'backfill status',
  'rollback plan --count 1',
  'migrate down --confirm DATABASE',
  'migrate up',
  'doctor --full',
  'doctor --digest daily',
  'top --once --interval 0.5',
  'query top',
  'query reset --yes',
  'activity list',
  'activity locks',
  'table list',
  'table show kept',
  'table bloat',
  'table optimize kept',
  'metrics',
  'alert list',
  'access plan',
  'schema dump',
  'partition manage logs --every day --keep 1 --retention drop',
  'partition maintain logs',
  'partition list',
  'partition list logs',
  'partition retain logs',
  'partition archive logs --to archive',
  'partition plan events --by at --every month',
  'partition convert events --by at --every month --mode split --accept primary-key no-primary-key --yes',
  'partition status',
  'partition undo events --yes',
  'partition unmanage logs',
  'init',
  'reset --dry-run',
]

const TABLES = `
  CREATE TABLE public.kept (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), of int REFERENCES public.kept);
  CREATE INDEX ON public.kept (of); CREATE INDEX ON public.kept (of);
  INSERT INTO public.kept SELECT n, now(), n FROM generate_series(1, 2000) n; ANALYZE public.kept;
  CREATE TABLE public.events (id int PRIMARY KEY, at timestamptz NOT NULL);
  INSERT INTO public.events SELECT n, now() FROM generate_series(1, 100) n;
  CREATE TABLE public.logs (id int, at timestamptz NOT NULL) PARTITION BY RANGE (at);
  CREATE TABLE public.logs_old PARTITION OF public.logs FOR VALUES FROM ('2020-01-01') TO ('2020-01-02');
  CREATE TABLE public.logs_older PARTITION OF public.logs FOR VALUES FROM ('2019-01-01') TO ('2019-01-02');
  CREATE TABLE public.logs_rest PARTITION OF public.logs DEFAULT;
  INSERT INTO public.logs VALUES (1, now()), (2, '2020-01-01')`

/** A migration of each kind: in a transaction, without one, with a backfill. */
function writeMigrations(folder: string): void {
  const write = (id: string, files: Record<string, string>): void => {
    mkdirSync(join(folder, 'db/migrations', id), { recursive: true })
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(folder, 'db/migrations', id, name), text)
  }
  write('20260101T000001Z_first', {
    'up.sql': 'ALTER TABLE kept ADD COLUMN note text;\n',
    'down.sql': 'ALTER TABLE kept DROP COLUMN note;\n',
    'backfill.ts': `export default { table: 'kept', key: 'id', batch: 'UPDATE kept SET note = \\'new\\' WHERE id = ANY ($1::int[])' }\n`,
  })
  write('20260101T000002Z_second', {
    'up.sql': '-- holdfast: transaction=off\nCREATE INDEX CONCURRENTLY kept_at ON kept (at);\n',
    'down.sql': '-- holdfast: transaction=off\nDROP INDEX CONCURRENTLY kept_at;\n',
  })
}

describe.each([
  { version: 14, role: 'postgres', where: 'public' },
  { version: 18, role: 'keeper', where: 'keeper' },
])('on PostgreSQL $version as $role, planted in $where', ({ version, role, where }) => {
  let server: EmbeddedServer
  let administrator = ''
  let url = ''
  const folder = scratch('sprung')
  const file = join(folder, 'sprung')
  const sprung = (): string => (existsSync(file) ? readFileSync(file, 'utf8') : '')
  const project = scratch('project')
  beforeAll(async () => {
    chmodSync(folder, 0o777)
    writeMigrations(project)
    server = await startServer({ version })
    administrator = (await createTestDatabase(server.url)).url
    const address = new URL(administrator)
    await queryAt(administrator, 'CREATE EXTENSION pg_stat_statements')
    if (role !== 'postgres') {
      const database = address.pathname.slice(1)
      await queryAt(
        administrator,
        `CREATE ROLE ${role} LOGIN PASSWORD 'kept'; GRANT pg_monitor TO ${role}; GRANT EXECUTE ON FUNCTION pg_stat_statements_reset TO ${role}; ALTER DATABASE ${database} OWNER TO ${role};
         ALTER SCHEMA public OWNER TO ${role}; CREATE SCHEMA ${where} AUTHORIZATION ${role}`,
      )
      ;[address.username, address.password] = [role, 'kept']
    }
    url = address.href
    await installSchema(url, 'holdfast', {})
    await queryAt(url, TABLES)
    await queryAt(administrator, traps(where, file))
  })
  afterEach(() => writeFileSync(file, ''))
  afterAll(() => server.stop())
  const client = useAdminServer(
    {
      get url() {
        return url
      },
    },
    () => ({
      migrations: { url, directory: join(project, 'db/migrations'), history: userHistory('holdfast') },
      partitions: { url, ownSchema: 'holdfast' },
      access: { url, options: { roles: {}, schemas: {} } as never, ownSchema: 'holdfast' },
    }),
  )

  test('the traps are there, and work', async () => {
    await queryAt(url, `SELECT format('%I', relname, relname) FROM pg_catalog.pg_class LIMIT 1`)
    expect(readFileSync(file, 'utf8')).toContain('format of text name name')
  })

  test('what is asked for over HTTP calls none of them', async () => {
    expect(READ.length).toBeGreaterThan(35)
    const get = (path: string): ReturnType<AdminClient['get']> => client().get(path, client().bearer('admin'))
    for (const path of READ) {
      const answer = await get(path)
      expect([path, sprung(), answer.status]).toEqual([path, '', expect.not.toBeOneOf([500])])
    }
  })

  test.each(COMMANDS)('holdfast %s calls none of them', async (command) => {
    const { stderr } = await runCli(command.replace('DATABASE', new URL(url).pathname.slice(1)).split(' '), {
      cwd: project,
      env: { DATABASE_URL: url },
    })
    expect(sprung()).toBe('')
    expect(stderr).not.toMatch(/error|HF_/)
  })

  test('tables of the names that the catalog has, in a session of the pool, are not read', async () => {
    const pool = new Pool({ connectionString: url, size: 1, overflow: 0 })
    for (const name of ['pg_class', 'pg_roles', 'pg_database', 'pg_namespace'])
      await pool.query(`CREATE TEMP TABLE ${name} (oid oid, relname name)`)
    const { rows } = await ownQueries(pool).query('SELECT count(*)::int AS all FROM pg_class')
    expect(rows[0]?.all).toBeGreaterThan(300)
    expect((await pool.advise()).fit).toBeDefined()
    await pool.end()
  })
})
