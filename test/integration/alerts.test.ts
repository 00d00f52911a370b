/** Alerts of a real database, on a clock that moves when it is told to, told to a real server. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { builtInRules, webhook } from '../../src/alerts/index.ts'
import { DEFAULT_LIMITS } from '../../src/monitor/index.ts'
import { receiving, Watched } from '../support/alerting.ts'
import { queryAt, useDatabase, whileGone } from '../support/database.ts'

const database = useDatabase()
afterEach(() =>
  queryAt(
    database.url,
    'TRUNCATE holdfast.alerts, holdfast.alert_silences, holdfast.alert_deliveries, holdfast.history_minutes',
  ),
)

const MINUTE_MS = 60_000

describe('an alert', () => {
  test('is told when it fires, when it gets worse and when it is over, each once, and is kept', async () => {
    const receiver = await receiving()
    const watched = await Watched.start(database.url, [webhook(receiver.url)])
    const endFirst = await watched.leaveOpen()
    await watched.beat(3)
    await receiver.got(1)
    const endSecond = await watched.leaveOpen()
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

  test('is said again while nobody acknowledges it, and not after somebody did', async () => {
    const receiver = await receiving()
    const watched = await Watched.start(database.url, [webhook(receiver.url)], { repeatMs: 2 * MINUTE_MS })
    const end = await watched.leaveOpen()
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
    const watched = await Watched.start(database.url, [webhook(receiver.url)])
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
    const end = await watched.leaveOpen()
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

  test('of growth goes by what another process saw before', async () => {
    const grows = {
      name: 'grows',
      metric: 'connections_idle_in_transaction',
      growsBy: { warning: 0, withinMs: 3 * MINUTE_MS },
    }
    const first = await Watched.start(database.url, [], { rules: [grows] })
    await first.beat(6 * 5)
    const { clock } = first.collecting
    await first.close()
    const second = await Watched.start(database.url, [], { rules: [grows], clock })
    const end = await second.leaveOpen()
    await second.beat(2)
    expect(second.alerts.open).toMatchObject([{ rule: 'grows', state: 'firing', value: 1 }])
    await end()
    expect(second.problems).toEqual([])
  })

  test('that was silenced from begin to end is told to nobody', async () => {
    const receiver = await receiving()
    const watched = await Watched.start(database.url, [webhook(receiver.url)])
    const now = watched.collecting.clock.now()
    const kept = await watched.store.silence({
      rule: null,
      instance: null,
      reason: 'r',
      createdBy: 'ann',
      createdAt: now,
      endsAt: now + 60 * MINUTE_MS,
    })
    const end = await watched.leaveOpen()
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
    const first = await Watched.start(database.url, [webhook(receiver.url)])
    const end = await first.leaveOpen()
    await first.beat()
    await receiver.got(1)
    const [{ id } = { id: '' }] = await first.store.open()
    await first.alerts.close()
    await first.collecting.collector.close()
    const second = await Watched.start(database.url, [webhook(receiver.url)], {
      clock: first.collecting.clock,
    })
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
    const watched = await Watched.start(database.url, [webhook(receiver.url)])
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

describe('a database that cannot be reached', () => {
  test('is told of from memory, and written down when that can be done again', async () => {
    const receiver = await receiving()
    const rules = builtInRules(DEFAULT_LIMITS)
    const watched = await Watched.start(database.url, [webhook(receiver.url)], { rules })
    await whileGone(database.url, async () => {
      await watched.beat(5)
      await receiver.got(1)
      expect(receiver.received[0]?.body).toMatchObject({
        event: 'firing',
        alert: { rule: 'database_unreachable', severity: 'error' },
      })
    })
    await vi.waitUntil(
      async () => {
        await watched.beat(3)
        return receiver.events.includes('resolved database_unreachable')
      },
      { timeout: 60_000 },
    )
    await watched.beat(7)
    expect(await watched.store.list(50)).toContainEqual(
      expect.objectContaining({ rule: 'database_unreachable', state: 'resolved' }),
    )
  })
})
