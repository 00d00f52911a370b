import pg from 'pg'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Pool, retry, type Transaction } from '../../src/pool/index.ts'
import { FaultProxy } from '../../src/testing/index.ts'
import { useDatabase } from '../support/database.ts'
import { usePools } from '../support/pools.ts'

const database = useDatabase('empty')
const makePool = usePools(database, { size: 4, overflow: 0 })

beforeEach(async () => {
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query(`
    DROP TABLE IF EXISTS notes; CREATE TABLE notes (id int PRIMARY KEY, text text);
    DROP TABLE IF EXISTS parents CASCADE; CREATE TABLE parents (id int PRIMARY KEY);
    DROP TABLE IF EXISTS children; CREATE TABLE children (parent int REFERENCES parents DEFERRABLE INITIALLY DEFERRED)`)
  await client.end()
})

const insert = (tx: Transaction, id: number): Promise<pg.QueryResult> =>
  tx.query('INSERT INTO notes VALUES ($1, $2)', [id, `note ${id}`])

async function ids(pool: Pool): Promise<number[]> {
  const { rows } = await pool.query<{ id: number }>('SELECT id FROM notes ORDER BY id')
  return rows.map(({ id }) => id)
}

describe.each(['auto', 'off'] as const)('a transaction, pipelining %s', (pipelining) => {
  test('commits when its function returns, and gives back what it returned', async () => {
    const pool = makePool({ pipelining })
    const value = await pool.transaction(async (tx) => {
      await insert(tx, 1)
      await insert(tx, 2)
      return 'done'
    })
    expect(value).toBe('done')
    expect(await ids(pool)).toEqual([1, 2])
    expect(pool.stats()).toMatchObject({ busy: 0, dirtyReleases: 0 })
  })

  test('rolls back when its function throws, with its error', async () => {
    const pool = makePool({ pipelining })
    const mistake = new Error('changed my mind')
    const failing = pool.transaction(async (tx) => {
      await insert(tx, 1)
      throw mistake
    })
    await expect(failing).rejects.toBe(mistake)
    expect(await ids(pool)).toEqual([])
    expect(pool.stats()).toMatchObject({ busy: 0, dirtyReleases: 0 })
  })

  test('whose BEGIN fails runs nothing, and commits nothing', async () => {
    const pool = makePool({ pipelining })
    // A level when it is checked, and none when it is sent: little else makes an ordinary server refuse BEGIN.
    let asked = 0
    const isolation = { toString: () => (asked++ === 0 ? 'serializable' : 'no such level') } as never
    const failing = pool.transaction(
      async (tx) => {
        await Promise.allSettled([insert(tx, 1), insert(tx, 2), insert(tx, 3)])
        await insert(tx, 4).catch(() => {})
        return 'as if nothing had happened'
      },
      { isolation },
    )
    await expect(failing).rejects.toMatchObject({ code: '42601' })
    expect(await ids(pool)).toEqual([])
    expect(await pool.transaction(async (tx) => (await insert(tx, 5)).rowCount)).toBe(1)
    const misspelt = pool.transaction((tx) => insert(tx, 6), { isolation: 'SERIALIZABLE' as never })
    await expect(misspelt).rejects.toMatchObject({ code: 'HF_OPTION_INVALID' })
  })

  test('that swallows an error is told that nothing was committed', async () => {
    const pool = makePool({ pipelining })
    const failing = pool.transaction(async (tx) => {
      await insert(tx, 1)
      await tx.query('SELECT 1 / 0').catch(() => {})
    })
    await expect(failing).rejects.toMatchObject({ code: 'HF_TRANSACTION_ABORTED', cause: { code: '22012' } })
    expect(await ids(pool)).toEqual([])
  })

  test('refused by a deferred constraint fails with the constraint, and is not unknown', async () => {
    const pool = makePool({ pipelining })
    const failing = pool.transaction((tx) => tx.query('INSERT INTO children VALUES ($1)', [1]))
    await expect(failing).rejects.toMatchObject({ code: '23503' })
  })

  test('with savepoints undoes a part and goes on', async () => {
    const pool = makePool({ pipelining })
    await pool.transaction(async (tx) => {
      await expect(tx.savepoint(() => insert(tx, 1).then(() => tx.query('SELECT 1 / 0')))).rejects.toThrow(
        'zero',
      )
      await insert(tx, 2)
      await tx.savepoint(() => insert(tx, 3))
    })
    expect(await ids(pool)).toEqual([2, 3])
  })

  test('is over when it is over', async () => {
    const pool = makePool({ pipelining })
    let kept: Transaction | undefined
    await pool.transaction(async (tx) => {
      kept = tx
      await insert(tx, 1)
    })
    await expect(insert(kept as Transaction, 2)).rejects.toMatchObject({ code: 'HF_TRANSACTION_OVER' })
    expect(await ids(pool)).toEqual([1])
  })

  test('lends its client to the driver, for what only the driver does', async () => {
    const pool = makePool({ pipelining })
    await pool
      .transaction(async (tx) => {
        const client = await tx.client()
        await client.query("INSERT INTO notes VALUES (1, 'a'); INSERT INTO notes VALUES (2, 'b')")
        expect((await tx.query('SELECT count(*)::int AS n FROM notes')).rows).toEqual([{ n: 2 }])
        const [first, second] = await Promise.all([client.query('SELECT 1 AS n'), tx.query('SELECT 2 AS n')])
        expect([first.rows[0].n, second.rows[0].n]).toEqual([1, 2])
        throw new Error('back')
      })
      .catch(() => {})
    expect(await ids(pool)).toEqual([])
  })

  test('runs in the mode it was asked for', async () => {
    const pool = makePool({ pipelining })
    const mode = await pool.transaction(
      (tx) =>
        tx.query(`SELECT current_setting('transaction_isolation') AS isolation,
          current_setting('transaction_read_only') AS readonly, current_setting('transaction_deferrable') AS deferrable`),
      { isolation: 'serializable', readOnly: true, deferrable: true },
    )
    expect(mode.rows).toEqual([{ isolation: 'serializable', readonly: 'on', deferrable: 'on' }])
  })

  test('is cancelled on the server when its signal aborts, and leaves a usable connection', async () => {
    const pool = makePool({ pipelining, size: 1 })
    const giveUp = new AbortController()
    const reason = new Error('gave up')
    const failing = pool.transaction(
      async (tx) => {
        await insert(tx, 1)
        const slow = tx.query('SELECT pg_sleep(600)')
        setImmediate(() => giveUp.abort(reason))
        await slow
      },
      { signal: giveUp.signal },
    )
    await expect(failing).rejects.toBe(reason)
    expect(await ids(pool)).toEqual([])
    expect(pool.stats()).toMatchObject({ created: 1, closed: 0 })
  })

  test('is cancelled again when the server took no notice of the first request', async () => {
    const pool = makePool({ pipelining, size: 1 })
    const giveUp = new AbortController()
    const reason = new Error('gave up')
    const failing = pool.transaction(
      async (tx) => {
        const slow = tx.query(
          'DO $$ BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(600); END $$',
        )
        setImmediate(() => giveUp.abort(reason))
        await slow
      },
      { signal: giveUp.signal },
    )
    await expect(failing).rejects.toBe(reason)
    expect(pool.stats()).toMatchObject({ created: 1, closed: 0 })
  })

  test('nothing is sent for a transaction without statements', async () => {
    const pool = makePool({ pipelining })
    expect(await pool.transaction(async () => 7)).toBe(7)
  })
})

