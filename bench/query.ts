/**
 * The query layer against its peers in one run, interleaved: `npm run bench:query` writes bench/results/query.json.
 *
 * Kysely and Drizzle run on their own way to `pg.Pool` and on ours. On `pg.Pool` each statement is parsed anew, since
 * neither gives its statements names; "prepared" is Drizzle's way to have them kept. Deep pages and mass inserts are
 * measured one at a time, as one caller sees them.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { eq, sql as drizzleSql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, numeric, pgTable, text } from 'drizzle-orm/pg-core'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { Pool } from '../src/pool/index.ts'
import { createMany, CursorKeys, HoldfastDialect, keyset, paginate, transaction } from '../src/query/index.ts'
import { startTestServer } from '../src/testing/index.ts'
import { callsPerSecond, interleave, machine, ratios, type Spread, spread, timed } from './measure.ts'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 9)
const ROUND_MS = Number(process.env.BENCH_ROUND_MS ?? 1_000)
const CALLERS = 64
const ROWS = 10_000
const EVENTS = Number(process.env.BENCH_EVENTS ?? 10_000_000)
const MANY = Number(process.env.BENCH_MANY ?? 1_000_000)
const PER_PAGE = 20
const DEEP_PAGE = EVENTS / PER_PAGE / 5 // page 100,000 of ten million rows

interface Database {
  items: { id: number; name: string; price: string }
  events: { id: number; happened_at: Date; kind: string }
  readings: { device: number; at: Date; value: number; note: string | null }
}

const items = pgTable('items', {
  id: integer().primaryKey(),
  name: text().notNull(),
  price: numeric().notNull(),
})

type Call = (id: number) => Promise<unknown>

function kyselyCalls(db: Kysely<Database>): { read: Call; write: Call } {
  return {
    read: (id) =>
      db.selectFrom('items').select(['id', 'name', 'price']).where('id', '=', id).executeTakeFirst(),
    write: (id) =>
      db
        .updateTable('items')
        .set((eb) => ({ price: eb('price', '+', '1') }))
        .where('id', '=', id)
        .execute(),
  }
}

function drizzleCalls(pool: pg.Pool): { read: Call; write: Call } {
  const db = drizzle(pool)
  return {
    read: (id) => db.select().from(items).where(eq(items.id, id)),
    write: (id) =>
      db
        .update(items)
        .set({ price: drizzleSql`${items.price} + 1` })
        .where(eq(items.id, id)),
  }
}

function drizzlePrepared(pool: pg.Pool): { read: Call } {
  const query = drizzle(pool)
    .select()
    .from(items)
    .where(eq(items.id, drizzleSql.placeholder('id')))
    .prepare('read_item')
  return { read: (id) => query.execute({ id }) }
}

const rate = (call: Call): Promise<number> =>
  callsPerSecond(call, { callers: CALLERS, ms: ROUND_MS, ids: ROWS })

async function rates(
  calls: Readonly<Record<string, Call>>,
  pairs: readonly (readonly [string, string])[],
): Promise<object> {
  for (const call of Object.values(calls)) await rate(call)
  const results = await interleave(
    ROUNDS,
    Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, () => rate(call)])),
  )
  return {
    'calls/s': Object.fromEntries(Object.entries(results).map(([name, values]) => [name, spread(values)])),
    ratios: Object.fromEntries(
      pairs.map(([ours, theirs]) => [
        `${ours} / ${theirs}`,
        ratios(results[ours] as number[], results[theirs] as number[]),
      ]),
    ),
  }
}

async function prepareDatabase(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(`
    CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL, price numeric NOT NULL) WITH (fillfactor = 50);
    INSERT INTO items SELECT id, 'item ' || id, id * 1.5 FROM generate_series(1, ${ROWS}) AS id;
    CREATE TABLE readings (device int NOT NULL, at timestamptz NOT NULL, value float8 NOT NULL, note text);
    CREATE UNLOGGED TABLE events (id int PRIMARY KEY, happened_at timestamptz NOT NULL, kind text NOT NULL);
    INSERT INTO events SELECT n, timestamptz '2020-01-01' + (n / 3) * interval '1 second', 'kind ' || n % 10 FROM generate_series(1, ${EVENTS}) AS n;
    CREATE INDEX events_happened_at_id ON events (happened_at DESC, id DESC);
    CREATE INDEX events_kind_happened_at ON events (kind, happened_at DESC, id)`)
  await client.query('VACUUM ANALYZE events, items')
  await client.end()
}

/** One page deep in a list, by where it begins and by how many rows come before. */
async function deepPages(db: Kysely<Database>): Promise<object> {
  const cursors = new CursorKeys()
  const query = db.selectFrom('events').select(['id', 'happened_at', 'kind'])
  const newest = {
    order: [{ by: 'happened_at', direction: 'desc' }],
    key: 'id',
    limit: PER_PAGE,
    cursors,
  } as const
  const mixed = {
    order: [{ by: 'kind' }, { by: 'happened_at', direction: 'desc' }],
    key: 'id',
    limit: PER_PAGE,
    cursors,
  } as const
  const offset = (DEEP_PAGE - 1) * PER_PAGE
  const ordered = query.orderBy('happened_at', 'desc').orderBy('id', 'desc')
  const around = await ordered
    .limit(2)
    .offset(offset - 1)
    .execute()
  const pair = query.where(
    'id',
    'in',
    around.map(({ id }) => id),
  )
  const { next } = await keyset(pair, { ...newest, limit: 1 })
  const other = await keyset(pair, { ...mixed, limit: 1 })
  const byKeyset = () => keyset(query, { ...newest, after: next })
  const byOffset = () => ordered.limit(PER_PAGE).offset(offset).execute()
  const [left, right] = [await byKeyset(), await byOffset()]
  if (JSON.stringify(left.rows) !== JSON.stringify(right)) throw new Error('the two pages differ')
  const runs = {
    keyset: () => timed(byKeyset),
    'keyset, mixed directions': () => timed(() => keyset(query, { ...mixed, after: other.next })),
    'keyset, first page': () => timed(() => keyset(query, newest)),
    offset: () => timed(byOffset),
    'paginate, estimated count': () =>
      timed(() => paginate(ordered, { page: 3, limit: PER_PAGE, count: 'estimated' })),
  }
  await interleave(10, { ...runs, offset: async () => 0 }) // warm
  const results = await interleave(Math.max(ROUNDS, 15), runs)
  return {
    page: DEEP_PAGE,
    'rows in the table': EVENTS,
    'rows on a page': PER_PAGE,
    ms: Object.fromEntries(Object.entries(results).map(([name, values]) => [name, spread(values)])),
    'offset / keyset': ratios(results.offset, results.keyset),
  }
}

