import { describe, expect, test } from 'vitest'
import { MetricHistory, scoreOf, StatementMetrics } from '../../src/monitor/index.ts'
import { withoutSecrets } from '../../src/monitor/statement-texts.ts'

const SECOND = 1_000

/** A history of one counter's rate per second, at a second and at ten. */
function rates(): MetricHistory<'rate', number> {
  return new MetricHistory(
    ['rate'],
    [
      { stepMs: SECOND, steps: 20 },
      { stepMs: 10 * SECOND, steps: 10 },
    ],
    (before, after) => [after - before],
  )
}

describe('the metric history', () => {
  test('derives each step from the totals at its ends, at every resolution', () => {
    const history = rates()
    for (let second = 0; second <= 40; second += 1) history.record(second * SECOND, second * 2)
    const fine = history.window(30 * SECOND, 39 * SECOND, 40 * SECOND)
    expect(fine).toEqual({ fromMs: 30 * SECOND, stepMs: SECOND, series: { rate: Array(10).fill(2) } })
    const coarse = history.window(0, 39 * SECOND, 40 * SECOND)
    expect(coarse).toEqual({ fromMs: 0, stepMs: 10 * SECOND, series: { rate: [20, 20, 20, 20] } })
  })

  test('knows nothing before it began and where it was interrupted', () => {
    const history = rates()
    for (const second of [10, 11, 12]) history.record(second * SECOND, second)
    history.interrupt()
    for (const second of [16, 17]) history.record(second * SECOND, 100 * second)
    const { series } = history.window(8 * SECOND, 17 * SECOND, 17 * SECOND)
    //                            8     9   10 11 12    13    14    15    16
    expect(series.rate).toEqual([null, null, 1, 1, null, null, null, null, 100])
  })

  test('fills the steps that a late sample spans, forgets the oldest, and survives a clock set back', () => {
    const history = rates()
    history.record(0, 0)
    history.record(3.5 * SECOND, 9)
    expect(history.window(0, 3 * SECOND, 4 * SECOND).series.rate).toEqual([9, 9, 9])
    history.record(100 * SECOND, 109)
    history.record(101 * SECOND, 110)
    expect(history.window(90 * SECOND, 101 * SECOND, 101 * SECOND).series.rate).toEqual([
      ...Array(10).fill(100),
      1,
    ])
    history.record(50 * SECOND, 111)
    history.record(51 * SECOND, 112)
    expect(history.window(50 * SECOND, 50 * SECOND, 51 * SECOND).series.rate).toEqual([1])
  })
})

describe('statements', () => {
  const use = (calls: number, totalMs: number): { calls: number; totalMs: number; rows: number } => ({
    calls,
    totalMs,
    rows: calls,
  })

  test('are told by the difference to the begin of the window, with what runs now', () => {
    const metrics = new StatementMetrics()
    expect(metrics.hasBegun).toBe(false)
    metrics.record(0, new Map([['a', use(10, 100)]]))
    metrics.record(
      30_000,
      new Map([
        ['a', use(12, 130)],
        ['b', use(1, 500)],
      ]),
    )
    const { statements, all, sinceMs } = metrics.window(
      0,
      40_000,
      new Map([
        ['a', use(13, 135)],
        ['b', use(1, 500)],
        ['c', use(4, 1)],
      ]),
    )
    expect(sinceMs).toBe(0)
    expect(all).toEqual({ calls: 8, totalMs: 536, rows: 8 })
    expect(statements.map(({ id, calls, totalMs, trend }) => [id, calls, totalMs, trend])).toEqual([
      ['b', 1, 500, [500]],
      ['a', 3, 35, [30]],
      ['c', 4, 1, [0]],
    ])
  })

  test('begin at nothing after a reset or an eviction', () => {
    const metrics = new StatementMetrics()
    metrics.record(0, new Map([['a', use(1_000, 9_000)]]))
    expect(metrics.window(0, 1_000, new Map([['a', use(2, 6)]])).statements).toMatchObject([
      { calls: 2, totalMs: 6 },
    ])
  })

  test('are remembered by name up to a bound; the rest stays in the sum', () => {
    const metrics = new StatementMetrics()
    metrics.record(0, new Map())
    const many = new Map(Array.from({ length: 1_000 }, (_, n) => [String(n), use(1, n)] as const))
    for (let step = 1; step <= 40; step += 1)
      metrics.record(
        step * 30_000,
        new Map([...many].map(([id, { totalMs }]) => [id, use(step, step * totalMs)])),
      )
    const latest = new Map([...many].map(([id, { totalMs }]) => [id, use(40, 40 * totalMs)]))
    const { statements, all, sinceMs } = metrics.window(0, 40 * 30_000, latest)
    expect(statements).toHaveLength(200)
    expect(statements[0]).toMatchObject({ id: '999', calls: 30 })
    expect(all.calls).toBe(30_000)
    expect(sinceMs).toBe(10 * 30_000)
  })

  test.each([
    ["CREATE ROLE a PASSWORD 'se''cret' LOGIN", "CREATE ROLE a PASSWORD '…' LOGIN"],
    ["alter user b with encrypted password E'x\\'y'", "alter user b with encrypted password '…'"],
    [
      "CREATE SUBSCRIPTION s CONNECTION 'host=h password=p' PUBLICATION p",
      "CREATE SUBSCRIPTION s CONNECTION '…' PUBLICATION p",
    ],
    [
      "CREATE USER MAPPING FOR x SERVER y OPTIONS (user 'a', password $q$b$q$)",
      "CREATE USER MAPPING FOR x SERVER y OPTIONS (user '…', password '…')",
    ],
    ['SELECT password FROM users WHERE name = $1', 'SELECT password FROM users WHERE name = $1'],
  ])('%s is shown without its secret', (query, shown) => expect(withoutSecrets(query)).toBe(shown))
})

test('the score falls with what is found, by its severity, and not below nothing', () => {
  const finding = (severity: 'info' | 'warning' | 'error') =>
    ({ check: 'x', severity, subject: '', message: '', evidence: {}, action: '', sql: null }) as const
  expect(scoreOf([])).toBe(100)
  expect(scoreOf([finding('info'), finding('warning'), finding('error')])).toBe(67)
  expect(scoreOf(Array(9).fill(finding('error')))).toBe(0)
})
