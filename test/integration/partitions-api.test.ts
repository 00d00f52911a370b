/** Partitions over HTTP: looked at, planned, converted and kept. */
import { expect, test } from 'vitest'
import { manage } from '../../src/partitions/index.ts'
import { useAdminServer } from '../support/admin-server.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const folder = scratch('archives')
const target = () => ({ url: database.url, ownSchema: 'holdfast', archivePlaces: [folder] })
const server = useAdminServer(database, () => ({ partitions: target() }))
const BASE = '/v1/database/partitions'
const post: ReturnType<typeof server>['post'] = (path, ...rest) => server().post(`${BASE}/${path}`, ...rest)
const get = async (path: string): Promise<Record<string, unknown>> =>
  (await (await server().get(`${BASE}${path}`, server().bearer('viewer'))).json()) as Record<string, unknown>

test('partitions are kept, archived and brought back by an admin', async () => {
  await queryAt(
    database.url,
    `CREATE TABLE letters (at timestamptz NOT NULL) PARTITION BY RANGE (at);
     CREATE TABLE letters_old PARTITION OF letters FOR VALUES FROM ('2020-01-01Z') TO ('2020-02-01Z');
     INSERT INTO letters SELECT '2020-01-05Z' FROM generate_series(1, 7)`,
  )
  const table = 'letters'
  expect(await post('manage', 'operator', { table, every: 'month' })).toMatchObject({ status: 403 })
  expect(await post('manage', 'admin', { table, every: 'week' })).toMatchObject({ status: 400 })
  // A place is not chosen from afar.
  expect(await post('manage', 'admin', { table, every: 'month', retention: 'archive' })).toMatchObject({
    status: 400,
    body: { errors: [{ path: '/retention' }] },
  })
  expect(await post('manage', 'admin', { table, every: 'month', premake: 2, keep: 1 })).toMatchObject({
    status: 200,
    body: { policy: { every: 'month', premake: 2, keep: 1, retention: 'detach' } },
  })
  await manage(target(), table, {
    every: 'month',
    premake: 2,
    retention: 'archive',
    archiveTo: folder,
  })
  const { body: made } = await post('maintain', 'operator', { table })
  expect(await server().outcome(made.id)).toMatchObject({ result: { tables: [{ outcome: 'done' }] } })
  expect(await get(`/archives?table=${table}`)).toEqual({ data: [] })
  expect(await post('archive', 'operator', { table })).toMatchObject({ status: 403 })
  const { body: begun } = await post('archive', 'admin', {
    table,
    partitions: ['letters_old'],
    format: 'csv',
  })
  expect(await server().outcome(begun.id)).toMatchObject({
    result: { tables: [{ outcome: 'done', dropped: ['letters_old'] }] },
  })
  const { body: none } = await post('restore-archive', 'admin', { table, partition: 'letters_older' })
  expect(await server().outcome(none.id)).toMatchObject({ error: { code: 'HF_PARTITION_ARCHIVE_UNKNOWN' } })
  const { body: back } = await post('restore-archive', 'admin', { table, partition: 'letters_old' })
  expect(await server().outcome(back.id)).toMatchObject({ result: { partition: 'letters_old', rows: 7 } })
  await expect
    .poll(() => get(`/archives?table=${table}`))
    .toMatchObject({ data: [{ partition: 'letters_old', rows: 7 }] })
  expect(await post('unmanage', 'admin', { table })).toMatchObject({ status: 200 })
  expect(await post('unmanage', 'admin', { table })).toMatchObject({
    status: 409,
    body: { code: 'HF_PARTITION_NOT_MANAGED', detail: expect.stringContaining('partition manage') },
  })
  await queryAt(database.url, 'DROP TABLE letters')
})

test('a table is planned by an operator, converted by an admin, looked at by anybody', async () => {
  await queryAt(
    database.url,
    `CREATE TABLE visits (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL);
     INSERT INTO visits (at) SELECT now() - n * interval '20 days' FROM generate_series(0, 9) n`,
  )
  expect(await get('')).toEqual({ data: [], conversions: [], broken_records: [] })
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
