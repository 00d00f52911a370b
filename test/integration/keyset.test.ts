import fc from 'fast-check'
import {
  CamelCasePlugin,
  type CompiledQuery,
  type Generated,
  Kysely,
  ParseJSONResultsPlugin,
  sql,
} from 'kysely'
import pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import { CursorKeys, HoldfastDialect, keyset } from '../../src/query/index.ts'
import { useDatabase } from '../support/database.ts'
import { usePools } from '../support/pools.ts'

interface Walk {
  things: {
    id: Generated<number>
    a: number | null
    b: string | null
    c: Date
    d: number
  }
}

const database = useDatabase('empty')
const makePool = usePools(database, { size: 3, overflow: 0 })
const cursors = new CursorKeys()

beforeAll(async () => {
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query(`
    CREATE TABLE things (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, b text, c timestamptz NOT NULL, d float8 NOT NULL)`)
  await client.end()
})

const connect = (): Kysely<Walk> => new Kysely<Walk>({ dialect: new HoldfastDialect({ pool: makePool() }) })

type Made = Pick<Walk['things'], 'a' | 'b' | 'd'> & { c: string }

const aThing: fc.Arbitrary<Made> = fc.record({
  a: fc.option(fc.integer({ min: -2, max: 2 })),
  b: fc.option(fc.constantFrom('', 'a', 'B', "o'x", '"', '\\', 'ä', '{1}')),
  // Microseconds, which a JavaScript date has not.
  c: fc.integer({ min: 0, max: 3 }).map((n) => `2026-01-01 00:00:00.00000${n}+00`),
  d: fc.constantFrom(0.1, -0, 1e-300, Number.NaN, Number.POSITIVE_INFINITY, 1 / 3),
})

const direction = fc.constantFrom('asc' as const, 'desc' as const)
const nulls = fc.constantFrom('first' as const, 'last' as const)
const aTerm = fc.oneof(
  fc.record({ by: fc.constantFrom('a' as const, 'b' as const), direction, nulls }),
  fc.record({ by: fc.constantFrom('c' as const, 'd' as const), direction }),
  fc.record({ by: fc.constant(sql<string | null>`lower(b)`), direction, nulls }),
)
const aTable = {
  made: fc.array(aThing, { maxLength: 25 }),
  order: fc.uniqueArray(aTerm, { maxLength: 3, selector: ({ by }) => by }),
  limit: fc.integer({ min: 1, max: 5 }),
}

async function fill(db: Kysely<Walk>, made: readonly Made[]): Promise<void> {
  await sql`truncate things restart identity`.execute(db)
  if (made.length > 0)
    await db
      .insertInto('things')
      .values(made as never)
      .execute()
}

/** The ids in the order of the whole list, by the server's own sorting. */
async function idsInOrder(db: Kysely<Walk>, order: readonly any[]): Promise<number[]> {
  let query: any = db.selectFrom('things').select('id')
  for (const { by, direction: way, nulls: place } of order)
    query = query.orderBy(
      sql`${typeof by === 'string' ? sql.ref(by) : by} ${sql.raw(`${way}${place ? ` nulls ${place}` : ''}`)}`,
    )
  const rows = await query.orderBy('id', order.at(-1)?.direction ?? 'asc').execute()
  return rows.map(({ id }: { id: number }) => id)
}

