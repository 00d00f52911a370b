import type pg from 'pg'
import type { HoldfastError } from '../core/index.ts'
import { callSiteOf } from './call-site.ts'
import type { Connection } from './connection.ts'
import { releasedTwice } from './errors.ts'
import type { Holder } from './holder.ts'

/** A client while somebody holds it. The same object each time its connection is given out. */
export type PooledClient = pg.PoolClient & Disposable

/** One holder of one connection, from the moment it got it until it gives it back. */
export class Checkout implements Holder {
  readonly connection: Connection
  readonly since: number
  readonly label: string | undefined
  readonly #trace: Error | undefined
  isReleased = false
  isReported = false
  lastText: string | undefined

  constructor(connection: Connection, since: number, label: string | undefined, trace: Error | undefined) {
    this.connection = connection
    this.since = since
    this.label = label
    this.#trace = trace
  }

  get callSite(): string | undefined {
    return this.#trace && callSiteOf(this.#trace)
  }
}

/**
 * Arms a connection's client for one holder. Its `release` is good once: a second call is refused in debug mode
 * and does nothing otherwise. The client is the same object for every holder, so this tells an earlier holder
 * apart only by the function it was given: `client.release()`, called again after the client went to somebody
 * else, is that one's release.
 *
 * @param giveBack is told once; a truthy argument of `release` means "do not use this connection again".
 */
export function armCheckout(
  checkout: Checkout,
  isDebug: boolean,
  giveBack: (checkout: Checkout, destroy: Error | boolean | undefined) => void,
): PooledClient {
  const { connection } = checkout
  const release = (destroy?: Error | boolean): void => {
    if (checkout.isReleased) return refuse(isDebug, releasedTwice)
    checkout.isReleased = true
    giveBack(checkout, destroy)
  }
  const client = connection.client as PooledClient
  client.release = release
  client[Symbol.dispose] = dispose
  return client
}

function dispose(this: PooledClient): void {
  this.release()
}

function refuse(isDebug: boolean, error: () => HoldfastError): void {
  if (isDebug) throw error()
}
