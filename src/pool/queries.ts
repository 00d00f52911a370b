import type pg from 'pg'
import type { Clock } from '../core/index.ts'
import type { Allocator } from './allocator.ts'
import { traceAbove } from './call-site.ts'
import { Comments } from './comments.ts'
import type { Connection } from './connection.ts'
import { queueFull, type PoolPicture } from './errors.ts'
import { type Interrupt, interrupt, interruptible, interruptOf, queryTimeout } from './interrupt.ts'
import { tellSubmitted, textOf, withCallersStack } from './gate.ts'
import { currentLabel } from './label.ts'
import type { Lanes } from './lanes/lanes.ts'
import type { PoolOptions, ResolvedPoolConfig } from './options.ts'
import { type Carrier, PoolQuery, type QueryRunner, readQuery } from './query.ts'
import type { Recorder } from './recorder.ts'
import { type Callback, endOf, failSubmittable, type QueryEnd } from './submittable.ts'
import { traced } from './tracing.ts'
import type { RunHeld } from './transaction.ts'
import { deadlineFrom, type Waiter } from './waiter.ts'
import type { Exchange } from './wire/exchange.ts'

/** A text without parameters is kept prepared from its third call on: the first two may be all there are. */
const PREPARED_FROM_CALLS = 2
/** Larger statements (rows inserted by the hundred) cost the server more memory than their planning is worth. */
const LONGEST_PREPARED = 4_096
const MOST_PARAMETERS = 100

/** What `Queries` needs of the pool around it. */
export interface QueriesPort {
  readonly allocator: Allocator
  readonly lanes: Lanes
  readonly recorder: Recorder
  /** The caller is inside a transaction on a connection that it holds. */
  isHolding(): boolean
  picture(): PoolPicture
}

/**
 * Runs `pool.query`. Three ways, from the fastest to the most general: on a lane, together with other callers'
 * statements; over the wire on a connection of its own; through the driver.
 *
 * A statement rides once it is known to be quick, and as soon as two run at the same time: a lone caller needs no
 * lane. What was never seen goes alone first.
 */
export class Queries implements QueryRunner, Carrier {
  readonly #options: PoolOptions
  /** Milliseconds that any statement may take, from asking for it to its answer. */
  readonly #limitMs: number | undefined
  /** Undefined: nobody wants any. */
  readonly #comments: Comments | undefined
  readonly #clock: Clock
  readonly #port: QueriesPort
  /** Statements on connections of their own. */
  #alone = 0

  constructor({ options, client, tags }: ResolvedPoolConfig, clock: Clock, port: QueriesPort) {
    this.#options = options
    if (tags || options.tagLabels) this.#comments = new Comments(tags ?? {}, options.tagLabels)
    this.#limitMs = client.query_timeout
    this.#clock = clock
    this.#port = port
  }

