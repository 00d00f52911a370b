/** What docs/reference/pg-pool.md says is different: each row by its name, on pg.Pool and on ours. */
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { describe, expect, test, vi } from 'vitest'
import { Pool } from '../../src/pool/index.ts'
import { queryAt, useDatabase } from '../support/database.ts'

const database = useDatabase('empty')

interface Case {
  readonly options?: object
  readonly run: (pool: pg.Pool) => Promise<unknown>
  readonly theirs: unknown
  readonly ours: unknown
}

const outcomeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'works',
    (error: { code?: string }) => error.code ?? 'fails',
  )
const attempt = async (work: () => unknown): Promise<unknown> => outcomeOf((async () => work())())
const pidOf = async (on: { query(text: string): Promise<pg.QueryResult> }): Promise<number> =>
  (await on.query('SELECT pg_backend_pid() AS pid')).rows[0].pid as number

const CASES: Readonly<Record<string, Case>> = {
  'failed-statement': {
    run: async (pool) => {
      const before = await pidOf(pool)
      await outcomeOf(pool.query('SELECT nope'))
      return (await pidOf(pool)) === before
    },
    theirs: false,
    ours: true,
  },
  'open-transaction': {
    run: async (pool) => {
      const client = await pool.connect()
      await client.query('BEGIN')
      client.release()
      const next = await pool.connect()
      const status = (next as unknown as { getTransactionStatus(): string }).getTransactionStatus()
      next.release(true)
      return status
    },
    theirs: 'T',
    ours: 'I',
  },
  'begin-by-query': {
    run: async (pool) => {
      await pool.query('BEGIN')
      await pool.query('CREATE TABLE begun (n int)')
      await pool.query('ROLLBACK')
      return (await pool.query("SELECT to_regclass('begun') IS NOT NULL AS kept")).rows[0].kept as boolean
    },
    theirs: false,
    ours: true,
  },
  'idle-loss': {
    run: async (pool) => {
      const uncaught: unknown[] = []
      pool.emit = ((emit) =>
        function (this: pg.Pool, name: string, ...args: unknown[]) {
          if (name === 'error') uncaught.push(args[0])
          return name === 'error' ? true : Reflect.apply(emit, this, [name, ...args])
        })(pool.emit) as typeof pool.emit
      const pid = await pidOf(pool)
      await queryAt(database.url, `SELECT pg_terminate_backend(${pid})`)
      await vi.waitFor(() => expect(pool.totalCount).toBe(0), { timeout: 30_000 })
      return uncaught.length
    },
    theirs: 1,
    ours: 0,
  },
  'end-twice': {
    run: async (pool) => {
      await pool.end()
      return outcomeOf(pool.end())
    },
    theirs: 'fails',
    ours: 'works',
  },
  'release-twice': {
    run: async (pool) => {
      const client = await pool.connect()
      client.release()
      return attempt(() => client.release())
    },
    theirs: 'fails',
    ours: 'works',
  },
  'used-after-release': {
    run: async (pool) => {
      let told = 0
      pool.on('pool:used-after-release' as never, (() => (told += 1)) as never)
      const client = await pool.connect()
      client.release()
      await client.query('SELECT 1')
      return told
    },
    theirs: 0,
    ours: 1,
  },
  'checkout-events': {
    run: async (pool) => {
      let count = 0
      pool.on('acquire', () => (count += 1))
      await pool.query('SELECT 1')
      return count
    },
    theirs: 1,
    ours: 0,
  },
  'default-size': {
    options: { max: undefined },
    run: async ({ options }) => options.max,
    theirs: 10,
    ours: 30,
  },
  'default-wait': {
    options: { max: undefined },
    run: async ({ options }) =>
      (options as { acquireTimeoutMs?: number }).acquireTimeoutMs ??
      options.connectionTimeoutMillis ??
      'for ever',
    theirs: 'for ever',
    ours: 30_000,
  },
  'idle-connections': {
    options: { max: undefined },
    run: async ({ options }) => options.idleTimeoutMillis,
    theirs: 10_000,
    ours: 0,
  },
  'ended-pool': {
    run: async (pool) => {
      await pool.end()
      return outcomeOf(pool.query('SELECT 1'))
    },
    theirs: 'fails',
    ours: 'HF_POOL_ENDED',
  },
  'fixed-options': {
    run: async (pool) => attempt(() => Object.assign(pool.options, { idleTimeoutMillis: 5 })),
    theirs: 'works',
    ours: 'HF_POOL_OPTION_FIXED',
  },
  'end-waits': {
    run: async (pool) => {
      const client = await pool.connect()
      const end = pool instanceof Pool ? pool.end({ timeoutMs: 50 }) : pool.end()
      const ending = end.then(() => 'ended')
      const waits = new Promise((resolve) => setTimeout(resolve, 3_000, 'waits'))
      const first = await Promise.race([ending, waits])
      if (first === 'waits') client.release()
      await ending
      return first
    },
    theirs: 'waits',
    ours: 'ended',
  },
  'prepared-by-itself': {
    run: async (pool) => {
      await pool.query('SELECT $1::int', [1])
      return (await pool.query('SELECT count(*)::int AS kept FROM pg_prepared_statements')).rows[0]
        .kept as number
    },
    theirs: 0,
    ours: 1,
  },
  'patched-client': {
    run: async (pool) => {
      const { query } = pg.Client.prototype
      await pool.query('SELECT 1')
      let seen = 0
      const watching = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (
        this: pg.Client,
        ...args: unknown[]
      ) {
        seen += 1
        return Reflect.apply(query, this, args)
      } as never)
      await pool.query('SELECT 1')
      watching.mockRestore()
      return seen
    },
    theirs: 1,
    ours: 0,
  },
}

describe('as the page says', () => {
  test.each(Object.entries(CASES))('%s', async (_, { options = {}, run, theirs, ours }) => {
    const given = { connectionString: database.url, max: 1, ...options }
    const seen: unknown[] = []
    for (const pool of [new pg.Pool(given), new Pool(given)]) {
      seen.push(await run(pool))
      if (!pool.ended && !pool.ending) await pool.end()
    }
    expect(seen).toEqual([theirs, ours])
  })

  test('the page has these rows, and no others', () => {
    const page = readFileSync(new URL('../../docs/reference/pg-pool.md', import.meta.url), 'utf8')
    expect([...page.matchAll(/^\| `([\w-]+)` /gm)].map(([, name]) => name)).toEqual(Object.keys(CASES))
  })
})
