import type pg from 'pg'
import { type HoldfastError } from '../core/index.ts'
import type { Connection } from './connection.ts'
import { releasedTwice } from './errors.ts'

/** A client while somebody holds it. The same object each time its connection is given out. */
export type PooledClient = pg.PoolClient & Disposable

/**
 * Arms a connection's client for one holder. Its `release` is good once: a second call is refused in debug mode
 * and does nothing otherwise. The client is the same object for every holder, so this tells an earlier holder
 * apart only by the function it was given: `client.release()`, called again after the client went to somebody
 * else, is that one's release.
 *
 * @param giveBack is told once; a truthy argument of `release` means "do not use this connection again".
 */
export function armCheckout(
  connection: Connection,
  isDebug: boolean,
  giveBack: (destroy: Error | boolean | undefined) => void,
): PooledClient {
  let isReleased = false
  const release = (destroy?: Error | boolean): void => {
    if (isReleased) return refuse(isDebug, releasedTwice)
    isReleased = true
    giveBack(destroy)
  }
  return Object.assign(connection.client, { release, [Symbol.dispose]: () => release() }) as PooledClient
}

function refuse(isDebug: boolean, error: () => HoldfastError): void {
  if (isDebug) throw error()
}
