/** What the compiler refuses: each line under a `@ts-expect-error` is a mistake that must not compile. Nothing runs. */
import type { ColumnType, Generated, Kysely, Selectable, SqlBool, Expression } from 'kysely'
import { expect, expectTypeOf, test } from 'vitest'
import {
  createMany,
  type CursorKeys,
  defineRepository,
  defineTenancy,
  keyset,
  paginate,
  repository,
  transaction,
} from '../../src/query/index.ts'

interface Database {
  documents: {
    id: Generated<string>
    tenant_id: string
    title: string
    body: string | null
    words: number
    version: Generated<number>
    created_at: Generated<Date>
    deleted_at: ColumnType<Date | null, never, never>
    deleted_by: string | null
    data: { readonly pages: number } | null
  }
  countries: { code: string; name: string }
}

const db = undefined as unknown as Kysely<Database>
const cursors = undefined as unknown as CursorKeys
/** Takes what would run, and does not run it. */
const compiles = (_work: () => unknown): void => {}

test('keyset knows columns, and which of them must say where NULLs stand', () => {
  compiles(() => query)
  const query = db?.selectFrom('documents').select(['id', 'title'])
  compiles(async () => {
    const page = await keyset(query, {
      order: [
        { by: 'created_at', direction: 'desc' },
        { by: 'body', nulls: 'last' },
        { by: (eb) => eb.fn<string>('lower', ['title']) },
      ],
      key: 'id',
      cursors,
    })
    expectTypeOf(page.rows).toEqualTypeOf<{ id: string; title: string }[]>()
    expectTypeOf(page.next).toEqualTypeOf<string | null>()
    // @ts-expect-error -- no such column
    await keyset(query, { order: [{ by: 'titel' }], key: 'id', cursors })
    // @ts-expect-error -- it may be NULL
    await keyset(query, { order: [{ by: 'body' }], key: 'id', cursors })
    // @ts-expect-error -- no such direction
    await keyset(query, { order: [{ by: 'title', direction: 'up' }], key: 'id', cursors })
    // @ts-expect-error -- a column of another table
    await keyset(query, { key: 'code', cursors })
    // @ts-expect-error -- nothing to tell equal rows apart
    await keyset(query, { order: [{ by: 'title' }], cursors })
    // @ts-expect-error -- nothing to seal cursors with
    await keyset(query, { key: 'id' })
    // @ts-expect-error -- no such way of counting
    await paginate(query, { count: 'roughly' })
    const joined = db
      .selectFrom('countries')
      .leftJoin('documents', 'documents.title', 'countries.name')
      .selectAll()
    // @ts-expect-error -- a left join makes it nullable
    await keyset(joined, { order: [{ by: 'documents.title' }], key: 'code', cursors })
  })
})

