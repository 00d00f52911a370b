import { CamelCasePlugin, CompiledQuery, type Generated, Kysely, type LogEvent, sql } from 'kysely'
import { jsonArrayFrom, jsonObjectFrom, mergeAction } from 'kysely/helpers/postgres'
import { describe, expect, test } from 'vitest'
import { HoldfastDialect, transaction } from '../../src/query/index.ts'
import { type Shop, useShop } from '../support/shop.ts'

const { connect, makePool } = useShop()

const pid = sql<{ pid: number }>`select pg_backend_pid() as pid`

describe('single statements', () => {
  test('ride lanes, and tell how many rows they changed', async () => {
    const { pool, db } = connect({ slowStatementMs: 10_000 })
    const ids = Array.from({ length: 64 }, (_, n) => 1 + (n % 4))
    const read = (id: number) => db.selectFrom('people').select('id').where('id', '=', id).executeTakeFirst()
    // The pool has to see that they are quick.
    await expect.poll(() => Promise.all(ids.map(read)).then(() => pool.stats().rides)).toBeGreaterThan(1)
    expect(await Promise.all(ids.map(read))).toEqual(ids.map((id) => ({ id })))
    const changed = await db
      .updateTable('people')
      .set({ boss_id: 4 })
      .where('id', '<', 3)
      .executeTakeFirstOrThrow()
    expect(changed.numUpdatedRows).toBe(2n)
    const deleted = await db.deleteFrom('orders').executeTakeFirstOrThrow()
    expect(deleted.numDeletedRows).toBe(3n)
  })

  test('pass the error of the server on, and are logged', async () => {
    const events: LogEvent[] = []
    const { db } = connect({}, { log: (event) => void events.push(event) })
    await expect(db.insertInto('orders').values({ person_id: 1, cents: -1 }).execute()).rejects.toMatchObject(
      {
        code: '23514',
      },
    )
    await db.selectFrom('people').selectAll().execute()
    await transaction(db, (trx) => trx.selectFrom('people').select('id').execute())
    expect(events.map(({ level }) => level)).toEqual(['error', 'query', 'query'])
  })

  test('are cancelled on the server when their signal aborts', async () => {
    const { db } = connect()
    const abort = new AbortController()
    const slow = sql`select pg_sleep(60)`.execute(db, { signal: abort.signal })
    const active = sql<{
      n: number
    }>`select count(*)::int as n from pg_stat_activity where datname = current_database() and query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()`
    await expect.poll(async () => (await active.execute(db)).rows[0]?.n).toBe(1)
    abort.abort(new Error('enough'))
    await expect(slow).rejects.toThrow('enough')
    await expect.poll(async () => (await active.execute(db)).rows[0]?.n).toBe(0)
  })
})

describe('db.connection()', () => {
  test('is one session from its first statement on', async () => {
    const { pool, db } = connect()
    await db.connection().execute(async (one) => {
      const { rows } = await sql<{ it: string }>`select remember('me') as it`.execute(one)
      expect(rows).toEqual([{ it: 'me' }])
      await Promise.all([1, 2, 3].map(() => one.selectFrom('people').selectAll().execute()))
      const seen = await sql<{ it: string }>`select current_setting('app.remembered') as it`.execute(one)
      expect(seen.rows).toEqual([{ it: 'me' }])
      const pids = [await pid.execute(one), await pid.execute(one)].map(({ rows: [row] }) => row?.pid)
      expect(pids[0]).toBe(pids[1])
    })
    expect(pool.stats()).toMatchObject({ acquired: 1, busy: 0 })
  })

  test('is one session for queries that were compiled before or never', async () => {
    const { db } = connect()
    const compiled = db
      .selectFrom('people')
      .select(sql<number>`pg_backend_pid()`.as('pid'))
      .limit(1)
      .compile()
    await db.connection().execute(async (one) => {
      await one.executeQuery(CompiledQuery.raw("set app.remembered to 'raw'"))
      const first = await one.executeQuery(compiled)
      expect(await one.executeQuery(compiled)).toEqual(first)
      const { rows } = await one.executeQuery(
        CompiledQuery.raw("select current_setting('app.remembered') as it"),
      )
      expect(rows).toEqual([{ it: 'raw' }])
    })
  })

  test('has transactions of its own', async () => {
    const { pool, db } = connect()
    await db.connection().execute(async (one) => {
      const before = await pid.execute(one)
      await one.transaction().execute(async (trx) => {
        expect(await pid.execute(trx)).toEqual(before)
        await trx.deleteFrom('orders').execute()
        await expect(
          transaction(trx, async (inner) => {
            await inner.deleteFrom('people').execute()
            throw new Error('undo this part')
          }),
        ).rejects.toThrow('undo this part')
      })
      const failing = one.transaction().execute(async (trx) => {
        await trx.deleteFrom('people').execute()
        throw new Error('no')
      })
      await expect(failing).rejects.toThrow('no')
      await expect(transaction(one, async () => {})).rejects.toMatchObject({
        code: 'HF_QUERY_CONNECTION_HELD',
      })
    })
    expect(await db.selectFrom('people').selectAll().execute()).toHaveLength(4)
    expect(await db.selectFrom('orders').selectAll().execute()).toEqual([])
    expect(pool.stats()).toMatchObject({ busy: 0, dirtyReleases: 0 })
  })
})

