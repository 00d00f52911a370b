/** Partitions over HTTP: looked at, planned, converted and kept. */
import { expect, test } from 'vitest'
import { useAdminServer } from '../support/admin-server.ts'
import { queryAt, useDatabase } from '../support/database.ts'

const database = useDatabase()
const server = useAdminServer(database, () => ({
  partitions: { url: database.url, ownSchema: 'holdfast' },
}))
const BASE = '/v1/database/partitions'
const post: ReturnType<typeof server>['post'] = (path, ...rest) => server().post(`${BASE}/${path}`, ...rest)
const get = async (path: string): Promise<Record<string, unknown>> =>
  (await (await server().get(`${BASE}${path}`, server().bearer('viewer'))).json()) as Record<string, unknown>

test('a table is planned by an operator, converted by an admin, looked at by anybody', async () => {
  await queryAt(
    database.url,
    `CREATE TABLE visits (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL);
     INSERT INTO visits (at) SELECT now() - n * interval '20 days' FROM generate_series(0, 9) n`,
  )
  expect(await get('')).toEqual({ data: [], conversions: [] })
  expect(await get('/table?table=visits')).toMatchObject({ status: 404, code: 'HF_PARTITION_NONE' })
  expect(await get('/table?table=nothing')).toMatchObject({ status: 404, code: 'HF_PARTITION_TABLE' })
  const wishes = { table: 'visits', by: 'at', every: 'month' }
  expect(await post('plan', 'viewer', wishes)).toMatchObject({ status: 403 })
  expect(await post('plan', 'operator', { ...wishes, every: 'week' })).toMatchObject({
    status: 400,
    body: { errors: [{ path: '/every' }] },
  })
  const { body: plan } = await post('plan', 'operator', wishes)
  expect(plan).toMatchObject({ table: 'public.visits', old_table: 'visits_legacy', in_the_way: [] })
  expect(await post('convert', 'operator', { ...wishes, plan: plan.plan })).toMatchObject({ status: 403 })
  const { body: stale } = await post('convert', 'admin', { ...wishes, plan: 'of yesterday' })
  expect(await server().outcome(stale.id)).toMatchObject({
    state: 'failed',
    error: { code: 'HF_PARTITION_PLAN_CHANGED' },
  })
  const { body: begun } = await post('convert', 'admin', { ...wishes, plan: plan.plan })
  const outcome = await server().outcome(begun.id)
  expect(outcome).toMatchObject({
    state: 'done',
    kind: 'partitions.convert',
    result: { state: 'done', kind: 'attach' },
  })
  expect((outcome.log as { text: string }[]).map(({ text }) => text.split(':')[0])).toEqual([
    'index',
    'parent',
    'check',
    'validate',
    'swap',
    'verify',
  ])
  expect(await get('')).toMatchObject({
    data: [
      {
        table: 'public.visits',
        policy: { every: 'month', premake: 6, keep: null, retention: 'detach' },
        ahead: 6,
        rows: 10,
      },
    ],
    conversions: [{ table: 'public.visits', state: 'done', step: 'verify', step_number: 6 }],
  })
  expect(await get('/table?table=visits')).toMatchObject({
    table: 'public.visits',
    policy: { every: 'month' },
    partitions: expect.arrayContaining([
      expect.objectContaining({ name: 'visits_legacy', from: 'MINVALUE', state: 'attached' }),
    ]),
  })
  const { body: made } = await post('maintain', 'operator', {})
  expect(await server().outcome(made.id)).toMatchObject({
    result: { tables: [{ table: 'public.visits', outcome: 'done', made: [] }] },
  })
  const { body: taken } = await post('retain', 'admin', { table: 'visits' })
  expect(await server().outcome(taken.id)).toMatchObject({ result: { tables: [{ dropped: [] }] } })
  const { body: undone } = await post('undo', 'admin', { table: 'visits' })
  expect(await server().outcome(undone.id)).toMatchObject({ state: 'done', result: { state: 'undone' } })
  const { body: gone } = await post('abort', 'admin', { table: 'visits' })
  expect(await server().outcome(gone.id)).toMatchObject({ error: { code: 'HF_PARTITION_NOT_OPEN' } })
})
