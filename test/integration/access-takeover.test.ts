/** What applying takes over from others: owners, code with rights of its own, groups, policies, schemas. */
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { untilBlocking } from '../support/database.ts'
import { applyAccess, managedRoles, planAccess } from '../../src/access/index.ts'
import { findDrift, installSchema, migrateUp } from '../../src/migrate/index.ts'
import { MigrationFolder } from '../support/migration-folder.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'
import { TABLES, usePlaces, wordsOf } from '../support/access-place.ts'

removeScratchAfterwards()

describe.each([14, 18])('on PostgreSQL %i', (version) => {
  const { place, url: serverUrl } = usePlaces(version)

  test("code that runs with its owner's rights is not handed over from those who could not have made it so", async () => {
    const { name, target, run, runAs, apply } = await place()
    await run(`${TABLES}; CREATE ROLE "${name}_readonly" LOGIN; GRANT CREATE ON SCHEMA public TO "${name}_readonly";
               GRANT SELECT ON depots TO "${name}_readonly"`)
    await runAs(
      'readonly',
      `CREATE FUNCTION anything(s text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN EXECUTE s; END';
                             CREATE VIEW peek AS SELECT * FROM depots`,
    )
    const { notes } = await apply()
    expect(notes).toEqual(
      expect.arrayContaining([
        expect.stringContaining(`view public.peek runs with the rights of ${name}_readonly`),
        expect.stringContaining('function public.anything(s text) runs with the rights of'),
      ]),
    )
    await expect(runAs('readonly', "SELECT anything('DROP TABLE depots')")).rejects.toMatchObject({
      code: '42501',
    })
    expect(wordsOf(await planAccess(target))).toEqual([])
  })

  test('what a stranger changes while its rights are handed over stays the stranger’s, and so does a table that calls its functions', async () => {
    const { name, target, run, url } = await place()
    const low = `low_${name}`
    await run(
      `${TABLES}; CREATE ROLE "${low}" LOGIN PASSWORD 'x'; GRANT CREATE ON SCHEMA public TO "${low}"; CREATE TABLE secrets (n int); INSERT INTO secrets VALUES (42)`,
    )
    const as = Object.assign(new URL(url), { username: low, password: 'x' }).href
    const [one, two] = [new pg.Client(as), new pg.Client(as)]
    for (const client of [one, two]) await client.connect()
    await one.query(`CREATE TYPE public.aaa AS ENUM ('x'); CREATE FUNCTION public.anything(s text) RETURNS void LANGUAGE plpgsql AS 'BEGIN EXECUTE s; END';
      CREATE FUNCTION public.deep() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN IF current_user <> '${low}' THEN EXECUTE 'GRANT SELECT ON public.secrets TO "${low}"'; END IF; END $f$;
      CREATE FUNCTION public.trojan(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN PERFORM public.deep(); RETURN n; END $f$;
      CREATE TABLE public.horse (n int); CREATE INDEX ON public.horse (public.trojan(n)); INSERT INTO public.horse SELECT generate_series(1, 9); GRANT ALL ON public.horse TO PUBLIC; GRANT EXECUTE ON FUNCTION public.anything(text) TO PUBLIC`)
    const plan = await planAccess(target)
    await one.query('BEGIN; ALTER TYPE public.aaa RENAME TO aab')
    const applying = applyAccess(target, { plan: plan.hash }).then(
      () => 'applied',
      (error: { code?: string }) => error.code,
    )
    await untilBlocking(one, url)
    await two.query('ALTER FUNCTION public.anything(text) SECURITY DEFINER')
    await one.query('ROLLBACK')
    expect(await applying).toBe('HF_ACCESS_CHANGED')
    const owners = await run(
      `SELECT pg_get_userbyid(proowner)::text AS owner FROM pg_proc WHERE proname = 'anything' UNION ALL SELECT pg_get_userbyid(relowner)::text FROM pg_class WHERE relname = 'horse'`,
    )
    expect(owners).toEqual([{ owner: low }, { owner: low }])
    await run('ANALYZE public.horse')
    await expect(two.query('SELECT n FROM public.secrets')).rejects.toMatchObject({ code: '42501' })
    for (const client of [one, two]) await client.end()
  })

  test('a right that somebody else gave is there from the owner before it goes; what is lost with it is said', async () => {
    const { name, target, run, runAs, apply } = await place()
    await run(TABLES)
    await apply()
    await run(`CREATE ROLE rep_${name}; GRANT USAGE ON SCHEMA public TO rep_${name};
      GRANT SELECT ON depots TO "${name}_app" WITH GRANT OPTION;
      SET ROLE "${name}_app"; GRANT SELECT ON depots TO rep_${name}, "${name}_readonly"; RESET ROLE;
      REVOKE SELECT ON depots FROM "${name}_readonly"; REVOKE ALL ON orders FROM "${name}_owner"`)
    expect(wordsOf(await planAccess(target))).toEqual([
      `${name}_app may pass on SELECT on table public.depots, and passed it on to ${[`rep_${name}`, `${name}_readonly`].toSorted().join(', ')}, who lose it`,
      `${name}_readonly lacks SELECT on table public.depots`,
      `${name}_readonly has SELECT too much on table public.depots, from ${name}_app`,
      expect.stringMatching(`${name}_owner lacks SELECT, INSERT, .* on table public.orders`),
    ])
    await expect(applyAccess(target)).rejects.toMatchObject({ code: 'HF_ACCESS_WIDENS' })
    await apply()
    expect(wordsOf(await planAccess(target))).toEqual([])
    await runAs('readonly', 'SELECT * FROM depots')
  })

  test('a service that has its rights from a group keeps them all the while', async () => {
    const { name, target, run, urlAs, apply } = await place()
    await run(`${TABLES}; CREATE ROLE "${name}_app" LOGIN; CREATE ROLE grp_${name}; GRANT grp_${name} TO "${name}_app"; GRANT pg_write_all_data TO "${name}_app";
      GRANT USAGE ON SCHEMA public TO grp_${name}; GRANT ALL ON ALL TABLES IN SCHEMA public TO grp_${name}; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO grp_${name}`)
    const writer = new pg.Client(await urlAs(`${name}_app`))
    await writer.connect()
    const ending = new AbortController()
    const writing = (async () => {
      for (let written = 0; ; written += 1) {
        if (ending.signal.aborted) return written
        await writer.query("INSERT INTO depots (name) VALUES ('while')")
      }
    })()
    const { notes } = await apply()
    ending.abort()
    expect(await writing).toBeGreaterThan(0)
    await writer.end()
    // Its group may be for another database: it is named. What reaches into every database is taken.
    expect(notes).toContain(`${name}_app is a member of grp_${name}, and may do all that it may: left alone.`)
    expect(await run(`SELECT pg_has_role('${name}_app', 'pg_write_all_data', 'MEMBER') AS has`)).toEqual([
      { has: false },
    ])
    expect(wordsOf(await planAccess(target))).toEqual([])
  })

  test('what applying takes from others, and what is out of sight, is said', async () => {
    const { name, target, run, apply } = await place({ app: 'svc_rls' })
    await run(
      `CREATE ROLE svc_rls LOGIN; CREATE ROLE legacy_${name}; GRANT CREATE ON SCHEMA public TO svc_rls, legacy_${name}`,
    )
    await run(
      `SET ROLE svc_rls; CREATE TABLE of_tenants (t int); ALTER TABLE of_tenants ENABLE ROW LEVEL SECURITY`,
    )
    await run(`SET ROLE legacy_${name}; CREATE TABLE old_one (n int)`)
    await run(
      `CREATE SCHEMA secret; GRANT USAGE ON SCHEMA secret TO svc_rls; GRANT CREATE ON DATABASE "${name}" TO PUBLIC`,
    )
    const plan = await planAccess(target)
    expect(wordsOf(plan)).toContain(`PUBLIC has CREATE too much on database ${name}`)
    expect(wordsOf(plan)).toContainEqual(
      expect.stringContaining('its policies hold for svc_rls from then on'),
    )
    expect(plan.warnings).toEqual([
      expect.stringContaining(`legacy_${name} owns 1 object(s) here and is none of these roles: it loses`),
    ])
    expect(plan.notes).toContain(
      'svc_rls has rights in the schema secret, which is not configured: not looked into.',
    )
    await apply()
    await run(`CREATE ROLE mal_${name}; GRANT "${name}_migrator" TO mal_${name}`)
    expect((await planAccess(target)).notes).toContain(
      `mal_${name} is a member of ${name}_migrator: it may do all that it may.`,
    )
    await run(`REASSIGN OWNED BY svc_rls TO current_user; DROP OWNED BY svc_rls; DROP ROLE svc_rls`)
  })

  test('drift leaves grants to it', async () => {
    const { url, target, apply } = await place({}, { public: {} })
    await installSchema(url, 'holdfast', {})
    const folder = new MigrationFolder(url)
    folder.add(
      'CREATE TABLE notes (id serial PRIMARY KEY, body text); CREATE FUNCTION one() RETURNS int LANGUAGE sql AS $$SELECT 1$$',
    )
    await migrateUp(folder.target)
    await apply()
    const against = { kind: 'migrations', ...folder.target } as const
    const options = { shadowUrl: serverUrl() }
    expect((await findDrift(url, against, options)).differences).not.toEqual([])
    const managed = { ...options, managedRoles: managedRoles(target) }
    // Before PostgreSQL 15 everybody may make things in public, until it is taken from them.
    const left = (await findDrift(url, against, managed)).differences.map(({ name }) => name)
    expect(left).toEqual(version < 15 ? ['public'] : [])
  })

  test('whoever looks may look: only applying needs an administrator', async () => {
    const { name, target, run, urlAs, apply } = await place()
    await run(TABLES)
    await apply()
    for (const kind of ['migrator', 'app']) {
      const plan = await planAccess({ ...target, url: await urlAs(`${name}_${kind}`) })
      expect(plan, kind).toMatchObject({ groups: [], blockedBy: [] })
    }
    await run('CREATE TABLE more (n int)')
    const mine = { ...target, url: await urlAs(`${name}_migrator`) }
    const plan = await planAccess(mine)
    await expect(applyAccess(mine, { plan: plan.hash })).rejects.toMatchObject({ code: 'HF_ACCESS_BLOCKED' })
  })

  test('procedures with the same types, and a foreign key while its schema is handed over', async () => {
    const { url, target, run, apply } = await place({ app: 'api_fk' }, { public: {}, billing: {} })
    await run(`CREATE ROLE api_fk LOGIN; CREATE ROLE former LOGIN; CREATE SCHEMA billing AUTHORIZATION former;
      SET ROLE former; CREATE TABLE billing.parent (id int PRIMARY KEY); CREATE TABLE billing.child (id int REFERENCES billing.parent);
      CREATE PROCEDURE billing.pp(IN a int, OUT b int) LANGUAGE sql AS 'SELECT 1'; CREATE PROCEDURE billing.pp(IN a int, IN b int) LANGUAGE sql AS 'SELECT 1';
      INSERT INTO billing.parent VALUES (1); GRANT USAGE ON SCHEMA billing TO api_fk; GRANT ALL ON ALL TABLES IN SCHEMA billing TO api_fk`)
    const reader = new pg.Client(url)
    await reader.connect()
    await reader.query('BEGIN; SELECT * FROM billing.parent')
    const { hash } = await planAccess(target)
    await expect(
      applyAccess(target, { plan: hash, lockTimeoutMs: 20, lockRetries: 0 }),
    ).rejects.toMatchObject({ code: 'HF_ACCESS_LOCK_TIMEOUT' })
    await run('SET ROLE api_fk; INSERT INTO billing.child VALUES (1)')
    await reader.end()
    await apply()
    await run('SET ROLE api_fk; INSERT INTO billing.child VALUES (1)')
    expect(wordsOf(await planAccess(target))).toEqual([])
    await run(
      'REASSIGN OWNED BY api_fk, former TO current_user; DROP OWNED BY api_fk, former; DROP ROLE api_fk, former',
    )
  })
})
