/** Looking ahead: lines through points, and how far they are to be trusted. */
import { describe, expect, test } from 'vitest'
import { dueDigest } from '../../src/alerts/index.ts'
import { CHECKS, forecastInWords, forecastOf, type Point, TASKS, trendOf } from '../../src/monitor/index.ts'
import { randomFrom } from '../support/random.ts'

const days = (count: number, value: (day: number) => number): Point[] =>
  Array.from({ length: count }, (_, day) => ({ day, value: value(day) }))

describe('a trend', () => {
  test('of a line is the line, and sure of itself', () => {
    const trend = trendOf(days(30, (day) => 100 + 3 * day))
    expect(trend?.perDay).toBeCloseTo(3)
    expect(trend?.level).toBeCloseTo(187)
    expect(trend?.perDayRange[0]).toBeCloseTo(3)
    expect(trend?.perDayRange[1]).toBeCloseTo(3)
    expect(trend?.backtests).toBe(120)
  })

  test('is not moved by a quarter of wild values', () => {
    const trend = trendOf(days(40, (day) => (day % 4 === 1 ? 10_000 : 50 + 2 * day)))
    expect(trend?.perDay).toBeCloseTo(2, 1)
  })

  test('has an interval that holds what comes in about eight of ten cases', () => {
    const random = randomFrom(20_261)
    let held = 0
    const tries = 200
    for (let n = 0; n < tries; n += 1) {
      const noise = (): number => (random() - 0.5) * 40
      const all = days(60, (day) => 100 + 2 * day + noise())
      const trend = trendOf(all.slice(0, 30))
      if (!trend) throw new Error('there are points enough')
      const grown = ((all[49]?.value ?? 0) - trend.level) / 20
      if (grown >= trend.perDayRange[0] && grown <= trend.perDayRange[1]) held += 1
    }
    expect(held / tries).toBeGreaterThan(0.7)
  })

  test('needs points', () => {
    expect(trendOf([])).toBeUndefined()
    expect(trendOf(days(7, (day) => day))).toBeUndefined()
  })
})

describe('a forecast', () => {
  test('says when a limit is reached, from when to when', () => {
    const random = randomFrom(7)
    const points = days(30, (day) => 40 + day + (random() - 0.5) * 4)
    const forecast = forecastOf('connections_used_percent', points, 100)
    expect(forecast?.days).toBeGreaterThan(25)
    expect(forecast?.days).toBeLessThan(37)
    const [least, most] = forecast?.daysRange ?? []
    expect(least).toBeLessThan(forecast?.days ?? 0)
    expect(most).toBeGreaterThan(forecast?.days ?? 0)
    expect(forecast && forecastInWords(forecast)).toMatch(
      /^Connections reach the limit of the server in about \d+ days \(\d+ to \d+\): [\d.]+ points a day, 29 days of history\.$/,
    )
  })

  test('of what does not grow, or has no limit, names none', () => {
    expect(
      forecastOf(
        'connections_used_percent',
        days(30, () => 50),
        100,
      ),
    ).toMatchObject({ days: null, perDay: 0 })
    expect(
      forecastOf(
        'connections_used_percent',
        days(30, (day) => 80 - day),
        100,
      ),
    ).toMatchObject({ days: null, daysRange: [null, null] })
    const grows = forecastOf(
      'database_bytes',
      days(30, (day) => 1e9 + day * 1e8),
      null,
    )
    expect(grows).toMatchObject({ days: null, limit: null })
    expect(grows && forecastInWords(grows)).toMatch(/^The database: 95\.\d MB a day, no limit in sight/)
  })

  test('of what is full is now; of a few hours there is none', () => {
    expect(
      forecastOf(
        'connections_used_percent',
        days(30, (day) => 71 + day),
        100,
      )?.days,
    ).toBe(0)
    const hours = Array.from({ length: 30 }, (_, n) => ({ day: n / 144, value: n }))
    expect(forecastOf('connections_used_percent', hours, 100)).toBeUndefined()
  })
})

describe('the digest', () => {
  test('has each check as the task of somebody, once', () => {
    const named = TASKS.flatMap(({ checks }) => checks)
    expect(named.toSorted()).toEqual(CHECKS.map(({ id }) => id).toSorted())
  })

  const at = (text: string): number => Date.parse(`${text}Z`)
  test.each([
    ['off', '2027-01-04T09:00', undefined],
    ['weekly', '2027-01-05T09:00', undefined],
    ['weekly', '2027-01-11T06:59', undefined],
    ['weekly', '2027-01-11T07:00', ['daily', 'weekly']],
    ['weekly', '2027-02-01T23:00', ['daily', 'weekly', 'monthly']],
    ['weekly', '2027-01-04T09:00', ['daily', 'weekly', 'monthly', 'quarterly']],
    ['daily', '2027-01-05T09:00', ['daily']],
    ['daily', '2027-01-05T03:00', undefined],
  ] as const)('%s at %s is of %j', (every, time, periods) => {
    expect(dueDigest(every, 7, at(time))?.periods).toEqual(periods)
  })

  test('of one day is one topic', () => {
    const topic = (time: string): string | undefined => dueDigest('daily', 7, at(time))?.topic
    expect(topic('2027-01-05T07:00')).toBe(topic('2027-01-05T23:59'))
    expect(topic('2027-01-05T07:00')).not.toBe(topic('2027-01-06T07:00'))
  })
})
