import { type ColumnType, type Generated, Kysely, sql } from 'kysely'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { uuidv7 } from '../../src/core/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { Batch, CursorKeys, HoldfastDialect, repository, transaction } from '../../src/query/index.ts'
import { useDatabase } from '../support/database.ts'
import { usePools } from '../support/pools.ts'

interface Library {
  authors: { id: string; name: string; born: number | null }
  books: {
    id: string
    author_id: string
    title: string
    version: Generated<number>
    tags: ColumnType<string[], string[] | undefined, string[]>
    updated_at: Generated<Date>
    deleted_at: ColumnType<Date | null, never, never>
    deleted_by: ColumnType<string | null, never, never>
  }
  loans: { book_id: string; person: string; days: number }
}

const database = useDatabase('empty')
const makePool = usePools(database, { size: 3, overflow: 0, leakThresholdMs: 60_000 })
const cursors = new CursorKeys()

beforeAll(async () => {
  const pool = new Pool({ connectionString: database.url })
  await pool.query(`
    CREATE TABLE authors (id uuid PRIMARY KEY, name text NOT NULL, born int);
    CREATE TABLE books (
      id uuid PRIMARY KEY, author_id uuid NOT NULL, title text NOT NULL, version int NOT NULL DEFAULT 1, tags text[] NOT NULL DEFAULT '{}',
      updated_at timestamptz NOT NULL DEFAULT now(), deleted_at timestamptz, deleted_by text);
    CREATE TABLE loans (book_id uuid, person text, days int NOT NULL, PRIMARY KEY (book_id, person))`)
  await pool.end()
})

function connect() {
  const pool = makePool()
  const db = new Kysely<Library>({ dialect: new HoldfastDialect({ pool }) })
  const authors = repository(db, 'authors', { key: 'id', newKey: uuidv7, cursors })
  const books = repository(db, 'books', {
    key: 'id',
    newKey: uuidv7,
    version: 'version',
    updatedAt: 'updated_at',
    deletedAt: 'deleted_at',
    deletedBy: 'deleted_by',
    cursors,
  })
  const loans = repository(db, 'loans', { key: ['book_id', 'person'] })
  return { pool, db, authors, books, loans }
}

beforeEach(async () => {
  const { db } = connect()
  await sql`truncate authors, books, loans`.execute(db)
})

