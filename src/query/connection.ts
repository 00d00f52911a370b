import type { AbortableOperationOptions, CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'
import type { Pool, PooledClient, TransactionOptions } from '../pool/index.ts'
import { wasCompiledBy } from './compilation.ts'
import { connectionReleased, streamRuns } from './errors.ts'
import { beginOnClient, openTransaction, type OpenTransaction, type Runner } from './open-transaction.ts'
import { streamRows } from './streaming.ts'

/**
 * What Kysely takes for a connection.
 *
 * unbound -> held, or in a transaction -> released.
 *
 * Kysely acquires one for each single statement as well as for `db.connection()`, a stream or a transaction, and does
 * not tell what for. So it begins unbound. A first statement that was compiled before the connection was acquired is a
 * single one: the pool runs it as it sees fit, on a lane as a rule. Whoever compiles only when it has the connection,
 * or sends more than one statement, wants one session: it gets a checkout and keeps it.
 */
export class PoolConnection implements DatabaseConnection {
  readonly #pool: Pool
  readonly #acquiredAt: number
  readonly #intent: 'read' | undefined
  readonly #signal: AbortSignal | undefined
  #isUsed = false
  #isStreaming = false
  #isReleased = false
  #held: Promise<PooledClient> | undefined
  #open: OpenTransaction | undefined

  /**
   * @param acquiredAt how many compilations there were then.
   * @param intent of its single statements.
   * @param signal ends the wait for a connection.
   */
  constructor(pool: Pool, acquiredAt: number, intent: 'read' | undefined, signal: AbortSignal | undefined) {
    this.#pool = pool
    this.#acquiredAt = acquiredAt
    this.#intent = intent
    this.#signal = signal
  }

  /** The transaction that runs on it. */
  get open(): OpenTransaction | undefined {
    return this.#open
  }

  /** Somebody uses it as one session. */
  get isBound(): boolean {
    return this.#isUsed || this.#open !== undefined
  }

  /** Its statements are those of a transaction that runs already; until it is told that there is none. */
  adopt(transaction: OpenTransaction | undefined): void {
    this.#open = transaction
  }

  /** The driver's client, held until the release. */
  async client(): Promise<PooledClient> {
    this.#assertFree()
    return this.#client()
  }

  async executeQuery<R>(query: CompiledQuery, options?: AbortableOperationOptions): Promise<QueryResult<R>> {
    this.#assertFree()
    const runner = this.#runnerOf(query)
    return execute<R>(runner instanceof Promise ? await runner : runner, query, options?.signal)
  }

  /** What is aborted is cancelled on the server anyhow. */
  async cancelQuery(): Promise<void> {}

  async *streamQuery<R>(
    query: CompiledQuery,
    chunkSize: number,
    options?: AbortableOperationOptions,
  ): AsyncIterableIterator<QueryResult<R>> {
    this.#assertFree()
    this.#isStreaming = true // before anything is waited for
    try {
      yield* streamRows<R>(await this.#client(), query, chunkSize, options?.signal)
    } finally {
      this.#isStreaming = false
    }
  }

  async begin(options: TransactionOptions): Promise<void> {
    this.#open = this.#held
      ? await beginOnClient(await this.#held, options)
      : await openTransaction(this.#pool, { ...options, signal: this.#signal })
  }

  async commit(): Promise<void> {
    await this.#open?.commit()
    this.#open = undefined
  }

  async rollback(): Promise<void> {
    await this.#open?.rollback()
    this.#open = undefined
  }

  async release(): Promise<void> {
    this.#isReleased = true
    const client = await this.#held?.catch(() => undefined) // whoever waited for it was told
    client?.release()
  }

  /** @throws HF_QUERY_STREAMING, HF_QUERY_CONNECTION_RELEASED */
  #assertFree(): void {
    if (this.#isReleased) throw connectionReleased()
    if (this.#isStreaming) throw streamRuns()
  }

  #runnerOf(query: CompiledQuery): Runner | Promise<Runner> {
    if (this.#open) return this.#open
    const isSingle = !this.#isUsed && wasCompiledBy(query, this.#acquiredAt)
    this.#isUsed = true
    return isSingle ? this.#single() : this.#hold()
  }

  #client(): Promise<PooledClient> {
    return this.#open ? this.#open.client() : this.#hold()
  }

  #single(): Runner {
    const [pool, intent] = [this.#pool, this.#intent]
    return intent === undefined ? pool : { query: (query) => pool.query({ ...query, intent }) }
  }

  #hold(): Promise<PooledClient> {
    this.#held ??= this.#pool.connect({ signal: this.#signal })
    return this.#held
  }
}

/** Commands that change rows: their counts are how many. */
const CHANGES = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE'])

async function execute<R>(
  runner: Runner,
  { sql: text, parameters }: CompiledQuery,
  signal: AbortSignal | undefined,
): Promise<QueryResult<R>> {
  const values = parameters as unknown[]
  try {
    const { command, rowCount, rows } = await runner.query(
      signal ? { text, values, signal } : { text, values },
    )
    return CHANGES.has(command)
      ? { numAffectedRows: BigInt(rowCount ?? 0), rows: rows as R[] }
      : { rows: (rows ?? []) as R[] }
  } catch (error) {
    // Kysely has told its caller, and would print this one.
    if (signal?.aborted && error === signal.reason) return { rows: [] }
    throw error
  }
}
