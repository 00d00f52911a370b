import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { append, fromAnswer, latest } from '../src/live/window.ts'
import { alone, roundUp, shareFloor, stacked } from '../src/parts/chart/scale.ts'

describe('an axis', () => {
  test('ends at a round number that holds the highest value', () => {
    expect([0, 0.3, 1, 1.2, 3, 4.1, 7, 9, 99, 101, 8_412].map(roundUp)).toEqual([
      1, 0.4, 1, 2, 4, 6, 8, 10, 100, 200, 10_000,
    ])
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), (value) => {
        expect(roundUp(value)).toBeGreaterThanOrEqual(value * 0.999)
        expect(roundUp(value)).toBeLessThanOrEqual(value * 2.001)
      }),
    )
  })

  test('of a share begins at 90 only when all of it is above', () => {
    expect(shareFloor([99, null, 91])).toBe(90)
    expect(shareFloor([99, 89])).toBe(0)
    expect(shareFloor([])).toBe(90)
  })

  test('stacks each series on those after it, and leaves gaps as gaps', () => {
    expect(
      stacked([
        [1, null, 3],
        [10, null, 30],
        [100, null, 300],
      ]),
    ).toEqual([
      [111, null, 333],
      [110, null, 330],
      [100, null, 300],
    ])
  })
})

test('values that stand alone get a point', () => {
  expect(alone([1, null, 2, 3, null, 4])).toEqual([0, 5])
  expect(alone([null, null])).toEqual([])
})

describe('a window of time', () => {
  const answered = fromAnswer({
    from: '2026-01-01T00:00:00Z',
    step_seconds: 5,
    series: { a: [1, null, 3], b: [4, 5, 6] },
  })
  const begin = Date.parse('2026-01-01T00:00:00Z') / 1_000

  test('is what the API answered', () => {
    expect(answered.times).toEqual([begin, begin + 5, begin + 10])
    expect(latest(answered, 'a')).toBe(3)
    expect(
      latest(fromAnswer({ from: '2026-01-01T00:00:00Z', step_seconds: 1, series: { a: [null] } }), 'a'),
    ).toBeNull()
  })

  test('moves on with each sample, never grows, and takes none twice', () => {
    const moved = append(answered, begin + 15, { a: 7, b: 8 }, begin + 5)
    expect(moved.times).toEqual([begin + 5, begin + 10, begin + 15])
    expect(moved.series).toEqual({ a: [null, 3, 7], b: [5, 6, 8] })
    expect(append(moved, begin + 15, { a: 9, b: 9 }, begin)).toBe(moved)
    const emptied = append(moved, begin + 999, { a: 1, b: 1 }, begin + 900)
    expect(emptied.times).toEqual([begin + 999])
  })
})
