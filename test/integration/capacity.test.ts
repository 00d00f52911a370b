/** Looking ahead from a history of weeks, and what is told regularly. */
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Alerts, webhook } from '../../src/alerts/index.ts'
import { systemClock } from '../../src/core/index.ts'
import {
  type CheckContext,
  examine,
  type Frame,
  HistoryStore,
  type Level,
  LEVELS,
  readCapacity,
  Reader,
  readIdentity,
  readSource,
  DEFAULT_LIMITS,
} from '../../src/monitor/index.ts'
import { FakeClock } from '../../src/testing/index.ts'
import { receiving } from '../support/alerting.ts'
import { useAdminServer } from '../support/admin-server.ts'
import { runCli } from '../support/cli.ts'
import { Collecting } from '../support/collecting.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const client = useAdminServer(database)
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const frame = (
  kind: Frame['kind'],
  instance: string,
  atMs: number,
  values: Record<string, number>,
): Frame => ({
  kind,
  instance,
  atMs,
  keys: Object.keys(values),
  figures: { 'value:mean': Object.values(values), 'value:max': Object.values(values) },
})

/** Steps that were, the last one a step ago. */
async function past(
  level: Level,
  steps: number,
  values: (days: number, step: number) => Record<string, number>,
  kind: Frame['kind'] = 'database',
  instance = '',
): Promise<HistoryStore> {
  const pool = client().pool
  const store = new HistoryStore(pool, 'holdfast', await readSource(pool))
  const end = Math.floor(Date.now() / level.stepMs) * level.stepMs
  const frames = Array.from({ length: steps }, (_, step) => {
    const atMs = end - (steps - step) * level.stepMs
    return frame(kind, instance, atMs, values((step * level.stepMs) / DAY_MS, step))
  })
  await store.write(level, frames)
  onTestFinished(async () => {
    await queryAt(database.url, 'TRUNCATE holdfast.history_hours, holdfast.history_ten_minutes')
  })
  return store
}

describe('capacity', () => {
  test('of connections that come and go with the day and grow is their daily peak', async () => {
    const store = await past(LEVELS[2], 24 * 28, (days) => ({
      connections_used_percent: 20 + days + 15 * Math.sin(2 * Math.PI * days),
      transaction_ids_used_percent: 3,
      database_bytes: 1e10 + days * 1e9,
    }))
    const forecasts = await readCapacity(store, { diskBytes: 1e11 }, Date.now())
    const of = (metric: string) => forecasts.find((one) => one.metric === metric)
    // From 63 at the end: 37 more, one a day.
    expect(of('connections_used_percent')?.days).toBeGreaterThan(34)
    expect(of('connections_used_percent')?.days).toBeLessThan(41)
    expect(of('transaction_ids_used_percent')).toMatchObject({ days: null, perDay: 0 })
    expect(of('database_bytes')?.days).toBeCloseTo(62, -1)
    const answer = await (
      await client().get('/v1/database/performance/capacity', client().bearer('viewer'))
    ).json()
    expect(answer).toMatchObject({
      data: expect.arrayContaining([
        expect.objectContaining({ metric: 'connections_used_percent', limit: 100 }),
      ]),
    })
    const report = await runCli(['doctor', '--full'], {
      cwd: scratch('full'),
      env: { DATABASE_URL: database.url },
    })
    expect(report.stdout).toMatch(/Connections reach the limit of the server in about 3\d days/)
  })

  test('is that of any metric that is kept', async () => {
    await past(LEVELS[2], 24 * 10, (days) => ({
      rows_per_second: 100 + 5 * days,
      connections_used_percent: 5,
    }))
    const ask = async (metric: string) =>
      (
        await client().get(`/v1/database/performance/capacity?metric=${metric}`, client().bearer('viewer'))
      ).json()
    expect(await ask('rows_per_second')).toMatchObject({
      data: [
        {
          metric: 'rows_per_second',
          limit: null,
          days: null,
          per_day: expect.closeTo(5, 1),
          in_words: expect.stringContaining('5 per second a day'),
        },
      ],
    })
    expect(await ask('cats_per_second')).toMatchObject({ code: 'HF_ADMIN_REQUEST_INVALID' })
  })

  test('of two days is taken from shorter steps; of an hour there is none', async () => {
    const store = await past(LEVELS[1], 6 * 48, (days) => ({ connections_used_percent: 10 + 10 * days }))
    expect(await readCapacity(store, {}, Date.now())).toMatchObject([
      { metric: 'connections_used_percent', days: expect.closeTo(7, 0) },
    ])
    await queryAt(database.url, 'TRUNCATE holdfast.history_ten_minutes')
    await past(LEVELS[1], 6, (days) => ({ connections_used_percent: 10 + 10 * days }))
    expect(await readCapacity(store, {}, Date.now())).toEqual([])
  })

  test('of pools is that of the process that uses most', async () => {
    await past(LEVELS[2], 24 * 10, () => ({ rss_bytes: 5, pool_used_percent: 5 }), 'process', 'a:1')
    const store = await past(
      LEVELS[2],
      24 * 10,
      (days) => ({ pool_used_percent: 50 + 4 * days }),
      'process',
      'b:2',
    )
    const [forecast] = await readCapacity(store, {}, Date.now())
    expect(forecast).toMatchObject({ metric: 'pool_used_percent', perDay: expect.closeTo(4, 1) })
  })

  test('that runs out within a month is a finding, within a week an error', async () => {
    const db = new Reader(client().pool, systemClock)
    onTestFinished(() => db.end())
    const history = await past(LEVELS[2], 24 * 20, (days) => ({
      connections_used_percent: 40 + 2 * days,
      database_bytes: 1e9 * days,
    }))
    const context: CheckContext = {
      db,
      identity: await readIdentity(db),
      schema: 'holdfast',
      migrations: undefined,
      connectionLimit: 10,
      history,
      limits: { ...DEFAULT_LIMITS, diskBytes: 22e9 },
    }
    const { findings } = await examine(context)
    expect(findings.filter(({ check }) => check === 'capacity')).toMatchObject([
      { subject: 'database_bytes', severity: 'error', confidence: 'estimate' },
      {
        subject: 'connections_used_percent',
        severity: 'warning',
        evidence: { limit: 100, backtests: expect.any(Number) },
      },
    ])
    // What is full already is told in place of when it will be, and beside the others.
    const full = await examine({ ...context, limits: { ...DEFAULT_LIMITS, diskBytes: 1e6 } })
    expect(full.findings.filter(({ check }) => check === 'capacity')).toMatchObject([
      { subject: 'database_bytes', severity: 'error', confidence: 'certain' },
      { subject: 'connections_used_percent', severity: 'warning' },
    ])
  })
})

