/** Plans are made with the rights of who ran the statement: what the planner works out is somebody's code. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/core/index.ts'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { explain } from '../../src/monitor/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { queryAt } from '../support/database.ts'
import { startServer } from '../support/servers.ts'

describe.each([14, 18])('on PostgreSQL %i', (version) => {
  let server: EmbeddedServer
  let url: string
  const pools: Pool[] = []
  const as = (role: string): string => Object.assign(new URL(url), { username: role, password: 'x' }).href
  const poolAs = (role?: string): Pool => {
    const pool = new Pool({ connectionString: role === undefined ? url : as(role), size: 1 })
    pools.push(pool)
    return pool
  }
  const run = (sql: string): Promise<Record<string, unknown>[]> => queryAt(url, sql)
  const idOf = async (like: string): Promise<string> =>
    (await run(`SELECT queryid::text AS id FROM pg_stat_statements WHERE query LIKE '${like}' LIMIT 1`))[0]
      ?.id as string
  const refused = expect.objectContaining({ code: 'HF_MONITOR_EXPLAIN_ROLE' })

  beforeAll(async () => {
    server = await startServer({ version })
    url = (await createTestDatabase(server.url)).url
    await run(`CREATE EXTENSION pg_stat_statements; CREATE ROLE low LOGIN PASSWORD 'x'; CREATE ROLE watcher LOGIN PASSWORD 'x';
      CREATE ROLE near LOGIN PASSWORD 'x'; GRANT low TO near; GRANT pg_read_all_stats TO watcher, near; GRANT CREATE ON SCHEMA public TO low;
      CREATE TABLE plain (n int); INSERT INTO plain SELECT generate_series(1, 100)`)
  })
  afterAll(async () => {
    for (const pool of pools) await pool.end()
    await server.stop()
  })

  test('as long as nobody else has made anything, a superuser’s statements are planned as theirs', async () => {
    await run('SELECT count(*) FROM plain WHERE n > 7')
    const id = await idOf('SELECT count(*) FROM plain WHERE n > %')
    expect((await explain(poolAs(), systemClock, { id })).plan).toBeDefined()
    expect((await explain(poolAs(), systemClock, { id, values: [4], analyze: true })).isMeasured).toBe(true)
    expect(
      (await explain(poolAs(), systemClock, { text: 'SELECT n FROM plain WHERE n = $1', values: ['4'] }))
        .kind,
    ).toBe('for these values')
  })

  test('what a statement calls runs with the rights of who ran it, with values or without, measured or not', async () => {
    await queryAt(
      as('low'),
      `CREATE TABLE low_seen (by name, super text); GRANT INSERT ON low_seen TO PUBLIC;
       CREATE FUNCTION bait_deep(n int) RETURNS int LANGUAGE plpgsql VOLATILE AS $f$ BEGIN
         RAISE WARNING 'bait % %', current_user, current_setting('is_superuser'); PERFORM set_config('role', 'none', false); RETURN n; END $f$;
       CREATE FUNCTION bait(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN
         IF current_user <> 'low' THEN RAISE EXCEPTION 'sprung as %', current_user; END IF; RETURN n; END $f$;
       CREATE TABLE baited (n int); SELECT * FROM baited WHERE n > public.bait(3)`,
    )
    const id = await idOf('SELECT * FROM baited WHERE n > public.bait(%')
    for (const pool of [poolAs(), poolAs('low'), poolAs('near')])
      for (const more of [{}, { values: [5] }, { values: [5], analyze: true }])
        expect((await explain(pool, systemClock, { id, ...more })).plan).toBeDefined()
    // It would leave what it runs in.
    await queryAt(
      as('low'),
      `CREATE OR REPLACE FUNCTION bait(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN PERFORM set_config('role', 'none', false); RETURN n; END $f$`,
    )
    await expect(explain(poolAs(), systemClock, { id, values: [5] })).rejects.toMatchObject({
      code: 'HF_MONITOR_EXPLAIN_REFUSED',
      message: expect.stringContaining('within security-definer function'),
    })
    await expect(explain(poolAs('watcher'), systemClock, { id })).rejects.toEqual(refused)
  })

  test('a superuser’s statements are not planned once others have made something here', async () => {
    await run('SELECT count(*) FROM plain WHERE n > 7')
    const id = await idOf('SELECT count(*) FROM plain WHERE n > %')
    await expect(explain(poolAs(), systemClock, { id })).rejects.toEqual(refused)
    await expect(explain(poolAs(), systemClock, { text: 'SELECT public.bait(1)' })).rejects.toEqual(refused)
    // The same statement of one who may be acted as is.
    await run('GRANT SELECT ON plain TO low')
    await queryAt(as('low'), 'SELECT count(*) FROM plain WHERE n > 7')
    expect((await explain(poolAs(), systemClock, { id })).plan).toBeDefined()
  })

  test('a function that belongs to a predefined role counts as others’; an empty path is one', async () => {
    const { url: other } = await createTestDatabase(server.url)
    const pool = new Pool({ connectionString: other, size: 1 })
    pools.push(pool)
    const text = 'SELECT 1 WHERE 1 = 2'
    await queryAt(other, `ALTER DATABASE ${new URL(other).pathname.slice(1)} SET search_path = ''`)
    expect((await explain(pool, systemClock, { text })).plan).toBeDefined()
    await queryAt(
      other,
      `CREATE FUNCTION public.theirs() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION public.theirs() OWNER TO pg_monitor`,
    )
    await expect(explain(pool, systemClock, { text })).rejects.toEqual(refused)
  })
})
