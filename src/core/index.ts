/**
 * What every capability stands on: errors, options, time, ids, SQL quoting, events, background work.
 * Imports nothing else of Holdfast; what it needs from above comes in through the ports.
 */
export { confinedHand, type Hand, plainHand } from './confined.ts'
export { ownersHand, type OwnersPart, ownersParts, withOwners } from './relation-hand.ts'
export { type Clock, systemClock, type Timer, wait, within } from './clock.ts'
export {
  databaseOf,
  hasPassword,
  isDatabaseUrl,
  maskUrl,
  perHost,
  queryOf,
  withDatabase,
  withHost,
  withoutPassword,
  withQuery,
} from './database-url.ts'
export {
  escapedJson,
  formatBytes,
  formatDuration,
  inOneLine,
  plural,
  shortened,
  withoutCommands,
} from './amounts.ts'
export {
  type ErrorCode,
  HoldfastError,
  type HoldfastErrorInit,
  isHoldfastError,
  messageOf,
} from './errors.ts'
export { type ChannelEvent, EventChannel, type Unsubscribe } from './events.ts'
export { cumulativeCounts, Histogram, type HistogramCounts, percentile, sumOf } from './histogram.ts'
export { createIdSource, type IdSource, type RandomSource, uuidv7 } from './ids.ts'
export { KeptAnswers } from './kept-answers.ts'
export { Lifecycle } from './lifecycle.ts'
export {
  custom,
  flag,
  integer,
  nearest,
  oneOf,
  type OptionLayer,
  type OptionSpec,
  type OptionTable,
  type OptionValues,
  rejectUnknown,
  type ResolvedOptions,
  resolveOptions,
  showOption,
  text,
} from './options.ts'
export { isModuleFolder, moduleHint } from './module-kind.ts'
export type { Lease, Operation, QueryResultRow, Recorder } from './ports.ts'
export { NAMED_RELATIONS, type NamedRelation } from './relation-names.ts'
export { Scheduler, type Task, type TaskFailure } from './scheduler.ts'
export { hideLiterals } from './sql-literals.ts'
export {
  OWN_PATH,
  pasteable,
  type OwnersQueryable,
  type Queryable,
  quoteIdentifier,
  quoteLiteral,
  quoteQualified,
  quoteWhereNeeded,
  schemasOf,
} from './sql.ts'
export { type SqlParser, sqlParser } from './sql-parser.ts'
export { endsSession, isNoName, refusesConnection, SQLSTATE, sqlstateOf } from './sqlstate.ts'
export { toolVersion } from './version.ts'
