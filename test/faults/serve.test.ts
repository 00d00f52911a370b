/** A running service whose database is killed, frozen and cut off. */
import { once } from 'node:events'
import Fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Admin } from '../../src/admin/index.ts'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { FaultProxy } from '../../src/testing/index.ts'
import { startServer } from '../support/servers.ts'

let server: EmbeddedServer
let proxy: FaultProxy

beforeAll(async () => {
  server = await startServer()
  proxy = await FaultProxy.start({ host: '127.0.0.1', port: server.port })
})

afterAll(async () => {
  await proxy.stop()
  await server.stop()
})

interface Answer {
  status: number
  body: { status: string; code: string | null; reason: string | null }
}

async function withService(
  url: string,
  work: (ready: () => Promise<Answer>, pool: Pool) => Promise<void>,
): Promise<void> {
  // Writable and without our schema it would never be ready: this is about the connection.
  const pool = new Pool({
    connectionString: url,
    size: 4,
    overflow: 4,
    cleanupTimeoutMs: 1_000,
    options: '-c default_transaction_read_only=on',
  })
  const app = Fastify()
  await app.register(new Admin({ pool }).plugin)
  const ready = async (): Promise<Answer> => {
    const response = await app.inject({ url: '/readyz' })
    return { status: response.statusCode, body: response.json() }
  }
  try {
    await work(ready, pool)
  } finally {
    await app.close()
    await pool.end({ timeoutMs: 0 })
    expect(pool.stats()).toMatchObject({ total: 0, waiting: 0 })
  }
}

/** Queries without pause; resolves to what became of them. */
function load(pool: Pool): { stop(): Promise<{ answered: number; failed: number }> } {
  const count = { answered: 0, failed: 0 }
  const stopping = new AbortController()
  const callers = Array.from({ length: 8 }, async () => {
    while (!stopping.signal.aborted) {
      await pool.query('SELECT 1').then(
        () => (count.answered += 1),
        () => (count.failed += 1),
      )
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
    }
  })
  return {
    async stop() {
      stopping.abort()
      await Promise.all(callers)
      return count
    },
  }
}

/** By itself, and without anybody who asks for it. */
async function expectBack(ready: () => Promise<Answer>): Promise<void> {
  await expect.poll(async () => (await ready()).status, { interval: 50 }).toBe(200)
}

describe('PostgreSQL under a running service', () => {
  test('killed under load and started again: 503 with the reason, then 200 by itself, nothing leaks', async () => {
    await withService(server.url, async (ready, pool) => {
      await expectBack(ready)
      const traffic = load(pool)
      const restarted = once(server, 'server:restarted')
      const crashed = once(server, 'server:crashed')
      process.kill(server.pid, 'SIGKILL')
      await crashed
      // The server starts again within a tenth of a second: whether /readyz sees it down is decided below, where it stays down.
      await restarted
      await expectBack(ready)
      const { answered, failed } = await traffic.stop()
      expect(answered).toBeGreaterThan(0)
      expect(failed).toBeGreaterThan(0)
      await expect.poll(() => pool.stats().busy).toBe(0)
      expect(pool.stats().total).toBeLessThanOrEqual(8)
    })
  })

  test('stopped for a while: 503 with a code and the reason as long as it lasts', async () => {
    await withService(proxy.through(server.url), async (ready) => {
      await expectBack(ready)
      await proxy.refuse()
      proxy.cut()
      await expect
        .poll(async () => (await ready()).body)
        .toMatchObject({
          status: 'not ready',
          code: 'HF_CONNECT_REFUSED',
          reason: 'The database server does not run.',
        })
      expect((await ready()).status).toBe(503)
      await proxy.heal()
      await expectBack(ready)
    })
  })

  test('frozen with its sockets open: 503 within the probe deadline, and back by itself', async () => {
    await withService(server.url, async (ready, pool) => {
      await expectBack(ready)
      // The server, and every session that is open: each would answer by itself.
      const { rows } = await pool.query<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'",
      )
      const frozen = [server.pid, ...rows.map(({ pid }) => pid)]
      try {
        for (const pid of frozen) process.kill(pid, 'SIGSTOP')
        expect(await ready()).toMatchObject({
          status: 503,
          body: { code: 'HF_CONNECT_TIMEOUT', reason: 'The database does not answer.' },
        })
      } finally {
        for (const pid of frozen) process.kill(pid, 'SIGCONT')
      }
      await expectBack(ready)
    })
  })

  test('half-open network: the dead connection is found and replaced', async () => {
    await withService(proxy.through(server.url), async (ready, pool) => {
      await pool.query('SELECT 1')
      proxy.freeze()
      expect((await ready()).status).toBe(503)
      await proxy.heal()
      await expectBack(ready)
      await expect.poll(() => pool.query('SELECT 1').catch(() => undefined)).toBeDefined()
    })
  })

  test('a pool that is used up is said to be that, and not taken for a server that is gone', async () => {
    await withService(server.url, async (ready, pool) => {
      const held = await Promise.all(Array.from({ length: 8 }, () => pool.connect()))
      const waiting = pool.query('SELECT 1')
      expect(await ready()).toMatchObject({
        status: 503,
        body: {
          code: 'HF_POOL_ACQUIRE_TIMEOUT',
          reason: expect.stringContaining('8 of 8 are in use, 1 callers wait'),
        },
      })
      for (const client of held) client.release()
      await waiting
      await expectBack(ready)
    })
  })

  test('every session terminated under load: callers get errors, the pool heals', async () => {
    await withService(server.url, async (ready, pool) => {
      const traffic = load(pool)
      const other = new Pool({ connectionString: server.url })
      for (let round = 0; round < 5; round += 1) {
        await other.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = $1',
          ['client backend'],
        )
      }
      await other.end()
      const { answered } = await traffic.stop()
      expect(answered).toBeGreaterThan(0)
      await expectBack(ready)
      await expect.poll(() => pool.stats()).toMatchObject({ busy: 0, waiting: 0 })
    })
  })
})
