import type { Kysely, Transaction } from 'kysely'
import { quoteIdentifier, quoteLiteral, quoteQualified } from '../../core/index.ts'
import type { Pool } from '../../pool/index.ts'
import { dialectOf } from '../dialect.ts'
import {
  settingNameInvalid,
  tenantFixed,
  tenantMissing,
  tenantUnprotected,
  typeNameInvalid,
} from '../errors.ts'
import { connectionOf, type QueryTransactionOptions, transaction } from '../transaction.ts'
import { roleThatPasses } from './catalogue.ts'
import { findEscapes, type TenantEscape } from './escapes.ts'

/** How the rows of tenants are told apart. */
export interface TenancyOptions<DB, Table extends keyof DB & string> {
  /** Tables whose rows belong to tenants. Each has the column. */
  readonly tables: readonly Table[]
  /** Tables that all tenants share, such as a list of countries; {@link Tenancy.check} reports every other one. */
  readonly shared?: readonly string[]
  /** Default `tenant_id`. */
  readonly column?: string
  /** The column's type; default `uuid`. */
  readonly type?: string
  /** Where the tables are; default `public`. */
  readonly schema?: string
  /** The setting that says who the tenant is; default `holdfast.tenant`. */
  readonly setting?: string
  /**
   * A role that transactions of tenants take on, and for which policies hold: where the one that connects passes over
   * them, as the embedded database's does. It needs rights on the tables; the one that connects must be a member of it.
   */
  readonly role?: string
}

const POLICY = 'holdfast_tenant'

/**
 * Tenants that share tables and do not see each other: PostgreSQL's row-level security compares each row's tenant with
 * a setting that holds for one transaction. Made by {@link defineTenancy}.
 */
export class Tenancy<DB, Table extends keyof DB & string> {
  readonly tables: readonly Table[]
  readonly column: string
  readonly setting: string
  readonly #shared: readonly string[]
  readonly #type: string
  readonly #schema: string
  readonly #role: string | undefined
  /** Who the tenant of a transaction is. */
  readonly #tenants = new WeakMap<object, string>()
  readonly #protectedPools = new WeakSet<Pool>()

  /** @throws HF_OPTION_INVALID */
  constructor(options: TenancyOptions<DB, Table>) {
    this.tables = options.tables
    this.column = options.column ?? 'tenant_id'
    this.setting = options.setting ?? 'holdfast.tenant'
    this.#shared = options.shared ?? []
    this.#type = options.type ?? 'uuid'
    this.#schema = options.schema ?? 'public'
    this.#role = options.role
    if (!/^[a-z_][\w$]*\.[a-z_][\w$]*$/i.test(this.setting)) throw settingNameInvalid(this.setting)
    // It stands in the policy as it is.
    if (!/^[a-z_][\w ]*(\(\d+\))?$/i.test(this.#type)) throw typeNameInvalid(this.#type)
  }

  /** The same database without the tables of tenants: whoever names one of them without a tenant is told by the compiler. */
  shared(db: Kysely<DB>): Kysely<Omit<DB, Table>> {
    return db as unknown as Kysely<Omit<DB, Table>>
  }

  /**
   * Runs `work` for one tenant, in a transaction: it sees and writes that tenant's rows only.
   *
   * @example
   * const titles = await tenancy.transaction(db, tenantId, (trx) => trx.selectFrom('documents').select('title').execute())
   *
   * Inside a transaction of the same tenant it is a savepoint.
   *
   * @throws HF_TENANT_MISSING; HF_TENANT_UNPROTECTED when no policy holds for the role; HF_QUERY_IN_TRANSACTION inside
   *   one of another tenant; what {@link transaction} throws; 42501 for a row of another tenant
   */
  async transaction<T>(
    db: Kysely<DB> | Kysely<Omit<DB, Table>>,
    tenant: string,
    work: (trx: Transaction<DB>) => Promise<T>,
    options: QueryTransactionOptions = {},
  ): Promise<T> {
    // To the policies an empty one is none; it would see nothing, and nobody would know why.
    if (typeof tenant !== 'string' || tenant === '') throw tenantMissing()
    if (db.isTransaction) {
      const { open } = await connectionOf(db)
      if (!open || this.#tenants.get(open) !== tenant) throw tenantFixed()
      return transaction(db as Kysely<DB>, work, options)
    }
    const role = this.#role === undefined ? {} : { role: this.#role }
    const settings = { ...options.settings, ...role, [this.setting]: tenant }
    const inside = async (trx: Transaction<DB>): Promise<T> => {
      const { open } = await connectionOf(trx)
      if (open) this.#tenants.set(open, tenant)
      await this.#assertProtected(trx)
      return work(trx)
    }
    return transaction(db as Kysely<DB>, inside, { ...options, settings })
  }

  /** Once for each pool: a role that passes over policies would see everybody's rows, and nobody would notice. */
  async #assertProtected(trx: Transaction<DB>): Promise<void> {
    const { pool } = dialectOf(trx)
    if (this.#protectedPools.has(pool)) return
    const role = await roleThatPasses(trx)
    if (role !== undefined) throw tenantUnprotected(role)
    this.#protectedPools.add(pool)
  }

  /**
   * The statements that protect the tables, for a migration: row security also for the owner, one policy for reading
   * and writing, and the tenant as the default of its column. They can be run again.
   */
  policies(): string[] {
    // Since a setting that ended with its transaction is empty rather than gone. As a subquery it is read once.
    const current = `nullif(current_setting(${quoteLiteral(this.setting)}, true), '')::${this.#type}`
    const column = quoteIdentifier(this.column)
    return this.tables.flatMap((name) => {
      const table = quoteQualified(this.#schema, name)
      const rule = `${column} = (SELECT ${current})`
      return [
        `ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`,
        `ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`,
        `ALTER TABLE ${table} ALTER COLUMN ${column} SET DEFAULT ${current}`,
        `DROP POLICY IF EXISTS ${POLICY} ON ${table}`,
        `CREATE POLICY ${POLICY} ON ${table} USING (${rule}) WITH CHECK (${rule})`,
      ]
    })
  }

  /**
   * The ways by which the role of this connection, or the tenancy's own, could reach rows of other tenants, as far as the
   * catalogue shows them; empty when it shows none. Run it as the application's own role, in a test and after migrations.
   */
  async check(db: Kysely<any>): Promise<TenantEscape[]> {
    const question = {
      tables: this.tables,
      shared: this.#shared,
      column: this.column,
      schema: this.#schema,
      setting: this.setting,
    }
    const role = this.#role
    if (role === undefined || db.isTransaction) return findEscapes(db, question)
    return transaction(db, (trx) => findEscapes(trx, question), { settings: { role } })
  }
}

/**
 * Says which tables belong to tenants.
 *
 * @example
 * const tenancy = defineTenancy<Database>()({ tables: ['documents', 'projects'], shared: ['countries'] })
 * const shared = tenancy.shared(db) // has no documents
 */
export function defineTenancy<DB>() {
  return <const Table extends keyof DB & string>(options: TenancyOptions<DB, Table>): Tenancy<DB, Table> =>
    new Tenancy(options)
}
