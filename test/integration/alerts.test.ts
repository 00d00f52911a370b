/** Alerts of a real database, on a clock that moves when it is told to, told to real servers. */
import { createHmac } from 'node:crypto'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import {
  type AlertRule,
  Alerts,
  AlertStore,
  builtInRules,
  type Channel,
  DeliveryStore,
  email,
  slack,
  testChannels,
  webhook,
} from '../../src/alerts/index.ts'
import { DEFAULT_LIMITS } from '../../src/monitor/index.ts'
import { Collecting } from '../support/collecting.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { type Received, Receiver } from '../support/receiving.ts'

const database = useDatabase()
const MINUTE_MS = 60_000
const RULES: readonly AlertRule[] = [
  {
    name: 'open_transaction',
    metric: 'connections_idle_in_transaction',
    above: { warning: 0, error: 1 },
    clearMs: 20_000,
  },
]

let closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.toReversed()) await close()
  closing = []
  await queryAt(
    database.url,
    'TRUNCATE holdfast.alerts, holdfast.alert_silences, holdfast.alert_deliveries, holdfast.history_minutes',
  )
})

async function receiving(): Promise<Receiver> {
  const receiver = await Receiver.start()
  closing.push(() => receiver.stop())
  return receiver
}

interface Watched {
  readonly collecting: Collecting
  readonly alerts: Alerts
  readonly problems: string[]
  readonly store: AlertStore
  /** Lets beats pass, with all that alerts make of them. */
  beat(times?: number): Promise<void>
}

async function watching(
  channels: readonly Channel[],
  {
    rules = RULES,
    repeatMs,
    clock,
  }: { rules?: readonly AlertRule[]; repeatMs?: number; clock?: Collecting['clock'] } = {},
): Promise<Watched> {
  const collecting = new Collecting(database.url, { clock })
  const problems: string[] = []
  const alerts = new Alerts({
    collector: collecting.collector,
    rules,
    channels,
    database: 'shop',
    repeatMs,
    clock: collecting.clock,
    attemptMs: 500,
    onProblem: (problem) => problems.push(problem),
  })
  alerts.start()
  closing.push(
    () => collecting.close(),
    () => alerts.close(),
  )
  await collecting.lead()
  return {
    collecting,
    alerts,
    problems,
    get store() {
      if (!alerts.store) throw new Error('not known yet')
      return alerts.store
    },
    async beat(times = 1) {
      for (let n = 0; n < times; n += 1) {
        await collecting.beat()
        await alerts.idle()
      }
    },
  }
}

/** Opens a transaction and leaves it open; returns what ends it. */
async function leaveOpen({ collecting }: Watched): Promise<() => Promise<void>> {
  const client = await collecting.pool.connect()
  await client.query('BEGIN')
  return async () => {
    await client.query('ROLLBACK')
    client.release()
  }
}

