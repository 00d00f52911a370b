import type pg from 'pg'
import { type Clock, isHoldfastError, sqlstateOf } from '../core/index.ts'
import { cancelUntilEnded } from './cancel.ts'
import type { PooledClient } from './checkout.ts'
import type { Connection } from './connection.ts'
import type { Holder } from './holder.ts'
import { commitUnknown, isolationInvalid, transactionAborted, transactionOver } from './errors.ts'
import { isConnectionError, markUndone } from './outcome.ts'
import type { WalPosition } from './replicas/wal-position.ts'

/** How a transaction runs. */
export interface TransactionOptions {
  /** Default: the pool's option `isolation`; without it the session's, which is `read committed` unless somebody changed it. */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable' | undefined
  /** True: it may run on a replica, if the pool has any. False asks for writing where the session's default is not to. */
  readonly readOnly?: boolean
  /** With `readOnly`: what it must see, from `pool.position()`. */
  readonly after?: WalPosition | undefined
  /** With `serializable` and `readOnly`: waits for a snapshot that cannot fail, then runs without overhead. */
  readonly deferrable?: boolean
  /**
   * Who acts: `holdfast.actor` for the transaction, where triggers and the audit trail read it. An object is kept as
   * JSON.
   */
  readonly actor?: string | Readonly<Record<string, unknown>> | undefined
  /** Settings of the session for the time of the transaction, as `{ 'app.tenant_id': id }`: `set_config` with bound values. */
  readonly settings?: Readonly<Record<string, string>> | undefined
  /** Ends the wait for a connection, cancels the statement that runs, and rolls back. */
  readonly signal?: AbortSignal | undefined
}

/** Runs one statement of a held connection over the wire; undefined when the driver must, or its turn is not yet. */
export type RunHeld = (
  connection: Connection,
  query: string | pg.QueryConfig,
  values: unknown[] | undefined,
  how?: {
    /** A BEGIN that goes ahead of it. */
    readonly begin?: string
    /** The BEGIN with which the transaction can begin anew, while it has only looked. */
    readonly restart?: string | undefined
  },
) => Promise<pg.QueryResult> | undefined

/**
 * fresh -> beginning -> open -> over.
 *
 * Nothing is sent before the first statement. That one carries the BEGIN, under one Sync: when BEGIN fails the
 * server skips it. Until its answer is there the others wait, since each has a Sync of its own and would otherwise
 * commit by itself. Once over, every statement is refused.
 */
type State = 'fresh' | 'beginning' | 'open' | 'over'

/** A transaction while its function runs. */
export class Transaction {
  readonly #connection: Connection
  readonly #holder: Holder
  readonly #runHeld: RunHeld
  readonly #begin: string
  /** Another beginning would see the same: each statement sees what is there when it begins, anyway. */
  readonly #mayRestart: boolean
  #state: State = 'fresh'
  /** Settles when BEGIN is answered, however. */
  #beginning: Promise<void> = Promise.resolve()
  /** Statements that wait for it, in their order. */
  readonly #afterBegin: (() => void)[] = []
  /** Why every further statement is refused: BEGIN failed, or the caller gave up. */
  #refusal: unknown
  #firstError: unknown
  #cancelling: Promise<void> | undefined
  #savepoints = 0

  constructor(connection: Connection, holder: Holder, runHeld: RunHeld, options: TransactionOptions) {
    this.#connection = connection
    this.#holder = holder
    this.#runHeld = runHeld
    this.#begin = beginStatement(options)
    this.#mayRestart = (options.isolation ?? connection.isolation) === 'read committed'
  }

