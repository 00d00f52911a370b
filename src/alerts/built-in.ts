import type { Limits } from '../monitor/index.ts'
import { METRIC_NAMES } from './alert.ts'
import { metricUnknown, ruleUnknown } from './errors.ts'
import type { AlertRule } from './rule.ts'

const MINUTE_MS = 60_000
const GB = 1_024 ** 3

/** What everybody wants to be told of. @param limits from where on memory is too small, and a backup too old */
export const builtInRules = ({ cacheHitPercent, backupMaxAgeHours }: Limits): readonly AlertRule[] => [
  {
    name: 'database_unreachable',
    metric: 'database_reachable',
    below: { error: 1 },
    forMs: 20_000,
    message: 'Nothing that needs the database works: it does not answer.',
    action: 'holdfast status',
  },
  {
    name: 'pool_use',
    metric: 'pool_used_percent',
    above: { warning: 80, error: 90 },
    forMs: MINUTE_MS,
    message: 'Callers will soon wait for a connection: nearly all of the pool are in use.',
    action: 'holdfast pool status',
  },
  {
    name: 'pool_exhausted',
    metric: 'acquire_timeouts',
    above: { error: 0 },
    message: 'Callers failed because no connection became free in time.',
    action: 'holdfast pool status',
  },
  {
    name: 'pool_leaks',
    metric: 'leaks',
    above: { warning: 0 },
    clearMs: 5 * MINUTE_MS,
    message: 'A connection is held for far longer than usual: it may never come back.',
    action: 'holdfast pool status',
  },
  {
    name: 'connections',
    metric: 'connections_used_percent',
    above: { warning: 80, error: 90 },
    forMs: MINUTE_MS,
    message: 'The server will soon refuse connections.',
    action: 'holdfast activity list',
  },
  {
    name: 'lock_wait',
    metric: 'longest_lock_wait_seconds',
    above: { warning: 30, error: 300 },
    message: 'Statements stand still: somebody holds what they want.',
    action: 'holdfast activity locks',
  },
  {
    name: 'idle_in_transaction',
    metric: 'longest_idle_in_transaction_seconds',
    above: { warning: 300, error: 900 },
    message: 'A transaction is left open: it holds its locks, and vacuum removes nothing that it may see.',
    action: 'holdfast activity list',
  },
  {
    name: 'replication_lag',
    metric: 'replication_lag_seconds',
    above: { warning: 30, error: 300 },
    forMs: MINUTE_MS,
    message: 'What is read from a replica is old, and a failover to it would lose what it has not got.',
    action: 'holdfast doctor',
  },
  {
    name: 'slots_retained',
    metric: 'slots_retained_bytes',
    above: { warning: 5 * GB, error: 20 * GB },
    message: 'Write-ahead log is kept for a slot that nobody reads: it fills the disk.',
    action: 'holdfast doctor',
  },
  {
    name: 'wraparound',
    metric: 'transaction_ids_used_percent',
    above: { warning: 50, error: 75 },
    message: 'The server will refuse to write when transaction ids run out: vacuum does not keep up.',
    action: 'holdfast doctor',
  },
  {
    name: 'backup_age',
    metric: 'backup_age_seconds',
    above: { warning: backupMaxAgeHours * 3_600, error: 2 * backupMaxAgeHours * 3_600 },
    message:
      'A restore has to replay the log of a long time, and all of it has to be there: the newest base backup is old.',
    action: 'holdfast doctor',
  },
  {
    name: 'cache_hit',
    metric: 'cache_hit_percent',
    below: { warning: cacheHitPercent.fair },
    forMs: 15 * MINUTE_MS,
    message: 'Statements wait for the disk: too little of what they read is in memory.',
    action: 'holdfast query top --by reads',
  },
  {
    name: 'nothing_seen',
    metric: 'connections_active',
    absent: { afterMs: 5 * MINUTE_MS, severity: 'error' },
    message: 'The database is watched blindly: sessions and locks could not be looked at.',
    action: 'holdfast status',
  },
]

/**
 * The rules that hold: the built-in ones, less those that are off, each in the place of one of its own name.
 * @throws HF_ALERT_RULE_INVALID where there is none of a name that is off, HF_ALERT_METRIC_UNKNOWN
 */
export function rulesOf(
  limits: Limits,
  own: readonly AlertRule[] = [],
  off: readonly string[] = [],
): AlertRule[] {
  const known = [...builtInRules(limits), ...own]
  for (const name of off)
    if (!known.some((rule) => rule.name === name))
      throw ruleUnknown(
        name,
        known.map((rule) => rule.name),
      )
  for (const { name, metric } of own)
    if (!METRIC_NAMES.includes(metric)) throw metricUnknown(name, metric, METRIC_NAMES)
  const byName = new Map(known.map((rule) => [rule.name, rule]))
  return [...byName.values()].filter(({ name }) => !off.includes(name))
}
