import {
  type AbortableOperationOptions,
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type TransactionSettings,
} from 'kysely'
import { quoteIdentifier } from '../core/index.ts'
import type { Pool, TransactionOptions } from '../pool/index.ts'
import type { CompilationClock } from './compilation.ts'
import { PoolConnection } from './connection.ts'

/** Gives Kysely connections, each of which takes one of the pool's only when it must. */
export class PoolDriver implements Driver {
  readonly #pool: Pool
  readonly #compilations: CompilationClock
  readonly #endsPool: boolean
  readonly #intent: 'read' | undefined

  constructor(pool: Pool, compilations: CompilationClock, endsPool: boolean, intent: 'read' | undefined) {
    this.#pool = pool
    this.#compilations = compilations
    this.#endsPool = endsPool
    this.#intent = intent
  }

  async init(): Promise<void> {}

  async acquireConnection(options?: AbortableOperationOptions): Promise<DatabaseConnection> {
    return new PoolConnection(this.#pool, this.#compilations.now, this.#intent, options?.signal)
  }

  beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    return (connection as PoolConnection).begin(optionsOf(settings))
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return (connection as PoolConnection).commit()
  }

  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return (connection as PoolConnection).rollback()
  }

  async savepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`SAVEPOINT ${quoteIdentifier(name)}`))
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`ROLLBACK TO SAVEPOINT ${quoteIdentifier(name)}`))
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`RELEASE SAVEPOINT ${quoteIdentifier(name)}`))
  }

  releaseConnection(connection: DatabaseConnection): Promise<void> {
    return (connection as PoolConnection).release()
  }

  async destroy(): Promise<void> {
    if (this.#endsPool) await this.#pool.end()
  }
}

function optionsOf({ accessMode, isolationLevel }: TransactionSettings): TransactionOptions {
  return {
    // PostgreSQL has no lower level, and takes the word for this one. What it has not at all the pool refuses.
    ...(isolationLevel && {
      isolation:
        isolationLevel === 'read uncommitted' ? 'read committed' : (isolationLevel as 'serializable'),
    }),
    ...(accessMode && { readOnly: accessMode === 'read only' }),
  }
}
