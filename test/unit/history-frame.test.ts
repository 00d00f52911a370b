import { describe, expect, test } from 'vitest'
import { type Frame, mergeFrames, OTHERS, withLargest } from '../../src/monitor/history/frame.ts'

const frame = (figures: Frame['figures'], keys: readonly string[], more: Partial<Frame> = {}): Frame => ({
  kind: 'database',
  instance: '',
  atMs: 0,
  keys,
  figures,
  ...more,
})

describe('steps of a history', () => {
  test('become a longer one by what their fields say: sums, means, greatest, last', () => {
    const merged = mergeFrames(
      [
        frame({ 'n:sum': [1, 2], 'n:mean': [1, 2], 'n:max': [5, 2], 'n:last': [1, 2] }, ['a', 'b']),
        frame({ 'n:sum': [10], 'n:mean': [4], 'n:max': [3], 'n:last': [9] }, ['a'], { atMs: 60_000 }),
      ],
      0,
    )
    expect(merged.keys).toEqual(['a', 'b'])
    expect(merged.figures).toEqual({
      'n:sum': [11, 2],
      'n:mean': [2.5, 2],
      'n:max': [5, 2],
      'n:last': [9, 2],
    })
  })

  test('know nothing where no step did, and do not count what was not known', () => {
    const merged = mergeFrames(
      [frame({ 'v:mean': [null, null] }, ['a', 'b']), frame({ 'v:mean': [3, null] }, ['a', 'b'])],
      0,
    )
    expect(merged.figures['v:mean']).toEqual([3, null])
  })

  test('keep the greatest by any figure that counts, and add up the others, so that sums stay whole', () => {
    const keys = Array.from({ length: 300 }, (_, n) => `s${n}`)
    const all = frame(
      {
        'total_ms:sum': keys.map((_, n) => n),
        'calls:sum': keys.map((_, n) => 300 - n),
        'blocks_read:sum': keys.map((_, n) => (n === 150 ? 1_000 : 0)),
      },
      keys,
      { kind: 'statements' },
    )
    const kept = withLargest(all)
    expect(kept.keys).toHaveLength(50 + 50 + 1 + 1)
    expect(kept.keys).toContain('s299')
    expect(kept.keys).toContain('s0')
    expect(kept.keys).toContain('s150')
    expect(kept.keys.at(-1)).toBe(OTHERS)
    for (const field of Object.keys(all.figures)) {
      const total = (values: readonly (number | null)[] | undefined): number =>
        (values ?? []).reduce<number>((sum, one) => sum + (one ?? 0), 0)
      expect(total(kept.figures[field])).toBe(total(all.figures[field]))
    }
    const twice = mergeFrames([kept, kept], 0)
    expect(twice.keys.filter((key) => key === OTHERS)).toHaveLength(1)
    expect(twice.figures['calls:sum']?.[twice.keys.indexOf('s0')]).toBe(600)
  })
})
