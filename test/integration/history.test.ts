/** What monitoring keeps in Holdfast's own schema. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Frame, HistoryStore, type Level, LEVELS, readSource } from '../../src/monitor/index.ts'
import { Beat } from '../../src/monitor/collect/beat.ts'
import type { Pool } from '../../src/pool/index.ts'
import { FakeClock } from '../../src/testing/index.ts'
import { listPartitions } from '../../src/partitions/index.ts'
import { Collecting, figureOf } from '../support/collecting.ts'
import { queryAt, useDatabase } from '../support/database.ts'

const database = useDatabase()
let open: Collecting[] = []
const collecting = (
  ...input: ConstructorParameters<typeof Collecting> extends [string, ...infer Rest] ? Rest : never
): Collecting => {
  const made = new Collecting(database.url, ...input)
  open.push(made)
  return made
}
afterEach(async () => {
  for (const one of open) await one.close()
  open = []
  await queryAt(
    database.url,
    'TRUNCATE holdfast.history_minutes, holdfast.history_ten_minutes, holdfast.history_hours, holdfast.statement_texts',
  )
})

describe('the history', () => {
  test('has a minute of the database, of this process and of tables', async () => {
    await queryAt(database.url, 'CREATE TABLE grows (n int)')
    const { pool } = collecting()
    const one = open[0] as Collecting
    await one.lead()
    const idler = await pool.connect()
    await idler.query('BEGIN')
    await one.beat()
    await idler.query('ROLLBACK')
    idler.release()
    await one.endMinute()
    const [minute] = await one.read('database')
    expect(figureOf(minute, 'connections_idle_in_transaction', 'value:max')).toBeGreaterThanOrEqual(1)
    expect(figureOf(minute, 'transactions_per_second', 'value:mean')).toBeGreaterThan(0)
    expect(figureOf(minute, 'database_bytes', 'value:mean')).toBeGreaterThan(1e6)
    expect(minute?.atMs).toBe(one.clock.now() - 60_000)
    const [own] = await one.read('process')
    expect(own?.instance).toMatch(new RegExp(`:${process.pid}$`))
    expect(figureOf(own, 'rss_bytes', 'value:max')).toBeGreaterThan(1e6)
    const writer = await pool.connect()
    await writer.query('INSERT INTO grows SELECT generate_series(1, 500)')
    await writer.query('SELECT pg_stat_force_next_flush()')
    writer.release()
    while (one.clock.now() % 600_000 !== 0) await one.beat()
    const tables = (await one.read('tables')).at(-1)
    expect(figureOf(tables, 'public.grows', 'changes:sum')).toBe(500)
  })

  test('becomes steps of ten minutes and of an hour, once each is complete', async () => {
    const one = collecting()
    await one.lead()
    // The longer steps of ten minutes are made when those of all processes have come.
    await one.beat(6 * 13)
    const tens = await one.read('database', LEVELS[1])
    expect(tens).toHaveLength(1)
    const minutes = (await one.read('database')).filter(({ atMs }) => atMs < (tens[0]?.atMs ?? 0) + 600_000)
    expect(minutes).toHaveLength(10)
    const means = minutes.map((frame) => figureOf(frame, 'connections_used', 'value:mean') as number)
    expect(figureOf(tens[0], 'connections_used', 'value:mean')).toBeCloseTo(
      means.reduce((sum, n) => sum + n, 0) / means.length,
    )
    await one.beat(6 * 60)
    const hours = await one.read('database', LEVELS[2])
    expect(hours.length).toBeGreaterThanOrEqual(1)
    expect(new Set((await one.read('database', LEVELS[1])).map(({ atMs }) => atMs)).size).toBe(
      (await one.read('database', LEVELS[1])).length,
    )
  })

  test('lies in partitions that run themselves', async () => {
    const one = collecting()
    await one.lead()
    for (const { name } of LEVELS) {
      const list = await listPartitions(
        { url: database.url, ownSchema: 'holdfast' },
        `holdfast.history_${name}`,
      )
      expect(list.policy).toMatchObject({ retention: 'drop', lastError: null })
      expect(list.ahead).toBeGreaterThanOrEqual(3)
    }
    await one.endMinute()
    const rows = await queryAt(
      database.url,
      'SELECT count(*)::int AS n FROM holdfast.history_minutes_default',
    )
    expect(rows).toEqual([{ n: 0 }])
  })

  test('is kept for a role that may make no partition, in the default partition, and old steps go', async () => {
    await queryAt(
      database.url,
      `CREATE ROLE plain_of_history LOGIN PASSWORD 'plain';
       GRANT USAGE ON SCHEMA holdfast TO plain_of_history;
       GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA holdfast TO plain_of_history;
       DELETE FROM holdfast.partitioned_tables`,
    )
    const url = new URL(database.url)
    url.username = 'plain_of_history'
    url.password = 'plain'
    const one = new Collecting(url.href)
    open.push(one)
    await queryAt(
      database.url,
      `INSERT INTO holdfast.history_minutes VALUES (now() - interval '3 days', 'gone/gone', 'database', '', '{a}', '{value:mean}', '{1}')`,
    )
    await one.lead()
    await one.endMinute()
    expect(one.problems).toEqual([])
    expect((await one.read('database')).length).toBeGreaterThanOrEqual(1)
    expect(
      await queryAt(database.url, `SELECT FROM holdfast.history_minutes WHERE source = 'gone/gone'`),
    ).toEqual([])
    expect(await queryAt(database.url, 'SELECT * FROM holdfast.partitioned_tables')).toEqual([])
    await one.close()
    open = []
    await queryAt(database.url, 'DROP OWNED BY plain_of_history; DROP ROLE plain_of_history')
  })

  test('says what to do where there is no schema', async () => {
    const bare = new Collecting(new URL(database.url).href.replace(/\/[^/?]+(\?|$)/, '/postgres$1'))
    open.push(bare)
    bare.collector.start()
    await bare.beat()
    expect(bare.collector.status()).toMatchObject({
      state: 'standing by',
      problem: expect.stringContaining('holdfast init'),
    })
    expect(bare.problems).toHaveLength(1)
    await bare.beat()
    expect(bare.problems).toHaveLength(1)
  })
})

describe('of several processes', () => {
  test('one looks at the database and each at itself; when it ends another takes over', async () => {
    const first = collecting()
    const second = collecting({ clock: first.clock })
    await first.lead()
    second.collector.start()
    await first.beat()
    await second.collector.idle()
    expect(second.collector.status()).toMatchObject({ state: 'standing by', problem: null })
    await first.collector.stop()
    await vi.waitUntil(
      async () => {
        await second.beat()
        return second.collector.status().state === 'collecting'
      },
      { timeout: 60_000, interval: 50 },
    )
    await second.beat()
    await second.endMinute()
    const minutes = await second.read('database')
    expect(new Set(minutes.map(({ atMs }) => atMs)).size).toBe(minutes.length)
  })

  test('what cannot be written for a while is written later', async () => {
    const one = collecting()
    await one.lead()
    const blocker = await one.pool.connect()
    await queryAt(database.url, 'ALTER TABLE holdfast.history_minutes RENAME TO history_away')
    try {
      await one.endMinute()
      expect(one.collector.status().problem).toContain('cannot be written')
    } finally {
      await queryAt(database.url, 'ALTER TABLE holdfast.history_away RENAME TO history_minutes')
      blocker.release()
    }
    await one.endMinute()
    expect(one.collector.status().problem).toBeNull()
    expect((await one.read('database')).length).toBeGreaterThanOrEqual(2)
  })

  test('stopping writes the minute that goes on, and starting again adds to it', async () => {
    const one = collecting()
    await one.lead()
    await one.collector.stop()
    expect(one.collector.status().state).toBe('stopped')
    await one.lead()
    await one.endMinute()
    expect(await one.read('database')).toHaveLength(1)
  })
})

describe('the steps', () => {
  const store = async (pool: Pool) => new HistoryStore(pool, 'holdfast', await readSource(pool))
  const frame = (atMs: number, calls: number, instance = ''): Frame => ({
    kind: 'statements',
    instance,
    atMs,
    keys: ['one'],
    figures: { 'calls:sum': [calls] },
  })
  const HOUR_MS = 3_600_000
  const begin = (hoursAgo: number): number => Math.floor(Date.now() / HOUR_MS) * HOUR_MS - hoursAgo * HOUR_MS
  const callsOf = async (history: HistoryStore, level: Level): Promise<(number | null | undefined)[]> =>
    (await history.read({ level, kind: 'statements', fromMs: 0, toMs: Date.now() })).map((one) =>
      figureOf(one, 'one', 'calls:sum'),
    )

  test('of two who write the same minute are added up, and a write that is repeated counts once', async () => {
    const { pool } = collecting()
    const history = await store(pool)
    for (let n = 0; n < 10; n += 1)
      await Promise.all([
        history.write(LEVELS[0], [frame(begin(1) + n * 60_000, 10)]),
        history.write(LEVELS[0], [frame(begin(1) + n * 60_000, 5)]),
      ])
    expect(new Set(await callsOf(history, LEVELS[0]))).toEqual(new Set([15]))
    await history.write(LEVELS[0], [frame(begin(2), 7)])
    await history.write(LEVELS[0], [frame(begin(2), 7)])
    expect((await callsOf(history, LEVELS[0]))[0]).toBe(7)
  })

  test('that were not rolled up for long are caught up bit by bit, and each hour is whole', async () => {
    const { pool } = collecting()
    const history = await store(pool)
    const minutes = Array.from({ length: 20 * 60 }, (_, n) => n)
    await pool.query(
      `INSERT INTO holdfast.history_minutes SELECT to_timestamp($1::float8 / 1000) + n * interval '1 minute', $2, k, '', '{one}', '{calls:sum}', '{1}'
         FROM generate_series(0, $3 - 1) n, unnest(ARRAY['statements', 'tables', 'database']) k`,
      [begin(20), await readSource(pool), minutes.length],
    )
    for (let n = 0; n < 6; n += 1) await history.rollUp(Date.now())
    expect(new Set(await callsOf(history, LEVELS[1]))).toEqual(new Set([10]))
    const hours = await callsOf(history, LEVELS[2])
    expect(hours.length).toBeGreaterThanOrEqual(19)
    expect(new Set(hours)).toEqual(new Set([60]))
  })

  test('that somebody wrote ahead of time stop nobody else', async () => {
    const { pool } = collecting()
    const history = await store(pool)
    await history.write(LEVELS[0], [frame(begin(-48), 1, 'wrong')])
    await history.rollUp(begin(-60))
    for (let n = 0; n < 30; n += 1) await history.write(LEVELS[0], [frame(begin(2) + n * 60_000, 2)])
    await history.rollUp(Date.now())
    expect(await callsOf(history, LEVELS[1])).toEqual([20, 20, 20])
  })
})

describe('what stands in the way', () => {
  test('a history that somebody holds is told of, and does not keep it from ending', async () => {
    const one = collecting()
    await one.lead()
    const holder = await one.pool.connect()
    await holder.query('BEGIN; LOCK TABLE holdfast.history_minutes')
    await one.endMinute()
    expect(one.collector.status().problem).toContain('cannot be written')
    await one.collector.stop()
    await holder.query('ROLLBACK')
    holder.release()
  })

  test('a clock that is set back: beats go on from there', async () => {
    const clock = new SettableClock()
    const beats: number[] = []
    const beat = new Beat(
      clock,
      10_000,
      async (atMs) => void beats.push(atMs),
      () => {},
    )
    await clock.advance(30_000)
    clock.setBy(-3_600_000)
    const before = beats.length
    await clock.advance(60_000)
    await beat.stop()
    expect(beats.slice(before + 1).every((atMs) => atMs <= clock.now())).toBe(true)
    expect(beats.length - before).toBeGreaterThanOrEqual(4)
  })
})

/** Somebody sets it while it runs. */
class SettableClock extends FakeClock {
  #offset = 0
  setBy(ms: number): void {
    this.#offset += ms
  }
  override now(): number {
    return super.now() + this.#offset
  }
}
