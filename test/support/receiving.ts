import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { vi } from 'vitest'

/** A request that came in. */
export interface Received {
  readonly headers: IncomingHttpHeaders
  readonly raw: string
  readonly body: {
    event: string
    id: string
    title: string
    text: string
    alert: { id: string; rule: string; severity: string } | null
  }
}

/** Somebody who is told: a real HTTP server that answers as it is told to. */
export class Receiver {
  readonly received: Received[] = []
  /** What it answers; `hang`: nothing at all. */
  answer: number | 'hang' = 200
  /** All that were begun, those that got no good answer included. */
  attempts = 0
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(port = 0): Promise<Receiver> {
    const server = createServer((request, response) => {
      let raw = ''
      request.on('data', (chunk: Buffer) => (raw += chunk.toString()))
      request.on('end', () => {
        receiver.attempts += 1
        if (receiver.answer === 'hang') return
        if (receiver.answer < 300)
          receiver.received.push({ headers: request.headers, raw, body: JSON.parse(raw) as Received['body'] })
        response.writeHead(receiver.answer).end()
      })
    })
    const receiver = new Receiver(server)
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    return receiver
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/told`
  }

  get events(): string[] {
    return this.received.map(({ body }) => `${body.event} ${body.alert?.rule ?? ''}`.trim())
  }

  /** Resolves when so many have come. */
  async got(count: number): Promise<void> {
    await vi.waitUntil(() => this.received.length >= count, { timeout: 60_000 })
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