  /** @param above the public function that was called: its caller is the call site. */
  run(
    query: string | pg.QueryConfig,
    values: unknown[] | undefined,
    above: (...args: never[]) => unknown,
  ): Promise<pg.QueryResult> {
    return new Promise<pg.QueryResult>((resolve, reject) => {
      const wanted =
        this.#options.pipelining === 'off'
          ? undefined
          : readQuery(query, values, this.#port.recorder.statements)
      if (!wanted) return this.#runByDriver(query, values, resolve, reject)
      const since = this.#clock.monotonicMs()
      const times = { since, deadline: deadlineFrom(since, this.#options.acquireTimeoutMs) }
      wanted.statement.noteCallSite(since, () => traceAbove(above))
      const asked = new PoolQuery(wanted, times, this, resolve, reject)
      asked.comment = this.#comments?.of(asked.label)
      asked.context = this.#port.recorder.context()
      if (this.#limitMs) this.#limit(asked, this.#limitMs)
      this.#route(asked)
    }).catch(withCallersStack)
  }

  /** Gives a query object of the driver's a connection of its own, for as long as it lives. */
  submit<Query extends pg.Submittable>(query: Query, callback: Callback | undefined): Query {
    const since = this.#clock.monotonicMs()
    const label = currentLabel()
    const refuse = (error: unknown): void => process.nextTick(failSubmittable, query, callback, error)
    try {
      this.#port.allocator.acquire({
        place: -1,
        purpose: 'busy',
        since,
        deadline: deadlineFrom(since, this.#options.acquireTimeoutMs),
        refuse,
        serve: (connection) => {
          this.#alone += 1
          connection.statementText = textOf(query)
          const over = endOf(query, callback)
          this.#tellOf(query, over.ended, since, label)
          connection.driverQuery(query, over.callback)
          const quiet = over.ended.then(() => connection.quiet())
          void quiet.catch(() => {}).finally(() => this.#release(connection)) // a lost connection is the gate's
        },
      })
    } catch (error) {
      refuse(error)
    }
    return query
  }

  #tellOf(query: pg.Submittable, ended: Promise<QueryEnd>, since: number, label: string | undefined): void {
    const { recorder } = this.#port
    const text = textOf(query)
    tellSubmitted(
      () => ({ text, label }),
      ended,
      ({ rowCount, error }) => {
        const durationMs = this.#clock.monotonicMs() - since
        recorder.record(recorder.statements.of(text), {
          durationMs,
          rowCount,
          hasFailed: error !== undefined,
          label,
        })
      },
    )
  }

  /** Runs one statement of somebody who holds the connection, with a BEGIN ahead of it if that is wanted. */
  readonly runHeld: RunHeld = (connection, query, values, how = {}) => {
    const { wire, holder, line } = connection
    if (!wire || this.#limitMs || !connection.driver.readyForQuery) return undefined
    if (!line.isEmpty || connection.interrupted) return undefined // it would overtake what stands there
    const wanted = readQuery(query, values, this.#port.recorder.statements)
    if (!wanted) return undefined
    const { text, scan } = wanted.statement
    if (holder) holder.lastText = text
    const { begin, restart } = how
    const run = (): Promise<pg.QueryResult> =>
      new Promise<pg.QueryResult>((resolve, reject) => {
        const times = { since: this.#clock.monotonicMs(), deadline: Number.POSITIVE_INFINITY }
        const held = new PoolQuery(wanted, times, this, resolve, reject)
        held.begin = begin
        held.isBeginNamed = connection.isDirect && this.#options.prepare
        held.comment = this.#comments?.of(held.label)
        held.context = this.#port.recorder.context()
        // Behind whatever may have changed what names mean, nothing is run as it was understood before.
        if (scan.isPlain && !scan.mayShare) connection.isAltered = true
        const isFit = scan.isPlain && (held.hasName || !connection.isAltered)
        held.isNamed = isFit && this.#isWorthPreparingOn(connection, held)
        if (!connection.isAltered) held.restart = restart
        if (!scan.isQuiet) connection.isAltered = true
        wire.send(held, (exchange) => this.settle(held, exchange, wire.heardAt))
      })
    return traced(() => ({ text, label: holder?.label }), run).catch(withCallersStack)
  }

  /** Runs it on a connection of its own; for what must not, or cannot, ride. */
  runAlone(query: PoolQuery): void {
    query.carrier = this
    try {
      this.#port.allocator.acquire(query)
    } catch (error) {
      query.reject(error)
    }
  }

  /** The caller of a statement that waits for a connection waits no longer. */
  giveUp(query: PoolQuery): void {
    this.#port.allocator.abandon(query)
  }

  runOn(connection: Connection, query: PoolQuery): void {
    const { wire } = connection
    this.#alone += 1
    connection.statementText = query.text
    if (!wire) return this.#runThroughDriver(connection, query)
    query.isNamed = this.#isWorthPreparingOn(connection, query)
    query.carrier = { giveUp: () => interrupt(connection, this.#clock, wire.drained()) }
    wire.send(query, (exchange) => {
      const elapsedMs = wire.workedMs
      const { roundTrip } = this.#port.lanes
      roundTrip.sample(elapsedMs)
      const serviceMs = Math.max(0, elapsedMs - roundTrip.leastMs)
      query.statement.learn(serviceMs)
      query.statement.plans.note(exchange.run, serviceMs)
      this.#release(connection)
      this.settle(query, exchange, wire.heardAt)
    })
  }

  settle(query: PoolQuery, exchange: Exchange, at: number): void {
    const { error } = exchange
    const result = exchange.result()
    const execution = {
      durationMs: at - query.since,
      rowCount: result.rowCount ?? 0,
      hasFailed: error !== undefined,
      label: query.label,
    }
    this.#port.recorder.record(query.statement, execution, query.context)
    if (error) query.reject(error)
    else query.resolve(result as unknown as pg.QueryResult)
  }

  /** The driver runs what it alone can: several statements in one text, binary results, what may be interrupted. */
  #runByDriver(
    given: unknown,
    values: unknown,
    resolve: (result: pg.QueryResult) => void,
    reject: (error: unknown) => void,
  ): void {
    const interrupted = interruptOf(given)
    const query = interrupted?.query ?? given
    const how: Interrupt = interrupted?.interrupt ?? { limitMs: this.#limitMs }
    const { signal } = how
    if (signal?.aborted) return reject(signal.reason)
    const { allocator } = this.#port
    const since = this.#clock.monotonicMs()
    const onAbort = (): void => {
      if (allocator.abandon(waiter)) reject(signal?.reason)
    }
    const waiter: Waiter = {
      place: -1,
      purpose: 'busy',
      label: currentLabel(),
      text: textOf(query),
      since,
      deadline: deadlineFrom(since, this.#options.acquireTimeoutMs),
      refuse: (error) => {
        signal?.removeEventListener('abort', onAbort)
        reject(error)
      },
      serve: (connection) => {
        signal?.removeEventListener('abort', onAbort)
        this.#alone += 1
        connection.statementText = textOf(query)
        connection.heed(connection.statementText)
        const start = (): Promise<pg.QueryResult> =>
          connection.driverQuery(query, values) as Promise<pg.QueryResult>
        const outcome = interruptible(connection, this.#clock, start, how, (begin) => begin())
        this.#watch(connection, since, outcome)
        resolve(outcome as never)
      },
    }
    allocator.acquire(waiter)
    if (waiter.place >= 0) signal?.addEventListener('abort', onAbort, { once: true })
  }

  #runThroughDriver(connection: Connection, query: PoolQuery): void {
    const { text, values, types } = query
    const outcome = connection.driverQuery({
      text,
      values,
      types,
      rowMode: query.isArrayMode ? 'array' : undefined,
    }) as Promise<pg.QueryResult>
    this.#watch(connection, query.since, outcome)
    query.resolve(outcome as never)
  }

  #watch(connection: Connection, since: number, outcome: Promise<pg.QueryResult>): void {
    const { recorder } = this.#port
    const statement = recorder.statements.of(connection.statementText ?? '')
    const label = currentLabel()
    const finish = (rowCount: number, hasFailed: boolean): void => {
      const durationMs = this.#clock.monotonicMs() - since
      this.#release(connection)
      recorder.record(statement, { durationMs, rowCount, hasFailed, label })
    }
    outcome.then(
      (result) => finish(result.rowCount ?? 0, false),
      (error: unknown) => {
        connection.noteFailure(error)
        finish(0, true)
      },
    )
  }

  #release(connection: Connection): void {
    this.#alone -= 1
    connection.statementText = undefined
    this.#port.allocator.giveBack(connection)
  }

  #route(query: PoolQuery): void {
    const { lanes } = this.#port
    if (!this.#mayRide(query)) return this.runAlone(query)
    const isBusy = lanes.count > 0 || this.#alone >= 1
    if (!isBusy) return this.runAlone(query)
    if (lanes.waiting >= this.#options.maxWaiting)
      return query.reject(queueFull(this.#options.maxWaiting, this.#port.picture()))
    query.isNamed = this.#isWorthPreparing(query)
    lanes.ride(query)
    if (query.place >= 0) this.#port.allocator.expect(query.deadline)
  }

  #limit(query: PoolQuery, limitMs: number): void {
    // One for each statement, and only for who asks for it.
    const timer = this.#clock.setTimer(() => {
      if (query.isSettled) return
      query.reject(queryTimeout())
      query.carrier?.giveUp(query)
    }, limitMs)
    query.onSettled = () => timer.cancel()
  }

  #mayRide({ statement }: PoolQuery): boolean {
    const { lanes, allocator } = this.#port
    return (
      statement.scan.mayShare &&
      statement.serviceMs !== undefined &&
      statement.serviceMs <= this.#options.slowStatementMs &&
      !lanes.isBarred &&
      !allocator.isEnding &&
      !this.#port.isHolding()
    )
  }

  /** Behind a pooler only what the caller named itself: it knows what its pooler can do. */
  #isWorthPreparingOn({ isDirect }: Connection, query: PoolQuery): boolean {
    return isDirect ? this.#isWorthPreparing(query) : this.#options.prepare && query.hasName
  }

  #isWorthPreparing({ statement, values, hasName }: PoolQuery): boolean {
    if (!this.#options.prepare) return false
    if (hasName) return true
    if (statement.plans.wantsCustomPlan && this.#options.planCacheMode === 'auto') return false
    if (statement.text.length > LONGEST_PREPARED || values.length > MOST_PARAMETERS) return false
    return values.length > 0 || statement.tally.calls >= PREPARED_FROM_CALLS
  }
}
