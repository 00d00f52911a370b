import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { systemClock } from '../core/index.ts'

/** Two sockets that speak through the proxy. */
interface Pair {
  readonly client: Socket
  readonly server: Socket
  /** Deliveries on their way, oldest first, per direction. */
  readonly queues: readonly [Direction, Direction]
}

interface Direction {
  readonly to: Socket
  readonly isAnswers: boolean
  /** Monotonic milliseconds before which nothing more is delivered. */
  clearAt: number
  /** On its way, the oldest first. */
  readonly passing: Buffer[]
  held: Buffer[]
}

/**
 * A TCP proxy that breaks the network on command, for tests. Faults act on what passes from now on, in both
 * directions, and keep the order of bytes.
 *
 * @example
 * const proxy = await FaultProxy.start({ host: '127.0.0.1', port: 5432 })
 * const pool = new Pool({ connectionString: proxy.through(databaseUrl) })
 * proxy.freeze()    // half-open: the sockets stay, nothing passes
 * proxy.heal()
 * await proxy.stop()
 */
export class FaultProxy {
  readonly #target: { host: string; port: number }
  readonly #pairs = new Set<Pair>()
  #server: Server
  #port = 0
  #delayMs = 0
  #bytesPerSecond = Number.POSITIVE_INFINITY
  #frozen: 'nothing' | 'answers' | 'everything' = 'nothing'

  private constructor(target: { host: string; port: number }) {
    this.#target = target
    this.#server = createServer()
  }

  static async start(target: { host: string; port: number }): Promise<FaultProxy> {
    const proxy = new FaultProxy(target)
    await proxy.#listen()
    return proxy
  }

  get port(): number {
    return this.#port
  }

  get connectionCount(): number {
    return this.#pairs.size
  }

  /** The same URL by way of this proxy. */
  through(url: string): string {
    const parts = new URL(url)
    parts.hostname = '127.0.0.1'
    parts.port = String(this.#port)
    return parts.href
  }

  /** Everything arrives this much later. */
  delay(ms: number): void {
    this.#delayMs = ms
  }

  /** No more than this much passes in each direction of each connection. */
  throttle(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond
  }

  /**
   * Half-open: connections stay, nothing passes, nobody is told. What was sent arrives after {@link heal}.
   * @param what `answers` lets through what the clients send, and keeps what comes back.
   */
  freeze(what: 'everything' | 'answers' = 'everything'): void {
    this.#frozen = what
  }

  /** Every connection is reset now. New ones work. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
  }

  /** New connections are refused; those there are go on. */
  async refuse(): Promise<void> {
    const server = this.#server
    if (!server.listening) return
    // `close` answers only when the last connection has gone; the port is closed at once.
    server.close()
  }

  /** Ends every fault. */
  async heal(): Promise<void> {
    this.#delayMs = 0
    this.#bytesPerSecond = Number.POSITIVE_INFINITY
    this.#frozen = 'nothing'
    for (const { queues } of this.#pairs) for (const direction of queues) this.#deliverHeld(direction)
    if (!this.#server.listening) await this.#listen()
  }

  async stop(): Promise<void> {
    this.#server.close()
    this.cut()
  }

  async #listen(): Promise<void> {
    this.#server = createServer({ allowHalfOpen: false }, (client) => this.#accept(client))
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#port, '127.0.0.1', resolve)
    })
    this.#port = (this.#server.address() as AddressInfo).port
  }

  #accept(client: Socket): void {
    const server = connect(this.#target)
    const queues = [
      { to: server, isAnswers: false, clearAt: 0, passing: [], held: [] },
      { to: client, isAnswers: true, clearAt: 0, passing: [], held: [] },
    ] as const satisfies [Direction, Direction]
    const pair: Pair = { client, server, queues }
    this.#pairs.add(pair)
    for (const [from, direction, other] of [
      [client, queues[0], server],
      [server, queues[1], client],
    ] as const) {
      from.setNoDelay(true)
      from.on('data', (chunk) => this.#pass(direction, chunk))
      from.on('error', () => {}) // 'close' follows
      from.on('close', () => {
        this.#pairs.delete(pair)
        // What is on its way arrives before the end does.
        const restMs = Math.max(0, direction.clearAt - systemClock.monotonicMs())
        systemClock.setTimer(() => other.destroy(), restMs, 'background')
      })
    }
  }

  #pass(direction: Direction, chunk: Buffer): void {
    if (this.#isFrozen(direction)) return void direction.held.push(chunk)
    const now = systemClock.monotonicMs()
    const transferMs = (chunk.length / this.#bytesPerSecond) * 1_000
    const at = Math.max(direction.clearAt + transferMs, now + this.#delayMs + transferMs)
    if (at <= now) return void direction.to.write(chunk)
    direction.clearAt = at
    direction.passing.push(chunk)
    // Of two timers the later one may come first, by a fraction of a millisecond: each delivers what is next.
    systemClock.setTimer(() => {
      const next = direction.passing.shift() as Buffer
      if (this.#isFrozen(direction)) direction.held.push(next)
      else direction.to.write(next)
    }, at - now)
  }

  #isFrozen({ isAnswers }: Direction): boolean {
    return this.#frozen === 'everything' || (this.#frozen === 'answers' && isAnswers)
  }

  #deliverHeld(direction: Direction): void {
    for (const chunk of direction.held) direction.to.write(chunk)
    direction.held = []
  }
}
