import type { Limits } from '../../monitor/index.ts'

/** An alert as Prometheus watches it. */
export interface PrometheusRule {
  readonly alert: string
  readonly expr: string
  /** For how long it has to be so, as Prometheus writes it. */
  readonly for: string
  readonly severity: 'warning' | 'critical'
  /** What it means. */
  readonly summary: string
  /** What to do. */
  readonly action: string
}

const GB = 1_024 ** 3
const HOUR = 3_600

/** The same at two heights. */
function atTwo(
  rule: Omit<PrometheusRule, 'expr' | 'severity'>,
  of: string,
  warning: number,
  critical: number,
): PrometheusRule[] {
  return [
    { ...rule, expr: `${of} > ${warning}`, severity: 'warning' },
    { ...rule, expr: `${of} > ${critical}`, severity: 'critical' },
  ]
}

const database = (name: string): string => `max by (database) (holdfast_${name})`

const POOL_USE =
  'sum by (job, instance, pool) (holdfast_pool_connections{state="busy"}) / (sum by (job, instance, pool) (holdfast_pool_size) + sum by (job, instance, pool) (holdfast_pool_overflow_max))'
const FOUND_IN_MEMORY =
  'max by (database) (rate(holdfast_database_blocks_total{from="memory"}[15m])) / max by (database) (sum without (from) (rate(holdfast_database_blocks_total[15m])))'

/** What everybody wants to be told of, where Prometheus is who tells. @param limits from where on memory is too small, and a backup too old */
export const prometheusRules = ({
  cacheHitPercent,
  backupMaxAgeHours,
}: Limits): readonly PrometheusRule[] => [
  {
    alert: 'HoldfastDatabaseUnreachable',
    expr: 'holdfast_database_up == 0',
    for: '30s',
    severity: 'critical',
    summary: 'Nothing that needs the database works: it does not answer {{ $labels.instance }}.',
    action: 'holdfast status',
  },
  {
    alert: 'HoldfastNothingSeen',
    expr: 'absent(holdfast_database_up)',
    for: '5m',
    severity: 'critical',
    summary: 'Nobody watches: no process with Holdfast is scraped.',
    action: 'See the targets of Prometheus.',
  },
  ...atTwo(
    {
      alert: 'HoldfastPoolUse',
      for: '1m',
      summary:
        'Callers will soon wait: {{ $value | humanizePercentage }} of pool {{ $labels.pool }} of {{ $labels.instance }} are in use.',
      action: 'holdfast pool status',
    },
    POOL_USE,
    0.8,
    0.9,
  ),
  {
    alert: 'HoldfastPoolExhausted',
    expr: 'increase(holdfast_pool_acquire_timeouts_total[5m]) > 0',
    for: '0s',
    severity: 'critical',
    summary:
      'Callers of pool {{ $labels.pool }} of {{ $labels.instance }} failed because no connection became free in time.',
    action: 'holdfast pool status',
  },
  {
    alert: 'HoldfastPoolLeak',
    expr: 'increase(holdfast_pool_leaks_total[10m]) > 0',
    for: '0s',
    severity: 'warning',
    summary:
      'A connection of pool {{ $labels.pool }} of {{ $labels.instance }} is held for far longer than usual.',
    action: 'holdfast pool status',
  },
  ...atTwo(
    {
      alert: 'HoldfastConnections',
      for: '1m',
      summary: 'The server will soon refuse connections: {{ $value | humanizePercentage }} are used.',
      action: 'holdfast activity list',
    },
    database('server_connections_used_ratio'),
    0.8,
    0.9,
  ),
  ...atTwo(
    {
      alert: 'HoldfastLockWait',
      for: '0s',
      summary:
        'Statements of {{ $labels.database }} stand still for {{ $value | humanizeDuration }}: somebody holds what they want.',
      action: 'holdfast activity locks',
    },
    database('database_longest_lock_wait_seconds'),
    30,
    300,
  ),
  ...atTwo(
    {
      alert: 'HoldfastIdleInTransaction',
      for: '0s',
      summary: 'A transaction of {{ $labels.database }} is left open for {{ $value | humanizeDuration }}.',
      action: 'holdfast activity list',
    },
    database('database_longest_idle_in_transaction_seconds'),
    300,
    900,
  ),
  ...atTwo(
    {
      alert: 'HoldfastReplicationLag',
      for: '1m',
      summary: 'What is read from a replica is {{ $value | humanizeDuration }} old.',
      action: 'holdfast doctor',
    },
    database('replication_lag_seconds'),
    30,
    300,
  ),
  ...atTwo(
    {
      alert: 'HoldfastSlotRetained',
      for: '0s',
      summary: '{{ $value | humanize1024 }}B of write-ahead log are kept for a slot that nobody reads.',
      action: 'holdfast doctor',
    },
    database('slots_retained_bytes'),
    5 * GB,
    20 * GB,
  ),
  ...atTwo(
    {
      alert: 'HoldfastWraparound',
      for: '10m',
      summary:
        'The server will refuse to write when transaction ids run out: {{ $value | humanizePercentage }} are used.',
      action: 'holdfast doctor',
    },
    database('transaction_ids_used_ratio'),
    0.5,
    0.75,
  ),
  ...atTwo(
    {
      alert: 'HoldfastBackupAge',
      for: '0s',
      summary:
        'A restore of {{ $labels.database }} has to replay the log of {{ $value | humanizeDuration }}: that old is the newest base backup.',
      action: 'holdfast doctor',
    },
    database('backup_age_seconds'),
    backupMaxAgeHours * HOUR,
    2 * backupMaxAgeHours * HOUR,
  ),
  {
    alert: 'HoldfastCacheHit',
    expr: `${FOUND_IN_MEMORY} < ${cacheHitPercent.fair / 100}`,
    for: '15m',
    severity: 'warning',
    summary:
      'Statements of {{ $labels.database }} wait for the disk: {{ $value | humanizePercentage }} of what they read is in memory.',
    action: 'holdfast query top --by reads',
  },
  {
    alert: 'HoldfastDeadlocks',
    expr: 'max by (database) (increase(holdfast_database_deadlocks_total[10m])) > 5',
    for: '0s',
    severity: 'warning',
    summary:
      'Transactions of {{ $labels.database }} are cancelled again and again because they lock in different orders.',
    action: 'holdfast doctor',
  },
  {
    alert: 'HoldfastFindings',
    expr: 'max by (check) (holdfast_findings{severity="error"}) > 0',
    for: '10m',
    severity: 'critical',
    summary: 'The check {{ $labels.check }} found something that cannot wait.',
    action: 'holdfast doctor',
  },
]

/** The rules as a file of Prometheus. */
export function asRuleFile(rules: readonly PrometheusRule[]): string {
  const one = ({ alert, expr, for: length, severity, summary, action }: PrometheusRule): string[] => [
    `      - alert: ${alert}`,
    `        expr: ${JSON.stringify(expr)}`,
    `        for: ${length}`,
    `        labels: { severity: ${severity} }`,
    '        annotations:',
    `          summary: ${JSON.stringify(summary)}`,
    `          action: ${JSON.stringify(action)}`,
  ]
  return ['groups:', '  - name: holdfast', '    rules:', ...rules.flatMap(one), ''].join('\n')
}
