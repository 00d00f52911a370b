import { type Clock, messageOf, within } from '../core/index.ts'
import type { Connection } from './connection.ts'
import type { PoolHealth } from './stats.ts'

/** Runs its argument with a connection, unless the signal aborts before there is one. */
type WithConnection = (
  signal: AbortSignal,
  work: (connection: Connection) => Promise<unknown>,
) => Promise<unknown>

/** Asks the server for one answer, within `timeoutMs` altogether. Never rejects. */
export async function askHealth(
  clock: Clock,
  timeoutMs: number,
  withConnection: WithConnection,
  outage: () => unknown,
): Promise<PoolHealth> {
  const started = clock.monotonicMs()
  const error = await probe(clock, timeoutMs, withConnection).then(
    () => undefined,
    // What stands against each server says more than that none answered in time.
    (failure: unknown) => outage() ?? failure ?? new Error('unknown failure'),
  )
  const latencyMs = clock.monotonicMs() - started
  return {
    ok: error === undefined,
    latencyMs,
    reason: error === undefined ? undefined : messageOf(error),
    error,
  }
}

async function probe(clock: Clock, timeoutMs: number, withConnection: WithConnection): Promise<void> {
  const late = (): Error => new Error(`no answer within ${timeoutMs} ms`)
  const started = clock.monotonicMs()
  const giveUp = new AbortController()
  const timer = clock.setTimer(() => giveUp.abort(late()), timeoutMs)
  try {
    await withConnection(giveUp.signal, (connection) => {
      const restMs = timeoutMs - (clock.monotonicMs() - started)
      return within(clock, restMs, connection.client.query('SELECT 1'), late).catch((error: Error) => {
        connection.isBroken = true // it may never answer: nobody else gets it
        throw error
      })
    })
  } finally {
    timer.cancel()
  }
}
