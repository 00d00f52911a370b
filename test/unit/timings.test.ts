import { describe, expect, test } from 'vitest'
import { Batch, type Timing, Timings } from '../../src/query/index.ts'

describe('timings', () => {
  test('log one line for each run, and sum up by name', async () => {
    const lines: string[] = []
    const data: Timing[] = []
    const timings = new Timings({ log: (line, timing) => void (lines.push(line), data.push(timing)) })
    const { time, timed } = timings
    expect(await time('fetch_recent_logs', async () => 'rows')).toBe('rows')
    expect(time('add_up', () => 2 + 3)).toBe(5)
    await expect(time('break_later', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(() =>
      time('break_at_once', () => {
        throw new Error('never')
      }),
    ).toThrow('never')
    const double = timed('double', (n: number) => n * 2)
    expect([double(4), double(5)]).toEqual([8, 10])
    expect(lines[0]).toMatch(/^fetch_recent_logs took \d+\.\d ms$/)
    expect(lines[2]).toMatch(/^break_later failed after \d+\.\d ms$/)
    expect(data.map(({ name, hasFailed }) => [name, hasFailed])).toEqual([
      ['fetch_recent_logs', false],
      ['add_up', false],
      ['break_later', true],
      ['break_at_once', true],
      ['double', false],
      ['double', false],
    ])
    const figures = Object.fromEntries(timings.figures().map((its) => [its.name, its]))
    expect(figures.double).toMatchObject({ calls: 2, errors: 0 })
    expect(figures.break_later).toMatchObject({ calls: 1, errors: 1 })
  })

  test('decorate methods, which keep their this', async () => {
    const timings = new Timings()
    const { timed } = timings
    const figures = () => timings.figures()
    class Reports {
      readonly rows = [1, 2, 3]
      async sum(factor: number): Promise<number> {
        return this.rows.reduce((sum, row) => sum + row * factor, 0)
      }
    }
    // What a compiler makes of `@timed('sum')` before the method.
    const context = { kind: 'method', name: 'sum' } as ClassMethodDecoratorContext<Reports, Reports['sum']>
    Reports.prototype.sum = timed('sum')(Reports.prototype.sum, context)
    expect(await new Reports().sum(2)).toBe(12)
    // And what one makes of it with experimentalDecorators, as NestJS needs them.
    const descriptor = { value: (n: number) => n + 1 }
    timed('older')(Reports.prototype, 'older', descriptor)
    expect(descriptor.value(1)).toBe(2)
    expect(figures().map(({ name }) => name)).toEqual(expect.arrayContaining(['sum', 'older']))
  })

  test('are quiet about what is quick, and about a log that fails', () => {
    const lines: string[] = []
    const quiet = new Timings({ log: (line) => void lines.push(line), logAboveMs: 60_000 })
    quiet.time('quick', () => 1)
    expect(lines).toEqual([])
    expect(quiet.figures()[0]).toMatchObject({ name: 'quick', calls: 1 })
    const warned: Error[] = []
    process.once('warning', (warning) => warned.push(warning))
    const broken = new Timings({
      log: () => {
        throw new Error('disk full')
      },
    })
    expect(broken.time('works', () => 7)).toBe(7)
  })

  test('begin what is lazy, once, and wait for it', async () => {
    const timings = new Timings()
    let runs = 0
    const lazy = {
      // oxlint-disable-next-line unicorn/no-thenable -- as query builders are
      then(done: (value: string) => void) {
        runs += 1
        setImmediate(done, 'rows')
      },
    }
    expect(await timings.time('lazy', () => lazy)).toBe('rows')
    expect(runs).toBe(1)
    expect(timings.figures()[0]).toMatchObject({ name: 'lazy', calls: 1 })
  })

  test('remember so many names', () => {
    const timings = new Timings()
    for (let n = 0; n < 1_200; n += 1) timings.time(`name ${n}`, () => n)
    expect(timings.figures()).toHaveLength(1_001)
    expect(timings.figures().find(({ name }) => name === '(other)')?.calls).toBe(200)
  })
})

describe('a batch', () => {
  test('asks once for what is asked for in one turn, and gives each its own', async () => {
    const asked: unknown[][] = []
    const source = {
      load: async (keys: readonly (number | Date | string)[]) => {
        asked.push([...keys])
        return keys.filter((key) => key !== 9).map((key) => [key, { of: key }] as const)
      },
    }
    const batch = new Batch()
    const day = new Date(0)
    const found = await Promise.all([1, 2, 1, day, new Date(0), 9].map((key) => batch.one(source, key)))
    expect(found).toEqual([{ of: 1 }, { of: 2 }, { of: 1 }, { of: day }, { of: day }, undefined])
    expect(asked).toEqual([[1, 2, day, 9]])
    await batch.many(source, 2)
    expect(asked).toHaveLength(1)
    batch.clear()
    await batch.many(source, 2)
    expect(asked).toHaveLength(2)
  })

  test('fails for those who asked, and can be asked again', async () => {
    let attempts = 0
    const source = {
      load: async (keys: readonly number[]) => {
        attempts += 1
        if (attempts === 1) throw new Error('gone')
        return keys.map((key) => [key, key] as const)
      },
    }
    const batch = new Batch()
    const outcomes = await Promise.allSettled([batch.one(source, 1), batch.one(source, 2)])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await batch.one(source, 1)).toBe(1)
  })
})
