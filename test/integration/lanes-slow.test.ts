/** Lanes and statements that take long. */
import { once } from 'node:events'
import { beforeAll, describe, expect, test } from 'vitest'
import { FakeClock, FaultProxy } from '../../src/testing/index.ts'
import { useDatabase } from '../support/database.ts'
import { usePools } from '../support/pools.ts'
import { createItems, HELD, READ, setGate, SLOW, warmUp } from '../support/riding.ts'

const database = useDatabase('empty')
const makePool = usePools(database, { size: 6, overflow: 0 })

beforeAll(() => createItems(database.url))

describe('slow statements', () => {
  test('one that takes 50 ms never rides with others once it is known', async () => {
    const pool = makePool()
    await warmUp(pool, READ)
    await pool.query(SLOW, [50])
    const { rides } = pool.stats()
    await Promise.all([pool.query(SLOW, [50]), pool.query(SLOW, [50]), pool.query(SLOW, [50])])
    expect(pool.stats().rides).toBe(rides)
  })

  test('one that turns slow stalls its lane once, is told, and learns its way off', async () => {
    const clock = new FakeClock()
    const pool = makePool({ pipelining: { lanes: 1, depth: 64 } }, clock)
    await warmUp(pool, READ, HELD)
    await setGate(database.url, false)
    const { rides } = pool.stats()
    const stalled = once(pool, 'lane:stalled')
    const slow = pool.query(HELD, [300])
    await clock.advance(50)
    expect((await stalled)[0]).toMatchObject({ depth: 1 })
    // The lane takes nothing new: this one gets a connection of its own, and does not wait.
    expect((await pool.query(READ, [1])).rows).toHaveLength(1)
    expect(pool.stats().laneDepths).toEqual([1])
    await clock.advance(250)
    await setGate(database.url, true)
    await slow
    expect(pool.stats().rides).toBe(rides + 1)
    await Promise.all([pool.query(HELD, [1]), pool.query(HELD, [2])])
    expect(pool.stats().rides).toBe(rides + 1)
  })

  test('it may ride again when it became quick', async () => {
    const pool = makePool({ slowStatementMs: 100, laneStallMs: 400 })
    await warmUp(pool, READ)
    await pool.query(SLOW, [300])
    await warmUp(pool, SLOW)
  })
})

describe('time limits of the whole pool', () => {
  test('end a statement on a lane for its caller, and leave its neighbours alone', async () => {
    const clock = new FakeClock()
    const pool = makePool({ query_timeout: 150, pipelining: { lanes: 1, depth: 64 } }, clock)
    await warmUp(pool, READ, HELD)
    await setGate(database.url, false)
    const slow = expect(pool.query(HELD, [1])).rejects.toThrow('Query read timeout')
    const neighbours = Promise.allSettled([1, 2, 3].map((id) => pool.query(READ, [id])))
    await clock.advance(150)
    await slow
    // They were sent behind it and are late themselves, or are answered; none is cancelled on the server.
    for (const one of await neighbours)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ message: 'Query read timeout' })
    await setGate(database.url, true)
    expect((await pool.query(READ, [1])).rows).toHaveLength(1)
    await expect
      .poll(async () => {
        await clock.advance(1_000)
        return pool.stats().lanes
      })
      .toBe(0)
    expect(pool.stats().closed).toBe(0)
  })

  test('cancel on the server what runs alone, and count the wait for a connection', async () => {
    const pool = makePool({ query_timeout: 1_000, size: 1 })
    await expect(pool.query('SELECT pg_sleep(600)')).rejects.toThrow('Query read timeout')
    const client = await pool.connect()
    await expect(pool.query(READ, [1])).rejects.toThrow('Query read timeout')
    client.release()
    expect((await pool.query(READ, [1])).rows).toHaveLength(1)
    expect(pool.stats()).toMatchObject({ created: 1, closed: 0, waiting: 0 })
  })

  test('close a lane that gives no answer at all', async () => {
    const { hostname, port } = new URL(database.url)
    const proxy = await FaultProxy.start({ host: hostname, port: Number(port) })
    const pool = makePool({
      connectionString: proxy.through(database.url),
      query_timeout: 1_000,
      cleanupTimeoutMs: 1_000,
    })
    await warmUp(pool, READ)
    proxy.freeze()
    const asked = await Promise.allSettled([1, 2, 3].map((id) => pool.query(READ, [id])))
    for (const one of asked) expect(one).toMatchObject({ reason: { message: 'Query read timeout' } })
    await expect.poll(() => pool.stats().lanes).toBe(0)
    await proxy.heal()
    await expect.poll(() => pool.query(READ, [1]).catch(() => undefined)).toBeDefined()
    await pool.end({ timeoutMs: 0 })
    await proxy.stop()
  })
})
