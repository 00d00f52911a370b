import type { Clock } from '../core/index.ts'
import type { Connection } from './connection.ts'
import type { Execution } from './statements.ts'
import { interruptible, interruptOf } from './interrupt.ts'

/** What the pool does with the queries of its holders. */
export interface GateKeeper {
  /** A statement of a holder's was answered. */
  finished(text: string, execution: Execution): void
  /** Somebody uses a client that was released. Answers in its place. */
  late(connection: Connection, args: readonly unknown[]): unknown
}

type Callback = (error: unknown, result: unknown) => void

/**
 * Stands in front of `client.query`: observes what holders run, keeps those out who released the client before,
 * and lets the driver begin only when nothing of ours is on its way.
 */
export function gateClient(connection: Connection, clock: Clock, keeper: GateKeeper): void {
  const { client, driverQuery } = connection
  client.query = ((...args: unknown[]): unknown => {
    if (!connection.holder && connection.state !== 'connecting') return keeper.late(connection, args)
    const text = textOf(args[0])
    if (connection.holder) connection.holder.lastText = text
    if (/^\s*(discard|deallocate)\b/i.test(text)) connection.wire?.forgetPrepared()
    const started = clock.monotonicMs()
    const label = connection.holder?.label
    const finish = (result: unknown, hasFailed: boolean): void => {
      const durationMs = clock.monotonicMs() - started
      keeper.finished(text, { durationMs, rowCount: rowCountOf(result), hasFailed, label })
    }
    watchCallback(args, finish)
    const interrupted = interruptOf(args[0])
    if (interrupted) args[0] = interrupted.query
    const mustWait = connection.wire?.pending || connection.interrupted
    const sent = mustWait ? afterwards(connection, () => driverQuery(...args)) : driverQuery(...args)
    const outcome =
      interrupted && sent instanceof Promise
        ? interruptible(connection, clock, sent, interrupted.interrupt)
        : sent
    if (outcome instanceof Promise)
      outcome.then(
        (result) => finish(result, false),
        () => finish(undefined, true),
      )
    return outcome
  }) as typeof client.query
}

/** Runs it when nothing of ours is on its way any more. */
async function afterwards(connection: Connection, run: () => unknown): Promise<unknown> {
  await connection.interrupted
  await connection.wire?.drained()
  return run()
}

/** With a callback there is no promise to watch. */
function watchCallback(args: unknown[], finish: (result: unknown, hasFailed: boolean) => void): void {
  const at = args.findLastIndex((arg) => typeof arg === 'function')
  if (at < 1) return
  const callback = args[at] as Callback
  args[at] = (error: unknown, result: unknown) => {
    finish(result, Boolean(error))
    callback(error, result)
  }
}

function textOf(query: unknown): string {
  if (typeof query === 'string') return query
  // A prepared statement may be called by its name alone.
  const { text, name } = (query ?? {}) as { text?: unknown; name?: unknown }
  return String(text ?? name ?? '')
}

function rowCountOf(result: unknown): number {
  return (result as { rowCount?: number | null } | undefined)?.rowCount ?? 0
}
