import type { QueryResult } from 'kysely'
import Cursor from 'pg-cursor'
import { cancelRunning, type PooledClient } from '../pool/index.ts'

/**
 * The rows of a query, some at a time, through a cursor. Ends with its signal, and has the server stop then; ends with
 * an error when the connection is lost, of which the cursor itself hears nothing.
 */
export async function* streamRows<R>(
  client: PooledClient,
  query: { readonly sql: string; readonly parameters: readonly unknown[] },
  chunkSize: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<QueryResult<R>> {
  const { promise: ended, reject: end } = Promise.withResolvers<never>()
  ended.catch(() => {}) // told by the race
  let isLost = false
  let cancelling: Promise<void> | undefined
  const onLost = (error?: Error): void => {
    isLost = true
    end(error ?? new Error('Connection terminated unexpectedly'))
  }
  const onAbort = (): void => {
    cancelling = cancelRunning(client).catch(() => {}) // the server is gone, or done
    end(signal?.reason)
  }
  client.once('error', onLost).once('end', onLost)
  signal?.addEventListener('abort', onAbort, { once: true })
  const cursor = client.query(new Cursor<R>(query.sql, [...query.parameters]))
  try {
    signal?.throwIfAborted()
    for (;;) {
      const rows = await Promise.race([cursor.read(chunkSize), ended])
      if (rows.length === 0) return
      yield { rows }
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    await cancelling // it must not reach what runs next
    if (!isLost) await Promise.race([cursor.close(), ended]).catch(() => {}) // what it failed with is known
    client.off('error', onLost).off('end', onLost)
  }
}
