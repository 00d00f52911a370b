/** The pool behind a real PgBouncer of a version that knows no prepared statements. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Pool } from '../../src/pool/index.ts'
import { useDatabase } from '../support/database.ts'
import { isPgBouncerMissing, PgBouncer } from '../support/pgbouncer.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase('empty')

describe.skipIf(isPgBouncerMissing).each(['session', 'transaction'] as const)(
  `behind PgBouncer, which keeps a connection for a %s${isPgBouncerMissing ? ' (pgbouncer is missing)' : ''}`,
  (mode) => {
    let bouncer: PgBouncer
    let pool: Pool

    beforeAll(async () => {
      bouncer = await PgBouncer.start(
        scratch(`bouncer-${mode}`),
        database.url,
        mode,
        mode === 'session' ? 10 : 5,
      )
      pool = new Pool({ connectionString: bouncer.url, size: 5, overflow: 0 })
      await pool.query('CREATE TABLE IF NOT EXISTS counted (id int PRIMARY KEY, n int NOT NULL)')
      await pool.query('INSERT INTO counted SELECT g, 0 FROM generate_series(1, 50) g ON CONFLICT DO NOTHING')
    })
    afterAll(async () => {
      await pool.end()
      await bouncer.stop()
    })

    test('the pooler is recognised: no lanes, and no prepared statements', async () => {
      for (let round = 0; round < 5; round += 1)
        await Promise.all(
          Array.from({ length: 100 }, async (_, index) => {
            const id = 1 + (index % 50)
            const { rows } = await pool.query('SELECT id, $2::text AS said FROM counted WHERE id = $1', [
              id,
              `x${id}`,
            ])
            expect(rows).toEqual([{ id, said: `x${id}` }])
          }),
        )
      expect(pool.stats()).toMatchObject({ lanes: 0, rides: 0 })
      expect((await pool.query('SELECT count(*)::int AS n FROM pg_prepared_statements')).rows).toEqual([
        { n: 0 },
      ])
    })

    test('transactions and their failures stay together, under contention', async () => {
      const before = (await pool.query('SELECT sum(n)::int AS sum FROM counted')).rows[0].sum
      const outcomes = await Promise.allSettled(
        Array.from({ length: 60 }, (_, index) =>
          pool.transaction(async (tx) => {
            await tx.query('UPDATE counted SET n = n + 1 WHERE id = $1', [1 + (index % 7)])
            if (index % 3 === 0) await tx.query('SELECT 1/0')
          }),
        ),
      )
      const done = outcomes.filter(({ status }) => status === 'fulfilled').length
      expect(done).toBe(40)
      expect((await pool.query('SELECT sum(n)::int AS sum FROM counted')).rows[0].sum).toBe(before + done)
    })

    test('pools that come after each other, with more connections than the pooler has, share its servers', async () => {
      for (let round = 0; round < 3; round += 1) {
        await using next = new Pool({ connectionString: bouncer.url, size: 8, overflow: 0 })
        const levels = ['read committed', 'serializable'] as const
        const seen = await Promise.all(
          Array.from({ length: 60 }, (_, n) =>
            next.transaction(
              async (tx) => {
                const { rows } = await tx.query(
                  "SELECT current_setting('transaction_isolation') AS level, $1::int AS n",
                  [n],
                )
                return rows[0]
              },
              { isolation: levels[n % 2] as 'serializable' },
            ),
          ),
        )
        expect(seen).toEqual(seen.map((_, n) => ({ level: levels[n % 2], n })))
      }
      const kept = 'SELECT count(*)::int AS n FROM pg_prepared_statements'
      for (let asked = 0; asked < 10; asked += 1) expect((await pool.query(kept)).rows).toEqual([{ n: 0 }])
    })

    test('a statement that is given up is cancelled through the pooler', async () => {
      const giveUp = new AbortController()
      const text = `SELECT pg_sleep(60) AS given_up_${mode}`
      const asleep = pool.query({ text, signal: giveUp.signal })
      await using watcher = new Pool({ connectionString: database.url, size: 1, overflow: 0 })
      const sleepers = async (): Promise<number> =>
        (
          await watcher.query(
            `SELECT count(*)::int AS n FROM pg_stat_activity WHERE query = $1 AND state = 'active' AND datname = current_database()`,
            [text],
          )
        ).rows[0].n
      await expect.poll(sleepers).toBe(1)
      giveUp.abort(new Error('enough'))
      await expect(asleep).rejects.toThrow('enough')
      await expect.poll(sleepers).toBe(0)
    })

    test('the role of the server behind it can be asked for', async () => {
      await using writing = new Pool({ connectionString: bouncer.url, targetSessionAttrs: 'read-write' })
      expect((await writing.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
      await using following = new Pool({ connectionString: bouncer.url, targetSessionAttrs: 'standby' })
      await expect(following.query('SELECT 1')).rejects.toMatchObject({ code: 'HF_CONNECT_NO_SERVER' })
    })
  },
)
