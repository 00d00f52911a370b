/** Roles as data: planned, applied as planned, checked; on servers whose rules about membership differ. */
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { type AccessTarget, applyAccess, planAccess, type RoleNames } from '../../src/access/index.ts'
import { installSchema, migrateHistory, migrateUp, OperationRecorder } from '../../src/migrate/index.ts'
import { SCHEMAS, statementsOf, TABLES, usePlaces, wordsOf } from '../support/access-place.ts'
import { queryAt } from '../support/database.ts'
import { MigrationFolder } from '../support/migration-folder.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'

removeScratchAfterwards()

describe.each([14, 18])('on PostgreSQL %i', (version) => {
  const { place } = usePlaces(version)

  test('from nothing to all six roles, each with what it is to have and no more', async () => {
    const { name, target, run, runAs, apply } = await place()
    await run(TABLES)
    await expect(applyAccess(target)).rejects.toMatchObject({ code: 'HF_ACCESS_WIDENS' })
    await apply()
    expect(wordsOf(await planAccess(target))).toEqual([])

    await runAs('app', "INSERT INTO depots (name) VALUES ('a'); INSERT INTO orders (note) VALUES ('b')")
    await runAs(
      'app',
      'SELECT twice(2), * FROM order_notes; SELECT * FROM billing.invoices; SELECT * FROM measures_1',
    )
    await runAs('readonly', 'SELECT * FROM depots, depot_names, orders, "Odd ""name"""')
    await runAs('monitor', 'SELECT query FROM pg_stat_activity; SELECT pg_ls_waldir()')
    await runAs('auditor', 'SELECT * FROM billing.invoices')
    await runAs(
      'migrator',
      'ALTER TABLE depots ADD COLUMN place text; DROP VIEW order_notes; CREATE TABLE later (n serial)',
    )
    // What was made later is granted as well, and belongs to the owner.
    await runAs('app', 'INSERT INTO later DEFAULT VALUES')
    expect(await run(`SELECT tableowner FROM pg_tables WHERE tablename = 'later'`)).toEqual([
      { tableowner: `${name}_owner` },
    ])
    expect(wordsOf(await planAccess(target))).toEqual([])
    for (const [kind, sql] of [
      ['app', 'TRUNCATE depots'],
      ['app', 'CREATE TABLE mine (n int)'],
      ['app', 'ALTER TABLE depots ADD COLUMN x int'],
      ['app', 'DELETE FROM billing.invoices'],
      ['app', 'CREATE SCHEMA mine'],
      ['readonly', "INSERT INTO depots (name) VALUES ('a')"],
      ['readonly', 'SELECT * FROM billing.invoices'],
      ['readonly', "SELECT nextval('depots_id_seq')"],
      ['monitor', 'SELECT * FROM depots'],
      ['auditor', 'SELECT * FROM depots'],
    ] as const)
      await expect(runAs(kind, sql), `${kind}: ${sql}`).rejects.toMatchObject({ code: '42501' })
    await expect(runAs('owner', 'SELECT 1')).rejects.toMatchObject({ code: '28000' })
  })

  test('what a role has too much is found, named and taken', async () => {
    const { name, target, run, apply } = await place()
    await run(TABLES)
    await apply()
    const [app, readonly, owner, migrator] = ['app', 'readonly', 'owner', 'migrator'].map(
      (kind) => `"${name}_${kind}"`,
    )
    await run(`
      GRANT TRUNCATE, UPDATE ON depots TO ${readonly} WITH GRANT OPTION;
      GRANT UPDATE (note) ON orders TO ${readonly};
      GRANT SELECT ON orders TO PUBLIC;
      GRANT CREATE ON SCHEMA public TO PUBLIC;
      GRANT CREATE ON DATABASE "${name}" TO ${app};
      GRANT ${owner} TO ${app};
      GRANT ${owner} TO ${migrator} WITH ADMIN OPTION;
      ALTER ROLE ${app} CREATEDB BYPASSRLS;
      ALTER ROLE ${owner} LOGIN;
      ALTER ROLE ${app} IN DATABASE "${name}" SET role TO ${owner};
      ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} GRANT INSERT ON TABLES TO ${readonly};
      ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA billing GRANT DELETE ON TABLES TO ${app}`)
    const plan = await planAccess(target)
    expect(wordsOf(plan)).toEqual([
      `${name}_readonly has TRUNCATE, UPDATE too much on table public.depots`,
      `${name}_readonly has UPDATE ("note") of its own on table public.orders`,
      'PUBLIC has SELECT too much on table public.orders',
      'PUBLIC has CREATE too much on schema public',
      `${name}_readonly has INSERT too much on tables to come`,
      `${name}_app has DELETE too much on tables to come in billing`,
      `${name}_owner may log in; the owner is only acted as`,
      `${name}_app has CREATEDB too much`,
      `${name}_app has BYPASSRLS too much`,
      `${name}_app is a member of ${name}_owner`,
      `${name}_migrator may make others members of ${name}_owner`,
      `${name}_app acts as ${name}_owner here`,
      `${name}_app has CREATE too much on database ${name}`,
    ])
    // Roles are of the whole server: what is taken from them was looked at.
    await expect(applyAccess(target)).rejects.toMatchObject({ code: 'HF_ACCESS_WIDENS' })
    await apply()
    expect(wordsOf(await planAccess(target))).toEqual([])
  })

  test('a service that owned everything goes on working while it is taken over', async () => {
    const { name, urlAs, target, run, runAs, apply } = await place({ app: 'former_owner' })
    await run(`CREATE ROLE former_owner LOGIN; ALTER DATABASE "${name}" OWNER TO former_owner;
               GRANT CREATE ON SCHEMA public TO former_owner`)
    await runAs('app', TABLES)
    const writer = new pg.Client(await urlAs('former_owner'))
    await writer.connect()
    const ending = new AbortController()
    const writing = (async () => {
      let written = 0
      for (; !ending.signal.aborted; written += 1)
        await writer.query("INSERT INTO depots (name) VALUES ('while')")
      return written
    })()
    await apply()
    ending.abort()
    const written = await writing
    await writer.end()
    expect(await run('SELECT count(*)::int AS rows FROM depots')).toEqual([{ rows: written }])
    expect(wordsOf(await planAccess(target))).toEqual([])
    await expect(runAs('app', 'DROP TABLE depots')).rejects.toMatchObject({ code: '42501' })
    await expect(runAs('app', `DROP SCHEMA public CASCADE`)).rejects.toMatchObject({ code: '42501' })
  })

  test('migrations run as the migrator, and the history knows who it was', async () => {
    const { url, urlAs, name, target, runAs, apply } = await place()
    await installSchema(url, 'holdfast', {})
    await apply()
    const migrator = await urlAs(`${name}_migrator`)
    const folder = new MigrationFolder(migrator)
    folder.add('CREATE TABLE made (n serial PRIMARY KEY)')
    folder.add('-- holdfast: transaction=off\nCREATE INDEX CONCURRENTLY made_n ON made (n)')
    await migrateUp(folder.target)
    expect(await migrateHistory(folder.target)).toMatchObject([
      { databaseUser: `${name}_migrator` },
      { databaseUser: `${name}_migrator` },
    ])
    await runAs('app', 'INSERT INTO made DEFAULT VALUES')
    expect(wordsOf(await planAccess(target))).toEqual([])
    // Evidence can be added to by a service, and not be changed.
    await runAs(
      'app',
      `INSERT INTO holdfast.operations (id, action, subject, actor) VALUES (gen_random_uuid(), 'a.b', 's', 'me')`,
    )
    await runAs('monitor', 'SELECT * FROM holdfast.migration_history')
    await runAs('auditor', 'SELECT * FROM holdfast.operations')
    await expect(runAs('app', 'DELETE FROM holdfast.migration_history')).rejects.toMatchObject({
      code: '42501',
    })
    await expect(runAs('readonly', 'SELECT * FROM holdfast.operations')).rejects.toMatchObject({
      code: '42501',
    })
    await installSchema(migrator, 'holdfast', {})
  })

  test('an administrator that is no superuser applies it, and is told what it lacks', async () => {
    const { name, urlAs, target, run, apply } = await place()
    const admin = `admin_${name}`
    await run(`CREATE ROLE "${admin}" LOGIN CREATEROLE CREATEDB; ALTER DATABASE "${name}" OWNER TO "${admin}";
               ALTER SCHEMA public OWNER TO "${admin}"`)
    const url = await urlAs(admin)
    await queryAt(url, TABLES)
    const mine = { ...target, url, options: { ...target.options, roles: { monitor: false } as const } }
    await apply(mine)
    expect(wordsOf(await planAccess(mine))).toEqual([])
    expect(await run(`SELECT pg_has_role('${admin}', '${name}_owner', 'USAGE') AS stays`)).toEqual([
      { stays: false },
    ])
    await run(`GRANT CREATE ON SCHEMA public TO "${admin}"`)
    await queryAt(url, 'CREATE TABLE made_by_admin (n int)')
    await apply(mine)
    await run(`CREATE TABLE not_mine (n int)`)
    const plan = await planAccess(mine)
    await expect(applyAccess(mine, { plan: plan.hash })).rejects.toMatchObject({
      code: 'HF_ACCESS_NOT_ALLOWED',
    })
  })

  test('a table in use is waited for, and given up with its name', async () => {
    const { url, target, run, apply } = await place()
    await run(TABLES)
    const reader = new pg.Client(url)
    await reader.connect()
    await reader.query('BEGIN; SELECT * FROM orders')
    const { hash } = await planAccess(target)
    await expect(
      applyAccess(target, { plan: hash, lockTimeoutMs: 20, lockRetries: 1 }),
    ).rejects.toMatchObject({
      code: 'HF_ACCESS_LOCK_TIMEOUT',
      retryable: true,
      message: expect.stringContaining('table public.orders did not get free in 2 attempt(s)'),
    })
    await reader.query('COMMIT')
    await reader.end()
    // What was done stays, and what is left is done.
    await apply()
    expect(wordsOf(await planAccess(target))).toEqual([])
  })

  test('two at once: one does it, the other is told', async () => {
    const { url, target, run } = await place()
    await run(TABLES)
    const { hash } = await planAccess(target)
    const blocker = new pg.Client(url)
    await blocker.connect()
    await blocker.query('BEGIN; LOCK TABLE depots')
    let isWaiting = (): void => {}
    const waiting = new Promise<void>((resolve) => (isWaiting = resolve))
    const first = applyAccess(target, {
      plan: hash,
      onProgress: (_done, _of, object) => void (object === 'table public.depots' && isWaiting()),
    })
    await waiting
    await expect(applyAccess(target, { plan: hash })).rejects.toMatchObject({ code: 'HF_ACCESS_BUSY' })
    await blocker.end()
    expect((await first).hash).toBe(hash)
    // There is nothing left to do: the same again is no mistake.
    expect((await applyAccess(target, { plan: hash })).groups).toEqual([])
  })

  test('superusers, oneself and names for two are refused; a plan from before is, too', async () => {
    const { target, run, apply } = await place()
    await run(TABLES)
    const [{ me }] = (await run('SELECT current_user AS me')) as [{ me: string }]
    const others = (roles: RoleNames): AccessTarget => ({ ...target, options: { ...target.options, roles } })
    expect((await planAccess(others({ app: me }))).blockedBy).toHaveLength(1)
    await expect(apply(others({ app: me }))).rejects.toMatchObject({ code: 'HF_ACCESS_BLOCKED' })
    await expect(planAccess(others({ app: 'one', readonly: 'one' }))).rejects.toMatchObject({
      code: 'HF_ACCESS_MODEL',
    })
    await expect(planAccess(others({ app: 'x'.repeat(64) }))).rejects.toMatchObject({
      code: 'HF_ACCESS_MODEL',
    })
    await expect(planAccess(others({ app: 'Public' }))).rejects.toMatchObject({ code: 'HF_ACCESS_MODEL' })
    const ours = { ...target, options: { ...target.options, schemas: { holdfast: {} } } }
    await expect(planAccess(ours)).rejects.toMatchObject({ code: 'HF_ACCESS_MODEL' })
    const { hash } = await planAccess(target)
    await run('CREATE TABLE meanwhile (n int)')
    await expect(applyAccess(target, { plan: hash })).rejects.toMatchObject({
      code: 'HF_ACCESS_PLAN_CHANGED',
    })
  })

  test('what is not managed is named and left alone', async () => {
    const { name, target, run, apply } = await place()
    await run(
      `${TABLES}; CREATE EXTENSION pg_stat_statements; CREATE ROLE bi_${name}; GRANT SELECT ON depots, orders TO bi_${name}`,
    )
    const plan = await apply({
      ...target,
      options: { ...target.options, schemas: { ...SCHEMAS, later: {} } },
    })
    expect(plan.notes).toEqual([
      'The schema later is not there yet: nothing is granted in it.',
      'The schema holdfast is not there yet: nothing is granted in it.',
      `bi_${name} has rights on 2 object(s), and is none of these roles: left alone.`,
    ])
    expect(statementsOf(plan).filter((one) => one.includes('pg_stat_statements'))).toEqual([])
    await run(`SET ROLE bi_${name}; SELECT * FROM depots`)
  })

  test('it is written down where there is a place for it', async () => {
    const { url, target, run } = await place()
    await installSchema(url, 'holdfast', {})
    const client = new pg.Client(url)
    await client.connect()
    const recorder = new OperationRecorder(client, 'holdfast')
    const { hash } = await planAccess(target)
    await applyAccess(target, { plan: hash, recorder })
    await client.end()
    expect(
      await run(`SELECT details->>'plan' AS plan FROM holdfast.operations WHERE action = 'access.apply'`),
    ).toEqual([{ plan: hash }])
  })
})