describe('what Kysely can do', () => {
  test('reads with common table expressions, also recursive ones', async () => {
    const { db } = connect()
    const rows = await db
      .withRecursive('below(id, depth)', (cte) =>
        cte
          .selectFrom('people')
          .where('boss_id', 'is', null)
          .select(['id', sql<number>`0`.as('depth')])
          .unionAll(
            cte
              .selectFrom('people')
              .innerJoin('below', 'below.id', 'people.boss_id')
              .select(['people.id', sql<number>`below.depth + 1`.as('depth')]),
          ),
      )
      .selectFrom('below')
      .select(['id', 'depth'])
      .orderBy('id')
      .execute()
    expect(rows.map(({ depth }) => depth)).toEqual([0, 1, 1, 2])
  })

  test('nests rows as JSON', async () => {
    const { db } = connect()
    const rows = await db
      .selectFrom('people')
      .select((eb) => [
        'first_name',
        jsonArrayFrom(
          eb
            .selectFrom('orders')
            .select(['cents', 'details'])
            .whereRef('person_id', '=', 'people.id')
            .orderBy('orders.id'),
        ).as('orders'),
        jsonObjectFrom(
          eb
            .selectFrom('people as boss')
            .select('boss.first_name')
            .whereRef('boss.id', '=', 'people.boss_id'),
        ).as('boss'),
      ])
      .where('id', 'in', [1, 2])
      .orderBy('id')
      .execute()
    expect(rows).toEqual([
      {
        first_name: 'Ada',
        orders: [
          { cents: 100, details: { gift: true } },
          { cents: 250, details: null },
        ],
        boss: null,
      },
      { first_name: 'Ben', orders: [], boss: { first_name: 'Ada' } },
    ])
  })

  test('merges, and returns what it did', async () => {
    const { db } = connect()
    const rows = await db
      .mergeInto('people')
      .using(
        sql<{ id: number; name: string }>`(values (1, 'Ann'), (9, 'Zoe'))`.as<'given'>(sql`given(id, name)`),
        'given.id',
        'people.id',
      )
      .whenMatched()
      .thenUpdateSet((eb) => ({ first_name: eb.ref('given.name') }))
      .whenNotMatched()
      .thenInsertValues((eb) => ({ id: eb.ref('given.id'), first_name: eb.ref('given.name') }))
      .returning([mergeAction().as('action'), 'people.first_name'])
      .execute()
    expect(rows).toEqual([
      { action: 'UPDATE', first_name: 'Ann' },
      { action: 'INSERT', first_name: 'Zoe' },
    ])
  })

  test('streams through a cursor, and lets go in the middle', async () => {
    const { pool, db } = connect({ size: 1 })
    const wide = db
      .selectFrom(sql<{ n: number }>`generate_series(1, 1000)`.as<'series'>(sql`series(n)`))
      .select('series.n')
    const all: number[] = []
    for await (const { n } of wide.stream(64)) all.push(n)
    expect(all).toHaveLength(1_000)
    for await (const { n } of wide.stream(10)) if (n === 15) break
    const inside: number[] = []
    await transaction(db, async (trx) => {
      for await (const { id } of trx.selectFrom('people').select('id').orderBy('id').stream(1))
        inside.push(id)
    })
    expect(inside).toEqual([1, 2, 3, 4])
    expect(pool.stats()).toMatchObject({ busy: 0, dirtyReleases: 0 })
  })

  test('ends a stream with its signal, on the server, too', async () => {
    const { pool, db } = connect()
    const abort = new AbortController()
    const slow = db.selectNoFrom(sql<string>`pg_sleep(60)`.as('slept'))
    const running = (async () => {
      for await (const _ of slow.stream({ signal: abort.signal } as never)) expect.unreachable()
    })()
    const active = sql<{
      n: number
    }>`select count(*)::int as n from pg_stat_activity where datname = current_database() and query like 'select pg_sleep(60)%' and state = 'active'`
    await expect.poll(async () => (await active.execute(db)).rows[0]?.n).toBe(1)
    abort.abort(new Error('seen enough'))
    await expect(running).rejects.toThrow('seen enough')
    await expect.poll(async () => (await active.execute(db)).rows[0]?.n).toBe(0)
    await expect.poll(() => pool.stats().busy).toBe(0)
  })

  test('ends a stream whose server is gone', async () => {
    const { pool, db } = connect({ size: 2 })
    const wide = db
      .selectFrom(sql<{ n: number }>`generate_series(1, 100000)`.as<'series'>(sql`series(n)`))
      .select('series.n')
    const running = (async () => {
      for await (const { n } of wide.stream(10))
        if (n === 15)
          await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like '%100000%' and pid <> pg_backend_pid()`.execute(
            db,
          )
    })()
    await expect(running).rejects.toThrow(/terminat|ECONNRESET|EPIPE/i)
    await expect.poll(() => pool.stats().busy).toBe(0)
  })

  test('refuses a statement in a transaction that streams, rather than wait for ever', async () => {
    const { pool, db } = connect()
    const blocked = transaction(db, async (trx) => {
      for await (const { id } of trx.selectFrom('people').select('id').stream(1))
        await trx.selectFrom('orders').selectAll().where('person_id', '=', id).execute()
    })
    await expect(blocked).rejects.toMatchObject({ code: 'HF_QUERY_STREAMING' })
    const twice = transaction(db, async (trx) => {
      const streams = [1, 2].map(() =>
        trx.selectFrom('people').select('id').stream(1)[Symbol.asyncIterator](),
      )
      const outcomes = await Promise.allSettled(streams.map((stream) => stream.next()))
      await streams[0]?.return?.()
      return outcomes.map(({ status }) => status)
    })
    expect(await twice).toEqual(['fulfilled', 'rejected'])
    const kept = await db.connection().execute(async (one) => one)
    await expect(kept.selectFrom('people').selectAll().execute()).rejects.toMatchObject({
      code: 'HF_QUERY_CONNECTION_RELEASED',
    })
    expect(pool.stats()).toMatchObject({ busy: 0, dirtyReleases: 0 })
  })

  test('has plugins: camel case', async () => {
    interface Camel {
      people: { id: Generated<number>; firstName: string; bossId: number | null }
    }
    const pool = makePool()
    const db = new Kysely<Camel>({ dialect: new HoldfastDialect({ pool }), plugins: [new CamelCasePlugin()] })
    await db.insertInto('people').values({ firstName: 'Fay', bossId: 3 }).execute()
    const found = await transaction(db, (trx) =>
      trx.selectFrom('people').select(['firstName', 'bossId']).where('firstName', '=', 'Fay').execute(),
    )
    expect(found).toEqual([{ firstName: 'Fay', bossId: 3 }])
    const tables = await db.introspection.getTables()
    expect(tables.map(({ name }) => name)).toEqual(['orders', 'people'])
  })

  test('ends the pool with destroy, unless told not to', async () => {
    const { pool, db } = connect()
    await db.selectFrom('people').selectAll().execute()
    await db.destroy()
    expect(pool.ended).toBe(true)
    const kept = makePool()
    const other = new Kysely<Shop>({ dialect: new HoldfastDialect({ pool: kept, endsPool: false }) })
    await other.selectFrom('people').selectAll().execute()
    await other.destroy()
    expect(kept.ended).toBe(false)
  })
})
