/** Alerts when processes die, databases go and come back, and rules change: nothing is lost, doubled, or out of order. */
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  AlertStore,
  Alerts,
  type Channel,
  type Delivery,
  DeliveryStore,
  webhook,
} from '../../src/alerts/index.ts'
import { sealOf } from '../../src/alerts/seal.ts'
import { Pool } from '../../src/pool/index.ts'
import { FakeClock } from '../../src/testing/index.ts'
import { firingInVain, OPEN_TRANSACTION, receiving, Watched } from '../support/alerting.ts'
import { Collecting } from '../support/collecting.ts'
import { queryAt, useDatabase, whileGone } from '../support/database.ts'

const database = useDatabase()
afterEach(() =>
  queryAt(
    database.url,
    'TRUNCATE holdfast.alerts, holdfast.alert_silences, holdfast.alert_deliveries, holdfast.history_minutes',
  ),
)

const SOURCE = `(SELECT system_identifier || '/' || current_database() FROM pg_control_system())`

/** An alert that a process wrote down before it died. */
async function left(rule: string, instance: string, atMs: number, wasTold: boolean): Promise<void> {
  await queryAt(
    database.url,
    `INSERT INTO holdfast.alerts (id, source, rule, instance, severity, metric, message, action, since, fired_at, seen_at, told_at, told_severity)
     SELECT gen_random_uuid(), ${SOURCE}, '${rule}', '${instance}', 'warning', 'm', 'm', 'a', t, t, t, ${wasTold ? "t, 'warning'" : 'NULL, NULL'}
       FROM to_timestamp(${atMs / 1_000}) AS t`,
  )
}

/** Something to be told that is about no alert. */
const deliveryOf = (createdAt: number, channel?: Channel): Delivery => {
  const delivery: Delivery = {
    id: crypto.randomUUID(),
    channel: 'webhook',
    alert: null,
    topic: null,
    notification: {
      version: 1,
      id: 'x',
      event: 'test',
      database: 'd',
      at: '',
      title: 't',
      text: 'x',
      alert: null,
    },
    createdAt,
    attempts: 0,
    seal: null,
  }
  return channel?.secret === undefined ? delivery : { ...delivery, seal: sealOf(delivery, channel.secret) }
}

describe('a process that dies', () => {
  test('leaves what it could not tell to the next one, which tells it before what came after', async () => {
    const { receiver, first, end } = await firingInVain(database.url)
    // Dead: it gives back its lease and does nothing more; what it holds it holds.
    await first.collecting.collector.close()
    const second = await Watched.start(database.url, [webhook(receiver.url)], {
      clock: new FakeClock(first.collecting.clock.now()),
    })
    await end()
    receiver.answer = 200
    await second.beat(6)
    expect(await second.store.open()).toEqual([])
    expect(receiver.received).toEqual([])
    await vi.waitUntil(
      async () => {
        await second.beat(3)
        return receiver.received.length >= 2
      },
      { timeout: 60_000 },
    )
    expect(receiver.events).toEqual(['firing open_transaction', 'resolved open_transaction'])
  })

  test('before it told anybody leaves that to the next one, which tells it once', async () => {
    const receiver = await receiving()
    const clock = new FakeClock(Math.floor(Date.now() / 600_000) * 600_000)
    await left('open_transaction', '', clock.now() - 60_000, false)
    const watched = await Watched.start(database.url, [webhook(receiver.url)], { clock })
    const end = await watched.leaveOpen()
    await watched.beat(14)
    await receiver.got(1)
    await end()
    await watched.beat(4)
    await receiver.got(2)
    expect(receiver.events).toEqual(['firing open_transaction', 'resolved open_transaction'])
  })
})

test('a rule that holds no more leaves nothing open', async () => {
  const receiver = await receiving()
  const clock = new FakeClock(Math.floor(Date.now() / 600_000) * 600_000)
  await left('of_last_week', '', clock.now() - 60_000, true)
  await left('never_told', '', clock.now() - 60_000, false)
  const watched = await Watched.start(database.url, [webhook(receiver.url)], { clock })
  await watched.beat(2)
  await receiver.got(1)
  expect(await watched.store.open()).toEqual([])
  expect(receiver.events).toEqual(['resolved of_last_week'])
})

