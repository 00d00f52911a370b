import { type DatabaseConnection, type Kysely, type QueryExecutor, Transaction } from 'kysely'
import { rejectUnknown } from '../core/index.ts'
import { type RetryOptions, transactionOver, type TransactionOptions } from '../pool/index.ts'
import { PoolConnection } from './connection.ts'
import { dialectOf, type HoldfastDialect } from './dialect.ts'
import { connectionHeld, foreignDatabase, optionsInside } from './errors.ts'
import { lentTransaction } from './open-transaction.ts'
import { oneByOne } from './savepoints.ts'

const OPTIONS = ['isolation', 'readOnly', 'deferrable', 'after', 'actor', 'settings', 'signal', 'retry']

/** How {@link transaction} runs; the pool's own options, and whether it is done again. */
export type QueryTransactionOptions = TransactionOptions & {
  /** Does it again after failures that may pass; `{}` for serialization failures and deadlocks. */
  readonly retry?: RetryOptions
}

/**
 * Runs `work` in a transaction: commits when it returns, rolls back when it throws. BEGIN leaves with the first
 * statement. Inside another transaction it is a savepoint: what it throws undoes only what it did.
 *
 * @example
 * await transaction(
 *   db,
 *   async (trx) => {
 *     await trx.updateTable('accounts').set((eb) => ({ balance: eb('balance', '-', 100) })).where('id', '=', 1).execute()
 *     await trx.updateTable('accounts').set((eb) => ({ balance: eb('balance', '+', 100) })).where('id', '=', 2).execute()
 *   },
 *   { isolation: 'serializable', retry: {}, actor: 'user 42' },
 * )
 *
 * @throws HF_QUERY_FOREIGN_DATABASE; HF_QUERY_IN_TRANSACTION when options are given inside a transaction;
 *   HF_QUERY_CONNECTION_HELD inside `db.connection()`; HF_COMMIT_UNKNOWN, HF_TRANSACTION_ABORTED, what `pool.connect`
 *   throws, what `work` throws
 */
export async function transaction<DB, T>(
  db: Kysely<DB> | Transaction<DB>,
  work: (trx: Transaction<DB>) => Promise<T>,
  options: QueryTransactionOptions = {},
): Promise<T> {
  const dialect = dialectOf(db)
  rejectUnknown('transaction', OPTIONS, {
    source: 'options',
    values: options as Readonly<Record<string, unknown>>,
  })
  if (db.isTransaction) return savepoint(db as Transaction<DB>, work, options)
  const executor = db.getExecutor()
  return executor.provideConnection(async (connection) => {
    const ours = asOurs(connection)
    if (ours.isBound) throw connectionHeld()
    return dialect.pool.transaction(async (running) => {
      ours.adopt(lentTransaction(running))
      let isOver = false
      const provideConnection = async <R>(consumer: (its: DatabaseConnection) => Promise<R>): Promise<R> => {
        if (isOver) throw transactionOver()
        return consumer(ours)
      }
      const trx = handleOf<DB>(dialect, executor.withConnectionProvider({ provideConnection }))
      try {
        return await work(trx)
      } finally {
        isOver = true
        ours.adopt(undefined)
      }
    }, options)
  })
}

async function savepoint<DB, T>(
  trx: Transaction<DB>,
  work: (trx: Transaction<DB>) => Promise<T>,
  options: QueryTransactionOptions,
): Promise<T> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  if (given.length > 0) throw optionsInside(given.map(([name]) => name))
  const { open } = await connectionOf(trx)
  if (!open) throw transactionOver()
  const inner = handleOf<DB>(dialectOf(trx), trx.getExecutor())
  return oneByOne(open, trx, inner, () => open.savepoint(() => work(inner)))
}

function handleOf<DB>(dialect: HoldfastDialect, executor: QueryExecutor): Transaction<DB> {
  return new Transaction<DB>({ config: { dialect }, dialect, driver: dialect.createDriver(), executor })
}

/** The connection that a transaction runs on. */
export async function connectionOf(db: Kysely<any>): Promise<PoolConnection> {
  return asOurs(await db.getExecutor().provideConnection(async (connection) => connection))
}

function asOurs(connection: DatabaseConnection): PoolConnection {
  if (connection instanceof PoolConnection) return connection
  throw foreignDatabase()
}
