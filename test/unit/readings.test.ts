import { describe, expect, test } from 'vitest'
import { Gate } from '../../src/admin/gate.ts'
import { LivePicture } from '../../src/admin/live.ts'
import { Readings } from '../../src/admin/readings.ts'
import { Reader, StatementFeed } from '../../src/monitor/index.ts'
import { Pool, type PoolHealth } from '../../src/pool/index.ts'
import { FakeClock } from '../../src/testing/index.ts'

/** A picture whose database answers; nothing here connects. */
class AnsweringPicture extends LivePicture {
  override async probe(): Promise<PoolHealth> {
    return { ok: true, latencyMs: 0, reason: undefined, error: undefined }
  }
}

function readings(clock: FakeClock): Readings {
  const pool = new Pool({}, clock)
  const reader = new Reader(pool, clock)
  const picture = new AnsweringPicture(pool, reader, new StatementFeed(reader, clock), clock)
  return new Readings(pool, picture, new Gate(clock), clock)
}

describe('a reading', () => {
  test('is one for all who ask while it runs, however long that takes, and for a while after', async () => {
    const clock = new FakeClock()
    const shared = readings(clock)
    let reads = 0
    let finish = (): void => {}
    const read = (): Promise<number> => {
      reads += 1
      return new Promise((resolve) => {
        finish = () => resolve(reads)
      })
    }
    const first = shared.get('tables', 2_000, read)
    await clock.advance(5_000)
    const second = shared.get('tables', 2_000, read)
    finish()
    expect(await Promise.all([first, second])).toEqual([1, 1])
    await clock.advance(1_999)
    expect(await shared.get('tables', 2_000, read)).toBe(1)
    await clock.advance(1)
    const third = shared.get('tables', 2_000, read)
    await clock.advance(0)
    finish()
    expect(await third).toBe(2)
  })

  test('that fails or never ends is told to whoever asked, and not kept', async () => {
    const clock = new FakeClock()
    const shared = readings(clock)
    await expect(shared.get('a', 2_000, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await shared.get('a', 2_000, async () => 'yes')).toBe('yes')
    const endless = shared.get('b', 2_000, () => new Promise(() => {}))
    const refused = expect(endless).rejects.toMatchObject({ code: 'HF_MONITOR_BUSY' })
    await clock.advance(10_000)
    await refused
    expect(await shared.get('b', 2_000, async () => 'again')).toBe('again')
  })
})