describe('an alert', () => {
  test('is told when it fires, when it gets worse and when it is over, each once, and is kept', async () => {
    const receiver = await receiving()
    const watched = await watching([webhook(receiver.url)])
    const endFirst = await leaveOpen(watched)
    await watched.beat(3)
    await receiver.got(1)
    const endSecond = await leaveOpen(watched)
    await watched.beat(3)
    await receiver.got(2)
    expect(await watched.store.open()).toMatchObject([
      { rule: 'open_transaction', severity: 'error', value: 2 },
    ])
    await endFirst()
    await endSecond()
    await watched.beat(8)
    await receiver.got(3)
    expect(receiver.events).toEqual([
      'firing open_transaction',
      'escalated open_transaction',
      'resolved open_transaction',
    ])
    const [{ body } = { body: undefined }] = receiver.received
    expect(new Set(receiver.received.map(({ body: { alert } }) => alert?.id)).size).toBe(1)
    expect(body).toMatchObject({
      version: 1,
      database: 'shop',
      alert: { severity: 'warning', value: 1, threshold: 0 },
    })
    expect(body?.text).toContain('connections_idle_in_transaction is 1, above 0')
    expect(await watched.store.open()).toEqual([])
    expect(await watched.store.list(10)).toMatchObject([{ state: 'resolved', rule: 'open_transaction' }])
    expect(watched.problems).toEqual([])
  })

  test('that is signed can be made sure of', async () => {
    const receiver = await receiving()
    const { alerts } = await watching([webhook(receiver.url, 'between us')])
    expect(await alerts.test()).toEqual([{ channel: 'webhook', error: null }])
    const { headers, raw, body } = receiver.received[0] as Received
    const time = String(headers['x-holdfast-timestamp'])
    const expected = createHmac('sha256', 'between us').update(`${time}.${raw}`).digest('hex')
    expect(headers['x-holdfast-signature']).toBe(`v1=${expected}`)
    expect(headers['idempotency-key']).toBe(body.id)
  })

  test('is said again while nobody acknowledges it, and not after somebody did', async () => {
    const receiver = await receiving()
    const watched = await watching([webhook(receiver.url)], { repeatMs: 2 * MINUTE_MS })
    const end = await leaveOpen(watched)
    await watched.beat(6 * 5)
    await receiver.got(3)
    expect(receiver.events.slice(0, 2)).toEqual(['firing open_transaction', 'reminder open_transaction'])
    const [open] = await watched.store.open()
    await watched.store.acknowledge(open?.id ?? '', 'ann', watched.collecting.clock.now())
    const { length } = receiver.received
    await watched.beat(6 * 5)
    expect(receiver.received).toHaveLength(length)
    expect(await watched.store.open()).toMatchObject([{ acknowledgedBy: 'ann' }])
    await end()
    await watched.beat(3)
    await receiver.got(length + 1)
    expect(receiver.events.at(-1)).toBe('resolved open_transaction')
  })

  test('that is silenced is kept and not told, until the silence ends', async () => {
    const receiver = await receiving()
    const watched = await watching([webhook(receiver.url)])
    const now = watched.collecting.clock.now()
    const silence = {
      rule: 'open_transaction',
      instance: null,
      reason: 'release',
      createdBy: 'ann',
      createdAt: now,
      endsAt: now + 5 * MINUTE_MS,
    }
    await watched.store.silence(silence)
    const end = await leaveOpen(watched)
    await watched.beat(6 * 3)
    expect(await watched.store.open()).toMatchObject([{ toldAt: null }])
    expect(receiver.attempts).toBe(0)
    await watched.beat(6 * 3)
    await receiver.got(1)
    expect(receiver.events).toEqual(['firing open_transaction'])
    await end()
    await watched.beat(3)
    await receiver.got(2)
  })

  test('that was silenced from begin to end is told to nobody', async () => {
    const receiver = await receiving()
    const watched = await watching([webhook(receiver.url)])
    const now = watched.collecting.clock.now()
    const kept = await watched.store.silence({
      rule: null,
      instance: null,
      reason: 'r',
      createdBy: 'ann',
      createdAt: now,
      endsAt: now + 60 * MINUTE_MS,
    })
    const end = await leaveOpen(watched)
    await watched.beat(2)
    await end()
    await watched.beat(6)
    expect(await watched.store.list(5)).toMatchObject([{ state: 'resolved', toldAt: null }])
    await watched.store.lift(kept.id, watched.collecting.clock.now())
    await expect(watched.store.lift(kept.id, watched.collecting.clock.now())).rejects.toMatchObject({
      code: 'HF_ALERT_SILENCE_UNKNOWN',
    })
    await watched.beat(6)
    expect(receiver.attempts).toBe(0)
  })

  test('goes on in the process that comes after, and is told there when it is over', async () => {
    const receiver = await receiving()
    const first = await watching([webhook(receiver.url)])
    const end = await leaveOpen(first)
    await first.beat()
    await receiver.got(1)
    const [{ id } = { id: '' }] = await first.store.open()
    await first.alerts.close()
    await first.collecting.collector.close()
    const second = await watching([webhook(receiver.url)], { clock: first.collecting.clock })
    await second.beat(2)
    expect(await second.store.open()).toMatchObject([{ id }])
    await end()
    await second.beat(3)
    await receiver.got(2)
    expect(receiver.events).toEqual(['firing open_transaction', 'resolved open_transaction'])
    expect(receiver.received[1]?.body.alert?.id).toBe(id)
  })

  test('of a process that is no more is over', async () => {
    const receiver = await receiving()
    const watched = await watching([webhook(receiver.url)])
    const now = watched.collecting.clock.now()
    await queryAt(
      database.url,
      `INSERT INTO holdfast.alerts (id, source, rule, instance, severity, metric, message, action, since, fired_at, seen_at, told_at)
       SELECT gen_random_uuid(), system_identifier || '/' || current_database(), 'pool_use', 'web-1:7', 'error', 'pool_used_percent', 'm', 'a', t, t, t, t
         FROM pg_control_system(), to_timestamp(${now / 1_000}) AS t`,
    )
    await watched.beat(6 * 4)
    expect(await watched.store.open()).toHaveLength(1)
    await watched.beat(6 * 3)
    await receiver.got(1)
    expect(receiver.events).toEqual(['resolved pool_use'])
    expect(await watched.store.open()).toEqual([])
  })
})