describe('when the connection is lost', () => {
  test('before COMMIT: it is certain that nothing was done, and may be tried again', async () => {
    const pool = makePool()
    let attempts = 0
    await retry(
      () =>
        pool.transaction(async (tx) => {
          attempts += 1
          await insert(tx, attempts)
          if (attempts === 1) await tx.query('SELECT pg_terminate_backend(pg_backend_pid())')
        }),
      { on: ['connection'], baseMs: 1 },
    )
    expect(attempts).toBe(2)
    expect(await ids(pool)).toEqual([2])
  })

  test.each(['the server took it', 'the server never saw it'])(
    'while COMMIT is on its way: unknown, and never tried again (%s)',
    async (what) => {
      const { hostname, port } = new URL(database.url)
      const proxy = await FaultProxy.start({ host: hostname, port: Number(port) })
      const pool = makePool({ connectionString: proxy.through(database.url) })
      const watcher = makePool()
      let attempts = 0
      const cutOnceCommitted = async (): Promise<void> => {
        if (what === 'the server took it') await expect.poll(() => ids(watcher)).toEqual([1])
        else await new Promise((resolve) => setImmediate(resolve)) // COMMIT has been written, and got nowhere
        proxy.cut()
      }
      const failing = retry(
        () =>
          pool.transaction(async (tx) => {
            attempts += 1
            await insert(tx, 1)
            proxy.freeze(what === 'the server took it' ? 'answers' : 'everything')
            void cutOnceCommitted()
          }),
        { on: ['connection', 'serialization', 'deadlock'], isIdempotent: true },
      )
      await expect(failing).rejects.toMatchObject({ code: 'HF_COMMIT_UNKNOWN', retryable: false })
      expect(attempts).toBe(1)
      await proxy.stop()
      expect(await ids(watcher)).toEqual(what === 'the server took it' ? [1] : [])
    },
  )
})

describe('retry', () => {
  test('does a transaction again after a serialization failure, until it goes through', async () => {
    const pool = makePool()
    await pool.query('INSERT INTO notes VALUES (1, $1)', ['0'])
    const add = (): Promise<void> =>
      pool.transaction(
        async (tx) => {
          const { rows } = await tx.query('SELECT text FROM notes WHERE id = 1')
          await tx.query('UPDATE notes SET text = $1 WHERE id = 1', [Number(rows[0].text) + 1])
        },
        { isolation: 'repeatable read', retry: { attempts: 1_000, baseMs: 1 } },
      )
    await Promise.all(Array.from({ length: 30 }, add))
    expect((await pool.query('SELECT text FROM notes')).rows).toEqual([{ text: '30' }])
  })

  test('a server that is not there yet is tried again', async () => {
    const pool = makePool({ connectionString: 'postgresql://nobody@127.0.0.1:1/none' })
    const told: number[] = []
    const failing = retry(() => pool.query('SELECT 1'), {
      on: ['connection'],
      attempts: 3,
      baseMs: 1,
      onRetry: ({ attempt }) => told.push(attempt),
    })
    await expect(failing).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(told).toEqual([1, 2])
  })

  test('a statement that was lost on its way is not, unless it may be done twice', async () => {
    const pool = makePool()
    const kill = (): Promise<unknown> => pool.query('SELECT pg_terminate_backend(pg_backend_pid())')
    let attempts = 0
    const counted = async (): Promise<unknown> => {
      attempts += 1
      return attempts < 3 ? kill() : 'through'
    }
    await expect(retry(counted, { on: ['connection'], baseMs: 1 })).rejects.toBeDefined()
    expect(attempts).toBe(1)
    attempts = 0
    expect(await retry(counted, { on: ['connection'], baseMs: 1, isIdempotent: true })).toBe('through')
  })
})
