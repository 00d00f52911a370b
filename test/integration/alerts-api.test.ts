/** Alerts by HTTP and by the command line. */
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type AlertRule, Alerts, AlertStore, rulesOf, webhook } from '../../src/alerts/index.ts'
import { DEFAULT_LIMITS, findHistory } from '../../src/monitor/index.ts'
import { useAdminServer } from '../support/admin-server.ts'
import { runCli } from '../support/cli.ts'
import { Collecting } from '../support/collecting.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { Receiver } from '../support/receiving.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const OWN: AlertRule = { name: 'mine', metric: 'rss_bytes', above: { error: 1e12 }, message: 'It is huge.' }
let collecting: Collecting
let receiver: Receiver
// Before the server, which is about it.
beforeAll(async () => {
  receiver = await Receiver.start()
  collecting = new Collecting(database.url)
  return async () => {
    await collecting.close()
    await receiver.stop()
  }
})

const client = useAdminServer(database, () => {
  const alerts = new Alerts({
    collector: collecting.collector,
    rules: rulesOf(DEFAULT_LIMITS, [OWN]),
    channels: [webhook(receiver.url)],
    database: 'shop',
  })
  return { alerts }
})

async function store(): Promise<AlertStore> {
  const history = await findHistory(client().pool, 'holdfast')
  if (!history) throw new Error('there is a history')
  return new AlertStore(history.place)
}

const minutesAgo = (minutes: number): number => Date.now() - minutes * 60_000

async function fire(rule: string, minutes: number): Promise<string> {
  const since = minutesAgo(minutes)
  const told = await (
    await store()
  ).put(
    {
      id: crypto.randomUUID(),
      rule,
      instance: '',
      state: 'firing',
      severity: 'warning',
      metric: 'connections_used_percent',
      value: 85,
      threshold: 80,
      message: 'Nearly all are used.',
      action: 'holdfast activity list',
      since,
      firedAt: since,
      resolvedAt: null,
    },
    Date.now(),
  )
  return told.id
}

const get = async (path: string): Promise<Record<string, unknown>> =>
  (await (await client().get(path, client().bearer('viewer'))).json()) as Record<string, unknown>
const alert = (args: string[], env: Record<string, string> = {}) =>
  runCli(['alert', ...args], { cwd: scratch('alert'), env: { DATABASE_URL: database.url, ...env } })
const jsonOf = ({ stdout }: { stdout: string }) => JSON.parse(stdout) as Record<string, unknown>

beforeEach(() =>
  queryAt(database.url, 'TRUNCATE holdfast.alerts, holdfast.alert_silences, holdfast.alert_deliveries'),
)

