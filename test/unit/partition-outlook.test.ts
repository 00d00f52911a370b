/** What lies before a partitioned table, counted from what is there. */
import { describe, expect, test } from 'vitest'
import { keyKindOf } from '../../src/partitions/key.ts'
import type { Layout, Partition } from '../../src/partitions/layout.ts'
import { endOf, forecastOf, outlookOf } from '../../src/partitions/outlook.ts'
import { type Every, periodAfter, periodAt } from '../../src/partitions/period.ts'
import type { Policy } from '../../src/partitions/policy.ts'

const at = (text: string): bigint => BigInt(Date.parse(text))
const NOW = at('2026-11-20T12:00:00Z')

const part = (name: string, over: Partial<Partition>): Partition => ({
  oid: 1,
  schema: 'public',
  name,
  sql: name,
  from: null,
  to: null,
  fromText: '',
  toText: '',
  isDefault: false,
  isDetaching: false,
  rows: 0,
  bytes: 0,
  ...over,
})

/** Months from so many ago up to so many ahead; rows by how many months ago they are. */
const monthly = (first: number, last: number, rows: (shift: number) => number): Partition[] =>
  Array.from({ length: last - first + 1 }, (_, index) => {
    const shift = first + index
    const period = periodAfter('month', periodAt('month', NOW), shift)
    return part(`m${shift}`, { ...period, rows: rows(shift), bytes: rows(shift) * 100 })
  })

const layout = (partitions: Partition[], type = 'timestamptz'): Layout => {
  const key = keyKindOf(type)
  if (!key) throw new Error(type)
  return { oid: 1, schema: 'public', name: 't', sql: 'public.t', owner: 'o', column: 'at', key, partitions }
}

const policy = (over: Partial<Policy> = {}): Policy => ({
  table: 'public.t',
  every: 'month' as Every,
  premake: 2,
  keep: null,
  retention: 'detach',
  archiveTo: null,
  maintainedAt: null,
  lastError: null,
  ...over,
})

describe('a forecast', () => {
  const rowsOf = (partitions: Partition[]): number | undefined =>
    forecastOf(layout(partitions), 'month', NOW)?.rows

  test('there is none while no partition is complete', () => {
    expect(forecastOf(layout(monthly(0, 3, () => 5)), 'month', NOW)).toBeNull()
    // What holds all history has no length.
    const legacy = part('legacy', { from: 'open', to: at('2026-11-01'), rows: 1e9 })
    expect(forecastOf(layout([legacy]), 'month', NOW)).toBeNull()
  })
  test('one complete partition stands for the next', () => {
    expect(forecastOf(layout(monthly(-1, 2, () => 50)), 'month', NOW)).toEqual({
      from: at('2026-12-01'),
      to: at('2027-01-01'),
      rows: 50,
      bytes: 5_000,
      basis: 1,
    })
  })
  test('growth goes on, and the one that is being filled does not count', () => {
    const rows = rowsOf(monthly(-6, 0, (shift) => (shift === 0 ? 1 : 1_000 + 100 * (shift + 6))))
    // Next month is seven months behind the first of them; months are not of one length.
    expect(rows).toBeGreaterThan(1_650)
    expect(rows).toBeLessThan(1_750)
  })
  test('one odd month does not bend it', () => {
    expect(rowsOf(monthly(-6, 0, (shift) => (shift === -3 ? 1_000_000 : 1_000)))).toBe(1_000)
  })
  test('what shrinks does not become less than nothing', () => {
    expect(rowsOf(monthly(-3, 0, (shift) => -shift * 100))).toBe(0)
  })
  test('only the last six count', () => {
    expect(forecastOf(layout(monthly(-20, 0, (shift) => (shift < -6 ? 0 : 70))), 'month', NOW)).toMatchObject(
      {
        rows: 70,
        basis: 6,
      },
    )
  })
  test('of an integer key', () => {
    const all = [0n, 10n, 20n, 30n].map((from, index) =>
      part(`p${from}`, { from, to: from + 10n, rows: index * 2 }),
    )
    expect(forecastOf(layout(all, 'int8'), 10n, 35n)).toMatchObject({ from: 40n, to: 50n, rows: 8, basis: 3 })
  })
})

describe('what is next', () => {
  const next = (partitions: Partition[], over: Partial<Policy> = {}, kept: string[] = []) =>
    outlookOf(layout(partitions), policy(over), NOW, new Set(kept)).next

  test('with all there, only what the next month brings', () => {
    expect(next(monthly(-2, 2, () => 5))).toEqual([
      { at: at('2026-12-01'), action: 'make', partitions: ['t_2027_02'] },
    ])
  })
  test('what is missing is due, and what is too old; what comes next is told once', () => {
    const all = monthly(-3, 1, () => 5)
    expect(next(all, { keep: 2, retention: 'drop' })).toEqual([
      { at: null, action: 'make', partitions: ['t_2027_01'] },
      { at: null, action: 'drop', partitions: ['m-3'] },
      { at: at('2026-12-01'), action: 'make', partitions: ['t_2027_02'] },
      { at: at('2026-12-01'), action: 'drop', partitions: ['m-2'] },
    ])
    // Brought back by somebody: it stays.
    expect(next(all, { keep: 2, retention: 'drop' }, ['m-3']).map(({ partitions }) => partitions)).toEqual([
      ['t_2027_01'],
      ['t_2027_02'],
      ['m-2'],
    ])
  })
  test('a removal that was begun is ended, and rows of a default partition are moved', () => {
    const all = monthly(-1, 2, () => 5).map((one) =>
      one.name === 'm-1' ? { ...one, isDetaching: true } : one,
    )
    const stray = part('rest', { isDefault: true, rows: 3 })
    expect(next([...all, stray]).slice(0, 2)).toEqual([
      { at: null, action: 'finish detaching', partitions: ['m-1'] },
      { at: null, action: 'drain', partitions: ['rest'] },
    ])
  })
})

test('where a row finds no partition any more', () => {
  const end = (partitions: Partition[]): bigint | null => endOf(layout(partitions), NOW)
  const all = monthly(-1, 2, () => 0)
  expect(end(all)).toBe(at('2027-02-01'))
  expect(end([])).toBe(NOW)
  // The first gap behind now counts.
  expect(end(all.filter(({ name }) => name !== 'm1'))).toBe(at('2026-12-01'))
  expect(end([...all, part('rest', { isDefault: true })])).toBeNull()
  expect(end([part('all', { from: 'open', to: 'open' })])).toBeNull()
})
