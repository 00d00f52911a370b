/**
 * A connection pool for PostgreSQL with the face of `pg.Pool`: kept connections plus overflow, a strict queue
 * with one deadline, connections checked before use and cleaned after it. Usable alone: needs only `pg`.
 */
export { cancelRunning } from './cancel.ts'
export type { PooledClient } from './checkout.ts'
export { connectFailure, connectFailureInBrief } from './connect-failure.ts'
export { type HolderPicture, type PoolPicture, transactionAborted, transactionOver } from './errors.ts'
export { prepareValue } from './driver.ts'
export type { PoolEvents } from './events.ts'
export { withLabel } from './label.ts'
export { advisoryKey, AdvisoryLease, tryAdvisoryLock } from './lease.ts'
export { POOL_OPTIONS, type PoolConfig, type PoolOptions } from './options.ts'
export type { PoolQueryConfig } from './query.ts'
export type { LabelFigures } from './recorder.ts'
export type { StatementFigures } from './statements.ts'
export { Tallies, type TallyFigures } from './tally.ts'
export { readYourWrites } from './replicas/read-your-writes.ts'
export type { ReplicaPicture } from './replicas/replica.ts'
export type { ReadOptions, WalPosition } from './replicas/wal-position.ts'
export { certificatesOf, type ConnectionCertificate } from './servers/certificates.ts'
export { type PresetName, withPreset } from './presets.ts'
export type { SlowQuery } from './recorder.ts'
export { holderInWords, poolInWords } from './errors.ts'
export { ownQueries } from './own-queries.ts'
export { schemaChanged } from './wire/schema-epoch.ts'
export {
  connectDirectly,
  relationNamed,
  withDirectClient,
  withReadingClient,
  withUsersPath,
} from './servers/direct-client.ts'
export { beyondTheEnd, endable } from './servers/endable.ts'
export { openClient } from './servers/open-client.ts'
export type { ServerPicture } from './servers/servers.ts'
export type { Role, TargetSessionAttrs } from './servers/role.ts'
export { type SslMode, sslModeInUrl, withSslMode } from './servers/tls.ts'
export type { LanePicture, LeakPicture, PoolActivity, WaiterPicture } from './activity.ts'
export type { SizeAdvice } from './sizing/advice.ts'
export { ConnectionBudget } from './sizing/budget.ts'
export type { Fit } from './sizing/capacity.ts'
export { retry, type RetryKind, type RetryOptions } from './retry.ts'
export { beginStatement, runSavepoint, type Transaction, type TransactionOptions } from './transaction.ts'
export { type ConnectOptions, type EndOptions, Pool } from './pool.ts'
export type { EchoedQuery, PoolCounters, PoolHealth, PoolStats, PoolTimings } from './stats.ts'
export { QUERY_CHANNEL, type QueryTrace } from './tracing.ts'
