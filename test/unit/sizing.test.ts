import { describe, expect, test } from 'vitest'
import { adviseSize, type Experience } from '../../src/pool/sizing/advice.ts'
import { type Capacity, fitOf } from '../../src/pool/sizing/capacity.ts'
import { Demand } from '../../src/pool/sizing/demand.ts'

describe('demand', () => {
  test('is time at each level, and idle time does not count', () => {
    const demand = new Demand(0)
    demand.note(2, 1_000)
    demand.note(7, 1_090)
    demand.note(0, 1_100)
    demand.settle(50_000)
    expect(demand).toMatchObject({ busyMs: 100, peak: 7 })
    expect([0.5, 0.9, 0.95, 1].map((share) => demand.enoughFor(share))).toEqual([2, 2, 7, 7])
  })

  test('nothing wanted is nothing needed, and more than can be counted is the most', () => {
    expect(new Demand(0).enoughFor(0.95)).toBe(0)
    const demand = new Demand(0)
    demand.note(1_000_000, 0)
    demand.note(0, 10)
    expect(demand).toMatchObject({ peak: 4_096, busyMs: 10 })
    expect(demand.enoughFor(1)).toBe(4_096)
  })
})

const CAPACITY: Capacity = { maxConnections: 100, reserved: 3, roleLimit: undefined }

describe('the sum', () => {
  test('is held against what the server leaves to ordinary roles', () => {
    expect(fitOf({ size: 10, overflow: 20, processes: 3 }, CAPACITY)).toMatchObject({
      wanted: 90,
      usable: 97,
      fits: true,
    })
    const tooMuch = fitOf({ size: 10, overflow: 20, processes: 4 }, CAPACITY)
    expect(tooMuch).toMatchObject({ wanted: 120, fits: false })
    expect(tooMuch.arithmetic).toBe(
      '(10 + 20) connections x 4 processes = 120, and the server gives 97 (max_connections 100 - 3 reserved)',
    )
    expect(fitOf({ size: 10, overflow: 20, processes: 1 }, { ...CAPACITY, roleLimit: 20 })).toMatchObject({
      usable: 20,
      fits: false,
      arithmetic: expect.stringContaining('limited to 20'),
    })
  })
})

/** A pool that was busy for `minutes` with the wanted connections in turn, a second each. */
function experience(wanted: readonly number[], minutes = 10, more: Partial<Experience> = {}): Experience {
  const demand = new Demand(0)
  for (let second = 0; second < minutes * 60; second += 1)
    demand.note(wanted[second % wanted.length] as number, second * 1_000)
  demand.settle(minutes * 60_000)
  const calm = { acquireTimeouts: 0, leaks: 0, waitP99Ms: 0.1, holdP99Ms: 5 }
  return { size: 10, overflow: 20, processes: 1, uses: 100_000, demand, ...calm, ...more }
}

describe('advice', () => {
  test('keeps what is nearly always wanted, and leaves room for the peak', () => {
    const mostlyFour = [...Array.from({ length: 97 }, () => 4), 12, 12, 12]
    expect(adviseSize(experience(mostlyFour), CAPACITY)).toMatchObject({
      size: 4,
      overflow: 11, // a quarter above the peak of 12 is 15
      isFounded: true,
      fit: { fits: true },
    })
  })

  test('stays with what is there while little has happened, and says so', () => {
    const advice = adviseSize(experience([3], 0.5), undefined)
    expect(advice).toMatchObject({ size: 10, overflow: 20, isFounded: false, fit: undefined })
    expect(advice.reasons[0]).toMatch(/Too little has happened yet: 30 s/)
  })

  test('never recommends more than the server gives to all processes', () => {
    const advice = adviseSize(experience([40], 10, { processes: 4 }), CAPACITY)
    expect(advice).toMatchObject({ size: 24, overflow: 0, fit: { wanted: 96, usable: 97, fits: true } })
    expect(advice.reasons.join(' ')).toMatch(/cut to fit/)
  })

  test.each([
    [{ acquireTimeouts: 7 }, /7 callers gave up/],
    [{ waitP99Ms: 250 }, /longer than 250 ms/],
    [{ leaks: 2 }, /leaks.*mend those first/],
    [{ holdP99Ms: 3_000 }, /shorter transactions/],
  ])('names what it saw: %o', (more, expected) => {
    expect(adviseSize(experience([4], 10, more), CAPACITY).reasons.join(' ')).toMatch(expected)
  })
})
