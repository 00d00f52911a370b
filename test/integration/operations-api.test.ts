/** What takes longer than a request: begun, looked at, and told how it ended. */
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { LongWorks } from '../../src/admin/long-work.ts'
import { FakeClock } from '../../src/testing/index.ts'
import { useAdminServer } from '../support/admin-server.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { MigrationFolder } from '../support/migration-folder.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
let folder: MigrationFolder | undefined
const theFolder = (): MigrationFolder => (folder ??= new MigrationFolder(database.url))
const server = useAdminServer(database, () => ({
  migrations: theFolder().target,
  migrateOptions: { lockTimeoutMs: 100, lockRetries: 1 },
  access: {
    url: database.url,
    options: { roles: { owner: `${database.name}_boss`, migrator: false }, schemas: { public: {} } },
    ownSchema: 'holdfast',
  },
}))
const post: ReturnType<typeof server>['post'] = (...args) => server().post(...args)
const UP = '/v1/database/migrations/up'
const ROLLBACK = '/v1/database/migrations/rollback'

describe('migrations', () => {
  test('run for an operator, as an operation that tells what it does', async () => {
    const id = theFolder().add({ 'up.sql': 'CREATE TABLE made (n int)', 'down.sql': 'DROP TABLE made' })
    expect(await post(UP, 'viewer', {})).toMatchObject({ status: 403, body: { code: 'HF_ADMIN_FORBIDDEN' } })
    expect(await post(UP, 'operator', { too: id })).toMatchObject({
      status: 400,
      body: { errors: [{ path: '/too' }] },
    })
    const begun = await post(UP, 'operator', {})
    expect(begun).toMatchObject({ status: 202, body: { kind: 'migrations.up', started_by: 'operator' } })
    expect(begun.headers.get('location')).toBe(`/v1/operations/${String(begun.body.id)}`)
    expect(await server().outcome(begun.body.id)).toMatchObject({
      state: 'done',
      result: { ran: [id] },
      error: null,
      log: [{ text: `[1/1] ${id}` }, { text: expect.stringContaining('applied in') }],
    })
    const all = await (await server().get('/v1/operations', server().bearer('viewer'))).json()
    expect(all).toMatchObject({ data: [{ id: begun.body.id }] })
  })

  test('that fail say why, with their code', async () => {
    theFolder().add('CREATE TABLE made (n int)')
    const { body } = await post(UP, 'operator', {})
    expect(await server().outcome(body.id)).toMatchObject({
      state: 'failed',
      result: null,
      error: { code: 'HF_MIGRATE_FAILED', message: expect.stringContaining('already exists') },
    })
  })

  test('tell a viewer how they stand, and no values; passwords in URLs nobody', async () => {
    const id = theFolder().add('SELECT 1 AS "postgres://u:hunter2@h/db", \'hunter3\'::int')
    const { body } = await post(UP, 'operator', {})
    const told = await server().outcome(body.id)
    expect(JSON.stringify(told)).toContain('already exists')
    const answer = await server().get(`/v1/operations/${String(body.id)}`, server().bearer('viewer'))
    const seen = (await answer.json()) as Record<string, unknown>
    expect(seen).toMatchObject({ state: 'failed', log: [], error: { message: 'An operator can read why.' } })
    const pending = await (
      await server().get('/v1/database/migrations/pending', server().bearer('viewer'))
    ).text()
    expect(pending).not.toContain('hunter3')
    const all = await (
      await server().get('/v1/database/migrations/pending', server().bearer('operator'))
    ).text()
    expect(all).toContain('hunter3')
    const works = new LongWorks(new FakeClock())
    const work = works.start(
      {
        kind: 'test.work',
        startedBy: { id: 'one', name: 'somebody', role: 'operator' },
        input: {},
        key: undefined,
      },
      async () => {
        throw new Error('cannot reach postgres://u:hunter2@h/db')
      },
    )
    await works.close()
    expect(work.error?.message).toBe('cannot reach postgres://u:***@h/db')
    theFolder().write(id, 'SELECT 1')
  })

  test('are begun once for one key, however often it is asked', async () => {
    // Somebody else's key is another.
    const key = { ...server().bearer('operator'), 'idempotency-key': 'a key of the caller' }
    const [first, second] = [await post(UP, 'operator', {}, key), await post(UP, 'operator', {}, key)]
    expect(second.body.id).toBe(first.body.id)
    expect(await post(UP, 'operator', { skip_backfills: true }, key)).toMatchObject({
      status: 422,
      body: { code: 'HF_ADMIN_IDEMPOTENCY_KEY' },
    })
    await server().outcome(first.body.id)
  })

  test('are taken back for an admin as the plan showed, and not otherwise', async () => {
    const answer = await server().get('/v1/database/migrations/rollback-plan', server().bearer('operator'))
    const { plan, steps } = (await answer.json()) as { plan: string; steps: { id: string }[] }
    expect((await post(ROLLBACK, 'operator', { plan })).status).toBe(403)
    const other = await post(ROLLBACK, 'admin', { plan: 'another' })
    expect(await server().outcome(other.body.id)).toMatchObject({ error: { code: 'HF_ROLLBACK_CHANGED' } })
    const begun = await post(ROLLBACK, 'admin', { plan })
    expect(await server().outcome(begun.body.id)).toMatchObject({
      state: 'done',
      result: { taken_back: [steps[0]?.id], rows_lost: 0 },
    })
    expect(await queryAt(database.url, "SELECT to_regclass('made') AS made")).toEqual([{ made: null }])
  })

  test('drift is told, against what the migrations that ran build', async () => {
    await queryAt(database.url, 'CREATE TABLE by_hand (n int)')
    const { body } = await post('/v1/database/migrations/drift', 'operator')
    // What is pending is no difference.
    expect(await server().outcome(body.id)).toMatchObject({
      state: 'done',
      result: { differences: [expect.stringContaining('by_hand')] },
    })
  })
})

