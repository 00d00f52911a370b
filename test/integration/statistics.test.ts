/** What a pool knows of its statements. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { tracingChannel } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import { QUERY_CHANNEL, type QueryTrace, withLabel } from '../../src/pool/index.ts'
import { useDatabase } from '../support/database.ts'
import { usePools } from '../support/pools.ts'

const database = useDatabase('empty')
const makePool = usePools(database)

test('each text has its calls, errors, rows, durations, labels and the place it is called from', async () => {
  const pool = makePool()
  const text = 'SELECT n FROM generate_series(1, $1::int) AS n'
  async function listOrders(): Promise<void> {
    await pool.query(text, [3])
  }
  await withLabel('GET /orders', listOrders)
  await Promise.all([1, 2, 3].map(() => withLabel('GET /orders', listOrders)))
  await withLabel('nightly', () => pool.query(text, [5]))
  await pool.query(text, ['no number']).catch(() => {})
  const figures = pool.statements().find((one) => one.text === text)
  expect(figures).toMatchObject({
    calls: 6,
    errors: 1,
    rows: 17,
    mayShare: true,
    labels: [
      { label: 'GET /orders', calls: 4 },
      { label: 'nightly', calls: 1 },
    ],
  })
  expect(figures?.callSite).toMatch(/listOrders .*statistics\.test\.ts/)
  expect(figures?.p99Ms).toBeGreaterThanOrEqual(figures?.p50Ms as number)
  expect(pool.labels()).toMatchObject([
    { label: expect.any(String), calls: expect.any(Number) },
    { label: expect.any(String) },
  ])
  expect(pool.labels().find(({ label }) => label === 'GET /orders')).toMatchObject({
    calls: 4,
    rows: 12,
    errors: 0,
  })
})

test('statements of checkouts, transactions and cursors through the driver are counted too', async () => {
  const pool = makePool()
  const client = await withLabel('job', () => pool.connect())
  await client.query('SELECT 1 AS held')
  await new Promise((resolve) => client.query('SELECT 2 AS called_back', resolve))
  client.release()
  await withLabel('job', () => pool.transaction((tx) => tx.query('SELECT 3 AS inside')))
  await pool.query('SELECT 4 AS several; SELECT 5')
  const texts = pool.statements().map(({ text }) => text)
  for (const text of ['SELECT 1 AS held', 'SELECT 2 AS called_back', 'SELECT 3 AS inside', 'COMMIT'])
    expect(texts).toContain(text)
  expect(pool.labels()).toMatchObject([{ label: 'job' }])
})

test('texts and labels are bounded', async () => {
  const pool = makePool({ statementLimit: 10 })
  for (let n = 0; n < 60; n += 1) await pool.query(`SELECT ${n} AS n`)
  expect(pool.statements().length).toBeLessThanOrEqual(10)
  for (let n = 0; n < 230; n += 1) await withLabel(`label ${n}`, () => pool.query('SELECT 1 AS n'))
  expect(pool.labels().length).toBeLessThanOrEqual(201)
  expect(pool.labels().reduce((sum, { calls }) => sum + calls, 0)).toBe(230)
})

test('no value is in it', async () => {
  const pool = makePool({ leakThresholdMs: 60_000 })
  const secret = 'very secret'
  await pool.query('SELECT $1::text AS t', [secret])
  await pool.query('SELECT $1::int AS t', [secret]).catch(() => {})
  expect(JSON.stringify([pool.statements(), pool.labels(), pool.stats()])).not.toContain(secret)
})

test('whoever traces is told of each statement once, whichever way it takes, and where it belongs', async () => {
  const pool = makePool({ size: 2 })
  const told: string[] = []
  const spans = new AsyncLocalStorage<string>()
  const channel = tracingChannel<unknown, QueryTrace>(QUERY_CHANNEL)
  const listener = {
    start: ({ text, label }: QueryTrace) => told.push(`start ${label} ${spans.getStore()} ${text}`),
    asyncEnd: ({ text }: QueryTrace) => told.push(`end ${text}`),
    error: ({ text }: QueryTrace) => told.push(`error ${text}`),
    end: () => {},
    asyncStart: () => {},
  }
  channel.subscribe(listener)
  try {
    await spans.run('span', () =>
      withLabel('job', async () => {
        await pool.query('SELECT 1')
        await pool.query('SELECT 1 / 0').catch(() => {})
        await pool.query('SELECT 2; SELECT 3')
        await pool.transaction((tx) => tx.query('SELECT 4'))
        const client = await pool.connect()
        await client.query('SELECT 5')
        client.release()
      }),
    )
  } finally {
    channel.unsubscribe(listener)
  }
  expect(told).toEqual([
    'start job span SELECT 1',
    'end SELECT 1',
    'start job span SELECT 1 / 0',
    'error SELECT 1 / 0',
    'end SELECT 1 / 0',
    'start job span SELECT 2; SELECT 3',
    'end SELECT 2; SELECT 3',
    'start job span SELECT 4',
    'end SELECT 4',
    'start job span COMMIT',
    'end COMMIT',
    'start job span SELECT 5',
    'end SELECT 5',
  ])
  await pool.query('SELECT 6')
  expect(told).toHaveLength(13)
})