function* readings(count: number): Generator<Database['readings']> {
  const start = Date.UTC(2026, 0, 1)
  for (let n = 0; n < count; n += 1)
    yield {
      device: n % 1_000,
      at: new Date(start + n * 1_000),
      value: n / 7,
      note: n % 10 === 0 ? `note ${n}` : null,
    }
}

async function multiRowInsert(db: Kysely<Database>, count: number, perStatement: number): Promise<void> {
  await db.transaction().execute(async (trx) => {
    let batch: Database['readings'][] = []
    for (const row of readings(count)) {
      if (batch.push(row) < perStatement) continue
      await trx.insertInto('readings').values(batch).execute()
      batch = []
    }
    if (batch.length > 0) await trx.insertInto('readings').values(batch).execute()
  })
}

async function massInserts(ours: Kysely<Database>, theirs: Kysely<Database>): Promise<object> {
  const empty = () => sql`truncate readings`.execute(ours)
  const run = (work: () => Promise<unknown>) => async () => {
    await empty()
    return timed(work)
  }
  const results = await interleave(3, {
    createMany: run(() => createMany(ours, 'readings', readings(MANY))),
    'multi-row INSERT on pg.Pool, 1,000 rows each': run(() => multiRowInsert(theirs, MANY, 1_000)),
    'multi-row INSERT on pg.Pool, 10,000 rows each': run(() => multiRowInsert(theirs, MANY, 10_000)),
  })
  const ms: Record<string, Spread> = {}
  for (const [name, values] of Object.entries(results)) ms[name] = spread(values)
  const { createMany: copied, ...others } = results
  return {
    rows: MANY,
    ms,
    'times as fast': Object.fromEntries(
      Object.entries(others).map(([name, values]) => [name, ratios(values, copied)]),
    ),
    'from how many rows on COPY pays': await crossover(ours),
  }
}