describe('one row', () => {
  test('is created, found, changed and deleted', async () => {
    const { authors } = connect()
    const made = await authors.create({ name: 'Ada', born: 1815 })
    expect(made).toEqual({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), name: 'Ada', born: 1815 })
    expect(await authors.find(made.id)).toEqual(made)
    expect(await authors.update(made.id, { born: null })).toEqual({ ...made, born: null })
    expect(await authors.update(made.id, {})).toEqual({ ...made, born: null })
    expect(await authors.delete(made.id)).toBe(true)
    expect(await authors.delete(made.id)).toBe(false)
    expect(await authors.find(made.id)).toBeUndefined()
    await expect(authors.get(made.id)).rejects.toMatchObject({ code: 'HF_ROW_NOT_FOUND', statusCode: 404 })
    await expect(authors.update(made.id, { name: 'x' })).rejects.toMatchObject({ code: 'HF_ROW_NOT_FOUND' })
    await expect(authors.find(undefined as never)).rejects.toMatchObject({ code: 'HF_OPTION_INVALID' })
    const id = uuidv7()
    expect((await authors.create({ id, name: 'Own key', born: null })).id).toBe(id)
  })

  test('of several columns as its key is found by all of them', async () => {
    const { loans } = connect()
    const [book_id, other] = [uuidv7(), uuidv7()]
    await loans.createMany([
      { book_id, person: 'Ada', days: 3 },
      { book_id, person: 'Ben', days: 5 },
      { book_id: other, person: 'Ada', days: 9 },
    ])
    expect(await loans.get({ book_id, person: 'Ada' })).toMatchObject({ days: 3 })
    expect(await loans.update({ book_id, person: 'Ben' }, { days: 6 })).toMatchObject({ days: 6 })
    await expect(loans.find({ book_id } as never)).rejects.toMatchObject({ code: 'HF_OPTION_INVALID' })
    expect(await loans.delete({ book_id: other, person: 'Ada' })).toBe(true)
    expect(await loans.count()).toBe(2)
    await expect(loans.list()).rejects.toMatchObject({
      code: 'HF_OPTION_INVALID',
      message: expect.stringContaining('cursors'),
    })
  })

  test('is changed by one of many that read the same version', async () => {
    const { books } = connect()
    const { id, updated_at } = await books.create({ author_id: uuidv7(), title: 'Draft' })
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) => books.update(id, { title: `Take ${n}` }, { version: 1 })),
    )
    const won = outcomes.filter(({ status }) => status === 'fulfilled')
    expect(won).toHaveLength(1)
    for (const outcome of outcomes)
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({
          code: 'HF_VERSION_CONFLICT',
          statusCode: 409,
          details: { expected: 1, found: 2 },
        })
    const now = await books.update(id, { title: 'Whatever the version' })
    expect(now.version).toBe(3)
    expect(now.updated_at.getTime()).toBeGreaterThanOrEqual(updated_at.getTime())
    await expect(books.update(uuidv7(), { title: 'x' }, { version: 1 })).rejects.toMatchObject({
      code: 'HF_ROW_NOT_FOUND',
    })
  })

  test('that is marked as deleted is gone until it is restored', async () => {
    const { books } = connect()
    const { id } = await books.create({ author_id: uuidv7(), title: 'Lost' })
    const marked = await books.softDelete(id, { by: 'Ada' })
    expect(marked).toMatchObject({ deleted_by: 'Ada', deleted_at: expect.any(Date), version: 2 })
    await expect(books.softDelete(id)).rejects.toMatchObject({ code: 'HF_ROW_NOT_FOUND' })
    await expect(books.update(id, { title: 'x' })).rejects.toMatchObject({ code: 'HF_ROW_NOT_FOUND' })
    expect(await books.find(id)).toBeUndefined()
    expect(await books.find(id, { withDeleted: true })).toEqual(marked)
    expect([await books.count(), await books.count({ withDeleted: true }), await books.exists()]).toEqual([
      0,
      1,
      false,
    ])
    expect(await books.restore(id)).toMatchObject({ deleted_by: null, deleted_at: null, version: 3 })
    await expect(books.restore(id)).rejects.toMatchObject({ code: 'HF_ROW_NOT_FOUND' })
    expect(await books.purge(id)).toBe(false)
    await books.softDelete(id)
    expect(await books.purge(id)).toBe(true)
    expect(await books.count({ withDeleted: true })).toBe(0)
  })

  test('is purged after its time, in batches', async () => {
    const { db, books } = connect()
    const author_id = uuidv7()
    await books.createMany(Array.from({ length: 25 }, (_, n) => ({ author_id, title: `Book ${n}` })))
    await sql`update books set deleted_at = now() - interval '40 days' where title < 'Book 2'`.execute(db)
    await sql`update books set deleted_at = now() where title = 'Book 9'`.execute(db)
    const before = new Date(Date.now() - 30 * 86_400_000)
    const old = await books.purgeDeleted({ before, dryRun: true })
    expect(old).toBe(12)
    expect(await books.purgeDeleted({ before, batchSize: 5 })).toBe(12)
    expect(await books.count({ withDeleted: true })).toBe(13)
  })
})

