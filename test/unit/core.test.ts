import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  createIdSource,
  EventChannel,
  HoldfastError,
  isHoldfastError,
  Lifecycle,
  messageOf,
  quoteIdentifier,
  quoteLiteral,
  Scheduler,
  sqlstateOf,
  wait,
  within,
} from '../../src/core/index.ts'
import { FakeClock } from '../../src/testing/index.ts'

describe('errors', () => {
  test('are recognised across copies of the package, and nothing else is', async () => {
    // @ts-expect-error a second copy under another URL, as two installations of the package would be
    const copy = (await import('../../src/core/errors.ts?copy')) as typeof import('../../src/core/errors.ts')
    const foreign = new copy.HoldfastError({ code: 'HF_TEST', message: 'from elsewhere' })
    expect(foreign instanceof HoldfastError).toBe(false)
    expect(isHoldfastError(foreign)).toBe(true)
    for (const other of [null, undefined, 'HF_X', new Error('HF_X'), { code: 'HF_X' }])
      expect(isHoldfastError(other)).toBe(false)
  })

  test('have a message for whatever was thrown', () => {
    expect(messageOf('text')).toBe('text')
    expect(messageOf(undefined)).toBe('undefined')
    expect(messageOf(new AggregateError([new Error('a'), new Error('b')]))).toBe('a; b')
  })

  test('a system error is not mistaken for an SQLSTATE', () => {
    expect(sqlstateOf(Object.assign(new Error('broken pipe'), { code: 'EPIPE' }))).toBeUndefined()
    expect(sqlstateOf({ code: '57P01', severity: 'FATAL' })).toBe('57P01')
    for (const other of [null, undefined, 'x', {}]) expect(sqlstateOf(other)).toBeUndefined()
  })
})

describe('ids', () => {
  test('are UUIDv7 that sort in the order they were made, whatever the clock does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { maxLength: 300 }), (steps) => {
        let now = Date.UTC(2026, 10, 21)
        const source = createIdSource({
          ...new FakeClock(),
          now: () => now,
          monotonicMs: () => 0,
          setTimer: () => ({ cancel() {} }),
        })
        const ids = steps.map((step) => {
          now += step
          return source.next()
        })
        expect(
          ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)),
        ).toBe(true)
        expect(ids.toSorted()).toEqual(ids)
        expect(new Set(ids).size).toBe(ids.length)
      }),
    )
  })

  test('keep their order beyond 4096 within one millisecond', () => {
    const source = createIdSource(new FakeClock())
    const ids = Array.from({ length: 10_000 }, () => source.next())
    expect(ids.toSorted()).toEqual(ids)
  })

  test('carry the time they were made', () => {
    const id = createIdSource(new FakeClock(1_700_000_000_000)).next()
    expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(1_700_000_000_000)
  })
})

describe('sql', () => {
  test('refuses what cannot be quoted', () => {
    for (const name of ['', 'a\0b']) expect(() => quoteIdentifier(name)).toThrow(TypeError)
    expect(() => quoteLiteral('a\0b')).toThrow(TypeError)
  })
})

describe('time', () => {
  test('wait ends when its time has come, or at once when it is aborted', async () => {
    const clock = new FakeClock()
    const waiting = wait(clock, 100)
    await clock.advance(100)
    await waiting
    const giveUp = new AbortController()
    const aborted = wait(clock, 100, giveUp.signal)
    giveUp.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    await expect(wait(clock, 100, giveUp.signal)).rejects.toThrow('enough')
    expect(clock.pendingCount).toBe(0)
  })

  test('within passes on the outcome and leaves no timer', async () => {
    const clock = new FakeClock()
    const late = (): Error => new Error('late')
    expect(await within(clock, 100, Promise.resolve(1), late)).toBe(1)
    await expect(within(clock, 100, Promise.reject(new Error('own')), late)).rejects.toThrow('own')
    const never = within(clock, 100, new Promise(() => {}), late)
    const outcome = expect(never).rejects.toThrow('late')
    await clock.advance(100)
    await outcome
    expect(clock.pendingCount).toBe(0)
  })
})

describe('the lifecycle', () => {
  test('closes in reverse order, once, and reports every failure after closing the rest', async () => {
    const closed: string[] = []
    const lifecycle = new Lifecycle()
    lifecycle.own('first', () => closed.push('first'))
    lifecycle.own('bad', () => Promise.reject(new Error('stuck')))
    const giveBack = lifecycle.own('given back', () => closed.push('given back'))
    lifecycle.own('last', () => closed.push('last'))
    giveBack()
    const outcome = lifecycle.close()
    expect(lifecycle.close()).toBe(outcome)
    await expect(outcome).rejects.toMatchObject({ code: 'HF_CLOSE_FAILED', details: { parts: ['bad'] } })
    expect(closed).toEqual(['last', 'first'])
  })
})

test('what is handed to a lifecycle that has closed is closed at once', async () => {
  const closed: string[] = []
  const lifecycle = new Lifecycle()
  await lifecycle.close()
  lifecycle.own('late', () => closed.push('late'))
  await lifecycle.close()
  expect(closed).toEqual(['late'])
})

describe('the event channel', () => {
  test('delivers what is new, resumes after an id, and drops a reader that throws', () => {
    const channel = new EventChannel(() => 7, 3)
    for (const n of [1, 2, 3, 4]) channel.publish('n', n)
    const late: unknown[] = []
    channel.subscribe(({ data }) => late.push(data), 0)
    expect(late).toEqual([2, 3, 4])
    const resumed: unknown[] = []
    const end = channel.subscribe(({ id }) => resumed.push(id), 3)
    channel.subscribe(() => {
      throw new Error('broken reader')
    })
    channel.publish('n', 5)
    end()
    channel.publish('n', 6)
    expect(resumed).toEqual([4, 5])
    expect(late).toEqual([2, 3, 4, 5, 6])
    expect(channel.subscriberCount).toBe(1)
  })

  test('starts anew for a reader whose last id comes from an earlier process', () => {
    const channel = new EventChannel(() => 0)
    channel.publish('n', 1)
    const seen: unknown[] = []
    channel.subscribe(({ data }) => seen.push(data), 999)
    expect(seen).toEqual([1])
  })
})

describe('the scheduler', () => {
  test('runs at intervals, never overlaps itself, reports failures and goes on', async () => {
    const clock = new FakeClock()
    const failures: string[] = []
    const scheduler = new Scheduler((name) => failures.push(name), clock)
    let running = 0
    let most = 0
    let runs = 0
    scheduler.every('slow', 10, async () => {
      running += 1
      most = Math.max(most, running)
      runs += 1
      await wait(clock, 25)
      running -= 1
      if (runs === 2) throw new Error('once')
    })
    await clock.advance(105)
    expect({ most, runs, failures }).toEqual({ most: 1, runs: 3, failures: ['slow'] })
    const stopped = scheduler.stop()
    await clock.advance(10_000)
    await stopped
    expect(runs).toBe(3)
    expect(clock.pendingCount).toBe(0)
  })

  test('stops within its deadline although a task does not end', async () => {
    const clock = new FakeClock()
    const scheduler = new Scheduler(() => {}, clock)
    let sawAbort = false
    scheduler.every('stuck', 10, (signal) => {
      signal.addEventListener('abort', () => (sawAbort = true))
      return new Promise(() => {})
    })
    await clock.advance(10)
    const stopped = scheduler.stop(1_000)
    await clock.advance(1_000)
    await stopped
    expect(sawAbort).toBe(true)
  })
})