describe('a digest', () => {
  const digest = (period: string) =>
    runCli(['doctor', '--digest', period], { cwd: scratch('digest'), env: { DATABASE_URL: database.url } })

  test('ticks off what was looked at, with what was found', async () => {
    await queryAt(database.url, 'CREATE TABLE no_key (a int); INSERT INTO no_key VALUES (1)')
    const quarterly = await digest('quarterly')
    expect(quarterly.code).toBe(3)
    expect(quarterly.stdout).toMatch(/- \[x\] Nobody waits for long \(blocked-statements/)
    expect(quarterly.stdout).toMatch(
      /- \[ \] Data are sound \(.*not known: index-integrity\)\n {2}- .*no_key/,
    )
    // Nothing is archived here: nobody knows, which is not to say that all is well.
    expect(quarterly.stdout).toContain(
      '- [-] What is lost can be restored (does not apply, or could not be checked: backups, archiving)',
    )
    expect((await digest('daily')).stdout).not.toContain('Data are sound')
    expect((await digest('yearly')).code).toBe(2)
    const answer = await client().get(
      '/v1/database/performance/digest?period=daily',
      client().bearer('viewer'),
    )
    expect(await answer.json()).toMatchObject({
      periods: ['daily'],
      tasks: expect.arrayContaining([
        expect.objectContaining({ title: 'Nobody waits for long', state: 'done' }),
      ]),
    })
  })

  test('is sent once, whoever is asked, and not to the log', async () => {
    const receiver = await receiving()
    // A Monday, before seven.
    const monday = Date.UTC(2027, 0, 11, 6, 59, 20)
    const made: string[] = []
    const logged: string[] = []
    for (const name of ['first', 'second']) {
      const collecting = new Collecting(database.url, { clock: new FakeClock(monday) })
      const alerts = new Alerts({
        collector: collecting.collector,
        rules: [],
        channels: [
          webhook(receiver.url),
          { name: 'log', send: async ({ title }) => void logged.push(title) },
        ],
        database: 'shop',
        digest: {
          every: 'weekly',
          hour: 7,
          make: async (periods) => (made.push(name), `all of ${periods.join(' and ')}`),
        },
        clock: collecting.clock,
      })
      alerts.start()
      await collecting.lead()
      for (let n = 0; n < 6; n += 1) {
        await collecting.beat()
        await alerts.idle()
      }
      await vi.waitUntil(() => receiver.received.length === 1, { timeout: 60_000 })
      await alerts.close()
      await collecting.close()
    }
    expect(made).toEqual(['first', 'second'])
    expect(receiver.received.map(({ body }) => [body.event, body.text])).toEqual([
      ['digest', 'all of daily and weekly'],
    ])
    expect(logged).toEqual([])
  })
})