describe('many rows', () => {
  test('are filtered by every operator, and by what filters cannot say', async () => {
    const { authors } = connect()
    await authors.createMany([
      { name: 'Ada_L', born: 1815 },
      { name: 'ada%x', born: null },
      { name: 'Ben', born: 1900 },
      { name: 'C\\D', born: 1950 },
    ])
    const names = async (filter: Parameters<typeof authors.listPage>[0]): Promise<string> =>
      (await authors.listPage({ ...filter, sort: [{ by: 'born', nulls: 'last' }] })).rows
        .map(({ name }) => name)
        .join(' ')
    expect(await names({ filter: { born: 1900 } })).toBe('Ben')
    expect(await names({ filter: { born: null } })).toBe('ada%x')
    expect(await names({ filter: { born: { isNull: false } } })).toBe('Ada_L Ben C\\D')
    expect(await names({ filter: { born: { gte: 1815, lt: 1950 } } })).toBe('Ada_L Ben')
    expect(await names({ filter: { born: { gt: 1815, lte: 1950, ne: 1900 } } })).toBe('C\\D')
    expect(await names({ filter: { name: { in: ['Ben', 'none'] } } })).toBe('Ben')
    expect(await names({ filter: { name: { in: [] } } })).toBe('')
    expect(await names({ filter: { name: { notIn: ['Ben', 'C\\D'] } } })).toBe('Ada_L ada%x')
    expect(await names({ filter: { name: { like: 'A%' } } })).toBe('Ada_L')
    expect(await names({ filter: { name: { ilike: 'a%' } } })).toBe('Ada_L ada%x')
    expect(await names({ filter: { name: { startsWith: 'ada%' } } })).toBe('ada%x')
    expect(await names({ filter: { name: { startsWith: 'C\\' } } })).toBe('C\\D')
    expect(await names({ filter: { name: { contains: 'A_' } } })).toBe('Ada_L')
    expect(await names({ filter: { name: undefined, born: { eq: undefined } } })).toBe('Ada_L Ben C\\D ada%x')
    expect(await names({ where: (eb) => eb.or([eb('born', '=', 1815), eb('name', '=', 'Ben')]) })).toBe(
      'Ada_L Ben',
    )
    expect([
      await authors.count({ filter: { born: { gt: 0 } } }),
      await authors.exists({ filter: { born: 1 } }),
    ]).toEqual([3, false])
  })

  test('refuse what is no operator, wherever it came from', async () => {
    const { authors } = connect()
    const bad = [
      '{"name":{"$ne":1}}',
      '{"name":{"constructor":1}}',
      '{"name":{"__proto__":1}}',
      '{"name":{"in":"Ada"}}',
      '{"born":{"isNull":"false"}}',
      '{"name":{"in":{"a":1}}}',
    ]
    for (const text of bad)
      await expect(authors.count({ filter: JSON.parse(text) as never }), text).rejects.toMatchObject({
        code: 'HF_FILTER_INVALID',
        statusCode: 400,
      })
    await expect(authors.count({ filter: { 'name" or 1=1 --': 'x' } as never })).rejects.toMatchObject({
      code: 'HF_VALUE_INVALID',
      details: { sqlstate: '42703' },
    })
    expect(await authors.count({ filter: { name: "x' or '1'='1" } })).toBe(0)
  })

  test('are those that every condition allows, whatever SQL stands in one of them', async () => {
    const { books } = connect()
    const author_id = uuidv7()
    await books.createMany(['A', 'B', 'C'].map((title) => ({ author_id, title })))
    const { rows } = await books.listPage({ filter: { title: 'C' } })
    await books.softDelete(rows[0]?.id as string)
    const where = () => sql<boolean>`title = 'A' or title = 'C'`
    expect(await books.count({ where })).toBe(1)
    expect(await books.count({ filter: { title: 'B' }, where })).toBe(0)
    expect((await books.list({ where, limit: 1 })).next).toBeNull()
    // What a query string would say.
    expect(await books.count({ withDeleted: '1' as never, where })).toBe(1)
    await expect(books.count({ where: 'true' as never })).rejects.toMatchObject({ code: 'HF_FILTER_INVALID' })
  })

  test('cannot be changed where the repository keeps them, nor asked for in ways that are none', async () => {
    const { books, authors } = connect()
    const { id } = await books.create({ author_id: uuidv7(), title: 'Safe' })
    for (const text of [
      '{"id":"x"}',
      '{"version":9}',
      '{"updated_at":"2020-01-01"}',
      '{"deleted_at":"2020-01-01"}',
    ])
      await expect(books.update(id, JSON.parse(text) as never)).rejects.toMatchObject({
        code: 'HF_VALUE_INVALID',
      })
    for (const version of [undefined, null, '1', 1.5])
      await expect(books.update(id, { title: 'x' }, { version } as never)).rejects.toMatchObject({
        code: 'HF_VERSION_MISSING',
        statusCode: 400,
      })
    await expect(books.find('not a uuid')).rejects.toMatchObject({
      code: 'HF_VALUE_INVALID',
      statusCode: 400,
    })
    for (const sort of [[{ by: null }], [{ by: 'title', direction: 'up' }], 'title'])
      await expect(books.list({ sort: sort as never })).rejects.toMatchObject({ code: 'HF_ORDER_INVALID' })
    await expect(books.purgeDeleted({ before: new Date(), batchSize: 0 })).rejects.toMatchObject({
      code: 'HF_OPTION_INVALID',
    })
    const misspelt = () => repository(connect().db, 'authors', { key: 'id', newkey: uuidv7 } as never)
    expect(misspelt).toThrow(/Did you mean "newKey"/)
    expect((await books.get(id)).title).toBe('Safe')
    expect(await authors.count()).toBe(0)
  })

  test('that are being restored are not purged', async () => {
    const { db, books } = connect()
    const { id } = await books.create({ author_id: uuidv7(), title: 'Back' })
    await books.softDelete(id)
    const { promise: purged, resolve } = Promise.withResolvers<number>()
    await transaction(db, async (trx) => {
      await books.using(trx).restore(id)
      resolve(await books.purgeDeleted({ before: new Date(Date.now() + 60_000) }))
    })
    expect(await purged).toBe(0)
    expect((await books.get(id)).title).toBe('Back')
  })

  test('are matched in a batch by what their column takes for equal', async () => {
    const { authors } = connect()
    const { id } = await authors.create({ name: 'Ada', born: 1 })
    const batch = new Batch()
    const found = await Promise.all(
      [id, id.toUpperCase(), null, undefined].map((key) => batch.one(authors.by('id'), key)),
    )
    expect(found.map((row) => row?.name)).toEqual(['Ada', 'Ada', undefined, undefined])
  })

  test('are listed by keyset and by page, without those that are deleted', async () => {
    const { books } = connect()
    const author_id = uuidv7()
    await books.createMany(Array.from({ length: 7 }, (_, n) => ({ author_id, title: `T${n % 3}` })))
    const {
      rows: [gone],
    } = await books.list({ filter: { title: 'T1' }, limit: 1 })
    await books.softDelete(gone?.id as string)
    const titles: string[] = []
    let page = await books.list({ sort: [{ by: 'title', direction: 'desc' }], limit: 4 })
    for (;;) {
      titles.push(...page.rows.map(({ title }) => title))
      if (page.next === null) break
      page = await books.list({ sort: [{ by: 'title', direction: 'desc' }], limit: 4, after: page.next })
    }
    expect(titles.join(' ')).toBe('T2 T2 T1 T0 T0 T0')
    expect(await books.listPage({ page: 2, limit: 5 })).toMatchObject({
      totalRows: 6,
      totalPages: 2,
      hasNext: false,
    })
    expect((await books.listPage({ withDeleted: true, count: 'none' })).rows).toHaveLength(7)
  })

  test('are loaded in one statement for a whole request', async () => {
    const { pool, db, authors, books } = connect()
    const [ada, ben] = await Promise.all([
      authors.create({ name: 'Ada', born: 1 }),
      authors.create({ name: 'Ben', born: 2 }),
    ])
    await books.createMany([ada, ada, ben].map(({ id }, n) => ({ author_id: id, title: `Book ${n}` })))
    const { rows } = await books.list({ sort: [{ by: 'title' }] })
    const calls = () => pool.statements().reduce((sum, its) => sum + its.calls, 0)
    const before = calls()
    const batch = new Batch()
    const names = await Promise.all(
      rows.map(async (book) => (await batch.one(authors.by('id'), book.author_id))?.name),
    )
    expect(names).toEqual(['Ada', 'Ada', 'Ben'])
    const perAuthor = await Promise.all(
      [ada.id, ben.id, uuidv7()].map((id) => batch.many(books.by('author_id'), id)),
    )
    expect(perAuthor.map(({ length }) => length)).toEqual([2, 1, 0])
    expect(calls() - before).toBe(2)
    await authors.update(ada.id, { name: 'Augusta' })
    expect((await batch.one(authors.by('id'), ada.id))?.name).toBe('Ada')
    batch.clear(authors.by('id'))
    expect((await batch.one(authors.by('id'), ada.id))?.name).toBe('Augusta')
    await sql`drop table if exists none`.execute(db)
  })

  test('belong to the transaction that they are used in', async () => {
    const { db, authors } = connect()
    const failing = transaction(db, async (trx) => {
      await authors.using(trx).createMany([
        { name: 'a', born: 1 },
        { name: 'b', born: 2 },
      ])
      expect(await authors.using(trx).count()).toBe(2)
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await authors.count()).toBe(0)
  })
})