describe('by HTTP', () => {
  test('there are those that are open, and those that are over page by page', async () => {
    expect(await get('/v1/alerts')).toEqual({ data: [], next_cursor: null })
    const ids = new Map<number, string>()
    for (const minutes of [30, 20, 10]) ids.set(minutes, await fire(`r${minutes}`, minutes))
    await (await store()).resolve(ids.get(20) ?? '', Date.now(), [], Date.now())
    expect(await get('/v1/alerts')).toMatchObject({
      data: [{ rule: 'r10', state: 'firing', value: 85, threshold: 80, told_at: null }, { rule: 'r30' }],
    })
    const first = await get('/v1/alerts?state=all&limit=2')
    expect(first).toMatchObject({ data: [{ rule: 'r10' }, { rule: 'r20', state: 'resolved' }] })
    const second = await get(`/v1/alerts?state=all&limit=2&cursor=${String(first.next_cursor)}`)
    expect(second).toMatchObject({ data: [{ rule: 'r30' }], next_cursor: null })
    const id = ids.get(10)
    for (const cursor of [null, [1e300, id], [-1e20, id], [1, '-'.repeat(36)], ['x', id]])
      expect(
        await get(`/v1/alerts?state=all&cursor=${Buffer.from(JSON.stringify(cursor)).toString('base64url')}`),
      ).toMatchObject({ code: 'HF_ADMIN_REQUEST_INVALID' })
  })

  test('an operator acknowledges, silences and lifts; a viewer does not; all is remembered', async () => {
    const id = await fire('connections', 5)
    expect((await client().post(`/v1/alerts/${id}/acknowledge`, 'viewer')).status).toBe(403)
    const known = await client().post(`/v1/alerts/${id}/acknowledge`, 'operator')
    expect(known).toMatchObject({ status: 200, body: { acknowledged_by: 'token of the service (operator)' } })
    const silence = { rule: 'connections', for_seconds: 600, reason: 'load test' }
    expect((await client().post('/v1/alerts/silences', 'viewer', silence)).status).toBe(403)
    expect(
      (await client().post('/v1/alerts/silences', 'operator', { ...silence, for_seconds: 1 })).status,
    ).toBe(400)
    for (const wrong of [
      { rule: 'lokc_wait' },
      { reason: 'a\u0000b' },
      { reason: '\ud800' },
      { instance: 'a b' },
    ])
      expect((await client().post('/v1/alerts/silences', 'operator', { ...silence, ...wrong })).status).toBe(
        400,
      )
    expect(await get('/v1/alerts/silences')).toEqual({ data: [] })
    const made = await client().post('/v1/alerts/silences', 'operator', silence)
    expect(made).toMatchObject({ status: 201, body: { rule: 'connections', reason: 'load test' } })
    expect(await get('/v1/alerts/silences')).toMatchObject({ data: [{ id: made.body.id }] })
    expect(await get('/v1/alerts')).toMatchObject({ data: [{ rule: 'connections', silenced: true }] })
    const lifted = await fetch(`${client().server.url}/v1/alerts/silences/${String(made.body.id)}`, {
      method: 'DELETE',
      headers: client().bearer('operator'),
    })
    expect(lifted.status).toBe(200)
    expect(await get('/v1/alerts/silences')).toEqual({ data: [] })
    const operations = await queryAt(
      database.url,
      `SELECT action FROM holdfast.operations WHERE action LIKE 'alert.%' ORDER BY occurred_at`,
    )
    expect(operations.map(({ action }) => action)).toEqual([
      'alert.acknowledge',
      'alert.silence',
      'alert.lift',
    ])
    const nobody = '00000000-0000-7000-8000-000000000000'
    expect(await client().post(`/v1/alerts/${nobody}/acknowledge`, 'operator')).toMatchObject({
      status: 404,
      body: { code: 'HF_ALERT_UNKNOWN' },
    })
  })

  test('rules are listed, channels tried', async () => {
    const { data } = (await get('/v1/alerts/rules')) as { data: AlertRule[] }
    expect(data).toContainEqual(OWN)
    expect(data.map(({ name }) => name)).toContain('lock_wait')
    const tested = await client().post('/v1/alerts/test', 'operator')
    expect(tested.body).toEqual({ channels: [{ channel: 'webhook', error: null }] })
    expect(receiver.events).toContain('test')
    expect(await get('/v1/alerts/deliveries')).toEqual({ channels: ['webhook'], data: [] })
  })
})

