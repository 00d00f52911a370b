import { AsyncLocalStorage } from 'node:async_hooks'
import type pg from 'pg'
import { systemClock } from '../../core/index.ts'
import { requestCancel } from '../cancel.ts'
import { driverOf } from '../driver.ts'

const endings = new AsyncLocalStorage<AbortSignal>()

/**
 * Runs work that somebody may end: when `signal` aborts, what its direct connections run is cancelled on the server and they are cut, as
 * in a crash, and it opens no further ones. Everything that works on direct connections has to bear that anyway.
 */
export const endable = <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> =>
  endings.run(signal, work)

/** Runs what clears up behind such work, also when it was ended. */
export const beyondTheEnd = <T>(work: () => Promise<T>): Promise<T> => endings.exit(work)

/** @throws the reason, where the work has been ended */
export function cutWhenEnded(client: pg.Client): void {
  const signal = endings.getStore()
  if (signal === undefined) return
  signal.throwIfAborted()
  const cut = (): void => {
    // The server would go on with the statement of a connection that is gone.
    void requestCancel(client, systemClock)
      .catch(() => {}) // it cannot be reached: what it does ends without us
      .finally(() => driverOf(client).connection.stream.destroy())
  }
  signal.addEventListener('abort', cut, { once: true })
  client.once('end', () => signal.removeEventListener('abort', cut))
}