describe('a database that is gone for a while', () => {
  test('does not make what was told from memory be told again', async () => {
    const receiver = await receiving()
    const unreachable = {
      name: 'unreachable',
      metric: 'database_reachable',
      below: { error: 1 },
      clearMs: 86_400_000,
    }
    const watched = await Watched.start(database.url, [webhook(receiver.url)], {
      rules: [unreachable, OPEN_TRANSACTION],
    })
    await whileGone(database.url, async () => {
      await watched.beat(3)
      await receiver.got(1)
    })
    // Long enough for whoever does not know that it was told.
    await vi.waitUntil(
      async () => {
        await watched.beat(6)
        return (await watched.store.open().catch(() => [])).some(({ toldAt }) => toldAt !== null)
      },
      { timeout: 60_000 },
    )
    await watched.beat(6)
    expect(receiver.events).toEqual(['firing unreachable'])
  })

  test('and what was over meanwhile does not end what begins after', async () => {
    const receiver = await receiving()
    const unreachable = { name: 'unreachable', metric: 'database_reachable', below: { error: 1 }, clearMs: 0 }
    const watched = await Watched.start(database.url, [webhook(receiver.url)], { rules: [unreachable] })
    for (let n = 1; n <= 2; n += 1) {
      await whileGone(database.url, async () => {
        await watched.beat(2)
        await receiver.got(2 * n - 1)
      })
      await vi.waitUntil(
        async () => {
          await watched.beat()
          return receiver.received.length >= 2 * n
        },
        { timeout: 60_000 },
      )
    }
    await watched.beat(12)
    expect(receiver.events).toEqual(
      ['firing', 'resolved', 'firing', 'resolved'].map((event) => `${event} unreachable`),
    )
    expect((await watched.store.list(10)).map(({ state }) => state)).toEqual(['resolved', 'resolved'])
  })
})

test('what nobody took for a week is given up, and stays in the list', async () => {
  const receiver = await receiving()
  receiver.answer = 500
  const channel = webhook(receiver.url)
  const watched = await Watched.start(database.url, [channel], { rules: [] })
  const now = watched.collecting.clock.now()
  const deliveries = new DeliveryStore(watched.store.place)
  for (const days of [8, 6]) await deliveries.put([deliveryOf(now - days * 86_400_000, channel)], now - 1)
  await watched.beat(6)
  await vi.waitUntil(async () => (await deliveries.unsent(5)).every(({ attempts }) => attempts > 0), {
    timeout: 60_000,
  })
  const unsent = (await deliveries.unsent(5)).toSorted((a, b) => a.createdAt - b.createdAt)
  expect(unsent.map(({ failedAt }) => failedAt !== null)).toEqual([true, false])
  expect(unsent[0]?.error).toContain('500')
})

test('what somebody wrote to the table who does not know the channel is not told, and stays in the list', async () => {
  const receiver = await receiving()
  const channel = webhook(receiver.url, 'signing')
  const watched = await Watched.start(database.url, [channel], { rules: [] })
  const now = watched.collecting.clock.now()
  const deliveries = new DeliveryStore(watched.store.place)
  const sealed = deliveryOf(now, channel)
  const forged = [
    deliveryOf(now),
    deliveryOf(now, webhook(receiver.url, 'another')),
    { ...deliveryOf(now, channel), notification: { ...sealed.notification, title: 'all is well' } },
    { ...sealed, id: crypto.randomUUID() },
  ]
  for (const one of [...forged, sealed]) await deliveries.put([one], now - 1)
  await watched.beat(6)
  await vi.waitUntil(async () => (await deliveries.unsent(9)).every(({ failedAt }) => failedAt !== null), {
    timeout: 60_000,
  })
  expect(receiver.received.map(({ headers }) => headers['idempotency-key'])).toEqual([sealed.notification.id])
  expect((await deliveries.unsent(9)).map(({ id }) => id).toSorted()).toEqual(
    forged.map(({ id }) => id).toSorted(),
  )
  expect(watched.problems.filter((problem) => problem.includes('is not told'))).not.toEqual([])
})

