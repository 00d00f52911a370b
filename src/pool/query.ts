import type pg from 'pg'
import type { Connection } from './connection.ts'
import { prepareValue } from './driver.ts'
import { currentLabel } from './label.ts'
import type { WalPosition } from './replicas/wal-position.ts'
import type { Statement, Statements } from './statements.ts'
import type { Waiter } from './waiter.ts'
import type { StatementCall } from './wire/exchange.ts'
import type { WireValue } from './wire/outbox.ts'
import type { TypeParsers } from './wire/row-shape.ts'

/** What callers may put into a query object; the driver knows more, and runs what has more. */
const OUR_KEYS = new Set(['text', 'values', 'name', 'rowMode', 'types', 'intent', 'after'])

/** A query object: the driver's, and what may end it before its time. */
export type PoolQueryConfig = pg.QueryConfig & {
  /** `read`: a replica may answer it. */
  readonly intent?: 'read' | undefined
  /** With `intent`: what the reader must see, from `pool.position()`. */
  readonly after?: WalPosition | undefined
  /** Rejects with its reason as soon as it aborts; the statement is cancelled on the server. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds that the statement may run; then it is cancelled on the server. */
  readonly query_timeout?: number | undefined
}

/** Who has a query right now, and can be told that its caller waits no longer. */
export interface Carrier {
  giveUp(query: PoolQuery): void
}

/** What runs a {@link PoolQuery} once it has a connection of its own. */
export interface QueryRunner {
  runOn(connection: Connection, query: PoolQuery): void
}

/** One call of `pool.query` that goes over the wire: it waits, rides a lane, or has a connection of its own. */
export class PoolQuery implements StatementCall, Waiter {
  readonly purpose = 'busy'
  place = -1
  readonly statement: Statement
  readonly values: readonly WireValue[]
  readonly isArrayMode: boolean
  readonly types: TypeParsers | undefined
  /** The caller gave it a name, so it wants it prepared. */
  readonly hasName: boolean
  isNamed = false
  /** A BEGIN that goes ahead of it. */
  begin: string | undefined
  /** The BEGIN with which its transaction can begin anew. */
  restart: string | undefined
  /** The server may keep that under a name. */
  isBeginNamed = false
  carrier: Carrier | undefined
  /** What the caller named its work. */
  readonly label = currentLabel()
  comment: string | undefined
  /** Where its caller is, for `echo`. */
  context: (<T>(run: () => T) => T) | undefined
  /** Nothing was on its way when it was sent: its answer tells the round trip. */
  wasFirst = true
  readonly since: number
  readonly deadline: number
  /** Its caller has an answer, perhaps that it took too long. */
  isSettled = false
  onSettled: (() => void) | undefined
  readonly #resolve: (result: pg.QueryResult) => void
  readonly #reject: (error: unknown) => void
  readonly #runner: QueryRunner

  constructor(
    wanted: Wanted,
    times: { since: number; deadline: number },
    runner: QueryRunner,
    resolve: (result: pg.QueryResult) => void,
    reject: (error: unknown) => void,
  ) {
    this.statement = wanted.statement
    this.values = wanted.values
    this.isArrayMode = wanted.isArrayMode
    this.types = wanted.types
    this.hasName = wanted.hasName
    this.since = times.since
    this.deadline = times.deadline
    this.#runner = runner
    this.#resolve = resolve
    this.#reject = reject
  }

  resolve(result: pg.QueryResult): void {
    this.#settled()
    this.#resolve(result)
  }

  reject(error: unknown): void {
    this.#settled()
    this.#reject(error)
  }

  get text(): string {
    return this.statement.text
  }

  get isControl(): boolean {
    return this.statement.scan.isControl
  }

  serve(connection: Connection): void {
    this.#runner.runOn(connection, this)
  }

  refuse(error: unknown): void {
    this.reject(error)
  }

  #settled(): void {
    this.isSettled = true
    this.onSettled?.()
  }
}

/** A query as it was asked for, ready for the wire. */
export interface Wanted {
  readonly statement: Statement
  readonly values: readonly WireValue[]
  readonly isArrayMode: boolean
  readonly types: TypeParsers | undefined
  readonly hasName: boolean
}

const NO_VALUES: readonly WireValue[] = []

/**
 * Reads the arguments of `query`. Undefined when they ask for something that only the driver does: several
 * statements in one text, a cursor, a binary result, a per-call option.
 *
 * @throws what a value's own serialiser throws.
 */
export function readQuery(
  query: string | pg.QueryConfig,
  values: readonly unknown[] | undefined,
  statements: Statements,
): Wanted | undefined {
  if (typeof query === 'string') return readText(statements, query, values, undefined)
  if (typeof query !== 'object' || query === null) return undefined
  const { name } = query
  const text = query.text ?? (typeof name === 'string' ? statements.textNamed(name) : undefined)
  if (typeof text !== 'string') return undefined
  for (const key in query) {
    if (OUR_KEYS.has(key)) continue
    if ((query as unknown as Record<string, unknown>)[key] !== undefined) return undefined
  }
  if (typeof name === 'string') statements.name(name, text)
  return readText(statements, text, values ?? query.values, query)
}

function readText(
  statements: Statements,
  text: string,
  values: readonly unknown[] | undefined,
  config: (pg.QueryConfig & { rowMode?: string }) | undefined,
): Wanted | undefined {
  if (values !== undefined && values !== null && !Array.isArray(values)) return undefined
  const statement = statements.of(text)
  const { isPlain, isControl, hasParameters } = statement.scan
  // Parameters without values are a mistake that the server explains best the driver's way.
  if ((!isPlain && !isControl) || (hasParameters && !values?.length)) return undefined
  return {
    statement,
    values: values?.length ? wireValues(values) : NO_VALUES,
    isArrayMode: config?.rowMode === 'array',
    types: config?.types as TypeParsers | undefined,
    hasName: Boolean(config?.name),
  }
}

function wireValues(values: readonly unknown[]): WireValue[] {
  const ready: WireValue[] = []
  for (const value of values) {
    if (typeof value === 'string') ready.push(value)
    else if (typeof value === 'number') ready.push(String(value))
    else ready.push(prepareValue(value) ?? null) // a toJSON may give undefined, which is NULL, too
  }
  return ready
}
