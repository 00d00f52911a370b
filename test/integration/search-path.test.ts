/**
 * Functions and operators that another role made, of the names that PostgreSQL's own have, and of types that fit better:
 * what Holdfast reads as a superuser calls none of them.
 */
import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { installSchema } from '../../src/migrate/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { type AdminClient, useAdminServer } from '../support/admin-server.ts'
import { runCli } from '../support/cli.ts'
import { queryAt } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'
import { startServer } from '../support/servers.ts'

removeScratchAfterwards()
const SRC = new URL('../../src/', import.meta.url).pathname

/** Whatever stands before a parenthesis in the code: the catalog knows which of it are functions. */
const CALLED = [
  ...new Set(
    readdirSync(SRC, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .flatMap((path) => readFileSync(join(SRC, path), 'utf8').match(/\b[a-z_0-9]+(?=\()/g) ?? []),
  ),
]

/** What any role that may create in `public` can plant: each says in a file that it was called, and by whose arguments. */
const traps = (file: string): string => `
  CREATE FUNCTION public.sprung(what text) RETURNS void LANGUAGE plpgsql AS $f$
    BEGIN EXECUTE pg_catalog.format('COPY (SELECT %L) TO PROGRAM %L', what, 'cat >> ${file}'); END $f$;
  DO $do$
  DECLARE
    types text[] := ARRAY['name', 'text', 'oid', 'int4', 'int8', 'float8', '"char"', 'name[]', 'timestamptz'];
    fn record; a text; b text; c text; op text;
  BEGIN
    FOR fn IN SELECT DISTINCT ON (proname) proname AS name, format_type(prorettype, NULL) AS result FROM pg_catalog.pg_proc
               WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY ('{${CALLED.join(',')}}'::text[]) AND prokind = 'f'
                 AND prorettype NOT IN ('internal'::regtype, 'trigger'::regtype, 'anyelement'::regtype, 'anyarray'::regtype, 'record'::regtype) AND NOT proretset
    LOOP
      FOREACH a IN ARRAY types LOOP
        FOREACH b IN ARRAY types || ''::text LOOP
          FOREACH c IN ARRAY CASE WHEN b IN ('name', 'text') THEN ARRAY['', 'name', 'text', 'oid'] ELSE ARRAY[''] END LOOP
            BEGIN
              EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN PERFORM public.sprung(%L); RETURN NULL; END $f$',
                fn.name, array_to_string(ARRAY[a, nullif(b, ''), nullif(c, '')], ', '), fn.result, fn.name || ' of ' || a || ' ' || b || ' ' || c);
            EXCEPTION WHEN others THEN NULL; -- not every result can be had so
            END;
          END LOOP;
        END LOOP;
      END LOOP;
    END LOOP;
    FOREACH op IN ARRAY ARRAY['=', '<>', '<', '>', '<=', '>=', '||', '+', '-', '*', '/', '~', '!~', '%'] LOOP
      FOREACH a IN ARRAY types LOOP
        FOREACH b IN ARRAY types LOOP
          BEGIN
            EXECUTE format('CREATE FUNCTION public.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN PERFORM public.sprung(%L); RETURN NULL; END $f$',
              'op_' || md5(op || a || b), a, b, CASE WHEN op IN ('||') THEN 'text' WHEN op IN ('+', '-', '*', '/', '%') THEN 'int8' ELSE 'bool' END, op || ' of ' || a || ' ' || b);
            EXECUTE format('CREATE OPERATOR public.%s (FUNCTION = public.%I, LEFTARG = %s, RIGHTARG = %s)', op, 'op_' || md5(op || a || b), a, b);
          EXCEPTION WHEN others THEN NULL;
          END;
        END LOOP;
      END LOOP;
    END LOOP;
  END $do$`

/** What is read by monitoring, over HTTP. */
const ROUTES = (
  JSON.parse(readFileSync(new URL('../../docs/reference/openapi.json', import.meta.url), 'utf8')) as {
    paths: Record<string, Record<string, unknown>>
  }
).paths
const READ = Object.entries(ROUTES)
  .filter(([path, methods]) => 'get' in methods && !path.includes('{') && path !== '/v1/events')
  .map(([path]) => path)
  .filter((path) =>
    /^\/(health|readyz|metrics|v1\/(database\/(stats|tables|activity|monitoring|performance|replication|settings)))/.test(
      path,
    ),
  )

const NEWER = [
  'doctor --digest daily',
  'top --once --interval 0.5',
  'query top',
  'activity list',
  'activity locks',
  'table list',
  'table show kept',
  'table optimize --dry-run',
  'metrics',
  'status',
  'alert list',
]

describe.each([14, 18])('on PostgreSQL %i', (version) => {
  let server: EmbeddedServer
  let url = ''
  const file = (): string => join(folder, 'sprung')
  const sprung = (): string => (existsSync(file()) ? readFileSync(file(), 'utf8') : '')
  const folder = scratch('sprung')
  beforeAll(async () => {
    chmodSync(folder, 0o777)
    server = await startServer({ version })
    const database = await createTestDatabase(server.url)
    url = database.url
    await installSchema(url, 'holdfast', {})
    await queryAt(
      url,
      `CREATE EXTENSION pg_stat_statements; CREATE TABLE kept (id int PRIMARY KEY, of int REFERENCES kept); CREATE INDEX ON kept (of); CREATE INDEX ON kept (of);
       INSERT INTO kept SELECT n, n FROM generate_series(1, 2000) n; ANALYZE kept`,
    )
    await queryAt(url, traps(file()))
  })
  afterAll(() => server.stop())
  const client = useAdminServer({
    get url() {
      return url
    },
  })

  test('the traps are there, and work', async () => {
    await queryAt(url, `SELECT format('%I', relname, relname) FROM pg_catalog.pg_class LIMIT 1`)
    expect(readFileSync(file(), 'utf8')).toContain('format of text name name')
    await queryAt(url, `COPY (SELECT WHERE false) TO PROGRAM 'cat > ${file()}'`)
  })

  test('what is asked for over HTTP calls none of them', async () => {
    expect(READ.length).toBeGreaterThan(15)
    const get = (path: string): ReturnType<AdminClient['get']> => client().get(path, client().bearer('admin'))
    for (const path of READ) {
      const answer = await get(path)
      expect([path, answer.status]).toEqual([path, expect.not.toBeOneOf([500])])
    }
    expect((await get('/v1/database/tables/kept')).status).toBe(200)
    expect(sprung()).toBe('')
  })

  // The statements are those of the routes: of the older server one command is enough.
  test.each(['doctor --full', ...(version === 14 ? [] : NEWER)])(
    'holdfast %s calls none of them',
    async (command) => {
      const { stderr } = await runCli(command.split(' '), {
        cwd: scratch('path'),
        env: { DATABASE_URL: url },
      })
      expect(sprung()).toBe('')
      expect(stderr).not.toContain('error')
    },
  )
})