/** INSERT and COPY for batches of each size, milliseconds. */
async function crossover(db: Kysely<Database>): Promise<object> {
  const found: Record<string, object> = {}
  for (const size of [50, 100, 250, 500, 1_000, 2_500]) {
    await sql`truncate readings`.execute(db)
    const rows = [...readings(size)]
    const store = (copyFromRows: number) => () =>
      timed(() => createMany(db, 'readings', rows, { copyFromRows }))
    await interleave(5, { insert: store(1_000_000), copy: store(1) })
    const { insert, copy } = await interleave(31, { insert: store(1_000_000), copy: store(1) })
    found[size] = { insert: spread(insert), copy: spread(copy), 'insert / copy': ratios(insert, copy) }
  }
  return found
}

const server = await startTestServer()
await prepareDatabase(server.url)
const pool = new Pool({ connectionString: server.url, size: 16, overflow: 0 })
const theirPool = new pg.Pool({ connectionString: server.url, max: 8 })
theirPool.on('error', () => {}) // its end() resolves before its sockets are closed
const ours = new Kysely<Database>({ dialect: new HoldfastDialect({ pool }) })
const theirs = new Kysely<Database>({ dialect: new PostgresDialect({ pool: theirPool }) })
const [kyselyOurs, kyselyTheirs] = [kyselyCalls(ours), kyselyCalls(theirs)]
const [drizzleOurs, drizzleTheirs] = [drizzleCalls(pool as never), drizzleCalls(theirPool)]

const result = {
  machine: machine(),
  server: 'PostgreSQL 18 on the same machine, TCP on loopback, fsync off',
  rounds: ROUNDS,
  'connections of pg.Pool': 8,
  'point reads, 64 callers': await rates(
    {
      'Kysely on Holdfast': kyselyOurs.read,
      'Kysely on pg.Pool': kyselyTheirs.read,
      'Drizzle on Holdfast': drizzleOurs.read,
      'Drizzle on pg.Pool': drizzleTheirs.read,
      'Drizzle prepared, on Holdfast': drizzlePrepared(pool as never).read,
      'Drizzle prepared, on pg.Pool': drizzlePrepared(theirPool).read,
    },
    [
      ['Kysely on Holdfast', 'Kysely on pg.Pool'],
      ['Drizzle on Holdfast', 'Drizzle on pg.Pool'],
      ['Drizzle prepared, on Holdfast', 'Drizzle prepared, on pg.Pool'],
      ['Kysely on Holdfast', 'Drizzle prepared, on pg.Pool'],
    ],
  ),
  'point updates, 64 callers': await rates(
    {
      'Kysely on Holdfast': kyselyOurs.write,
      'Kysely on pg.Pool': kyselyTheirs.write,
      'Drizzle on Holdfast': drizzleOurs.write,
      'Drizzle on pg.Pool': drizzleTheirs.write,
    },
    [
      ['Kysely on Holdfast', 'Kysely on pg.Pool'],
      ['Drizzle on Holdfast', 'Drizzle on pg.Pool'],
    ],
  ),
  'transactions of a read and an update, 64 callers': await rates(
    {
      'transaction()': (id) =>
        transaction(ours, async (trx) => {
          const { read, write } = kyselyCalls(trx)
          await read(id)
          await write(id)
        }),
      'Kysely on pg.Pool': (id) =>
        theirs.transaction().execute(async (trx) => {
          const { read, write } = kyselyCalls(trx)
          await read(id)
          await write(id)
        }),
    },
    [['transaction()', 'Kysely on pg.Pool']],
  ),
  'a page deep in a list': await deepPages(ours),
  'a million rows': await massInserts(ours, theirs),
}
await pool.end()
await theirPool.end()
await server.stop()
mkdirSync(new URL('results/', import.meta.url), { recursive: true })
writeFileSync(new URL('results/query.json', import.meta.url), `${JSON.stringify(result, null, 2)}\n`)
console.log(JSON.stringify(result, null, 2))
