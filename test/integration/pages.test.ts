import { type Generated, Kysely, sql } from 'kysely'
import { beforeAll, expect, test } from 'vitest'
import { HoldfastDialect, paginate } from '../../src/query/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { useDatabase } from '../support/database.ts'
import { usePools } from '../support/pools.ts'

interface Lists {
  numbers: { n: Generated<number>; kind: string; payload: string }
}

const database = useDatabase('empty')
const makePool = usePools(database, { size: 2, overflow: 0 })
const connect = (): Kysely<Lists> => new Kysely<Lists>({ dialect: new HoldfastDialect({ pool: makePool() }) })

beforeAll(async () => {
  const pool = new Pool({ connectionString: database.url })
  await pool.query(`
    CREATE TABLE numbers (n int PRIMARY KEY, kind text NOT NULL, payload text NOT NULL)`)
  await pool.query(
    `INSERT INTO numbers SELECT n, CASE WHEN n % 10 = 0 THEN 'ten' ELSE 'other' END, 'p' FROM generate_series(1, 1000) n`,
  )
  await pool.query('ANALYZE numbers')
  await pool.end()
})

test('a page tells where it stands, counted in the same statement', async () => {
  const pool = makePool()
  const db = new Kysely<Lists>({ dialect: new HoldfastDialect({ pool }) })
  const query = db.selectFrom('numbers').select('n').where('kind', '=', 'ten').orderBy('n')
  const statements = () => pool.statements().reduce((sum, { calls }) => sum + calls, 0)
  expect(await paginate(query, { limit: 30 })).toEqual({
    rows: Array.from({ length: 30 }, (_, n) => ({ n: 10 * (n + 1) })),
    page: 1,
    limit: 30,
    totalRows: 100,
    totalPages: 4,
    isEstimate: false,
    hasNext: true,
    hasPrevious: false,
  })
  expect(statements()).toBe(1)
  const last = await paginate(query, { limit: 30, page: 4 })
  expect(last).toMatchObject({ totalRows: 100, totalPages: 4, hasNext: false, hasPrevious: true })
  expect(last.rows).toHaveLength(10)
  expect(statements()).toBe(2)
  const behind = await paginate(query, { limit: 30, page: 9 })
  expect(behind).toMatchObject({ rows: [], totalRows: 100, totalPages: 4, hasNext: false, hasPrevious: true })
})

test('an empty list has no pages', async () => {
  const db = connect()
  const query = db.selectFrom('numbers').select('n').where('n', '<', 0).orderBy('n')
  for (const count of ['exact', 'estimated'] as const)
    expect(await paginate(query, { count })).toMatchObject({
      rows: [],
      totalRows: 0,
      totalPages: 0,
      isEstimate: false,
    })
  expect(await paginate(query, { count: 'none' })).toMatchObject({
    totalRows: null,
    totalPages: null,
    hasNext: false,
  })
})

test('an estimate is the planner’s, and never less than what the page shows', async () => {
  const db = connect()
  const query = db.selectFrom('numbers').selectAll().orderBy('n')
  expect(await paginate(query, { count: 'estimated' })).toMatchObject({ totalRows: 1_000, isEstimate: true })
  // A condition that the planner takes for a rare one.
  const misjudged = query.where(sql<boolean>`length(payload || kind) between 1 and 100`)
  const page = await paginate(misjudged, { count: 'estimated', page: 9 })
  expect(page.totalRows).toBeGreaterThanOrEqual(181)
  expect(page.hasNext).toBe(true)
  expect(await paginate(query, { count: 'estimated', page: 50 })).toMatchObject({
    totalRows: 1_000,
    isEstimate: false,
    hasNext: false,
  })
  const behind = await paginate(misjudged, { count: 'estimated', page: 90 })
  expect(behind.rows).toEqual([])
  expect(behind.totalRows).toBeLessThanOrEqual(1_780)
})

test('groups, distinct rows, unions and common table expressions are counted as they are', async () => {
  const db = connect()
  const base = db.selectFrom('numbers')
  const grouped = base
    .select(['kind', (eb) => eb.fn.countAll().as('many')])
    .groupBy('kind')
    .orderBy('kind')
  expect(await paginate(grouped, { limit: 1 })).toMatchObject({
    rows: [{ kind: 'other', many: '900' }],
    totalRows: 2,
  })
  const distinct = base.select('kind').distinct().orderBy('kind')
  expect(await paginate(distinct, { limit: 1 })).toMatchObject({ rows: [{ kind: 'other' }], totalRows: 2 })
  const united = base
    .select('n')
    .where('n', '<', 5)
    .unionAll(base.select('n').where('n', '>', 995))
    .orderBy('n')
  expect(await paginate(united, { limit: 2 })).toMatchObject({ rows: [{ n: 1 }, { n: 2 }], totalRows: 9 })
  const named = db
    .with('few', (cte) => cte.selectFrom('numbers').select('n').where('n', '<=', 7))
    .selectFrom('few')
    .selectAll()
    .orderBy('n')
  expect(await paginate(named, { limit: 3, page: 2 })).toMatchObject({
    rows: [{ n: 4 }, { n: 5 }, { n: 6 }],
    totalRows: 7,
  })
})

test('what has no order, or a limit of its own, is refused; locks are for the page alone', async () => {
  const query = connect().selectFrom('numbers').select('n')
  for (const bad of [query, query.orderBy('n').limit(5), query.orderBy('n').offset(1)])
    await expect(paginate(bad)).rejects.toMatchObject({ code: 'HF_PAGE_QUERY' })
  const locked = await paginate(query.orderBy('n').forUpdate(), { limit: 2 })
  expect(locked).toMatchObject({ rows: [{ n: 1 }, { n: 2 }], totalRows: 1_000 })
})

test('page and limit have bounds', async () => {
  const query = connect().selectFrom('numbers').select('n').orderBy('n')
  const bad = [
    { page: 0 },
    { page: 1.5 },
    { page: -1 },
    { limit: 0 },
    { limit: 1_001 },
    { page: 5_001 },
    { limit: 50, maxLimit: 20 },
    { page: 3, limit: 10, maxRows: 20 },
    { page: '2' as never },
  ]
  for (const options of bad)
    await expect(paginate(query, options)).rejects.toMatchObject({ code: 'HF_PAGE_INVALID', statusCode: 400 })
})