describe('a webhook', () => {
  test('that is down is tried again until it is up, holds nobody up and gets everything in its order', async () => {
    const [dead, well] = [await receiving(), await receiving()]
    dead.answer = 503
    const watched = await watching([{ ...webhook(dead.url), name: 'slack' }, webhook(well.url)])
    const end = await leaveOpen(watched)
    await watched.beat(2)
    await well.got(1)
    await end()
    await watched.beat(3)
    await well.got(2)
    // Twice as long between attempts, each time.
    await vi.waitUntil(() => dead.attempts >= 3, { timeout: 20_000 })
    expect(dead.received).toEqual([])
    const unsent = await new DeliveryStore(watched.store.place).unsent(10)
    expect(unsent).toMatchObject([
      { channel: 'slack' },
      { channel: 'slack', error: expect.stringContaining('503') },
    ])
    dead.answer = 200
    await watched.beat(6 * 3)
    await dead.got(2)
    expect(dead.events).toEqual(['firing open_transaction', 'resolved open_transaction'])
    expect(well.events).toEqual(dead.events)
    await vi.waitUntil(async () => (await new DeliveryStore(watched.store.place).unsent(10)).length === 0, {
      timeout: 20_000,
    })
  })

  test('that hangs is given up and tried again, and the collector never waits for it', async () => {
    const receiver = await receiving()
    receiver.answer = 'hang'
    const watched = await watching([webhook(receiver.url)])
    const end = await leaveOpen(watched)
    await watched.beat()
    await vi.waitUntil(() => receiver.attempts === 1, { timeout: 20_000 })
    await vi.waitUntil(
      async () => {
        await watched.beat()
        return receiver.attempts > 1
      },
      { timeout: 20_000 },
    )
    expect(watched.collecting.collector.status()).toMatchObject({ state: 'collecting', skipped: [] })
    receiver.answer = 200
    await vi.waitUntil(
      async () => {
        await watched.beat()
        return receiver.received.length === 1
      },
      { timeout: 20_000 },
    )
    await end()
  })

  test('that is down when the process ends is told by the next one', async () => {
    const receiver = await receiving()
    receiver.answer = 500
    const first = await watching([webhook(receiver.url)])
    const end = await leaveOpen(first)
    await first.beat(2)
    await vi.waitUntil(() => receiver.attempts >= 1, { timeout: 20_000 })
    await first.alerts.close()
    await end()
    await first.collecting.collector.close()
    receiver.answer = 200
    const second = await watching([webhook(receiver.url)], { clock: first.collecting.clock })
    await second.beat(6)
    await receiver.got(2)
    expect(receiver.events).toEqual(['firing open_transaction', 'resolved open_transaction'])
  })
})

