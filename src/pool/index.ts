/**
 * A connection pool for PostgreSQL with the face of `pg.Pool`: kept connections plus overflow, a strict queue
 * with one deadline, connections checked before use and cleaned after it. Usable alone: needs only `pg`.
 */
export type { PooledClient } from './checkout.ts'
export { connectFailure, connectFailureInBrief } from './connect-failure.ts'
export type { HolderPicture, PoolPicture } from './errors.ts'
export type { PoolEvents } from './events.ts'
export { withLabel } from './label.ts'
export { advisoryKey, AdvisoryLease } from './lease.ts'
export { POOL_OPTIONS, type PoolConfig, type PoolOptions } from './options.ts'
export type { PoolQueryConfig } from './query.ts'
export type { LabelFigures } from './recorder.ts'
export type { StatementFigures, TallyFigures } from './statements.ts'
export { openClient } from './servers/open-client.ts'
export type { Role, TargetSessionAttrs } from './servers/role.ts'
export { type SslMode, sslModeInUrl, withSslMode } from './servers/tls.ts'
export { retry, type RetryKind, type RetryOptions } from './retry.ts'
export type { Transaction, TransactionOptions } from './transaction.ts'
export { type ConnectOptions, type EndOptions, Pool } from './pool.ts'
export type { EchoedQuery, PoolCounters, PoolHealth, PoolStats, PoolTimings } from './stats.ts'
export { QUERY_CHANNEL, type QueryTrace } from './tracing.ts'
