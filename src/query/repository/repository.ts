import type { Kysely } from 'kysely'
import { rejectUnknown, SQLSTATE, sqlstateOf } from '../../core/index.ts'
import type { BatchSource } from '../batch.ts'
import { valueInvalid } from '../errors.ts'
import type { Repository, RepositoryOn, RepositoryOptions } from './face.ts'
import { listing, reading } from './reading.ts'
import { type Db, type Row, Table } from './table.ts'
import { deleting, softDeleting, writing } from './writing.ts'

const OPTIONS = ['key', 'newKey', 'version', 'updatedAt', 'deletedAt', 'deletedBy', 'cursors']

/**
 * The usual work with one table as functions: find, list, create, change, delete and restore. No mapping, no
 * identity map, no magic: each function is one statement over Kysely's types, and whatever they do not say is said with
 * `db` itself.
 *
 * @example
 * const documents = repository(db, 'documents', {
 *   key: 'id', newKey: uuidv7, version: 'version', updatedAt: 'updated_at', deletedAt: 'deleted_at', cursors,
 * })
 * const page = await documents.list({
 *   filter: { project_id: projectId, title: { contains: 'plan' } },
 *   sort: [{ by: 'updated_at', direction: 'desc' }],
 * })
 * await documents.update(id, { title: 'Plan B' }, { version: 3 })
 * await transaction(db, (trx) => documents.using(trx).softDelete(id))
 */
export function repository<
  DB,
  Name extends keyof DB & string,
  const Options extends RepositoryOptions<DB[Name]>,
>(db: Kysely<DB>, name: Name, options: Options): Repository<DB, Name, Options> {
  rejectUnknown('repository', OPTIONS, { source: 'options', values: options as object as Row })
  return assemble(db, new Table(name, options as RepositoryOptions<any>)) as Repository<DB, Name, Options>
}

/**
 * A repository before it has a database: for tables that are reached inside a transaction only, as those of tenants.
 *
 * @example
 * const documents = defineRepository<Database>()('documents', { key: 'id' })
 * await tenancy.transaction(db, tenant, (trx) => documents.using(trx).get(id))
 */
export function defineRepository<DB>() {
  return <Name extends keyof DB & string, const Options extends RepositoryOptions<DB[Name]>>(
    name: Name,
    options: Options,
  ): RepositoryOn<DB, Name, Options> => ({
    using: (db) => repository(db as unknown as Kysely<DB>, name, options),
  })
}

function assemble(db: Db, table: Table): object {
  const { deletedAt } = table.options
  const functions = {
    ...reading(db, table),
    ...listing(db, table),
    ...writing(db, table),
    ...(deletedAt === undefined ? deleting(db, table) : softDeleting(db, table, deletedAt)),
  }
  const sources = new Map<string, BatchSource<unknown, Row>>()
  return {
    ...explained(table, functions),
    using: (other: Db) => assemble(other, table),
    by(column: string) {
      const source = sources.get(column) ?? table.source(db, column)
      sources.set(column, source)
      return source
    },
  }
}

type Work = (...given: never[]) => Promise<unknown>

/** Keys, values and columns may come from a request: what the server says of them is the asker's fault. */
function explained(table: Table, functions: Readonly<Record<string, Work>>): Record<string, Work> {
  const explain = (error: unknown): never => {
    const sqlstate = sqlstateOf(error)
    const isTheirs = sqlstate?.startsWith(DATA_EXCEPTION) || sqlstate === SQLSTATE.undefinedColumn
    throw isTheirs ? valueInvalid(table.name, sqlstate as string, error) : error
  }
  return Object.fromEntries(
    Object.entries(functions).map(([name, work]) => [
      name,
      async (...given: never[]) => work(...given).catch(explain),
    ]),
  )
}

/** The class of values that are malformed, too large, or of another type. */
const DATA_EXCEPTION = '22'
