import {
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  type QueryCompiler,
} from 'kysely'
import type { Pool } from '../pool/index.ts'
import { type CompilationClock, datingCompiler } from './compilation.ts'
import { PoolDriver } from './driver.ts'
import { foreignDatabase } from './errors.ts'

/** What {@link HoldfastDialect} works with. */
export interface HoldfastDialectConfig {
  readonly pool: Pool
  /** `db.destroy()` ends the pool, as with Kysely's own dialect. Default true. */
  readonly endsPool?: boolean
  /** `read`: single statements only read, and a replica may answer them. Transactions say so themselves, with `readOnly`. */
  readonly intent?: 'read' | undefined
}

/** Whose adapter it is: of its dialect, a `Kysely` shows no more than the adapter. */
const dialects = new WeakMap<DialectAdapter, HoldfastDialect>()

/**
 * Kysely on a {@link Pool}: single statements share connections (lanes), transactions and streams get one of their
 * own, an aborted statement is cancelled on the server.
 *
 * @example
 * import { Kysely } from 'kysely'
 * import { HoldfastDialect } from 'holdfast/kysely'
 * import { Pool } from 'holdfast/pool'
 * const pool = new Pool({ connectionString: process.env.DATABASE_URL })
 * const db = new Kysely<{ users: { id: string; name: string } }>({ dialect: new HoldfastDialect({ pool }) })
 * console.log(await db.selectFrom('users').select('name').execute())
 * await db.destroy()
 */
export class HoldfastDialect implements Dialect {
  readonly pool: Pool
  readonly #endsPool: boolean
  readonly #intent: 'read' | undefined
  readonly #compilations: CompilationClock = { now: 0 }

  constructor({ pool, endsPool = true, intent }: HoldfastDialectConfig) {
    this.pool = pool
    this.#endsPool = endsPool
    this.#intent = intent
  }

  createDriver(): Driver {
    return new PoolDriver(this.pool, this.#compilations, this.#endsPool, this.#intent)
  }

  createQueryCompiler(): QueryCompiler {
    return datingCompiler(this.#compilations)
  }

  createAdapter(): DialectAdapter {
    const adapter = new PostgresAdapter()
    dialects.set(adapter, this)
    return adapter
  }

  createIntrospector(db: Kysely<any>): DatabaseIntrospector {
    return new PostgresIntrospector(db)
  }
}

/**
 * The dialect of a `Kysely`.
 * @throws HF_QUERY_FOREIGN_DATABASE when it is not ours.
 */
export function dialectOf(db: Kysely<any>): HoldfastDialect {
  const dialect = dialects.get(db.getExecutor().adapter)
  if (!dialect) throw foreignDatabase()
  return dialect
}
