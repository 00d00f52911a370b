import { HoldfastError } from '../core/index.ts'

export function foreignDatabase(): HoldfastError {
  return new HoldfastError({
    code: 'HF_QUERY_FOREIGN_DATABASE',
    message:
      'This Kysely was made with another dialect, so its pool is not known. Make it with HoldfastDialect, or take holdfast.db.',
  })
}

export function optionsInside(names: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_QUERY_IN_TRANSACTION',
    message: `A transaction runs already, so that ${names.join(', ')} cannot be chosen: what is asked for inside it is a savepoint. Give the options to the outer one.`,
    details: { options: names },
  })
}

export function connectionHeld(): HoldfastError {
  return new HoldfastError({
    code: 'HF_QUERY_CONNECTION_HELD',
    message:
      'This is a db.connection() that has run statements already; a transaction of the pool would get another session. Use its own transaction(), or begin with db.',
  })
}

export function cursorKeysInvalid(shortest: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `A key for cursors is missing or shorter than ${shortest} characters. Make one with: openssl rand -base64 32`,
  })
}

export function cursorInvalid(): HoldfastError {
  return new HoldfastError({
    code: 'HF_CURSOR_INVALID',
    message: 'The cursor is none of ours, or was changed or cut on its way. Begin again with the first page.',
    statusCode: 400,
  })
}

export function cursorExpired(): HoldfastError {
  return new HoldfastError({
    code: 'HF_CURSOR_EXPIRED',
    message: 'The key that sealed this cursor is no longer accepted. Begin again with the first page.',
    statusCode: 400,
  })
}

export function cursorForeign(): HoldfastError {
  return new HoldfastError({
    code: 'HF_CURSOR_FOREIGN',
    message:
      'The cursor belongs to another list, or to another order of this one. Begin again with the first page.',
    statusCode: 400,
  })
}

export function cursorsClash(): HoldfastError {
  return new HoldfastError({
    code: 'HF_PAGE_INVALID',
    message: 'Both after and before were given; a page has one of them, or none.',
    statusCode: 400,
  })
}

export function pageInvalid(name: string, value: unknown, max: number): HoldfastError {
  const shown = typeof value === 'number' ? String(value) : `a ${typeof value}`
  return new HoldfastError({
    code: 'HF_PAGE_INVALID',
    message: `${name} is ${shown}; it must be a whole number from 1 to ${max}.`,
    statusCode: 400,
    details: { name, max },
  })
}

export function pageQuery(part: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PAGE_QUERY',
    message: `The query has a part of its own that pages cannot be taken of (${part}). Leave order and limit of keyset(), limit and offset of paginate() to the options; select from a query with other parts as from a table: db.selectFrom(query.as('list')).selectAll().`,
    details: { part },
  })
}

export function pageUnordered(): HoldfastError {
  return new HoldfastError({
    code: 'HF_PAGE_QUERY',
    message:
      'The query has no ORDER BY, so that PostgreSQL may put any row on any page. Order it, by the primary key last.',
  })
}

export function keysetKey(keys: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_KEYSET_KEY',
    message: `Two rows are equal in the whole order, key included (${keys.join(', ')}): one of them could be passed over. Give a key that tells any two rows of the query apart; of a join, the keys of both sides.`,
    details: { keys },
  })
}

export function optionMissing(path: string, what: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `Option "${path}" is missing; it must be ${what}.`,
    details: { option: path },
  })
}

export function keysetNull(term: number, terms: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_KEYSET_NULL',
    message: `A row has NULL for term ${term + 1} of ${terms} of the order (the key's are the last), which does not say where NULLs stand: rows would be passed over. Say nulls: 'first' or 'last'.`,
    details: { term: term + 1, terms },
  })
}

export function orderInvalid(name: string, value: unknown, known: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_ORDER_INVALID',
    message: `${name} of an order is ${JSON.stringify(value)?.slice(0, 40)}; it must be ${known.join(' or ')}.`,
    statusCode: 400,
    details: { known },
  })
}

