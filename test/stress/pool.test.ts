/** Careless, impatient and unlucky callers at random on a small pool. Replay with HOLDFAST_TEST_SEED. */
import { expect, test } from 'vitest'
import { Pool } from '../../src/pool/index.ts'
import { useDatabase } from '../support/database.ts'
import { randomFrom, SEED } from '../support/random.ts'

const database = useDatabase('empty')
const CALLERS = 24
const STEPS = 60

test(`no connection is lost, shared or left in a transaction (seed ${SEED})`, async () => {
  const pool = new Pool({
    connectionString: database.url,
    size: 3,
    overflow: 2,
    prePingAfterIdleMs: 0,
    overflowIdleMs: 5,
    recycleMs: 1_000,
    maxUses: 50,
  })
  const holders = new Set<unknown>()
  const problems: string[] = []
  const check = (): void => {
    const { total } = pool.stats()
    if (total > 5) problems.push(`${total} connections`)
  }

  async function hold(random: () => number, caller: number): Promise<void> {
    const client = await pool.connect()
    if (holders.has(client)) problems.push(`caller ${caller} got a client that somebody holds`)
    holders.add(client)
    let destroy = false
    try {
      const { rows } = await client.query<{ n: number; clean: boolean }>(
        "SELECT $1::int AS n, txid_current_if_assigned() IS NULL AND current_setting('transaction_read_only') = 'off' AS clean",
        [caller],
      )
      if (rows[0]?.n !== caller) problems.push(`caller ${caller} got the answer of ${rows[0]?.n}`)
      if (!rows[0]?.clean) problems.push(`caller ${caller} got a session inside a transaction`)
      const mood = random()
      if (mood < 0.2) await client.query('BEGIN; SELECT txid_current()')
      else if (mood < 0.3) await client.query('BEGIN READ ONLY')
      else if (mood < 0.4) await client.query('BEGIN; SELECT 1/0')
      else if (mood < 0.45) await client.query('SELECT pg_terminate_backend(pg_backend_pid())')
      else if (mood < 0.55) destroy = true
      else if (mood < 0.65) client.query('SELECT pg_sleep(0.002)').catch(() => {}) // released with it on its way
    } finally {
      holders.delete(client)
      client.release(destroy)
    }
  }

  async function live(index: number): Promise<void> {
    const random = randomFrom(SEED + index * 7_919)
    for (let step = 0; step < STEPS; step += 1) {
      const dice = random()
      if (dice < 0.5) await hold(random, index).catch(() => {})
      else if (dice < 0.75) {
        const { rows } = await pool
          .query('SELECT $1::int AS n', [step])
          .catch(() => ({ rows: [{ n: step }] }))
        if (rows[0].n !== step) problems.push('a query got the answer of another')
      } else if (dice < 0.85) await pool.query('SELECT nonsense').catch(() => {})
      else {
        const giveUp = new AbortController()
        const waiting = pool.connect({ signal: giveUp.signal })
        if (random() < 0.5) setImmediate(() => giveUp.abort(new Error('gave up')))
        else giveUp.abort(new Error('gave up'))
        await waiting.then(
          (client) => client.release(),
          () => {},
        )
      }
      check()
    }
  }

  await Promise.all(Array.from({ length: CALLERS }, (_, index) => live(index)))
  expect(problems).toEqual([])
  await expect.poll(() => pool.stats()).toMatchObject({ busy: 0, waiting: 0 })
  expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  await pool.end()
  expect(pool.stats()).toMatchObject({ total: 0, waiting: 0, busy: 0 })
})