test('a repository knows its columns, operators and abilities', () => {
  compiles(async () => {
    const documents = repository(db, 'documents', {
      key: 'id',
      version: 'version',
      deletedAt: 'deleted_at',
      deletedBy: 'deleted_by',
      cursors,
    })
    const countries = repository(db, 'countries', { key: 'code', newKey: () => 'XX' })
    const row = await documents.get('id')
    expectTypeOf(row).toEqualTypeOf<Selectable<Database['documents']>>()
    await documents.list({
      filter: {
        title: { contains: 'a' },
        words: { gte: 3 },
        body: null,
        created_at: new Date(0),
        data: { isNull: true },
      },
      sort: [
        { by: 'words', direction: 'desc' },
        { by: 'body', nulls: 'first' },
      ],
      where: (eb): Expression<SqlBool> => eb('words', '>', 3),
    })
    await countries.create({ name: 'its key is made' })
    await documents.update('id', { title: 'x' }, { version: 3 })
    await documents.softDelete('id', { by: 'Ada' })
    await countries.delete('XX')
    // @ts-expect-error -- no such table
    repository(db, 'papers', { key: 'id' })
    // @ts-expect-error -- no such column
    repository(db, 'documents', { key: 'number' })
    // @ts-expect-error -- a version is a number
    repository(db, 'documents', { key: 'id', version: 'title' })
    // @ts-expect-error -- a mark may be NULL
    repository(db, 'documents', { key: 'id', deletedAt: 'created_at' })
    // Without types, everything goes.
    const untyped = db as unknown as Kysely<any>
    await repository(untyped, 'anything', { key: 'id', version: 'v', deletedAt: 'd' }).softDelete(1)
    await keyset(untyped.selectFrom('anything').selectAll(), { order: [{ by: 'a' }], key: 'id', cursors })
    // @ts-expect-error -- no such column
    await documents.list({ filter: { titel: 'x' } })
    // @ts-expect-error -- no operator of numbers
    await documents.list({ filter: { words: { contains: 'x' } } })
    // @ts-expect-error -- no operator at all
    await documents.list({ filter: { words: { above: 3 } } })
    // @ts-expect-error -- another type
    await documents.list({ filter: { words: 'three' } })
    // @ts-expect-error -- it is never NULL
    await documents.list({ filter: { words: null } })
    // @ts-expect-error -- a JSON value must be inside an operator
    await documents.list({ filter: { data: { pages: 3 } } })
    // @ts-expect-error -- it may be NULL
    await documents.list({ sort: [{ by: 'body' }] })
    // @ts-expect-error -- the repository counts it
    await documents.update('id', { version: 3 })
    // @ts-expect-error -- the key does not change
    await documents.update('id', { id: 'other' })
    // @ts-expect-error -- another type
    await documents.get(3)
    // @ts-expect-error -- it marks rows instead
    await documents.delete('id')
    // @ts-expect-error -- it has no mark
    await countries.softDelete('XX')
    // @ts-expect-error -- it has no version
    await countries.update('XX', { name: 'x' }, { version: 1 })
    // @ts-expect-error -- title and words are missing
    await documents.create({ tenant_id: 't' })
    // @ts-expect-error -- no such column
    await createMany(db, 'countries', [{ code: 'a', nom: 'x' }])
    // @ts-expect-error -- nobody makes this key
    await repository(db, 'countries', { key: 'code' }).create({ name: 'x' })
    const pair = repository(db, 'countries', { key: ['code', 'name'] })
    await pair.find({ code: 'a', name: 'b' })
    // @ts-expect-error -- half a key
    await pair.find({ code: 'a' })
  })
})

test('the tables of tenants are not there without a tenant', () => {
  compiles(async () => {
    const tenancy = defineTenancy<Database>()({ tables: ['documents'] })
    const shared = tenancy.shared(db)
    await shared.selectFrom('countries').selectAll().execute()
    // @ts-expect-error -- no tenant
    await shared.selectFrom('documents').selectAll().execute()
    // @ts-expect-error -- no tenant
    await shared.selectFrom('countries').innerJoin('documents', 'title', 'name').selectAll().execute()
    // @ts-expect-error -- no tenant
    repository(shared, 'documents', { key: 'id' })
    // @ts-expect-error -- no tenant given
    await tenancy.transaction(shared, async () => {})
    // @ts-expect-error -- no such table
    defineTenancy<Database>()({ tables: ['papers'] })
    const documents = defineRepository<Database>()('documents', { key: 'id', cursors })
    // @ts-expect-error -- it has no database yet
    await documents.find('id')
    // @ts-expect-error -- no tenant
    documents.using(shared)
    const rows = await tenancy.transaction(shared, 'tenant', (trx) => documents.using(trx).list())
    expectTypeOf(rows.rows).toEqualTypeOf<Selectable<Database['documents']>[]>()
    // @ts-expect-error -- no such level
    await transaction(db, async () => {}, { isolation: 'chaos' })
  })
  expect(compiles).toBeTypeOf('function')
})
