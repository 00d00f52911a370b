/** What a pool tells by itself when something goes wrong, and what a service logs of it. */
import { once } from 'node:events'
import { expect, test, vi } from 'vitest'
import { createHoldfast } from '../../src/index.ts'
import { Pool, withLabel } from '../../src/pool/index.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase('empty')

test('what goes wrong is counted and told: exhaustion, a single slow statement', async () => {
  const pool = new Pool({ connectionString: database.url, max: 1, slowQueryMs: 1 })
  const slow = once(pool, 'pool:slow-query')
  const client = await pool.connect()
  const waiting = withLabel('report', () => pool.query('SELECT pg_sleep(0.01)'))
  await vi.waitFor(() => expect(pool.stats().exhaustions).toBe(1), { timeout: 30_000 })
  client.release()
  await waiting
  expect(await slow).toMatchObject([
    { text: 'SELECT pg_sleep(0.01)', label: 'report', callSite: expect.stringContaining('pool-told') },
  ])
  const { size, overflow, idle, busy, pool_size, max_overflow, checked_in, checked_out } = pool.stats()
  expect([pool_size, max_overflow, checked_in, checked_out]).toEqual([size, overflow, idle, busy])
  await pool.end()
})

test('a service logs them by itself, with who holds what', async () => {
  const lines: string[] = []
  const config = {
    environment: 'test',
    database: { url: database.url, applicationName: 'shop', pool: { size: 1, overflow: 0, slowQueryMs: 1 } },
  } as const
  const holdfast = await createHoldfast(config, { onNotice: (text) => lines.push(text) })
  expect(holdfast.pool.options.leakThresholdMs).toBe(60_000)
  const client = await holdfast.pool.connect()
  await client.query("SELECT 'a secret of the holder'")
  const waiting = holdfast.pool.query(
    `SELECT pg_sleep(0.01), 'a secret', current_setting('application_name') AS name`,
  )
  await vi.waitFor(() => expect(lines.join('\n')).toContain('is exhausted'), { timeout: 30_000 })
  client.release()
  expect((await waiting).rows).toMatchObject([{ name: 'shop' }])
  await holdfast.close()
  expect(lines.join('\n')).toMatch(
    /The pool is exhausted, callers wait: 1 of 1\+0 connections are busy.*last statement/,
  )
  expect(lines.join('\n')).toMatch(/A statement took .*: SELECT pg_sleep\(0\.01\), '…'/)
  expect(lines.join('\n')).not.toContain('a secret')
})
