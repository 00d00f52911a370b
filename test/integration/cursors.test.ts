import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CursorKeys, keyset } from '../../src/query/index.ts'
import { cursors, fill, useThings } from '../support/things.ts'

const { connect } = useThings()

describe('cursors', () => {
  const options = { key: 'id', limit: 1 } as const
  const refused = { statusCode: 400, code: expect.stringMatching(/^HF_CURSOR_/) }

  test('of another list, order, scope or key ring are refused before any SQL', async () => {
    const db = connect()
    await fill(
      db,
      [1, 2].map((a) => ({ a, b: null, c: '2026-01-01', d: 0 })),
    )
    const query = db.selectFrom('things').select('id')
    const { next } = await keyset(query, { ...options, cursors, scope: 'tenant 1' })
    const after = next as string
    const attempts = [
      () => keyset(query, { ...options, cursors, after }),
      () => keyset(query, { ...options, cursors, after, scope: 'tenant 2' }),
      () => keyset(query, { ...options, cursors, after, scope: 'tenant 1', order: [{ by: 'd' }] }),
      () =>
        keyset(db.selectFrom('things as others').select('id'), {
          ...options,
          cursors,
          after,
          scope: 'tenant 1',
        }),
    ]
    for (const attempt of attempts)
      await expect(attempt()).rejects.toMatchObject({ code: 'HF_CURSOR_FOREIGN', statusCode: 400 })
    const rotated = new CursorKeys(['n'.repeat(32)])
    await expect(
      keyset(query, { ...options, cursors: rotated, after, scope: 'tenant 1' }),
    ).rejects.toMatchObject({ code: 'HF_CURSOR_EXPIRED', statusCode: 400 })
    await expect(keyset(query, { ...options, cursors, after, before: after })).rejects.toMatchObject({
      code: 'HF_PAGE_INVALID',
    })
    expect((await keyset(query, { ...options, cursors, after, scope: 'tenant 1' })).rows).toEqual([{ id: 2 }])
    // What is read, and which rows, is not what a cursor is bound to: a service changes while people leaf through it.
    const wider = query.select('a').where('a', '>', 0)
    expect((await keyset(wider, { ...options, cursors, after, scope: 'tenant 1' })).rows).toEqual([
      { id: 2, a: 2 },
    ])
  })

  test('that were changed, cut or invented are refused, whatever they are', async () => {
    const db = connect()
    await fill(
      db,
      [1, 2].map((a) => ({ a, b: null, c: '2026-01-01', d: 0 })),
    )
    const query = db.selectFrom('things').select('id')
    const { next } = await keyset(query, { ...options, cursors })
    const cursor = next as string
    const good = Buffer.from(cursor, 'base64url')
    const flipped = fc.nat(good.length * 8 - 1).map((bit) => {
      const bytes = Buffer.from(good)
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7))
      return bytes.toString('base64url')
    })
    const cut = fc.integer({ min: 1, max: cursor.length - 1 }).map((length) => cursor.slice(0, length))
    const grown = fc.string({ minLength: 1 }).map((more) => cursor + more)
    const invented = fc.oneof(
      fc.string({ minLength: 1 }),
      fc.base64String({ minLength: 1 }),
      fc.constant('x'.repeat(2_000_000)),
    )
    await fc.assert(
      fc.asyncProperty(fc.oneof(flipped, cut, grown, invented), fc.boolean(), async (bad, forwards) => {
        await expect(
          keyset(query, { ...options, cursors, [forwards ? 'after' : 'before']: bad }),
        ).rejects.toMatchObject(refused)
      }),
      { numRuns: 300 },
    )
    for (const odd of [1, {}, [cursor], true, Symbol('x')])
      await expect(keyset(query, { ...options, cursors, after: odd as never })).rejects.toMatchObject(refused)
  })

  test('hold whatever a column holds', async () => {
    const db = connect()
    const long = 'ü'.repeat(20_000)
    await fill(
      db,
      [1, 2, 3].map((a) => ({ a, b: long + a, c: '2026-01-01', d: 0 })),
    )
    const by = { ...options, order: [{ by: 'b', nulls: 'last' }], cursors } as const
    const query = db.selectFrom('things').select('id')
    const { next } = await keyset(query, by)
    expect((await keyset(query, { ...by, after: next })).rows).toEqual([{ id: 2 }])
  })

  test('say nothing of the values in them, and outlive the rotation of keys', async () => {
    const [old, fresh] = ['o'.repeat(32), 'f'.repeat(40)]
    const db = connect()
    await fill(db, [
      { a: 1, b: 'secret', c: '2026-01-01', d: 0 },
      { a: 2, b: 'zoo', c: '2026-01-01', d: 0 },
    ])
    const query = db.selectFrom('things').select('id')
    const by = { ...options, order: [{ by: 'b', nulls: 'last' }] } as const
    const { next } = await keyset(query, { ...by, cursors: new CursorKeys([old]) })
    expect(Buffer.from(next as string, 'base64url').toString('latin1')).not.toContain('secret')
    const rotated = new CursorKeys([fresh, old])
    expect((await keyset(query, { ...by, cursors: rotated, after: next })).rows).toEqual([{ id: 2 }])
    expect(() => new CursorKeys(['short'])).toThrow(/32 characters/)
    expect(() => new CursorKeys([])).toThrow(/missing/)
  })
})