describe('the command line', () => {
  test('lists what is wrong with exit 3, and what was', async () => {
    const none = await alert(['list'])
    expect(none).toMatchObject({ code: 0, stdout: 'No alert is open.\n' })
    const id = await fire('connections', 5)
    const one = await alert(['list', '--json'])
    expect(one.code).toBe(3)
    expect(jsonOf(one)).toMatchObject({ version: 1, alerts: [{ id, rule: 'connections', state: 'firing' }] })
    expect((await alert(['ack', id])).code).toBe(0)
    expect((await alert(['list'])).stdout).toContain('85 %')
    expect(await alert(['ack', 'nonsense', '--json'])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('HF_ALERT_UNKNOWN'),
    })
  })

  test('says what nobody has taken, and which alerts nobody is told of', async () => {
    expect(await alert(['deliveries'])).toMatchObject({
      code: 0,
      stdout: 'Whoever was to be told has been told.\n',
    })
    const id = await fire('connections', 5)
    await queryAt(
      database.url,
      `INSERT INTO holdfast.alert_deliveries (source, id, channel, alert, notification, created_at, attempts, held_until, error)
       SELECT source, gen_random_uuid(), 'slack', id, '{"title": "warning: connections"}', now(), 7, now(), 'it answered 500'
         FROM holdfast.alerts WHERE id = '${id}'`,
    )
    const waiting = await alert(['deliveries', '--json'])
    expect(waiting.code).toBe(3)
    expect(jsonOf(waiting).deliveries).toMatchObject([
      { channel: 'slack', attempts: 7, error: 'it answered 500', given_up: false },
    ])
    expect((await alert(['deliveries'])).stdout).toContain('it answered 500')
    await alert(['silence', 'connections', '--for', '2h', '--reason', 'known'])
    expect((await alert(['list'])).stdout).toContain('firing, silenced')
  })

  test('names the history that cannot be reached', async () => {
    const env = { HOLDFAST_MONITOR_HISTORY_URL: 'postgresql://somebody:secret@127.0.0.1:1/history' }
    const failed = await alert(['list'], env)
    expect(failed.code).toBe(4)
    expect(failed.stderr).toMatch(/HOLDFAST_MONITOR_HISTORY_URL.*127\.0\.0\.1:1/s)
    expect(failed.stderr).not.toContain('secret')
    expect(jsonOf(await alert(['list', '--json'], env))).toMatchObject({
      error: { code: 'HF_MONITOR_HISTORY_UNREACHABLE' },
    })
  })

  test('silences a rule that there is, for a while', async () => {
    const done = await alert(['silence', 'lock_wait', '--for', '2h', '--reason', 'data move', '--json'])
    expect(done.code).toBe(0)
    const { silence } = jsonOf(done) as { silence: { id: string; ends_at: string } }
    expect((Date.parse(silence.ends_at) - Date.now()) / 3_600_000).toBeCloseTo(2, 1)
    expect((await alert(['silences'])).stdout).toContain('data move')
    expect((await alert(['lift', silence.id])).code).toBe(0)
    expect((await alert(['silences'])).stdout).toBe('Nothing is silenced.\n')
    expect((await alert(['silence', 'lokc_wait', '--for', '2h', '--reason', 'x'])).code).toBe(2)
    for (const length of ['2', '0m', '2w', '31d', '-1h'])
      expect((await alert(['silence', 'all', `--for=${length}`, '--reason', 'x'])).code).toBe(2)
  })

  test('tells of rules, metrics and channels', async () => {
    expect((await alert(['rules'])).stdout).toMatch(/pool_use +pool_used_percent above 80 % \/ 90 % +1 min/)
    expect((await alert(['metrics'])).stdout).toContain('longest_lock_wait_seconds')
    const works = await alert(['test', '--json'], { HOLDFAST_ALERTS_WEBHOOK_URL: receiver.url })
    expect(works.code).toBe(0)
    expect(jsonOf(works).channels).toEqual([
      { channel: 'log', error: null },
      { channel: 'webhook', error: null },
    ])
    receiver.answer = 500
    const fails = await alert(['test'], { HOLDFAST_ALERTS_WEBHOOK_URL: receiver.url })
    receiver.answer = 200
    expect(fails).toMatchObject({ code: 1, stdout: expect.stringContaining('it answered 500') })
  })

  test('a rule that cannot be used, or that is not there, is a mistake of the configuration', async () => {
    const wrong: [Record<string, string>, RegExp][] = [
      [{ HOLDFAST_ALERTS_OFF: 'lock_wiat' }, /did you mean lock_wait/],
      [{ HOLDFAST_ALERTS_SMTP_URL: 'smtp://127.0.0.1' }, /HF_ALERT_EMAIL/],
      [{ HOLDFAST_ALERTS_WEBHOOK_URL: 'https://user:pw@example.com/x' }, /without a user or a password/],
    ]
    for (const [env, said] of wrong) {
      const { code, stdout, stderr } = await runCli(['config', 'validate', '--json'], {
        cwd: scratch('wrong'),
        env,
      })
      expect([code, said.test(stdout), /user:pw/.test(stdout + stderr)]).toEqual([2, true, false])
    }
  })

  test('says what is missing where there is no schema', async () => {
    const empty = new URL(database.url)
    empty.pathname = '/postgres'
    const failed = await alert(['list', '--json'], { DATABASE_URL: empty.href })
    expect(failed).toMatchObject({ code: 1, stdout: expect.stringContaining('HF_ALERT_HISTORY_MISSING') })
  })
})
