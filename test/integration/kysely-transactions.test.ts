import { Kysely, sql, type Transaction } from 'kysely'
import { describe, expect, test } from 'vitest'
import { transaction } from '../../src/query/index.ts'
import { type Shop, useShop } from '../support/shop.ts'

const { connect } = useShop()

describe("Kysely's own transactions", () => {
  test('commit, roll back, and have the isolation that was asked for', async () => {
    const { pool, db } = connect()
    const level = sql<{
      level: string
      ro: string
    }>`select current_setting('transaction_isolation') as level, current_setting('transaction_read_only') as ro`
    const seen = await db
      .transaction()
      .setIsolationLevel('serializable')
      .setAccessMode('read only')
      .execute(async (trx) => (await level.execute(trx)).rows[0])
    expect(seen).toEqual({ level: 'serializable', ro: 'on' })
    const failing = db.transaction().execute(async (trx) => {
      await trx.deleteFrom('people').execute()
      await trx.insertInto('orders').values({ person_id: 1, cents: -1 }).execute()
    })
    await expect(failing).rejects.toMatchObject({ code: '23514' })
    expect(await db.selectFrom('people').selectAll().execute()).toHaveLength(4)
    await expect(
      db
        .transaction()
        .setIsolationLevel('snapshot')
        .execute(async () => {}),
    ).rejects.toMatchObject({
      code: 'HF_OPTION_INVALID',
    })
    expect(pool.stats()).toMatchObject({ busy: 0, dirtyReleases: 0 })
  })

  test('tell when the server answered COMMIT with ROLLBACK', async () => {
    const { pool, db } = connect()
    const swallowing = db.transaction().execute(async (trx) => {
      await trx
        .insertInto('orders')
        .values({ person_id: 1, cents: -1 })
        .execute()
        .catch(() => {})
    })
    await expect(swallowing).rejects.toMatchObject({ code: 'HF_TRANSACTION_ABORTED' })
    expect(pool.stats()).toMatchObject({ busy: 0, dirtyReleases: 0 })
  })

  test('can be controlled by hand, with savepoints', async () => {
    const { pool, db } = connect()
    const trx = await db.startTransaction().execute()
    await trx.deleteFrom('orders').where('id', '=', 1).execute()
    const marked = await trx.savepoint('before').execute()
    await marked.deleteFrom('orders').execute()
    await marked.rollbackToSavepoint('before').execute()
    await trx.commit().execute()
    expect(await db.selectFrom('orders').select('id').orderBy('id').execute()).toEqual([{ id: 2 }, { id: 3 }])
    const other = await db.startTransaction().execute()
    await other.deleteFrom('orders').execute()
    await other.rollback().execute()
    expect(await db.selectFrom('orders').selectAll().execute()).toHaveLength(2)
    expect(pool.stats()).toMatchObject({ busy: 0, dirtyReleases: 0 })
  })
})