describe('access', () => {
  test('is shown to a viewer and applied for an admin, as the plan showed', async () => {
    const look = async (): Promise<Record<string, unknown>> =>
      (await (await server().get('/v1/database/access', server().bearer('viewer'))).json()) as Record<
        string,
        unknown
      >
    const plan = await look()
    expect(plan).toMatchObject({
      roles: { owner: `${database.name}_boss` },
      blocked_by: [],
      differences: expect.arrayContaining([
        expect.objectContaining({ effect: 'widens', words: `${database.name}_app (app) is not there yet` }),
      ]),
    })
    expect((await post('/v1/database/access/apply', 'operator', { plan: plan.plan })).status).toBe(403)
    const stale = await post('/v1/database/access/apply', 'admin', { plan: 'another' })
    expect(await server().outcome(stale.body.id)).toMatchObject({ error: { code: 'HF_ACCESS_PLAN_CHANGED' } })
    const begun = await post('/v1/database/access/apply', 'admin', { plan: plan.plan })
    expect(await server().outcome(begun.body.id)).toMatchObject({ state: 'done' })
    const client = new pg.Client(database.url)
    await client.connect()
    const { rows } = await client.query(
      "SELECT action FROM holdfast.operations WHERE action = 'access.apply'",
    )
    // Roles belong to the server: they go with this database.
    for (const kind of ['boss', 'app', 'readonly', 'monitor', 'auditor'])
      await client.query(
        `REASSIGN OWNED BY "${database.name}_${kind}" TO current_user; DROP OWNED BY "${database.name}_${kind}"; DROP ROLE "${database.name}_${kind}"`,
      )
    await client.end()
    expect(rows).toHaveLength(1)
  })
})

test('an operation that nobody knows has its code', async () => {
  const answer = await server().get('/v1/operations/nothing', server().bearer('viewer'))
  expect(answer.status).toBe(404)
  expect(await answer.json()).toMatchObject({ code: 'HF_ADMIN_OPERATION_UNKNOWN' })
})