  /** The driver's client of this transaction, for cursors, COPY and libraries; BEGIN is sent before it is given. */
  async client(): Promise<PooledClient> {
    this.#assertGoesOn()
    await new Promise<void>((resolve) => {
      if (this.#state === 'fresh') this.#beginThroughDriver()
      if (this.#state === 'beginning') this.#afterBegin.push(resolve)
      else resolve()
    })
    this.#assertGoesOn()
    return this.#connection.client as PooledClient
  }

  /**
   * Runs one statement in the transaction. Statements run in the order in which they were asked for.
   * @throws HF_TRANSACTION_OVER; the driver's error
   */
  query<Row extends pg.QueryResultRow = any>(
    query: string | pg.QueryConfig,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>>
  async query(query: string | pg.QueryConfig, values?: unknown[]): Promise<pg.QueryResult> {
    this.#assertGoesOn()
    try {
      return await this.#inOrder(query, values)
    } catch (error) {
      this.#firstError ??= error
      throw error
    }
  }

  /** Runs `work` so that its failure undoes only what it did; the transaction goes on. */
  async savepoint<T>(work: () => Promise<T>): Promise<T> {
    this.#savepoints += 1
    const undone = (): void => void (this.#firstError = undefined)
    return runSavepoint((text) => this.query(text), this.#savepoints, work, undone)
  }

  /**
   * Ends it for good.
   * @throws HF_TRANSACTION_ABORTED, HF_TRANSACTION_OVER, HF_COMMIT_UNKNOWN; the server's error when it refused the
   *   COMMIT; what the connection was lost with, when that was before
   */
  async commit(): Promise<void> {
    await this.#beginning
    this.#assertGoesOn()
    if (this.#connection.isBroken) throw this.#connection.failure // COMMIT was not sent
    const wasFresh = this.#state === 'fresh'
    this.#state = 'over'
    if (wasFresh) return
    if (this.#status === 'I' && this.#connection.isQuiet) return
    const { command } = await this.#send('COMMIT').catch((error: unknown) => {
      // An answer of the server's to COMMIT is final; the loss of the connection leaves it open.
      const isAnswer =
        sqlstateOf(error) !== undefined && !isConnectionError(error) && !this.#connection.isBroken
      throw isAnswer ? error : commitUnknown(error)
    })
    if (command === 'ROLLBACK') throw transactionAborted(this.#firstError)
  }

  /** Undoes it. Never rejects: what cannot be rolled back is the release gate's. */
  async rollback(reason: unknown): Promise<void> {
    await this.#beginning
    await this.#cancelling // it must not reach whoever has the connection next
    const wasFresh = this.#state === 'fresh'
    const wasCommitting = this.#state === 'over'
    this.#state = 'over'
    if (this.#connection.isBroken && !wasCommitting) markUndone(reason)
    if (wasFresh || this.#connection.isBroken || this.#holder.isReleased) return
    if (this.#status === 'I' && this.#connection.isQuiet) return
    await this.#send('ROLLBACK').catch(() => {})
  }

  /** The caller gave up: what runs is cancelled, and nothing more is sent. */
  abort(reason: unknown, clock: Clock): void {
    if (this.#state === 'over') return // COMMIT or ROLLBACK is on its way: its answer counts
    this.#refusal = reason ?? new Error('the transaction was aborted')
    // A request that overtakes its statement is lost: it is sent until nothing runs any more.
    if (!this.#connection.isQuiet)
      this.#cancelling = cancelUntilEnded(this.#connection.client, clock, this.#connection.rest())
  }

  get #status(): 'I' | 'T' | 'E' | null {
    return this.#connection.client.getTransactionStatus()
  }

  #assertGoesOn(): void {
    if (this.#refusal !== undefined) throw this.#refusal
    // Its client may have been released by whoever it was lent to: then the session is somebody else's.
    if (this.#state === 'over' || this.#holder.isReleased) throw transactionOver()
  }

  #inOrder(query: string | pg.QueryConfig, values: unknown[] | undefined): Promise<pg.QueryResult> {
    if (this.#state === 'fresh') {
      const first = this.#runHeld(this.#connection, query, values, { begin: this.#begin })
      if (first) return this.#beginWith(first)
      this.#beginThroughDriver()
    }
    if (this.#state !== 'beginning') return this.#send(query, values)
    return new Promise((resolve, reject) => {
      this.#afterBegin.push(() => {
        try {
          this.#assertGoesOn()
          this.#send(query, values).then(resolve, reject)
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  #beginWith(first: Promise<pg.QueryResult>): Promise<pg.QueryResult> {
    this.#state = 'beginning'
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#beginning = promise
    // One behind the other: a stack leads to the caller only where nobody else waits for the same promise.
    return first.then(
      (result) => {
        this.#begun()
        resolve()
        return result
      },
      (error: unknown) => {
        this.#begun(error)
        resolve()
        throw error
      },
    )
  }

  #beginThroughDriver(): void {
    void this.#beginWith(this.#throughDriver(this.#begin, undefined)).catch(() => {}) // told by `#refusal`
  }

  /** BEGIN is answered, perhaps with a first statement: those that waited are sent, in their order. */
  #begun(error?: unknown): void {
    this.#state = 'open'
    if (error !== undefined && this.#status === 'I') this.#refusal = error
    for (const send of this.#afterBegin.splice(0)) send()
  }

  #send(query: string | pg.QueryConfig, values?: unknown[]): Promise<pg.QueryResult> {
    const restart = this.#mayRestart ? this.#begin : undefined
    return this.#runHeld(this.#connection, query, values, { restart }) ?? this.#throughDriver(query, values)
  }

  #throughDriver(query: string | pg.QueryConfig, values: unknown[] | undefined): Promise<pg.QueryResult> {
    return this.#connection.client.query(query as pg.QueryConfig, values)
  }
}

/**
 * Runs `work` between a savepoint and its end, on whatever runs statements of a transaction.
 * @param n which one of the transaction it is
 * @param undone is told when what `work` did was undone
 */
export async function runSavepoint<T>(
  query: (text: string) => Promise<unknown>,
  n: number,
  work: () => Promise<T>,
  undone: () => void = () => {},
): Promise<T> {
  const name = `holdfast_${n}`
  await query(`SAVEPOINT ${name}`)
  try {
    const value = await work()
    await query(`RELEASE SAVEPOINT ${name}`)
    return value
  } catch (error) {
    // Where that is not possible the connection is lost, and the next statement says so.
    await query(`ROLLBACK TO SAVEPOINT ${name}`).then(undone, () => {})
    throw error
  }
}

/** Runs `work` in a transaction on a connection that was checked out for it. */
export async function runTransaction<T>(
  connection: Connection,
  holder: Holder,
  runHeld: RunHeld,
  clock: Clock,
  work: (transaction: Transaction) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const { signal } = options
  const transaction = new Transaction(connection, holder, runHeld, options)
  const onAbort = (): void => transaction.abort(signal?.reason, clock)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    signal?.throwIfAborted() // while the connection was handed over
    const settings = settingsOf(options)
    if (settings.length > 0) await transaction.query(setConfig(settings.length), settings.flat())
    const value = await work(transaction)
    await transaction.commit()
    return value
  } catch (error) {
    await transaction.rollback(error)
    throw signal?.aborted && !isHoldfastError(error) ? signal.reason : error
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

/** What the transaction's function finds set, names and values. */
function settingsOf({ actor, settings }: TransactionOptions): [name: string, value: string][] {
  const wanted = Object.entries(settings ?? {}).filter(([, value]) => value !== undefined && value !== null)
  if (actor !== undefined && actor !== null)
    wanted.push(['holdfast.actor', typeof actor === 'string' ? actor : JSON.stringify(actor)])
  return wanted
}

/** The text depends on the number alone, so that it stays prepared. */
function setConfig(count: number): string {
  const calls = Array.from(
    { length: count },
    (_, n) => `pg_catalog.set_config($${2 * n + 1}, $${2 * n + 2}, true)`,
  )
  return `SELECT ${calls.join(', ')}`
}

/** The BEGIN of such a transaction. */
export function beginStatement({ isolation, readOnly, deferrable }: TransactionOptions): string {
  if (isolation !== undefined && !Object.hasOwn(ISOLATION, isolation))
    throw isolationInvalid(isolation, Object.keys(ISOLATION))
  const modes = [
    isolation && `ISOLATION LEVEL ${ISOLATION[isolation]}`,
    readOnly !== undefined && (readOnly ? 'READ ONLY' : 'READ WRITE'),
    deferrable && 'DEFERRABLE',
  ].filter(Boolean)
  return ['BEGIN', ...modes].join(' ')
}

const ISOLATION: Readonly<Record<NonNullable<TransactionOptions['isolation']>, string>> = {
  'read committed': 'READ COMMITTED',
  'repeatable read': 'REPEATABLE READ',
  serializable: 'SERIALIZABLE',
}
