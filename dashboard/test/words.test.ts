import { describe, expect, test } from 'vitest'
import { bytes, count, duration, inWords, percent, perSecond } from '../src/words/figures.ts'
import { layOut } from '../src/words/sql-layout.ts'
import { age } from '../src/words/times.ts'

describe('figures', () => {
  test.each([
    [count(0), '0'],
    [count(0.84), '0.8'],
    [count(8_412), '8,412'],
    [count(99_999), '99,999'],
    [count(312_000_000), '312 M'],
    [bytes(0), '0 B'],
    [bytes(1_024), '1 kB'],
    [bytes(51_754_536_960), '48.2 GB'],
    [duration(0), '0 ms'],
    [duration(0.001), '<0.01 ms'],
    [duration(0.42), '0.42 ms'],
    [duration(1.2), '1.2 ms'],
    [duration(9.97), '10 ms'],
    [duration(412), '412 ms'],
    [duration(999.6), '1.0 s'],
    [duration(2_100), '2.1 s'],
    [duration(180_000), '3 min'],
    [duration(7_200_000), '2 h'],
    [duration(3 * 86_400_000), '3 d'],
    [perSecond(8_412), '8,412/s'],
    [perSecond(312_000), '312 k/s'],
    [percent(41.4), '41%'],
    [percent(99.996), '99.99%'],
    [percent(100), '100%'],
    [count(null), '–'],
    [bytes(undefined), '–'],
  ])('%j reads %s', (figure, words) => expect(inWords(figure)).toBe(words))

  test('ages keep their unit as long as it says enough', () => {
    expect([0, 99_999, 100_000, 5_999_000, 6_000_000, 180_000_000].map(age)).toEqual([
      '0 s',
      '99 s',
      '1 min',
      '99 min',
      '1 h',
      '2 d',
    ])
  })
})

describe('a statement laid out', () => {
  test('has a line for each clause and condition', () => {
    expect(
      layOut(
        'select a, b from t join u on t.id = u.id where x = $1 and y between 1 and 2 or z order by a limit 5',
      ),
    ).toBe(
      [
        'select a, b',
        'from t',
        'join u',
        '  on t.id = u.id',
        'where x = $1',
        '  and y between 1 and 2',
        '  or z',
        'order by a',
        'limit 5',
      ].join('\n'),
    )
  })

  test('leaves strings, names, comments and what is in parentheses as they are', () => {
    for (const kept of [
      "'from where and'",
      '"order by"',
      '/* and or */',
      '(select 1 from x where y and z)',
      '$$ from $$',
    ])
      expect(layOut(`select ${kept} from t`)).toBe(`select ${kept}\nfrom t`)
    expect(layOut('select from_where, offset_and from t')).toBe('select from_where, offset_and\nfrom t')
  })

  test('loses nothing but white space', () => {
    const sql =
      "INSERT INTO a (x,y)\nSELECT 1 , '  two  ' FROM b -- why\n ON CONFLICT DO NOTHING RETURNING id"
    const bare = (text: string): string => text.replaceAll(/\s+/g, '')
    expect(bare(layOut(sql))).toBe(bare(sql))
  })
})
