import fc from 'fast-check'
import { CamelCasePlugin, type Generated, Kysely, ParseJSONResultsPlugin, sql } from 'kysely'
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

const database_ = (): Kysely<Walk> => new Kysely<Walk>({ dialect: new HoldfastDialect({ pool: makePool() }) })

type Made = Pick<Walk['things'], 'a' | 'b' | 'd'> & { c: string }

const aThing: fc.Arbitrary<Made> = fc.record({
  a: fc.option(fc.integer({ min: -2, max: 2 })),
  b: fc.option(fc.constantFrom('', 'a', 'B', "o'x", '"', '\\', 'ä', '{1}')),
  // Microseconds, which a JavaScript date has not.
  c: fc
    .integer({ min: 0, max: 3 })
    .map((n) => `2026-01-01 00:00:00.00000${n}+00`),
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
  if (made.length > 0) await db.insertInto('things').values(made as never).execute()
}

/** The ids in the order of the whole list, by the server's own sorting. */
async function idsInOrder(db: Kysely<Walk>, order: readonly any[]): Promise<number[]> {
  let query: any = db.selectFrom('things').select('id')
  for (const { by, direction: way, nulls: place } of order)
    query = query.orderBy(sql`${typeof by === 'string' ? sql.ref(by) : by} ${sql.raw(`${way}${place ? ` nulls ${place}` : ''}`)}`)
  const rows = await query.orderBy('id', order.at(-1)?.direction ?? 'asc').execute()
  return rows.map(({ id }: { id: number }) => id)
}

describe('walking pages', () => {
  test('forwards and backwards shows each row once, in the order of the whole', async () => {
    const db = database_()
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
    const db = database_()
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
            const row = await db.insertInto('things').values(add as never).returning('id').executeTakeFirstOrThrow()
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