describe('transaction()', () => {
  test('sends BEGIN with the first statement, and nothing for none', async () => {
    const { db } = connect()
    expect(await transaction(db, async () => 'nothing sent')).toBe('nothing sent')
    const id = await transaction(db, async (trx) => {
      const [made] = await trx.insertInto('people').values({ first_name: 'Eve' }).returning('id').execute()
      await trx
        .insertInto('orders')
        .values({ person_id: made?.id as number, cents: 5 })
        .execute()
      return made?.id
    })
    expect(
      await db
        .selectFrom('orders')
        .select('cents')
        .where('person_id', '=', id as number)
        .execute(),
    ).toEqual([{ cents: 5 }])
  })

  test('knows who acts, and what is set, until it ends', async () => {
    const { db } = connect({ size: 1 })
    const read = sql<{ actor: string; tone: string }>`
      select current_setting('holdfast.actor', true) as actor, current_setting('app.tone', true) as tone`
    const options = {
      actor: { type: 'user', id: "o'neil" },
      settings: { 'app.tone': 'kind' },
      isolation: 'repeatable read',
    } as const
    const inside = await transaction(db, async (trx) => (await read.execute(trx)).rows[0], options)
    expect(inside).toEqual({ actor: '{"type":"user","id":"o\'neil"}', tone: 'kind' })
    expect((await read.execute(db)).rows[0]).toEqual({ actor: '', tone: '' })
    const plain = await transaction(db, async (trx) => (await read.execute(trx)).rows[0], { actor: 'job' })
    expect(plain?.actor).toBe('job')
  })

  test('is done again after a serialization failure', async () => {
    const { db } = connect()
    let attempts = 0
    // Each has read before either writes: one of them has to fail.
    const { promise: both, resolve } = Promise.withResolvers<void>()
    const add = async (trx: Transaction<Shop>): Promise<void> => {
      const { sum } = await trx
        .selectFrom('orders')
        .select(({ fn }) => fn.sum<string>('cents').as('sum'))
        .executeTakeFirstOrThrow()
      attempts += 1
      if (attempts === 2) resolve()
      await both
      await trx
        .insertInto('orders')
        .values({ person_id: 4, cents: Number(sum) })
        .execute()
    }
    const one = (): Promise<void> => transaction(db, add, { isolation: 'serializable', retry: { baseMs: 1 } })
    await Promise.all([one(), one()])
    expect(attempts).toBeGreaterThan(2)
    const added = await db
      .selectFrom('orders')
      .select('cents')
      .where('person_id', '=', 4)
      .orderBy('id')
      .execute()
    expect(added).toEqual([{ cents: 420 }, { cents: 840 }])
  })

  test('inside another is a savepoint, whose options are the outer one’s', async () => {
    const { db } = connect()
    await transaction(db, async (trx) => {
      await expect(
        transaction(trx, async (inner) => {
          await inner.deleteFrom('people').execute()
          await inner.insertInto('orders').values({ person_id: 1, cents: -1 }).execute()
        }),
      ).rejects.toMatchObject({ code: '23514' })
      await transaction(trx, (inner) => inner.deleteFrom('orders').where('id', '=', 1).execute())
      await expect(transaction(trx, async () => {}, { isolation: 'serializable' })).rejects.toMatchObject({
        code: 'HF_QUERY_IN_TRANSACTION',
        details: { options: ['isolation'] },
      })
    })
    expect(await db.selectFrom('people').selectAll().execute()).toHaveLength(4)
    expect(await db.selectFrom('orders').selectAll().execute()).toHaveLength(2)
  })

  test('refuses statements after its end, and other dialects', async () => {
    const { db } = connect()
    const kept = await transaction(db, async (trx) => trx)
    await expect(kept.selectFrom('people').selectAll().execute()).rejects.toMatchObject({
      code: 'HF_TRANSACTION_OVER',
    })
    const { DummyDriver, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } =
      await import('kysely')
    const foreign = new Kysely<Shop>({
      dialect: {
        createAdapter: () => new PostgresAdapter(),
        createDriver: () => new DummyDriver(),
        createIntrospector: (its) => new PostgresIntrospector(its),
        createQueryCompiler: () => new PostgresQueryCompiler(),
      },
    })
    await expect(transaction(foreign, async () => {})).rejects.toMatchObject({
      code: 'HF_QUERY_FOREIGN_DATABASE',
    })
  })

  test('ends with its signal, and rolls back', async () => {
    const { pool, db } = connect()
    const abort = new AbortController()
    const running = transaction(
      db,
      async (trx) => {
        await trx.deleteFrom('people').execute()
        setImmediate(() => abort.abort(new Error('shutting down')))
        await sql`select pg_sleep(60)`.execute(trx)
      },
      { signal: abort.signal },
    )
    await expect(running).rejects.toThrow('shutting down')
    expect(await db.selectFrom('people').selectAll().execute()).toHaveLength(4)
    await expect.poll(() => pool.stats().busy).toBe(0)
  })

  test('has savepoints that run at once wait for each other, and those inside do not', async () => {
    const { db } = connect()
    const { promise: slowly, resolve } = Promise.withResolvers<void>()
    const outcomes = await transaction(db, async (trx) => {
      const failing = transaction(trx, async (one) => {
        await one.insertInto('orders').values({ person_id: 1, cents: 1 }).execute()
        await slowly
        throw new Error('only this')
      })
      const fine = transaction(trx, async (two) => {
        await two.insertInto('orders').values({ person_id: 1, cents: 2 }).execute()
        await transaction(two, (inner) =>
          inner.insertInto('orders').values({ person_id: 1, cents: 3 }).execute(),
        )
      })
      resolve()
      return Promise.allSettled([failing, fine])
    })
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
    const added = await db
      .selectFrom('orders')
      .select('cents')
      .where('cents', '<', 10)
      .orderBy('cents')
      .execute()
    expect(added).toEqual([{ cents: 2 }, { cents: 3 }])
  })

  test('nests across transactions, by the outer handle, and from elsewhere', async () => {
    const { db } = connect()
    const crossing = transaction(db, (a) =>
      transaction(a, (a1) =>
        transaction(db, (b) =>
          transaction(b, () => transaction(a1, async () => transaction(a, async () => 'through'))),
        ),
      ),
    )
    expect(await crossing).toBe('through')
    const jobs: (() => Promise<void>)[] = []
    const { promise: posted, resolve: post } = Promise.withResolvers<void>()
    const elsewhere = transaction(db, async (a) => {
      const worker = posted.then(() => jobs[0]?.())
      await transaction(a, async (b) => {
        jobs.push(() => transaction(b, async () => {}))
        post()
        await worker
      })
      return 'done'
    })
    expect(await elsewhere).toBe('done')
  })

  test('refuses what is no option, and no level', async () => {
    const { db } = connect()
    const misspelt = transaction(db, async () => {}, { isolationLevel: 'serializable' } as never)
    await expect(misspelt).rejects.toMatchObject({ code: 'HF_OPTION_UNKNOWN' })
    const shouted = transaction(db, (trx) => trx.selectFrom('people').selectAll().execute(), {
      isolation: 'SERIALIZABLE',
    } as never)
    await expect(shouted).rejects.toMatchObject({ code: 'HF_OPTION_INVALID' })
    const nobody = transaction(
      db,
      async (trx) =>
        (await sql<{ it: string }>`select current_setting('holdfast.actor', true) as it`.execute(trx)).rows[0]
          ?.it,
      { actor: null as never },
    )
    expect(await nobody).not.toBe('null')
  })
})
