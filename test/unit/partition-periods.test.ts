/** Where partitions begin and end, what they are called, and how their bounds are written. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyKindOf } from '../../src/partitions/key.ts'
import { partitionName } from '../../src/partitions/name.ts'
import { type Every, parseEvery, periodAfter, periodAt, periodsBetween } from '../../src/partitions/period.ts'

const at = (text: string): bigint => BigInt(Date.parse(text))
const inWords = (every: Every, text: string): string => {
  const { from, to } = periodAt(every, at(text))
  return `${new Date(Number(from)).toISOString()} ${new Date(Number(to)).toISOString()}`.replaceAll(
    ':00:00.000Z',
    '',
  )
}

describe('periods', () => {
  test.each([
    ['month', '2026-12-31T23:59:59.999Z', '2026-12-01T00 2027-01-01T00'],
    ['month', '2024-02-29T12:00:00Z', '2024-02-01T00 2024-03-01T00'],
    ['day', '2024-02-29T12:00:00Z', '2024-02-29T00 2024-03-01T00'],
    ['day', '2026-02-28T23:00:00Z', '2026-02-28T00 2026-03-01T00'],
    // The night in which clocks go forward in Berlin: UTC has all its hours.
    ['hour', '2026-03-29T01:30:00Z', '2026-03-29T01 2026-03-29T02'],
    ['day', '2026-03-29T01:30:00Z', '2026-03-29T00 2026-03-30T00'],
    ['year', '2026-07-01T00:00:00Z', '2026-01-01T00 2027-01-01T00'],
    ['month', '1969-12-31T00:00:00Z', '1969-12-01T00 1970-01-01T00'],
    ['hour', '1969-12-31T23:59:00Z', '1969-12-31T23 1970-01-01T00'],
    ['year', '0050-06-01T00:00:00Z', '0050-01-01T00 0051-01-01T00'],
  ] as const)('of a %s at %s', (every, text, expected) => {
    expect(inWords(every, text)).toBe(expected)
  })

  test('of integers', () => {
    expect(periodAt(1_000n, 1_500n)).toEqual({ from: 1_000n, to: 2_000n })
    expect(periodAt(1_000n, 2_000n)).toEqual({ from: 2_000n, to: 3_000n })
    expect(periodAt(1_000n, -1n)).toEqual({ from: -1_000n, to: 0n })
    expect(periodAfter(10n, { from: 0n, to: 10n }, -1)).toEqual({ from: -10n, to: 0n })
  })

  test('hold their position, and lie one behind the other without a gap', () => {
    const everies = fc.constantFrom<Every>('hour', 'day', 'month', 'year', 7n, 1_000_000n)
    const positions = fc.bigInt(-60_000_000_000_000n, 200_000_000_000_000n)
    fc.assert(
      fc.property(everies, positions, fc.integer({ min: 1, max: 40 }), (every, position, count) => {
        const period = periodAt(every, position)
        expect(period.from <= position && position < period.to).toBe(true)
        expect(periodAt(every, period.to - 1n)).toEqual(period)
        const next = periodAfter(every, period, 1)
        expect(next.from).toBe(period.to)
        expect(periodAfter(every, periodAfter(every, period, count), -count)).toEqual(period)
        const all = periodsBetween(every, period.from, periodAfter(every, period, count).from, 100)
        expect(all).toHaveLength(count)
      }),
    )
  })

  test('are bounded in number', () => {
    expect(periodsBetween('hour', 0n, at('2026-01-01T00:00:00Z'), 10)).toHaveLength(10)
  })

  test.each([
    ['month', 'month'],
    ['1000', 1_000n],
    ['0', undefined],
    ['-1', undefined],
    ['week', undefined],
    ['1e3', undefined],
    ['99999999999999999999', undefined],
  ])('every %s', (text, expected) => {
    expect(parseEvery(text)).toBe(expected)
  })
})

describe('names', () => {
  const november = at('2026-11-20T13:00:00Z')
  test.each([
    ['year', 'logs_2026'],
    ['month', 'logs_2026_11'],
    ['day', 'logs_2026_11_20'],
    ['hour', 'logs_2026_11_20_13'],
  ] as const)('of a %s', (every, name) => {
    expect(partitionName('logs', every, periodAt(every, november).from)).toBe(name)
  })

  test('of integers, below zero, too', () => {
    expect(partitionName('logs', 1_000n, 2_000n)).toBe('logs_2000')
    expect(partitionName('logs', 1_000n, -2_000n)).toBe('logs_m2000')
  })

  test('are at most 63 bytes, and differ where the tables differ', () => {
    const [one, two] = ['ä'.repeat(40), `${'ä'.repeat(39)}ö`].map((table) =>
      partitionName(table, 'month', november),
    )
    for (const name of [one, two]) expect(Buffer.byteLength(name as string)).toBeLessThanOrEqual(63)
    expect(one).not.toBe(two)
    expect(one).toMatch(/_2026_11$/)
  })
})

describe('bounds', () => {
  test.each([
    ['timestamptz', '2026-11-01 00:00:00.000+00'],
    ['timestamp', '2026-11-01 00:00:00.000'],
    ['date', '2026-11-01'],
    ['uuid', '019a3ccf-b800-0000-0000-000000000000'],
    ['text', '01K8YCZE000000000000000000'],
  ])('of %s', (type, text) => {
    const kind = keyKindOf(type)
    const november = at('2026-11-01T00:00:00Z')
    expect(kind?.is).toBe('time')
    if (type !== 'text' && type !== 'uuid') expect(kind?.write(november)).toBe(text)
    expect(kind?.read(kind.write(november))).toBe(november)
  })

  test('come back as they went, and what is none is not taken for one', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('timestamptz', 'timestamp', 'uuid', 'text'),
        fc.bigInt(0n, 200_000_000_000_000n),
        (type, position) => {
          const kind = keyKindOf(type)
          expect(kind?.read(kind.write(position))).toBe(position)
        },
      ),
    )
    for (const text of ['infinity', '-infinity', '2026-11-01 00:00:00.123456', '0044-03-15 00:00:00 BC', 'x'])
      expect(keyKindOf('timestamptz')?.read(text)).toBeUndefined()
    expect(keyKindOf('uuid')?.read('019a3ccf-b800-7000-8000-000000000001')).toBeUndefined()
    expect(keyKindOf('jsonb')).toBeUndefined()
  })

  test('in the order of the keys: a UUIDv7 or ULID of a time lies in its period', () => {
    const hex = Date.parse('2026-11-15T00:00:00Z').toString(16).padStart(12, '0')
    const uuid = `${hex.slice(0, 8)}-${hex.slice(8)}-7abc-8def-0123456789ab`
    const kind = keyKindOf('uuid')
    const { from, to } = periodAt('month', at('2026-11-15T00:00:00Z'))
    expect(String(kind?.write(from)) < uuid && uuid < String(kind?.write(to))).toBe(true)
  })

  test('beyond what a type holds are refused', () => {
    expect(() => keyKindOf('int2')?.write(40_000n)).toThrow(RangeError)
    expect(() => keyKindOf('uuid')?.write(-1n)).toThrow(RangeError)
    expect(keyKindOf('int8')?.write(-(1n << 63n))).toBe('-9223372036854775808')
  })
})
