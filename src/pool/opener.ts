import type { Clock } from '../core/index.ts'
import { Connection } from './connection.ts'
import type { ResolvedPoolConfig } from './options.ts'
import { markConnectionError, markUndone } from './outcome.ts'
import { Outbox } from './wire/outbox.ts'

/** What happens to connections from their first to their last moment. */
export interface ConnectionEvents {
  /** It exists, and counts from now on; it is not connected yet. */
  began(connection: Connection): void
  /** The session is there. What listeners send now comes before everything else. */
  connected(connection: Connection): void
  /** It may be given out. */
  ready(connection: Connection): void
  /** It could not be opened; undefined when the driver refused before there was one. */
  failed(error: unknown, connection: Connection | undefined): void
  /** The socket or the session is gone. */
  lost(connection: Connection, error: Error | undefined): void
}

/** Opens connections of one pool. */
export class Opener {
  readonly #config: ResolvedPoolConfig
  readonly #clock: Clock
  readonly #events: ConnectionEvents
  readonly #outbox = new Outbox()

  constructor(config: ResolvedPoolConfig, clock: Clock, events: ConnectionEvents) {
    this.#config = config
    this.#clock = clock
    this.#events = events
  }

  open(): void {
    let connection: Connection
    try {
      connection = new Connection(this.#config, this.#clock, this.#outbox)
    } catch (error) {
      return this.#fail(error, undefined) // the driver reads certificates and URLs right away
    }
    this.#events.began(connection)
    connection.client.on('error', (error) => this.#events.lost(connection, error))
    connection.client.on('end', () => this.#events.lost(connection, undefined))
    connection.open(Math.random).then(
      () => this.#opened(connection),
      (error: unknown) => this.#fail(error, connection),
    )
  }

  #opened(connection: Connection): void {
    if (connection.state !== 'connecting') return // it was closed meanwhile
    this.#events.connected(connection)
    if (connection.isClean) return this.#events.ready(connection)
    void connection.settle().then((kept) => {
      if (connection.state !== 'connecting') return
      if (kept) this.#events.ready(connection)
      else this.#fail(new Error('the connection did not become free after its connect event'), connection)
    })
  }

  #fail(error: unknown, connection: Connection | undefined): void {
    markConnectionError(error)
    markUndone(error)
    this.#events.failed(error, connection)
  }
}
