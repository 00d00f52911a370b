import type { QueryResult } from 'pg'
import { isHoldfastError } from '../core/index.ts'
import {
  beginStatement,
  type Pool,
  runSavepoint,
  transactionAborted,
  type PooledClient,
  type Transaction,
  type TransactionOptions,
} from '../pool/index.ts'

/** Runs one statement in the driver's way: a pool, a client that is held, a transaction. */
export interface Runner {
  query(query: { text: string; values: unknown[]; signal?: AbortSignal }): Promise<QueryResult>
}

/** A transaction that somebody else ends. */
export interface OpenTransaction extends Runner {
  /** The driver's client of it. */
  client(): Promise<PooledClient>
  /** Runs `work` so that its failure undoes only what it did. */
  savepoint<T>(work: () => Promise<T>): Promise<T>
  commit(): Promise<void>
  rollback(): Promise<void>
}

/** Is thrown through the pool to have it roll back. */
const ROLLBACK = new Error('rolled back by its owner')

/**
 * Turns `pool.transaction(work)` inside out, for those that begin and end in calls of their own: its `work` waits
 * for them.
 */
export async function openTransaction(pool: Pool, options: TransactionOptions): Promise<OpenTransaction> {
  const { promise: ended, resolve: commit, reject: rollBack } = Promise.withResolvers<void>()
  const { promise: begun, resolve: began } = Promise.withResolvers<Transaction>()
  const outcome = pool.transaction((transaction) => {
    began(transaction)
    return ended
  }, options)
  const failed = outcome.then(() => begun)
  failed.catch(() => {}) // told by commit, or below
  const transaction = await Promise.race([begun, failed])
  return {
    ...lentTransaction(transaction),
    async commit() {
      commit()
      await outcome.catch((error: unknown) => {
        throw isHoldfastError(error) && error.code === 'HF_TRANSACTION_ABORTED' ? asAborted(error) : error
      })
    },
    async rollback() {
      rollBack(ROLLBACK)
      await outcome.catch(() => {}) // ROLLBACK, or what the commit failed with and told
    },
  }
}

/** A transaction of the pool's own function: that one ends it. */
export function lentTransaction(transaction: Transaction): OpenTransaction {
  return {
    query: (query) => transaction.query(query),
    client: () => transaction.client(),
    savepoint: (work) => transaction.savepoint(work),
    commit: async () => {},
    rollback: async () => {},
  }
}

/** A transaction on a client that is held already. */
export async function beginOnClient(
  client: PooledClient,
  options: TransactionOptions,
): Promise<OpenTransaction> {
  let savepoints = 0
  await client.query(beginStatement(options))
  return {
    query: (query) => client.query(query),
    client: async () => client,
    savepoint: (work) => runSavepoint((text) => client.query(text), (savepoints += 1), work),
    async commit() {
      const { command } = await client.query('COMMIT')
      if (command === 'ROLLBACK') throw asAborted(transactionAborted(undefined))
    },
    async rollback() {
      await client.query('ROLLBACK')
    },
  }
}

/** Marks an error the way Kysely knows a COMMIT that the server answered with ROLLBACK. */
function asAborted(error: Error): Error {
  return Object.assign(error, { [Symbol.for('kysely.AbortedTransactionError')]: true })
}
