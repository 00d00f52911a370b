import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Column, filterRows, keepOrder, sortRows } from '../src/parts/table/column.ts'
import { toCsv } from '../src/parts/table/csv.ts'
import { visibleRows } from '../src/parts/table/visible-rows.ts'

interface Row {
  readonly name: string
  readonly size: number | null
}
const NAME: Column<Row> = { id: 'name', title: 'Name', kind: 'text', value: ({ name }) => name }
const SIZE: Column<Row> = { id: 'size', title: 'Size', kind: 'number', value: ({ size }) => size }
const row = (name: string, size: number | null = 0): Row => ({ name, size })

describe('rows', () => {
  test('are sorted by size or by the order of the language, with the unknown last either way', () => {
    const rows = [row('b10', 5), row('B2', null), row('a', 30), row('Á', 4)]
    expect(sortRows(rows, SIZE, false).map(({ size }) => size)).toEqual([4, 5, 30, null])
    expect(sortRows(rows, SIZE, true).map(({ size }) => size)).toEqual([30, 5, 4, null])
    expect(sortRows(rows, NAME, false).map(({ name }) => name)).toEqual(['a', 'Á', 'B2', 'b10'])
    expect(sortRows(rows, undefined, true)).toBe(rows)
  })

  test('are found by all words, in the columns that are shown', () => {
    const rows = [row('orders lines', 7), row('orders', 12)]
    expect(filterRows(rows, [NAME, SIZE], ' ORDERS  7 ')).toEqual([rows[0]])
    expect(filterRows(rows, [NAME], '12')).toEqual([])
    expect(filterRows(rows, [NAME], '  ')).toBe(rows)
  })

  test('keep their order when their values change: what stays stays, what is new comes last', () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 }))
    fc.assert(
      fc.property(names, names, (before, now) => {
        const kept = keepOrder(
          now.map((name) => row(name)),
          ({ name }) => name,
          before,
        ).map(({ name }) => name)
        expect(kept.toSorted()).toEqual(now.toSorted())
        const stayed = before.filter((name) => now.includes(name))
        expect(kept).toEqual([...stayed, ...now.filter((name) => !before.includes(name))])
      }),
    )
  })
})

test('the rows that are drawn cover the window, and with what is left out make up the whole', () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.nat(400_000), fc.integer({ min: 1, max: 2_000 }), (count, top, height) => {
      const { first, last, above, below } = visibleRows(count, 33, top, height)
      expect(above).toBe(first * 33)
      expect(above + (last - first) * 33 + below).toBe(count * 33)
      expect(last - first).toBeLessThanOrEqual(Math.ceil(height / 33) + 22)
      const lastTop = Math.min(top, Math.max(0, count * 33 - height))
      if (top === lastTop && count > 0) {
        expect(first * 33).toBeLessThanOrEqual(top)
        expect(last * 33).toBeGreaterThanOrEqual(Math.min(top + height, count * 33))
      }
    }),
  )
})

test('CSV quotes what has to be quoted, and disarms what a spreadsheet would run', () => {
  const rows = [row('a "b", c', 1.5), row('=cmd()', null), row('-1+2', -3), row('line\nbreak')]
  expect(toCsv(rows, [NAME, SIZE])).toBe(
    `Name,Size\r\n"a ""b"", c",1.5\r\n'=cmd(),\r\n'-1+2,-3\r\n"line\nbreak",0\r\n`,
  )
})
