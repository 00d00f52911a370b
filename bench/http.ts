/**
 * A Fastify route that runs one query, on our pool and on pg.Pool, 64 connections: `npm run bench:http` writes
 * bench/results/http.json. Each service is a process of its own; the load comes from this one, over plain sockets, so
 * that it takes as little of the machine as it can.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import pg from 'pg'
import { startTestServer } from '../src/testing/index.ts'
import { interleave, machine, ratios, spread } from './measure.ts'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7)
const ROUND_MS = Number(process.env.BENCH_ROUND_MS ?? 2_000)
const CONNECTIONS = 64

/** A service in a process of its own, and its port. */
async function start(
  kind: 'holdfast' | 'pg.Pool',
  url: string,
): Promise<{ port: number; stop(): Promise<void> }> {
  const service = fork(new URL('http-service.ts', import.meta.url), [kind, url], { stdio: 'inherit' })
  const [port] = (await once(service, 'message')) as [number]
  return {
    port,
    async stop() {
      const gone = once(service, 'exit')
      service.disconnect()
      await gone
    },
  }
}

/** One keep-alive connection that asks again as soon as it is answered, until `end`. */
async function ask(socket: Socket, end: number, latencies: number[]): Promise<void> {
  let since = 0
  let received = ''
  const send = (): void => {
    since = performance.now()
    const id = 1 + Math.floor(Math.random() * 10_000)
    socket.write(`GET /items/${id} HTTP/1.1\r\nHost: bench\r\n\r\n`)
  }
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      const bodyAt = received.indexOf('\r\n\r\n') + 4
      if (bodyAt < 4) return
      const length = Number(/content-length: (\d+)/i.exec(received)?.[1])
      if (received.length < bodyAt + length) return
      if (!received.startsWith('HTTP/1.1 200')) return reject(new Error(received))
      received = ''
      latencies.push(performance.now() - since)
      if (performance.now() < end) send()
      else resolve()
    })
    send()
  })
}

/** Requests per second; `percentiles` gets the 95th and the 99th of this round, in milliseconds. */
async function load(port: number, percentiles: { p95: number[]; p99: number[] }): Promise<number> {
  const sockets = Array.from({ length: CONNECTIONS }, () => connect(port, '127.0.0.1').setNoDelay(true))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const latencies: number[] = []
  const began = performance.now()
  await Promise.all(sockets.map((socket) => ask(socket, began + ROUND_MS, latencies)))
  const elapsedMs = performance.now() - began
  for (const socket of sockets) socket.destroy()
  const sorted = latencies.toSorted((a, b) => a - b)
  percentiles.p95.push(sorted[Math.floor(sorted.length * 0.95)] as number)
  percentiles.p99.push(sorted[Math.floor(sorted.length * 0.99)] as number)
  return (latencies.length / elapsedMs) * 1_000
}

const server = await startTestServer()
const client = new pg.Client(server.url)
await client.connect()
await client.query(`CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL, price numeric NOT NULL);
  INSERT INTO items SELECT id, 'item ' || id, id * 1.5 FROM generate_series(1, 10000) AS id; ANALYZE items`)
await client.end()

const services = {
  holdfast: await start('holdfast', server.url),
  'pg.Pool': await start('pg.Pool', server.url),
}
const percentiles = { holdfast: { p95: [], p99: [] }, 'pg.Pool': { p95: [], p99: [] } } as Record<
  keyof typeof services,
  { p95: number[]; p99: number[] }
>
for (const { port } of Object.values(services)) await load(port, { p95: [], p99: [] })
const rates = await interleave(ROUNDS, {
  holdfast: () => load(services.holdfast.port, percentiles.holdfast),
  'pg.Pool': () => load(services['pg.Pool'].port, percentiles['pg.Pool']),
})
const result = {
  machine: machine(),
  what: `GET of one row as JSON, Fastify, ${CONNECTIONS} connections; service, load and PostgreSQL share the cores`,
  rounds: ROUNDS,
  'requests/s': { holdfast: spread(rates.holdfast), 'pg.Pool': spread(rates['pg.Pool']) },
  ratio: ratios(rates.holdfast, rates['pg.Pool']),
  'p95, ms': { holdfast: spread(percentiles.holdfast.p95), 'pg.Pool': spread(percentiles['pg.Pool'].p95) },
  'p99, ms': { holdfast: spread(percentiles.holdfast.p99), 'pg.Pool': spread(percentiles['pg.Pool'].p99) },
}
for (const service of Object.values(services)) await service.stop()
await server.stop()
mkdirSync(new URL('results/', import.meta.url), { recursive: true })
writeFileSync(new URL('results/http.json', import.meta.url), `${JSON.stringify(result, null, 2)}\n`)
console.log(JSON.stringify(result, null, 2))