export function valueInvalid(table: string, sqlstate: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_VALUE_INVALID',
    message: `PostgreSQL does not take a value or a column that was given for ${table} (${sqlstate}): of another type, out of range, too long, or not there. Check keys, filters and rows against the table; the cause names it.`,
    statusCode: 400,
    cause,
    details: { table, sqlstate },
  })
}

export function columnKept(table: string, column: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_VALUE_INVALID',
    message: `${JSON.stringify(column)} of ${table} is kept by the repository (the key, the version, a time or a mark), and update() does not change it. Pass on only the columns that may be changed.`,
    statusCode: 400,
    details: { table, column },
  })
}

export function connectionReleased(): HoldfastError {
  return new HoldfastError({
    code: 'HF_QUERY_CONNECTION_RELEASED',
    message:
      'The function of db.connection() has ended, and its session may serve others by now. Await every statement inside it.',
  })
}

export function streamRuns(): HoldfastError {
  return new HoldfastError({
    code: 'HF_QUERY_STREAMING',
    message:
      'A stream or a COPY is under way on this session, and a statement would wait for its end for ever. Collect its rows first, or send the statement outside of the transaction.',
  })
}

export function batchSizeInvalid(batchSize: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `batchSize is ${String(batchSize)}; it must be a whole number from 1 on.`,
  })
}

export function versionMissing(table: string, given: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_VERSION_MISSING',
    message: `The version that the row in ${table} is expected to have is ${given === undefined ? 'undefined' : `a ${typeof given}`}; it must be a whole number. Leave the argument out to change the row whatever its version.`,
    statusCode: 400,
    details: { table },
  })
}

export function filterInvalid(column: string, operator: string, known: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_FILTER_INVALID',
    message: `The filter on ${JSON.stringify(column)} has ${JSON.stringify(operator.slice(0, 40))}, which is no operator or has no value that fits it. Known here: ${known.join(', ')}; in and notIn take lists.`,
    statusCode: 400,
    details: { column, known },
  })
}

export function rowNotFound(table: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ROW_NOT_FOUND',
    message: `There is no such row in ${table}, or it is not in the state that this needs (deleted, or not deleted). Check the key.`,
    statusCode: 404,
    details: { table },
  })
}

export function versionConflict(table: string, expected: number, found: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_VERSION_CONFLICT',
    message: `The row in ${table} was changed by somebody else: version ${expected} was expected, and it is ${found} by now. Read it again and decide what to change.`,
    statusCode: 409,
    details: { table, expected, found },
  })
}

export function keyMissing(table: string, column: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `The key of ${table} has no value for ${column}; give one for each of its columns.`,
  })
}

export function cursorsMissing(table: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `The repository of ${table} has no cursors: give { cursors: new CursorKeys([...]) }, or use listPage.`,
  })
}

export function tenantMissing(): HoldfastError {
  return new HoldfastError({
    code: 'HF_TENANT_MISSING',
    message:
      'No tenant was given, so that there is nothing to see. Pass the tenant of whoever asks; for tables that all share, use tenancy.shared(db).',
  })
}

export function tenantFixed(): HoldfastError {
  return new HoldfastError({
    code: 'HF_QUERY_IN_TRANSACTION',
    message:
      'A transaction runs already, of another tenant or of none, and the tenant of a transaction does not change. End it first.',
  })
}

export function tenantUnprotected(role: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_TENANT_UNPROTECTED',
    message: `The role ${role} passes over row-level security: it would see the rows of all tenants. Connect as a role that is no superuser and has no BYPASSRLS, or give the tenancy such a role: { role: 'tenant_app' }.`,
    details: { role },
  })
}

export function settingNameInvalid(name: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `The setting ${JSON.stringify(name)} must be two names with a dot between them, such as app.tenant.`,
  })
}

export function typeNameInvalid(name: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `The tenant column's type ${JSON.stringify(name)} must be the name of a type, such as uuid or bigint.`,
  })
}
