import type pg from 'pg'
import { type Clock, isHoldfastError, sqlstateOf } from '../core/index.ts'
import { requestCancel } from './cancel.ts'
import type { PooledClient } from './checkout.ts'
import type { Connection } from './connection.ts'
import { commitUnknown, transactionAborted, transactionOver } from './errors.ts'
import { isConnectionError, markUndone } from './outcome.ts'

/** How a transaction runs. */
export interface TransactionOptions {
  /** Default: the session's, which is `read committed` unless somebody changed it. */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable'
  readonly readOnly?: boolean
  /** With `serializable` and `readOnly`: waits for a snapshot that cannot fail, then runs without overhead. */
  readonly deferrable?: boolean
  /** Ends the wait for a connection, cancels the statement that runs, and rolls back. */
  readonly signal?: AbortSignal | undefined
}

/** Runs one statement of a held connection over the wire; undefined when only the driver can. */
export type RunHeld = (
  connection: Connection,
  query: string | pg.QueryConfig,
  values: unknown[] | undefined,
  begin: string | undefined,
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
  readonly #runHeld: RunHeld
  readonly #begin: string
  #state: State = 'fresh'
  #beginning: Promise<unknown> | undefined
  /** Why every further statement is refused: BEGIN failed, or the caller gave up. */
  #refusal: unknown
  #firstError: unknown
  #cancelling: Promise<void> | undefined
  #savepoints = 0

  constructor(connection: Connection, runHeld: RunHeld, options: TransactionOptions) {
    this.#connection = connection
    this.#runHeld = runHeld
    this.#begin = beginWith(options)
  }

  /** The driver's client of this transaction, for cursors, COPY and libraries; BEGIN is sent before it is given. */
  async client(): Promise<PooledClient> {
    await this.#ready()
    return this.#connection.client as PooledClient
  }

  /**
   * Runs one statement in the transaction.
   * @throws HF_TRANSACTION_OVER; the driver's error
   */
  query<Row extends pg.QueryResultRow = any>(
    query: string | pg.QueryConfig,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>>
  async query(query: string | pg.QueryConfig, values?: unknown[]): Promise<pg.QueryResult> {
    this.#assertGoesOn()
    try {
      if (this.#state === 'fresh') return await this.#first(query, values)
      if (this.#state === 'beginning') await this.#beginning
      this.#assertGoesOn()
      return await this.#send(query, values, undefined)
    } catch (error) {
      this.#firstError ??= error
      throw error
    }
  }

  /** Runs `work` so that its failure undoes only what it did; the transaction goes on. */
  async savepoint<T>(work: () => Promise<T>): Promise<T> {
    this.#savepoints += 1
    const name = `holdfast_${this.#savepoints}`
    await this.query(`SAVEPOINT ${name}`)
    try {
      const value = await work()
      await this.query(`RELEASE SAVEPOINT ${name}`)
      return value
    } catch (error) {
      await this.query(`ROLLBACK TO SAVEPOINT ${name}`)
      this.#firstError = undefined
      throw error
    }
  }

  /**
   * Ends it for good.
   * @throws HF_TRANSACTION_ABORTED, HF_COMMIT_UNKNOWN; the server's error when it refused the COMMIT
   */
  async commit(): Promise<void> {
    await this.#beginning?.catch(() => {})
    if (this.#refusal !== undefined) throw this.#refusal
    const wasFresh = this.#state === 'fresh'
    this.#state = 'over'
    if (wasFresh || this.#status === 'I') return
    const { command } = await this.#send('COMMIT', undefined, undefined).catch((error: unknown) => {
      // An answer of the server's to COMMIT is final; the loss of the connection leaves it open.
      const isAnswer =
        sqlstateOf(error) !== undefined && !isConnectionError(error) && !this.#connection.isBroken
      throw isAnswer ? error : commitUnknown(error)
    })
    if (command === 'ROLLBACK') throw transactionAborted(this.#firstError)
  }

  /** Undoes it. Never rejects: what cannot be rolled back is the release gate's. */
  async rollback(reason: unknown): Promise<void> {
    await this.#beginning?.catch(() => {})
    await this.#cancelling // it must not reach whoever has the connection next
    const wasFresh = this.#state === 'fresh'
    this.#state = 'over'
    if (isConnectionError(reason)) markUndone(reason)
    if (wasFresh || this.#connection.isBroken || this.#status === 'I') return
    await this.#send('ROLLBACK', undefined, undefined).catch(() => {})
  }

  /** The caller gave up: what runs is cancelled, and nothing more is sent. */
  abort(reason: unknown, clock: Clock): void {
    if (this.#state === 'over') return // COMMIT or ROLLBACK is on its way: its answer counts
    this.#refusal = reason ?? new Error('the transaction was aborted')
    if (!this.#connection.isQuiet)
      this.#cancelling = requestCancel(this.#connection.client, clock).catch(() => {})
  }

  get #status(): 'I' | 'T' | 'E' | null {
    return this.#connection.client.getTransactionStatus()
  }

  #assertGoesOn(): void {
    if (this.#refusal !== undefined) throw this.#refusal
    if (this.#state === 'over') throw transactionOver()
  }

  async #ready(): Promise<void> {
    this.#assertGoesOn()
    if (this.#state === 'fresh') {
      this.#state = 'beginning'
      this.#beginning = this.#throughDriver(this.#begin, undefined).then(
        () => this.#begun(),
        (error: unknown) => {
          this.#begun(error)
          throw error
        },
      )
    }
    await this.#beginning
  }

  async #first(query: string | pg.QueryConfig, values: unknown[] | undefined): Promise<pg.QueryResult> {
    const first = this.#runHeld(this.#connection, query, values, this.#begin)
    if (!first) {
      await this.#ready()
      return this.#throughDriver(query, values)
    }
    this.#state = 'beginning'
    this.#beginning = first.then(
      () => this.#begun(),
      (error: unknown) => this.#begun(error),
    )
    await this.#beginning.catch(() => {})
    return first
  }

  /** BEGIN is answered, and the first statement with it. */
  #begun(error?: unknown): void {
    if (this.#state !== 'beginning') return
    this.#state = 'open'
    if (error !== undefined && this.#status === 'I') this.#refusal = error
  }

  #send(
    query: string | pg.QueryConfig,
    values: unknown[] | undefined,
    begin: string | undefined,
  ): Promise<pg.QueryResult> {
    return this.#runHeld(this.#connection, query, values, begin) ?? this.#throughDriver(query, values)
  }

  #throughDriver(query: string | pg.QueryConfig, values: unknown[] | undefined): Promise<pg.QueryResult> {
    return this.#connection.client.query(query as pg.QueryConfig, values)
  }
}

/** Runs `work` in a transaction on a connection that was checked out for it. */
export async function runTransaction<T>(
  connection: Connection,
  runHeld: RunHeld,
  clock: Clock,
  work: (transaction: Transaction) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const { signal } = options
  const transaction = new Transaction(connection, runHeld, options)
  const onAbort = (): void => transaction.abort(signal?.reason, clock)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
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

function beginWith({ isolation, readOnly, deferrable }: TransactionOptions): string {
  const modes = [
    isolation && `ISOLATION LEVEL ${ISOLATION[isolation]}`,
    readOnly && 'READ ONLY',
    deferrable && 'DEFERRABLE',
  ].filter(Boolean)
  return ['BEGIN', ...modes].join(' ')
}

const ISOLATION: Readonly<Record<NonNullable<TransactionOptions['isolation']>, string>> = {
  'read committed': 'READ COMMITTED',
  'repeatable read': 'REPEATABLE READ',
  serializable: 'SERIALIZABLE',
}
