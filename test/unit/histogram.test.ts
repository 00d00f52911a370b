import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Histogram, percentile } from '../../src/core/index.ts'

const EMPTY = new Histogram().copy()

describe('the histogram', () => {
  test('tells a percentile within an eighth of the true one', () => {
    const durations = fc.array(fc.double({ min: 0.01, max: 60_000, noNaN: true }), {
      minLength: 1,
      maxLength: 200,
    })
    fc.assert(
      fc.property(durations, fc.double({ min: 0.01, max: 1, noNaN: true }), (values, share) => {
        const histogram = new Histogram()
        for (const value of values) histogram.record(value)
        const sorted = values.toSorted((a, b) => a - b)
        const exact = sorted[Math.max(1, Math.ceil(values.length * share)) - 1] as number
        const told = percentile(EMPTY, histogram.counts, share) as number
        expect(Math.abs(told - exact)).toBeLessThanOrEqual(exact / 8 + 0.001)
        expect(histogram.total).toBe(values.length)
      }),
    )
  })

  test('tells what happened between two copies, and null when nothing did', () => {
    const histogram = new Histogram()
    histogram.record(100)
    const before = histogram.copy()
    expect(percentile(before, histogram.counts, 0.5)).toBeNull()
    histogram.record(1)
    expect(percentile(before, histogram.counts, 0.99)).toBeCloseTo(1, 0)
    expect(percentile(EMPTY, histogram.counts, 0.99)).toBeGreaterThan(90)
  })

  test('takes what is no duration for the shortest, and what is endless for the longest', () => {
    const histogram = new Histogram()
    for (const value of [0, -5, Number.POSITIVE_INFINITY, 1e12]) histogram.record(value)
    expect(percentile(EMPTY, histogram.counts, 0.25)).toBe(0)
    expect(percentile(EMPTY, histogram.counts, 1)).toBeGreaterThan(30 * 60_000)
  })
})