describe('walking pages', () => {
  test('forwards and backwards shows each row once, in the order of the whole', async () => {
    const db = connect()
    await fc.assert(
      fc.asyncProperty(aTable.made, aTable.order, aTable.limit, async (made, order, limit) => {
        await fill(db, made)
        const query = db.selectFrom('things').select('id')
        const options = { order, key: 'id', limit, cursors } as any
        const expected = await idsInOrder(db, order)
        const forwards: number[] = []
        const backwards: number[] = []
        let page = await keyset(query, options)
        expect(page.previous).toBeNull()
        for (;;) {
          expect(page.rows.length).toBeLessThanOrEqual(limit)
          forwards.push(...page.rows.map(({ id }) => id))
          if (page.next === null) break
          page = await keyset(query, { ...options, after: page.next })
        }
        expect(forwards).toEqual(expected)
        for (;;) {
          backwards.unshift(...page.rows.map(({ id }) => id))
          if (page.previous === null) break
          page = await keyset(query, { ...options, before: page.previous })
        }
        expect(backwards).toEqual(expected)
      }),
      { numRuns: 150 },
    )
  })

  test('while rows come and go shows each row that stayed exactly once', async () => {
    const db = connect()
    const change = fc.record({ remove: fc.nat(1_000), add: fc.option(aThing) })
    await fc.assert(
      fc.asyncProperty(
        aTable.made,
        aTable.order,
        aTable.limit,
        fc.array(change, { minLength: 60, maxLength: 60 }),
        async (made, order, limit, changes) => {
          await fill(db, made)
          const gone = new Set<number>()
          const come = new Set<number>()
          let turn = 0
          const disturb = async (): Promise<void> => {
            const { remove, add } = changes[turn++ % changes.length] as (typeof changes)[number]
            const victim = (remove % (made.length + 3)) + 1
            const removed = await db.deleteFrom('things').where('id', '=', victim).executeTakeFirst()
            if (removed.numDeletedRows > 0n) gone.add(victim)
            if (!add || turn > 40) return // the walk must come to an end
            const row = await db
              .insertInto('things')
              .values(add as never)
              .returning('id')
              .executeTakeFirstOrThrow()
            come.add(row.id)
          }
          const query = db.selectFrom('things').select('id')
          const options = { order, key: 'id', limit, cursors } as any
          const walk = async (way: 'next' | 'previous', start: any): Promise<any> => {
            const seen: number[] = []
            let page = start
            for (;;) {
              seen.push(...page.rows.map(({ id }: { id: number }) => id))
              if (page[way] === null) break
              await disturb()
              page = await keyset(query, { ...options, [way === 'next' ? 'after' : 'before']: page[way] })
            }
            const stayed = new Set((await idsInOrder(db, order)).filter((id) => !come.has(id)))
            expect(new Set(seen).size).toBe(seen.length)
            for (const id of stayed) expect(seen).toContain(id)
            return page
          }
          const last = await walk('next', await keyset(query, options))
          come.clear()
          const now = await keyset(query, { ...options, after: null })
          expect(now.previous).toBeNull()
          if (last.previous !== null || last.next !== null) {
            // From the end of the walk back to its beginning, rows of the last page included.
            await walk('previous', last)
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('one page', () => {
  const made: Made[] = [3, 1, 2].map((a) => ({ a, b: `row ${a}`, c: '2026-01-01', d: a / 3 }))

  test('is the same under plugins that rename columns and read JSON', async () => {
    interface Camel {
      things: { id: number; a: number | null; longName: string | null }
    }
    const plain = connect()
    await fill(plain, made)
    await sql`alter table things add column if not exists long_name text`.execute(plain)
    await sql`update things set long_name = '[' || a || ']'`.execute(plain)
    const db = plain
      .withPlugin(new ParseJSONResultsPlugin())
      .withPlugin(new CamelCasePlugin()) as unknown as Kysely<Camel>
    const query = db.selectFrom('things').select(['longName', 'a'])
    const options = {
      order: [
        { by: 'longName', direction: 'desc', nulls: 'last' },
        { by: 'a', nulls: 'first' },
      ],
      key: 'id',
      limit: 2,
      cursors,
    } as const
    const first = await keyset(query, options)
    expect(first.rows).toEqual([
      { longName: [3], a: 3 },
      { longName: [2], a: 2 },
    ])
    const second = await keyset(query, { ...options, after: first.next })
    expect(second.rows).toEqual([{ longName: [1], a: 1 }])
    const back = await keyset(query, { ...options, before: second.previous })
    expect(back).toEqual({ ...first, next: expect.any(String) })
  })

  test('joins, filters and common table expressions page like tables', async () => {
    const db = connect()
    await fill(db, made)
    const query = db
      .with('wanted', (cte) => cte.selectFrom('things').select(['id', 'a as rank']).where('a', '<', 3))
      .selectFrom('things')
      .innerJoin('wanted', 'wanted.id', 'things.id')
      .select(['things.b', 'wanted.rank'])
      .where((eb) => eb.or([eb('things.d', '<', 1), eb('things.a', '=', 2)]))
    const options = {
      order: [{ by: 'wanted.rank', direction: 'desc', nulls: 'last' }],
      key: 'things.id',
      limit: 1,
      cursors,
    } as const
    const first = await keyset(query, options)
    const second = await keyset(query, { ...options, after: first.next })
    expect([first.rows, second.rows, second.next]).toEqual([
      [{ b: 'row 2', rank: 2 }],
      [{ b: 'row 1', rank: 1 }],
      null,
    ])
  })

  test('an alias of the query does not get into its order', async () => {
    const db = connect()
    await fill(db, made)
    const query = db.selectFrom('things').select(({ ref }) => ['things.a', sql<number>`-${ref('a')}`.as('d')])
    const { rows } = await keyset(query, { order: [{ by: 'd' }], key: 'id', cursors })
    expect(rows.map(({ a }) => a)).toEqual([1, 2, 3])
  })

  test('goes through an index, in each of its ranges', async () => {
    const db = connect()
    await fill(db, [])
    await sql`insert into things (a, b, c, d) select nullif(n % 50, 0), n, now(), n from generate_series(1, 20000) n`.execute(
      db,
    )
    await sql`create index if not exists things_order on things (a desc nulls last, c, id); `.execute(db)
    await sql`analyze things`.execute(db)
    const pool = makePool()
    const sent: CompiledQuery[] = []
    const logging = new Kysely<Walk>({
      dialect: new HoldfastDialect({ pool }),
      log: ({ query }) => void sent.push(query),
    })
    const query = logging.selectFrom('things').select('id')
    const options = {
      order: [{ by: 'a', direction: 'desc', nulls: 'last' }, { by: 'c' }],
      key: 'id',
      cursors,
    } as const
    const { next } = await keyset(query, options)
    await keyset(query, { ...options, after: next })
    const { sql: text, parameters } = sent.at(-1) as CompiledQuery
    const { rows } = await pool.query(`explain ${text}`, [...parameters])
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
    expect(plan).not.toMatch(/Seq Scan/)
    expect(plan.match(/Index.* using things_order/g)?.length).toBe(4)
  })

  test('refuses queries that it cannot page through, and NULLs that have no place', async () => {
    const db = connect()
    await fill(db, [{ a: null, b: null, c: '2026-01-01', d: 0 }])
    const base = db.selectFrom('things').select('id')
    for (const query of [
      base.orderBy('a'),
      base.limit(3),
      base.distinct(),
      base.groupBy('id'),
      base.union(base),
      base.offset(1),
    ])
      await expect(keyset(query, { key: 'id', cursors })).rejects.toMatchObject({ code: 'HF_KEYSET_QUERY' })
    const unplaced = keyset(base, { order: [{ by: 'a' }] as never, key: 'id', cursors })
    await expect(unplaced).rejects.toMatchObject({ code: 'HF_KEYSET_NULL', details: { term: 1 } })
    for (const limit of [0, -1, 1.5, 1_001, Number.NaN, '5' as never])
      await expect(keyset(base, { key: 'id', cursors, limit })).rejects.toMatchObject({
        code: 'HF_PAGE_INVALID',
        statusCode: 400,
      })
    const wrapped = db.selectFrom(base.select('a').distinct().as('list')).selectAll()
    expect((await keyset(wrapped, { key: 'id', cursors })).rows).toEqual([{ id: 1, a: null }])
  })
})

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
      fc.constant('x'.repeat(100_000)),
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
