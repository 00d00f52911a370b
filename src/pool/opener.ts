import { type Clock, SQLSTATE, sqlstateOf } from '../core/index.ts'
import { Connection } from './connection.ts'
import type { ResolvedPoolConfig } from './options.ts'
import { markConnectionError, markUndone } from './outcome.ts'
import type { ServerAddress } from './servers/server-list.ts'
import { type Server, type ServerPicture, Servers } from './servers/servers.ts'
import { type Ways, waysToConnect } from './servers/tls.ts'
import { Outbox } from './wire/outbox.ts'

/** After the server said that it has no room for another connection. */
const FULL_PAUSE_MS = 500

/** An attempt to connect that failed. */
export interface FailedAttempt {
  readonly error: unknown
  /** `host:port` */
  readonly server: string
}

/** What happens to connections from their first to their last moment. */
export interface ConnectionEvents {
  /** It exists, and counts from now on; it is not connected yet. */
  began(connection: Connection): void
  /** The session is there. What listeners send now comes before everything else. */
  connected(connection: Connection): void
  /** It may be given out. */
  ready(connection: Connection): void
  /**
   * It could not be opened; no connection when the driver refused before there was one.
   * @param refusal what whoever waits longest is told; undefined when they had better wait for another attempt.
   */
  failed(
    attempt: FailedAttempt,
    refusal: { readonly error: unknown } | undefined,
    connection?: Connection,
  ): void
  /** Its server wants it encrypted, or not: the next attempt is the other way. */
  again(connection: Connection): void
  /** The socket or the session is gone. */
  lost(connection: Connection, error: Error | undefined): void
  /** A server was given up: connections to it are not worth keeping. */
  evicted(server: Server): void
  /** Connections are in use that will come back: waiting for them makes sense. */
  othersOut(): boolean
}

/** Opens connections of one pool, to the server that is worth trying. */
export class Opener {
  /** Monotonic milliseconds before which no attempt is worth making. */
  pausedUntil = 0
  readonly #config: ResolvedPoolConfig
  readonly #clock: Clock
  readonly #events: ConnectionEvents
  readonly #outbox = new Outbox()
  readonly #servers: Servers

  /** @throws HF_OPTION_INVALID for certificates that cannot be read */
  constructor(config: ResolvedPoolConfig, clock: Clock, events: ConnectionEvents) {
    this.#config = config
    this.#clock = clock
    this.#events = events
    const { options, addresses, target } = config
    const ways = (address: ServerAddress): Ways =>
      waysToConnect(address, options.sslMode, options.sslRootCert)
    this.#servers = new Servers(addresses, ways, {
      target,
      failoverMs: options.failoverMs,
      evicted: (server) => events.evicted(server),
    })
  }

  outage(): unknown {
    return this.#servers.outage()
  }

  servers(): ServerPicture[] {
    return this.#servers.pictures()
  }

  open(): void {
    let connection: Connection
    try {
      connection = new Connection(this.#config, this.#clock, this.#outbox, this.#servers)
    } catch (error) {
      // The driver reads certificates and URLs right away.
      return this.#fail(error, this.#servers.pick(this.#clock.monotonicMs()))
    }
    this.#events.began(connection)
    connection.client.on('error', (error) => this.#events.lost(connection, error))
    connection.client.on('end', () => this.#events.lost(connection, undefined))
    connection.open(Math.random).then(
      () => this.#opened(connection),
      (error: unknown) => this.#fail(error, connection.server, connection),
    )
  }

  #opened(connection: Connection): void {
    if (connection.state !== 'connecting') return // it was closed meanwhile
    this.#servers.works(connection.server)
    this.pausedUntil = 0
    this.#events.connected(connection)
    if (connection.isClean) return this.#events.ready(connection)
    void connection.settle().then((kept) => {
      if (connection.state !== 'connecting') return
      if (kept) return this.#events.ready(connection)
      const error = new Error('the connection did not become free after its connect event')
      this.#fail(error, connection.server, connection)
    })
  }

  #fail(error: unknown, server: Server, connection?: Connection): void {
    const now = this.#clock.monotonicMs()
    if (connection && server.changesWay(connection.way, error)) return this.#events.again(connection)
    const isFull = sqlstateOf(error) === SQLSTATE.tooManyConnections && this.#events.othersOut()
    const then = isFull ? { retryAt: now + FULL_PAUSE_MS } : this.#servers.failed(server, error, now)
    const attempt = { error, server: server.name }
    if ('retryAt' in then) {
      this.pausedUntil = then.retryAt
      return this.#events.failed(attempt, undefined, connection)
    }
    markConnectionError(then.error)
    markUndone(then.error)
    this.#events.failed(attempt, then, connection)
  }
}
