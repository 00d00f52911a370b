/** What rules make of values, on a clock that only moves when it is told to. */
import { describe, expect, test } from 'vitest'
import {
  AlertBook,
  type AlertEvent,
  type AlertRule,
  builtInRules,
  METRIC_NAMES,
  rulesOf,
} from '../../src/alerts/index.ts'
import { ALERT_OPTIONS } from '../../src/alerts/options.ts'
import { DEFAULT_LIMITS } from '../../src/monitor/index.ts'

/** A book of one rule, with beats of ten seconds. */
class Walk {
  readonly #book: AlertBook
  readonly #metric: string
  #atMs = 0

  constructor(rule: Omit<AlertRule, 'name' | 'metric'> & { metric?: string }) {
    this.#metric = rule.metric ?? 'connections_used_percent'
    this.#book = new AlertBook([{ name: 'rule', ...rule, metric: this.#metric }], '', this.#moment)
  }

  /** Takes this value for a number of beats; undefined: it was not looked at. @returns what was told, with its second */
  take(value: number | undefined, beats = 1): [second: number, AlertEvent['kind'], string][] {
    const told: [number, AlertEvent['kind'], string][] = []
    for (let n = 0; n < beats; n += 1) {
      this.#atMs += 10_000
      const values = value === undefined ? {} : { [this.#metric]: value }
      for (const { kind, alert } of this.#book.take(values, this.#moment))
        told.push([this.#atMs / 1_000, kind, alert.severity])
    }
    return told
  }

  get open() {
    return this.#book.open
  }

  get #moment() {
    return { nowMs: this.#atMs + 1_000_000, monotonicMs: this.#atMs }
  }
}

describe('a threshold', () => {
  test('is pending until it has held for long enough, fires once, and is over when it has been so for long enough', () => {
    const walk = new Walk({ above: { warning: 80 }, forMs: 60_000, clearMs: 30_000 })
    expect(walk.take(80, 10)).toEqual([])
    expect(walk.open).toEqual([])
    expect(walk.take(81)).toEqual([])
    expect(walk.open).toMatchObject([{ state: 'pending', severity: 'warning', value: 81, since: 1_110_000 }])
    expect(walk.take(82, 60)).toEqual([[170, 'firing', 'warning']])
    expect(walk.open).toMatchObject([{ state: 'firing', firedAt: 1_170_000, since: 1_110_000, value: 82 }])
    expect(walk.take(10, 2)).toEqual([])
    expect(walk.take(90)).toEqual([])
    expect(walk.take(10, 10)).toEqual([[780, 'resolved', 'warning']])
    expect(walk.open).toEqual([])
  })

  test('that is passed for a moment only is nobody told of', () => {
    const walk = new Walk({ above: { warning: 80 }, forMs: 30_000 })
    for (let n = 0; n < 5; n += 1) expect([...walk.take(99, 3), ...walk.take(1)]).toEqual([])
  })

  test('gets worse and better as one alert', () => {
    const walk = new Walk({ above: { warning: 80, error: 90 }, clearMs: 20_000 })
    expect(walk.take(85)).toEqual([[10, 'firing', 'warning']])
    const [{ id } = { id: '' }] = walk.open
    expect(walk.take(95, 3)).toEqual([[20, 'escalated', 'error']])
    expect(walk.open[0]?.id).toBe(id)
    // While it clears, what was wrong is what is said.
    expect(walk.take(85)).toEqual([])
    expect(walk.open[0]).toMatchObject({ severity: 'error', value: 95 })
    expect(walk.take(85, 2)).toEqual([[70, 'eased', 'warning']])
    expect(walk.open[0]).toMatchObject({ id, severity: 'warning', value: 85, threshold: 80 })
    expect(walk.take(0, 3)).toEqual([[100, 'resolved', 'warning']])
  })

  test('may be one that must not be fallen below', () => {
    const walk = new Walk({ metric: 'cache_hit_percent', below: { warning: 90, error: 50 } })
    expect(walk.take(90)).toEqual([])
    expect(walk.take(89.9)).toEqual([[20, 'firing', 'warning']])
    expect(walk.take(10)).toEqual([[30, 'escalated', 'error']])
  })

  test('stays as it is while nothing is seen, and is over when nobody knows any more', () => {
    const walk = new Walk({ above: { error: 1 } })
    expect(walk.take(2)).toHaveLength(1)
    expect(walk.take(undefined, 89)).toEqual([])
    expect(walk.open[0]?.state).toBe('firing')
    expect(walk.take(undefined, 2)).toEqual([[910, 'resolved', 'error']])
  })
})

test('growth is what it is more than it was so long ago', () => {
  const walk = new Walk({ metric: 'database_bytes', growsBy: { warning: 100, withinMs: 60_000 }, clearMs: 0 })
  expect(walk.take(1_000_000, 10)).toEqual([])
  expect(walk.take(1_000_100, 5)).toEqual([])
  expect(walk.take(1_000_101)).toEqual([[160, 'firing', 'warning']])
  expect(walk.open[0]?.message).toContain('more than 100 B above what it was 1 min ago')
  expect(walk.take(1_000_101, 10)).toEqual([[170, 'resolved', 'warning']])
})

test('growth over a time when nobody looked is what it was within the time that counts', () => {
  const walk = new Walk({ metric: 'database_bytes', growsBy: { warning: 100, withinMs: 60_000 }, clearMs: 0 })
  walk.take(1_000_000)
  walk.take(undefined, 89)
  // 15 minutes: 90 in each of them.
  expect(walk.take(1_000_000 + 90 * 15)).toEqual([])
})

test('absence is no value for so long, also from the beginning', () => {
  const walk = new Walk({ absent: { afterMs: 60_000, severity: 'warning' }, clearMs: 0 })
  expect(walk.take(undefined, 10)).toEqual([[60, 'firing', 'warning']])
  expect(walk.take(5)).toEqual([[110, 'resolved', 'warning']])
  expect(walk.take(undefined, 6)).toEqual([[170, 'firing', 'warning']])
})

test('what fired before goes on, and is over when it is', () => {
  const first = new Walk({ above: { error: 1 }, clearMs: 20_000 })
  first.take(2)
  const rule: AlertRule = {
    name: 'rule',
    metric: 'connections_used_percent',
    above: { error: 1 },
    clearMs: 20_000,
  }
  const later = new AlertBook([rule], '', { nowMs: 0, monotonicMs: 0 })
  later.restore(first.open, { nowMs: 0, monotonicMs: 0 })
  const take = (value: number, seconds: number) =>
    later.take({ connections_used_percent: value }, { nowMs: seconds * 1_000, monotonicMs: seconds * 1_000 })
  expect(take(2, 10)).toEqual([])
  expect(later.open).toHaveLength(1)
  expect(take(0, 20)).toEqual([])
  expect(take(0, 40)).toMatchObject([{ kind: 'resolved', alert: { id: first.open[0]?.id } }])
})

test('what was absent before goes on being so until it is seen', () => {
  const rule: AlertRule = { name: 'rule', metric: 'connections_active', absent: { afterMs: 300_000 } }
  const first = new AlertBook([rule], '', { nowMs: 0, monotonicMs: 0 })
  first.take({}, { nowMs: 300_000, monotonicMs: 300_000 })
  expect(first.open).toMatchObject([{ state: 'firing', severity: 'error' }])
  const later = new AlertBook([rule], '', { nowMs: 0, monotonicMs: 0 })
  later.restore(first.open, { nowMs: 0, monotonicMs: 0 })
  const take = (values: Record<string, number>, seconds: number) =>
    later.take(values, { nowMs: seconds * 1_000, monotonicMs: seconds * 1_000 })
  for (let seconds = 10; seconds < 400; seconds += 10) expect(take({}, seconds)).toEqual([])
  expect(later.open).toMatchObject([{ severity: 'error' }])
  expect(take({ connections_active: 1 }, 400)).toEqual([])
  expect(take({ connections_active: 1 }, 460)).toMatchObject([{ kind: 'resolved' }])
})

describe('rules', () => {
  test('that are built in are valid and watch what there is', () => {
    const built = builtInRules(DEFAULT_LIMITS)
    expect(() => ALERT_OPTIONS.rules.parse(built)).not.toThrow()
    expect(built.filter(({ metric }) => !METRIC_NAMES.includes(metric))).toEqual([])
    for (const { message, action } of built) expect([message, action]).not.toContain(undefined)
  })

  test('of one name take its place; those that are off do not hold', () => {
    const own = { name: 'connections', metric: 'connections_used', above: { error: 50 } }
    const rules = rulesOf(DEFAULT_LIMITS, [own], ['lock_wait'])
    expect(rules.filter(({ name }) => name === 'connections')).toEqual([own])
    expect(rules.some(({ name }) => name === 'lock_wait')).toBe(false)
    expect(rules).toHaveLength(builtInRules(DEFAULT_LIMITS).length - 1)
  })

  const wrong: [unknown, RegExp][] = [
    [null, /not an object/],
    [{ name: 'A', metric: 'x', above: { error: 1 } }, /lower-case/],
    [{ name: 'a', above: { error: 1 } }, /no metric/],
    [{ name: 'a', metric: 'x' }, /exactly one of/],
    [{ name: 'a', metric: 'x', above: { error: 1 }, below: { error: 1 } }, /exactly one of/],
    [{ name: 'a', metric: 'x', above: {} }, /neither warning nor error/],
    [{ name: 'a', metric: 'x', above: 5 }, /is not an object/],
    [{ name: 'a', metric: 'x', above: { warning: Number.NaN } }, /are numbers/],
    [{ name: 'a', metric: 'x', above: { warning: 9, error: 5 } }, /before warning/],
    [{ name: 'a', metric: 'x', below: { warning: 5, error: 9 } }, /before warning/],
    [{ name: 'a', metric: 'x', growsBy: { warning: 5 } }, /withinMs/],
    [{ name: 'a', metric: 'x', absent: { afterMs: 10 } }, /afterMs/],
    [{ name: 'a', metric: 'x', absent: { afterMs: 1_000, severity: 'bad' } }, /severity/],
    [{ name: 'a', metric: 'x', above: { error: 1 }, forMs: -1 }, /forMs/],
    [{ name: 'a', metric: 'x', above: { error: 1 }, message: '' }, /message/],
    [{ name: 'a', metric: 'x', above: { error: 1 }, treshold: 5 }, /no field "treshold"/],
  ]
  test.each(wrong)('that are wrong say why: %j', (rule, reason) => {
    expect(() => ALERT_OPTIONS.rules.parse([rule])).toThrow(
      expect.objectContaining({ code: 'HF_ALERT_RULE_INVALID', message: expect.stringMatching(reason) }),
    )
  })

  test('that are switched off and are not there are named', () => {
    expect(() => rulesOf(DEFAULT_LIMITS, [], ['lokc_wait'])).toThrow(
      /lokc_wait cannot be used: it is switched off/,
    )
  })

  test('of one name twice are refused', () => {
    const rule = { name: 'a', metric: 'x', above: { error: 1 } }
    expect(() => ALERT_OPTIONS.rules.parse([rule, rule])).toThrow(/another one has the same name/)
  })
})

test('an address with a password is none, and is not repeated', () => {
  expect(ALERT_OPTIONS.webhookUrl.parse('https://user:secret@example.com/hook')).toBeUndefined()
  expect(ALERT_OPTIONS.webhookUrl.parse('https://example.com/hook')).toBe('https://example.com/hook')
  expect(ALERT_OPTIONS.webhookUrl.mask('https://example.com/T0KEN')).toBe('https://example.com/***')
})