test('what is over for more than ninety days is forgotten', async () => {
  const watched = await Watched.start(database.url, [], { rules: [] })
  const now = watched.collecting.clock.now()
  await left('old', '', now, true)
  await left('open', '', now - 100 * 86_400_000, true)
  await left('recent', '', now, true)
  await queryAt(
    database.url,
    `UPDATE holdfast.alerts SET resolved_at = to_timestamp(${now / 1_000}) - CASE rule WHEN 'old' THEN '91 days' ELSE '89 days' END::interval WHERE rule <> 'open'`,
  )
  await watched.store.tidy(now)
  expect((await watched.store.list(10)).map(({ rule }) => rule).toSorted()).toEqual(['open', 'recent'])
})

test('what another has told stays told, whatever a slow process makes of it', async () => {
  const watched = await Watched.start(database.url, [], {})
  const deliveries = new DeliveryStore(watched.store.place)
  const now = watched.collecting.clock.now()
  const delivery = deliveryOf(now)
  expect(await deliveries.put([delivery], now)).toEqual([delivery.id])
  await deliveries.settle(delivery, { kind: 'delivered' }, now)
  await deliveries.settle(delivery, { kind: 'waits', error: 'late' }, now)
  expect(await deliveries.unsent(5)).toEqual([])
})

test('a digest that cannot be written down is told when it can, also one with half a character in it', async () => {
  const receiver = await receiving()
  const collecting = new Collecting(database.url, { clock: new FakeClock(Date.UTC(2027, 0, 11, 6, 58)) })
  const alerts = new Alerts({
    collector: collecting.collector,
    rules: [],
    channels: [webhook(receiver.url)],
    database: 'shop',
    digest: { every: 'weekly', hour: 7, make: async () => 'cut here: \ud83d and \u0000 there' },
    clock: collecting.clock,
  })
  onTestFinished(async () => {
    await alerts.close()
    await collecting.close()
  })
  alerts.start()
  await collecting.lead()
  const beat = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n += 1) {
      await collecting.beat()
      await alerts.idle()
    }
  }
  await queryAt(database.url, 'ALTER TABLE holdfast.alert_deliveries RENAME TO elsewhere')
  try {
    await beat(24)
    expect(receiver.attempts).toBe(0)
  } finally {
    await queryAt(database.url, 'ALTER TABLE holdfast.elsewhere RENAME TO alert_deliveries')
  }
  await beat(12)
  await receiver.got(1)
  await beat(12)
  expect(receiver.received.map(({ body }) => body.text)).toEqual(['cut here: \ufffd and  there'])
})

test('a role that may only read is told so', async () => {
  await queryAt(
    database.url,
    `DO $do$ BEGIN CREATE ROLE alert_reader LOGIN PASSWORD 'reads'; EXCEPTION WHEN duplicate_object THEN NULL; END $do$;
     GRANT USAGE ON SCHEMA holdfast TO alert_reader; GRANT SELECT ON ALL TABLES IN SCHEMA holdfast TO alert_reader`,
  )
  const url = new URL(database.url)
  url.username = 'alert_reader'
  url.password = 'reads'
  const watched = await Watched.start(database.url, [], {})
  const { schema, source } = watched.store.place
  const pool = new Pool({ connectionString: url.href })
  onTestFinished(() => pool.end())
  const store = new AlertStore({ db: pool, schema, source })
  expect(await store.list(1)).toEqual([])
  await expect(
    store.silence({ rule: null, instance: null, reason: 'r', createdBy: 'x', createdAt: 1, endsAt: 2 }),
  ).rejects.toMatchObject({ code: 'HF_ALERT_NOT_ALLOWED' })
})
