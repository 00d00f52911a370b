import fc from 'fast-check'
import { CamelCasePlugin, type CompiledQuery, Kysely, ParseJSONResultsPlugin, sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { HoldfastDialect, keyset } from '../../src/query/index.ts'
import { cursors, fill, type Made, useThings, type Walk } from '../support/things.ts'

const { connect, makePool } = useThings()

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
  // Operators that bind less tightly than a comparison.
  fc.record({ by: fc.constant(sql<boolean>`not d > 0.2`), direction }),
  fc.record({ by: fc.constant(sql<boolean | null>`a = 1 or b = 'a'`), direction, nulls }),
)
const aTable = {
  made: fc.array(aThing, { maxLength: 25 }),
  order: fc.uniqueArray(aTerm, { maxLength: 3, selector: ({ by }) => by }),
  limit: fc.integer({ min: 1, max: 5 }),
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
        // A condition that is an OR must not swallow ours.
        const query = db
          .selectFrom('things')
          .select('id')
          .where(sql<boolean>`id > 0 or id < 0`)
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

  test('knows its columns under whatever name plugins give them', async () => {
    const db = connect()
    await fill(db, made)
    await sql`create or replace view "SHOUTED" as select id as "ID", a as "A" from things`.execute(db)
    const loud = db.withPlugin(new CamelCasePlugin({ upperCase: true })) as unknown as Kysely<{
      shouted: { id: number; a: number | null }
    }>
    const options = { order: [{ by: 'a', nulls: 'last' }], key: 'id', limit: 1, cursors } as const
    const { next } = await keyset(loud.selectFrom('shouted').select('a'), options)
    expect((await keyset(loud.selectFrom('shouted').select('a'), { ...options, after: next })).rows).toEqual([
      { a: 2 },
    ])
  })

  test('refuses a key that does not tell rows apart', async () => {
    const db = connect()
    await fill(db, [...made, ...made])
    const query = db.selectFrom('things').select('id')
    const unsafe = keyset(query, { key: 'a' as never, limit: 3, cursors })
    await expect(unsafe).rejects.toMatchObject({ code: 'HF_KEYSET_KEY', details: { keys: ['a'] } })
    const repeated = db
      .selectFrom('things')
      .innerJoin('things as other', 'other.a', 'things.a')
      .select('things.id')
    await expect(keyset(repeated, { key: 'things.id', cursors })).rejects.toMatchObject({
      code: 'HF_KEYSET_KEY',
    })
    expect((await keyset(repeated, { key: ['things.id', 'other.id'], cursors })).rows).toHaveLength(12)
  })

  test('refuses orders and options that are none', async () => {
    const query = connect().selectFrom('things').select('id')
    for (const term of [{ by: 'a', direction: 'descending' }, { by: 'a', nulls: 'middle' }, { by: null }])
      await expect(keyset(query, { order: [term] as never, key: 'id', cursors })).rejects.toMatchObject({
        code: 'HF_ORDER_INVALID',
        statusCode: 400,
      })
    for (const options of [{ key: 'id' }, { cursors }, { key: [], cursors }])
      await expect(keyset(query, options as never)).rejects.toMatchObject({ code: 'HF_OPTION_INVALID' })
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
      await expect(keyset(query, { key: 'id', cursors })).rejects.toMatchObject({ code: 'HF_PAGE_QUERY' })
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
