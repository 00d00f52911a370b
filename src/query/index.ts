/**
 * Kysely on the pool, and what services do with it all day: transactions, pages, repositories, batches, tenants,
 * timings. Each is a function over Kysely's own types; none of them needs another.
 */
export { Batch, type BatchSource } from './batch.ts'
export { HoldfastDialect, type HoldfastDialectConfig } from './dialect.ts'
export { CursorKeys } from './pages/cursor-keys.ts'
export { keyset, type KeysetOptions, type KeysetPage } from './pages/keyset.ts'
export type { OrderTerm } from './pages/order.ts'
export { type Page, type PageOptions, paginate } from './pages/page.ts'
export type { ManyRows } from './bulk/chunks.ts'
export { createMany, type CreateManyOptions } from './bulk/create-many.ts'
export type {
  Changes,
  KeyOf,
  ListOptions,
  ListPageOptions,
  NewRow,
  Repository,
  RepositoryOn,
  RepositoryOptions,
  Selection,
  SortTerm,
} from './repository/face.ts'
export type { Condition, Filter, Operators } from './repository/filter.ts'
export { defineRepository, repository } from './repository/repository.ts'
export type { TenantEscape } from './tenancy/escapes.ts'
export { defineTenancy, type Tenancy, type TenancyOptions } from './tenancy/tenancy.ts'
export { type Timed, type Timing, type TimingFigures, Timings, type TimingsOptions } from './timings.ts'
export { type QueryTransactionOptions, transaction } from './transaction.ts'