describe('a database that cannot be reached', () => {
  test(
    'is told of from memory, and written down when that can be done again',
    { timeout: 60_000 },
    async () => {
      const receiver = await receiving()
      const rules = builtInRules(DEFAULT_LIMITS)
      const watched = await watching([webhook(receiver.url)], { rules })
      const name = new URL(database.url).pathname.slice(1)
      const elsewhere = new URL(database.url)
      elsewhere.pathname = '/postgres'
      await queryAt(elsewhere.href, `ALTER DATABASE "${name}" ALLOW_CONNECTIONS false`)
      try {
        await queryAt(
          elsewhere.href,
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
        )
        await watched.beat(5)
        await receiver.got(1)
        expect(receiver.received[0]?.body).toMatchObject({
          event: 'firing',
          alert: { rule: 'database_unreachable', severity: 'error' },
        })
      } finally {
        await queryAt(elsewhere.href, `ALTER DATABASE "${name}" ALLOW_CONNECTIONS true`)
      }
      await vi.waitUntil(
        async () => {
          await watched.beat(3)
          return receiver.events.includes('resolved database_unreachable')
        },
        { timeout: 30_000 },
      )
      await watched.beat(7)
      expect(await watched.store.list(50)).toContainEqual(
        expect.objectContaining({ rule: 'database_unreachable', state: 'resolved' }),
      )
    },
  )
})

describe('channels', () => {
  test('a letter has who, whom, what and the next step', async () => {
    const letters: string[] = []
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData(stream, _session, done) {
        let letter = ''
        stream.on('data', (chunk: Buffer) => (letter += chunk.toString()))
        stream.on('end', () => {
          letters.push(letter)
          done()
        })
      },
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(() => new Promise<void>((resolve) => server.close(() => resolve())))
    const { port } = server.server.address() as AddressInfo
    const watched = await watching([
      email({
        url: `smtp://127.0.0.1:${port}`,
        from: 'db@example.com',
        to: ['ann@example.com', 'ben@example.com'],
      }),
    ])
    const end = await leaveOpen(watched)
    await watched.beat(2)
    await vi.waitUntil(() => letters.length === 1, { timeout: 20_000 })
    await end()
    expect(letters[0]).toContain('Subject: [Holdfast] warning: open_transaction')
    expect(letters[0]).toContain('To: ann@example.com, ben@example.com')
    expect(letters[0]).toContain('connections_idle_in_transaction is 1, above 0')
    expect(letters[0]).toContain('holdfast doctor')
  })

  test('Slack gets text in which nothing is taken for markup', async () => {
    const receiver = await receiving()
    const rules = [{ ...(RULES[0] as AlertRule), message: 'a <b> & <!channel>' }]
    const watched = await watching([slack(receiver.url)], { rules })
    const end = await leaveOpen(watched)
    await watched.beat(2)
    await receiver.got(1)
    await end()
    const { text } = JSON.parse(receiver.received[0]?.raw ?? '{}') as { text: string }
    expect(text).toMatch(/^\*warning: open_transaction\* on shop\na &lt;b&gt; &amp; &lt;!channel&gt;/)
  })

  test('that fail say why, in a test, and nobody follows where they point elsewhere', async () => {
    const receiver = await receiving()
    receiver.answer = 302
    const gone = await Receiver.start()
    const nobodyThere = gone.url
    await gone.stop()
    const results = await testChannels([webhook(receiver.url), slack(nobodyThere)], 'shop')
    expect(results).toMatchObject([
      { channel: 'webhook', error: expect.stringContaining('it answered 302') },
      { channel: 'slack', error: expect.stringContaining('did not take it') },
    ])
  })
})
