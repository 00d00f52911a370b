import type { Clock } from '../core/index.ts'
import type { Connection } from './connection.ts'
import { type Interrupt, interruptible, interruptOf } from './interrupt.ts'
import type pg from 'pg'
import { type Callback, endOf, type QueryEnd } from './submittable.ts'
import type { Execution } from './tally.ts'
import { type QueryTrace, traced } from './tracing.ts'

/** What the pool does with the queries of its holders. */
export interface GateKeeper {
  /** A statement of a holder's was answered. */
  finished(text: string, execution: Execution): void
  /** Somebody uses a client that was released. Answers in its place. */
  late(connection: Connection, args: readonly unknown[]): unknown
  /** A holder sends a statement: called where it does so. */
  sends(): void
  /** Milliseconds that any statement may take. */
  readonly limitMs: number | undefined
}

/**
 * Stands in front of `client.query`: observes what holders run, keeps those out who released the client before, keeps
 * the order of statements, and ends those that are interrupted.
 */
export function gateClient(connection: Connection, clock: Clock, keeper: GateKeeper): void {
  const { client } = connection
  client.query = ((...args: unknown[]): unknown => {
    const { holder } = connection
    if (!holder && connection.state !== 'connecting') return keeper.late(connection, args)
    const text = textOf(args[0])
    if (holder) {
      holder.lastText = text
      keeper.sends()
    }
    connection.isAltered = true
    connection.heed(text)
    if (isSubmittable(args[0])) {
      submit(connection, clock, args, (execution) => keeper.finished(text, execution))
      return args[0]
    }
    const started = clock.monotonicMs()
    const finish = (result: unknown, hasFailed: boolean): void => {
      const durationMs = clock.monotonicMs() - started
      if (hasFailed) connection.noteFailure(result)
      keeper.finished(text, {
        durationMs,
        rowCount: hasFailed ? 0 : rowCountOf(result),
        hasFailed,
        label: holder?.label,
      })
    }
    const callback = args.find((arg) => typeof arg === 'function') as Callback | undefined
    const interrupted = interruptOf(args[0]) ?? poolLimit(args[0], keeper.limitMs)
    const about = (): QueryTrace => ({ text, label: holder?.label })
    if (!interrupted && !callback)
      return traced(about, () => watched(inLine(connection, args), finish)).catch(withCallersStack)
    const query = interrupted?.query ?? args[0]
    const values = Array.isArray(args[1]) ? args[1] : undefined
    const outcome = traced(about, () =>
      watched(run(connection, clock, query, values, interrupted?.interrupt), finish),
    )
    if (!callback) return outcome.catch(withCallersStack)
    // Out of the promise: what a callback throws is the application's, and not a rejection that nobody handles.
    outcome.then(
      (result) => process.nextTick(callback, null as never, result as pg.QueryResult),
      (error: unknown) => process.nextTick(callback, error as Error, undefined as never),
    )
    return undefined
  }) as typeof client.query
}

/** Runs a query object of the driver's, which is over when it says so. */
function submit(
  connection: Connection,
  clock: Clock,
  args: readonly unknown[],
  finished: (execution: Execution) => void,
): void {
  const [query, ...rest] = args as [pg.Submittable, ...unknown[]]
  const { label } = connection.holder ?? {}
  const started = clock.monotonicMs()
  const { ended, callback } = endOf(
    query,
    rest.find((one) => typeof one === 'function') as Callback | undefined,
  )
  tellSubmitted(
    () => ({ text: textOf(query), label }),
    ended,
    ({ rowCount, error }) => {
      const hasFailed = error !== undefined
      if (hasFailed) connection.noteFailure(error)
      finished({ durationMs: clock.monotonicMs() - started, rowCount, hasFailed, label })
    },
  )
  connection.line.add(() => connection.driverQuery(query, callback), false)
}

/** Tells of a query object as of any statement, once it has ended. */
export function tellSubmitted(
  about: () => QueryTrace,
  ended: Promise<QueryEnd>,
  finished: (end: QueryEnd) => void,
): void {
  const outcome = ended.then((end) => {
    finished(end)
    if (end.error !== undefined) throw end.error
  })
  void traced(about, () => outcome).catch(() => {}) // whoever submitted it is told by the object itself
}

function run(
  connection: Connection,
  clock: Clock,
  query: unknown,
  values: unknown[] | undefined,
  interrupt: Interrupt | undefined,
): Promise<unknown> {
  if (!interrupt) return inLine(connection, [query, values])
  const start = (): Promise<unknown> => connection.driverQuery(query, values) as Promise<unknown>
  return interruptible(connection, clock, start, interrupt, (task) => connection.line.add(task, true))
}

function inLine(connection: Connection, args: readonly unknown[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    connection.line.add(() => {
      try {
        resolve(connection.driverQuery(...args))
      } catch (error) {
        reject(error) // the driver refuses some arguments right away
      }
    }, false)
  })
}

function watched(
  outcome: Promise<unknown>,
  finish: (result: unknown, hasFailed: boolean) => void,
): Promise<unknown> {
  outcome.then(
    (result) => finish(result, false),
    (error: unknown) => finish(error, true),
  )
  return outcome
}

/**
 * Where the answer was read the stack is nothing but the socket's. Here, on the way to the caller's promise, it
 * leads back to whoever awaits it.
 */
export function withCallersStack(error: unknown): never {
  if (error instanceof Error) Error.captureStackTrace(error, withCallersStack)
  throw error
}

function poolLimit(query: unknown, limitMs: number | undefined): ReturnType<typeof interruptOf> {
  return limitMs ? { interrupt: { limitMs }, query: query as object } : undefined
}

function isSubmittable(query: unknown): boolean {
  return typeof (query as { submit?: unknown } | null)?.submit === 'function'
}

/** The text of a statement for people: whatever was passed, this does not throw. */
export function textOf(query: unknown): string {
  if (typeof query === 'string') return query
  // A prepared statement may be called by its name alone.
  const { text, name, cursor } = (query ?? {}) as {
    text?: unknown
    name?: unknown
    cursor?: { text?: unknown }
  }
  const found = text ?? cursor?.text ?? name
  return typeof found === 'string' ? found : ''
}

function rowCountOf(result: unknown): number {
  return (result as { rowCount?: number | null } | undefined)?.rowCount ?? 0
}