describe('works', () => {
  let orders = 0
  /** Each for something else, or for the same with a key. */
  const order = (key?: string): Parameters<LongWorks['start']>[0] => ({
    kind: 'test.work',
    startedBy: { id: 'one', name: 'somebody', role: 'operator' },
    input: { number: key ?? (orders += 1) },
    key,
  })

  test('at most four run, a hundred are kept, and each keeps its last two hundred lines', async () => {
    const works = new LongWorks(new FakeClock())
    const ends: (() => void)[] = []
    const endless = (): Promise<object> => new Promise((resolve) => ends.push(() => resolve({})))
    for (let count = 0; count < 4; count += 1) works.start(order(), endless)
    expect(() => works.start(order(), endless)).toThrow(
      expect.objectContaining({ code: 'HF_ADMIN_TOO_MANY_OPERATIONS' }),
    )
    for (const end of ends) end()
    await works.close()
    const talkative = works.start(order('one'), async (tell) => {
      for (let line = 1; line <= 250; line += 1) tell(`line ${line}`)
      return {}
    })
    await works.close()
    expect(talkative.log).toHaveLength(200)
    expect(talkative.log.at(-1)?.text).toBe('line 250')
    for (let count = 0; count < 100; count += 1) {
      works.start(order(), async () => ({}))
      await works.close()
    }
    expect(works.list()).toHaveLength(100)
    // What is forgotten frees its key.
    expect(works.start(order('one'), async () => ({})).id).not.toBe(talkative.id)
  })

  test('one that is joined is found by the key of who joined it, in whatever order its members came', async () => {
    const works = new LongWorks(new FakeClock())
    const ask = (name: string, input: object, key?: string): string =>
      works.start(
        { kind: 'test.work', startedBy: { id: `of ${name}`, name, role: 'operator' }, input, key },
        async () => ({}),
      ).id
    const first = ask('ann', { a: 1, b: { c: 2, d: 3 } })
    expect(ask('ben', { b: { d: 3, c: 2 }, a: 1 }, 'key')).toBe(first)
    await works.close()
    expect(ask('ben', { a: 1, b: { c: 2, d: 3 } }, 'key')).toBe(first)
    expect(ask('ann', { a: 1, b: { c: 2, d: 3 } })).not.toBe(first)
  })

  test('one key of two people is two, whatever their names', async () => {
    const works = new LongWorks(new FakeClock())
    const ask = (id: string, name: string, key: string): string =>
      works.start({ ...order(), startedBy: { id, name, role: 'operator' }, key }, async () => ({})).id
    expect(ask('1', 'ann', 'lee K')).not.toBe(ask('2', 'ann lee', 'K'))
    expect(ask('3', 'tool', 'K')).not.toBe(ask('4', 'tool', 'K'))
    await works.close()
  })

  test('what it says holds no password', async () => {
    const works = new LongWorks(new FakeClock())
    const { log } = works.start(order(), async (tell) => {
      tell('to postgres://u:pa@hunter2@h/db and redis://:hunter2@h')
      tell("host=h password=hunter2 user=u; password = 'hunter2 \\' hunter2'; ?sslpassword=hunter2&x=1")
      tell("ALTER ROLE a PASSWORD 'hunter2''hunter2'")
      return {}
    })
    await works.close()
    expect(JSON.stringify(log)).not.toContain('hunter2')
    expect(log[0]?.text).toBe('to postgres://u:***@h/db and redis://:***@h')
  })

  test('one that was ended is not done, whatever it says', async () => {
    const works = new LongWorks(new FakeClock())
    let finish = (): void => {}
    const { id } = works.start(
      order(),
      () => new Promise((resolve) => (finish = () => resolve({ steps: [] }))),
    )
    const ending = works.end(id, 'ann')
    finish()
    expect(await ending).toMatchObject({ state: 'failed', error: { code: 'HF_ADMIN_OPERATION_ENDED' } })
  })

  test('closing waits a little, and not for ever', async () => {
    const clock = new FakeClock()
    const works = new LongWorks(clock)
    works.start(order(), () => new Promise(() => {}))
    const closing = works.close()
    await clock.advance(5_000)
    await closing
    expect(works.list()).toMatchObject([{ state: 'running' }])
  })
})
