/** Libraries that expect a pg.Pool, each doing a real job on ours. */
import { bigint, integer, pgTable, text } from 'drizzle-orm/pg-core'
import { eq, sql as drizzleSql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { quickAddJob, run } from 'graphile-worker'
import { type Generated, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import PgBoss from 'pg-boss'
import Cursor from 'pg-cursor'
import 'reflect-metadata'
import { DataSource, EntitySchema } from 'typeorm'
import { beforeAll, expect, test } from 'vitest'
import { Pool } from '../../src/pool/index.ts'
import { useDatabase } from '../support/database.ts'
import { usePools } from '../support/pools.ts'

const database = useDatabase('empty')
const makePool = usePools(database, { size: 6, overflow: 0, leakThresholdMs: 60_000 })

beforeAll(async () => {
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query(`
    CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer text NOT NULL, cents int NOT NULL);
    CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0));
    INSERT INTO accounts VALUES (1, 100), (2, 0)`)
  await client.end()
})

interface Shop {
  orders: { id: Generated<string>; customer: string; cents: number }
  accounts: { id: number; balance: number }
}

test('Kysely inserts, reads, streams, and rolls a transaction back', async () => {
  const pool = makePool()
  const db = new Kysely<Shop>({ dialect: new PostgresDialect({ pool, cursor: Cursor }) })
  await Promise.all(
    Array.from({ length: 50 }, (_, cents) =>
      db.insertInto('orders').values({ customer: 'kysely', cents }).executeTakeFirstOrThrow(),
    ),
  )
  const { total } = await db
    .selectFrom('orders')
    .where('customer', '=', 'kysely')
    .select(({ fn }) => fn.sum<string>('cents').as('total'))
    .executeTakeFirstOrThrow()
  expect(Number(total)).toBe(1_225)
  let streamed = 0
  for await (const { cents } of db
    .selectFrom('orders')
    .select('cents')
    .where('customer', '=', 'kysely')
    .stream(7))
    streamed += cents
  expect(streamed).toBe(1_225)
  const failing = db.transaction().execute(async (trx) => {
    await trx.updateTable('accounts').set({ balance: 1 }).where('id', '=', 2).execute()
    await trx.updateTable('accounts').set({ balance: -1 }).where('id', '=', 1).execute()
  })
  await expect(failing).rejects.toMatchObject({ code: '23514' })
  expect(await db.selectFrom('accounts').select('balance').where('id', '=', 2).execute()).toEqual([
    { balance: 0 },
  ])
  expect(pool.stats()).toMatchObject({ busy: 0, dirtyReleases: 0 })
  expect(pool.stats().rides + pool.stats().acquired).toBeGreaterThan(50)
  await db.destroy()
  expect(pool.ended).toBe(true)
})

test('Drizzle maps rows, and nests transactions', async () => {
  const pool = makePool()
  const orders = pgTable('orders', {
    id: bigint({ mode: 'number' }).generatedAlwaysAsIdentity().primaryKey(),
    customer: text().notNull(),
    cents: integer().notNull(),
  })
  const db = drizzle(pool)
  await Promise.all(
    Array.from({ length: 30 }, (_, cents) => db.insert(orders).values({ customer: 'drizzle', cents })),
  )
  const mine = await db.select().from(orders).where(eq(orders.customer, 'drizzle'))
  expect(mine).toHaveLength(30)
  expect(mine[0]).toMatchObject({ id: expect.any(Number), customer: 'drizzle' })
  await db.transaction(async (tx) => {
    await tx.update(orders).set({ cents: 1 }).where(eq(orders.customer, 'drizzle'))
    await tx
      .transaction(async (inner) => {
        await inner.delete(orders).where(eq(orders.customer, 'drizzle'))
        inner.rollback()
      })
      .catch(() => {})
  })
  const { rows } = await db.execute<{ n: number }>(
    drizzleSql`SELECT count(*)::int AS n FROM orders WHERE customer = 'drizzle' AND cents = 1`,
  )
  expect(rows).toEqual([{ n: 30 }])
  expect(pool.stats()).toMatchObject({ busy: 0, dirtyReleases: 0 })
})

test('TypeORM makes its own of it, synchronises a table, and saves', async () => {
  interface Note {
    id: number
    body: string
  }
  const notes = new EntitySchema<Note>({
    name: 'notes',
    columns: { id: { type: Number, primary: true, generated: true }, body: { type: String } },
  })
  const made: Pool[] = []
  class Watched extends Pool {
    constructor(config: pg.PoolConfig) {
      super(config as never)
      made.push(this)
    }
  }
  const source = new DataSource({
    type: 'postgres',
    url: database.url,
    driver: { ...pg, Pool: Watched },
    entities: [notes],
    synchronize: true,
  })
  await source.initialize()
  const repository = source.getRepository(notes)
  await repository.save([{ body: 'first' }, { body: 'second' }])
  await source
    .transaction(async (manager) => {
      await manager.save(notes, { body: 'third' })
      throw new Error('back')
    })
    .catch(() => {})
  expect((await repository.find({ order: { id: 'ASC' } })).map(({ body }) => body)).toEqual([
    'first',
    'second',
  ])
  await source.destroy()
  expect(made).toHaveLength(1)
  expect(made[0]).toMatchObject({ ended: true, totalCount: 0 })
})

test('Graphile Worker listens, runs jobs, and stops', async () => {
  const pool = makePool()
  const done: number[] = []
  const runner = await run({
    pgPool: pool,
    concurrency: 3,
    noHandleSignals: true,
    pollInterval: 60_000, // what does not arrive by notification does not arrive in time
    taskList: { count: async (payload) => void done.push((payload as { n: number }).n) },
  })
  // It listens a moment after it says that it runs.
  const listening = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle' AND query LIKE 'LISTEN "jobs:insert"%'`
  await expect.poll(async () => (await pool.query(listening)).rowCount).toBe(1)
  await Promise.all([1, 2, 3, 4, 5].map((n) => quickAddJob({ pgPool: pool }, 'count', { n })))
  await expect.poll(() => done.toSorted()).toEqual([1, 2, 3, 4, 5])
  await runner.stop()
  await expect.poll(() => pool.stats().busy).toBe(0)
})

test('pg-boss sends, fetches and completes through the pool', async () => {
  const pool = makePool()
  const boss = new PgBoss({
    db: { executeSql: (statement, values) => pool.query(statement, values) },
    supervise: false,
    schedule: false,
  })
  await boss.start()
  await boss.createQueue('letters')
  const ids = await Promise.all(Array.from({ length: 20 }, (_, n) => boss.send('letters', { n })))
  const jobs = await boss.fetch<{ n: number }>('letters', { batchSize: 20 })
  expect(jobs.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
  await boss.complete(
    'letters',
    jobs.map(({ id }) => id),
  )
  expect(await boss.fetch('letters')).toEqual([])
  await boss.stop({ graceful: false })
})
