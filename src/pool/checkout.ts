import type pg from 'pg'
import { type HoldfastError } from '../core/index.ts'
import type { Connection } from './connection.ts'
import { releasedTwice } from './errors.ts'

/** A client while somebody holds it. The same object each time its connection is given out. */
export type PooledClient = pg.PoolClient & Disposable

/**
 * Arms a connection's client for one holder. Its `release` is good once: a second call, or one by an earlier
 * holder, is refused in debug mode and does nothing otherwise.
 *
 * @param giveBack is told once; a truthy argument of `release` means "do not use this connection again".
 */
export function armCheckout(
  connection: Connection,
  isDebug: boolean,
  giveBack: (destroy: Error | boolean | undefined) => void,
): PooledClient {
  connection.generation += 1
  const { generation } = connection
  let isReleased = false
  const release = (destroy?: Error | boolean): void => {
    if (isReleased || connection.generation !== generation) return refuse(isDebug, releasedTwice)
    isReleased = true
    giveBack(destroy)
  }
  return Object.assign(connection.client, { release, [Symbol.dispose]: () => release() }) as PooledClient
}

function refuse(isDebug: boolean, error: () => HoldfastError): void {
  if (isDebug) throw error()
}
