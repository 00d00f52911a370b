import { describe, expect, test } from 'vitest'
import {
  MetricHistory,
  scoreOf,
  StatementMetrics,
  type StatementReading,
  type StatementWindow,
} from '../../src/monitor/index.ts'
import { NOTHING } from '../../src/monitor/statements/reading.ts'
import { withoutSecrets } from '../../src/monitor/statements/texts.ts'

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
  type Use = readonly [key: string, calls: number, totalMs: number]
  /** A reading of entries whose key is `statement` or `statement/user`. */
  const reading = (resetAtMs: number | null, ...uses: readonly Use[]): StatementReading => ({
    resetAtMs,
    entries: new Map(
      uses.map(([key, calls, totalMs]) => {
        const [id = ''] = key.split('/')
        return [key, { ...NOTHING, id: id === '?' ? null : id, calls, totalMs, rows: calls, sinceMs: null }]
      }),
    ),
  })
  const told = ({ statements }: StatementWindow): readonly (readonly [string | null, number, number])[] =>
    statements.map(({ id, calls, totalMs }) => [id, calls, totalMs])

  test('are told by the difference to the begin of the window, with what runs now', () => {
    const metrics = new StatementMetrics()
    expect(metrics.hasBegun).toBe(false)
    metrics.record(0, reading(7, ['a', 10, 100]))
    metrics.record(30_000, reading(7, ['a', 12, 130], ['b', 1, 500]))
    const window = metrics.window(0, 40_000, reading(7, ['a', 13, 135], ['b', 1, 500], ['c', 4, 1]))
    expect(window.sinceMs).toBe(0)
    expect(window.all).toMatchObject({ calls: 8, totalMs: 536, rows: 8 })
    expect(told(window)).toEqual([
      ['b', 1, 500],
      ['a', 3, 35],
      ['c', 4, 1],
    ])
    expect(window.statements.map(({ trend }) => trend)).toEqual([[500], [30], [0]])
  })

  test('begin at nothing after a reset, also when they have run more often since', () => {
    const metrics = new StatementMetrics()
    metrics.record(0, reading(7, ['a', 1, 1_000]))
    expect(told(metrics.window(0, 1_000, reading(9, ['a', 3, 2])))).toEqual([['a', 3, 2]])
    expect(told(metrics.window(0, 1_000, reading(9, ['a', 3, 2_000])))).toEqual([['a', 3, 2_000]])
    // An extension that does not tell when it was reset: what went back was.
    const untold = new StatementMetrics()
    untold.record(0, reading(null, ['a', 1, 1_000]))
    expect(told(untold.window(0, 1_000, reading(null, ['a', 3, 2])))).toEqual([['a', 3, 2]])
  })

  test('of several users lose only what was evicted, not what the others did before', () => {
    const metrics = new StatementMetrics()
    metrics.record(0, reading(7, ['a/1', 500, 900], ['a/2', 3, 5]))
    expect(told(metrics.window(0, 1_000, reading(7, ['a/1', 500, 900])))).toEqual([])
    expect(told(metrics.window(0, 1_000, reading(7, ['a/1', 501, 902], ['a/2', 1, 1])))).toEqual([
      ['a', 2, 3],
    ])
  })

  test('that cannot be told apart are not counted where some of them went', () => {
    const metrics = new StatementMetrics()
    metrics.record(0, reading(7, ['?/1', 1_000_010, 9]))
    expect(told(metrics.window(0, 1_000, reading(7, ['?/1', 1_000_005, 9])))).toEqual([])
    expect(told(metrics.window(0, 1_000, reading(7, ['?/1', 1_000_012, 11])))).toEqual([[null, 2, 2]])
  })

  test('are dated by what the steps cover, also after a gap', () => {
    const metrics = new StatementMetrics()
    metrics.record(0, reading(7))
    metrics.record(600_000, reading(7, ['a', 6_000, 1]))
    expect(metrics.window(0, 600_000, reading(7, ['a', 6_000, 1])).sinceMs).toBe(0)
  })

  test('are remembered by name up to a bound; the rest stays in the sum', () => {
    const metrics = new StatementMetrics()
    const after = (step: number): StatementReading =>
      reading(7, ...Array.from({ length: 1_000 }, (_, n): Use => [String(n), step, step * n]))
    metrics.record(0, reading(7))
    for (let step = 1; step <= 40; step += 1) metrics.record(step * 30_000, after(step))
    const { statements, all, sinceMs } = metrics.window(0, 40 * 30_000, after(40))
    expect(statements).toHaveLength(200)
    expect(statements[0]).toMatchObject({ id: '999', calls: 30 })
    expect(all.calls).toBe(30_000)
    expect(sinceMs).toBe(10 * 30_000)
  })
})

describe('a command that PostgreSQL keeps as it was typed', () => {
  test.each([
    ["CREATE ROLE a PASSWORD 'hunter2' LOGIN", 'CREATE ROLE a PASSWORD …'],
    ["/* deploy 12 */ -- now\n CREATE ROLE x PASSWORD 'hunter2'", 'CREATE ROLE x PASSWORD …'],
    ['ALTER ROLE x SET "app.jwt_secret" TO \'hunter2\'', 'ALTER ROLE x SET "app.jwt_secret" …'],
    ["DO $x$ BEGIN EXECUTE 'ALTER ROLE a PASSWORD ''hunter2'' '; END $x$", 'DO …'],
    ["CREATE ROLE a PASSWORD 'hunter2\\'", 'CREATE ROLE a PASSWORD …'],
    [
      "CREATE USER MAPPING FOR x SERVER y OPTIONS (user 'dom\\', password 'hunter2')",
      'CREATE USER MAPPING FOR x SERVER y OPTIONS (user …',
    ],
    ["SET app.api_key='hunter2'", 'SET app.api_key…'],
    ['SET app.api_key = hunter2', 'SET app.api_key …'],
    ["CALL set_password('hunter2')", 'CALL set_password(…'],
    ["COPY t FROM PROGRAM 'curl -u admin:hunter2'", 'COPY t FROM PROGRAM …'],
    ["EXPLAIN SELECT 'hunter2'", 'EXPLAIN SELECT …'],
    ["/* CREATE ROLE x PASSWORD 'hunter2'", ''],
    ['VACUUM (ANALYZE) orders', 'VACUUM (ANALYZE) orders'],
    ['SELECT password FROM users WHERE name = $1', 'SELECT password FROM users WHERE name = $1'],
    ['CALL charge(4111222233334444)', 'CALL charge(…'],
    ["/* user='ann' */ SELECT $1", "/* user='…' */ SELECT $1"],
    ['/* api */ (select $1) union (select $2)', '/* api */ (select $1) union (select $2)'],
  ])('is shown up to its first value: %s', (query, shown) => expect(withoutSecrets(query)).toBe(shown))

  test('is shown so at any length', () => {
    expect(withoutSecrets(`SET my.password = '${'a'.repeat(12_000_000)}'`)).toBe('SET my.password …')
  })
})

test('the score falls with what is found, by its severity, and not below nothing', () => {
  const finding = (severity: 'info' | 'warning' | 'error') =>
    ({ check: 'x', severity, subject: '', message: '', evidence: {}, action: '', sql: null }) as const
  expect(scoreOf([])).toBe(100)
  expect(scoreOf([finding('info'), finding('warning'), finding('error')])).toBe(67)
  expect(scoreOf(Array(9).fill(finding('error')))).toBe(0)
})
