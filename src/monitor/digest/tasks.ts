/** How often operators look at something. */
export const PERIODS = ['daily', 'weekly', 'monthly', 'quarterly'] as const
export type Period = (typeof PERIODS)[number]

/** Something that operators look at regularly, and the checks that do it for them. */
export interface Task {
  readonly period: Period
  readonly title: string
  /** Ids of checks. */
  readonly checks: readonly string[]
}

/** Every check is somebody's task. */
export const TASKS: readonly Task[] = [
  {
    period: 'daily',
    title: 'The server can be seen and is the one that is expected',
    checks: ['rights', 'own-schema'],
  },
  {
    period: 'daily',
    title: 'There are connections enough',
    checks: ['connections-used', 'connection-budget', 'pool-use', 'pool-leaks'],
  },
  {
    period: 'daily',
    title: 'Nobody waits for long',
    checks: [
      'blocked-statements',
      'held-tables',
      'long-statements',
      'idle-in-transaction',
      'prepared-transactions',
    ],
  },
  { period: 'daily', title: 'Transactions end well', checks: ['deadlocks', 'rollbacks'] },
  { period: 'daily', title: 'Replicas are close behind', checks: ['replication-lag', 'replication-slots'] },
  { period: 'daily', title: 'What is lost can be restored', checks: ['backups', 'archiving'] },
  { period: 'daily', title: 'Partitions are made ahead', checks: ['partitions'] },
  { period: 'daily', title: 'Nothing is damaged', checks: ['corruption'] },
  {
    period: 'weekly',
    title: 'Statements are as fast as they were',
    checks: ['slow-statements', 'statement-regressions', 'statement-statistics', 'evicted-statements'],
  },
  { period: 'weekly', title: 'Memory suffices', checks: ['cache-hit', 'temp-files', 'checkpoints'] },
  {
    period: 'weekly',
    title: 'Vacuum keeps up',
    checks: ['dead-rows', 'autovacuum', 'wraparound', 'planner-statistics'],
  },
  { period: 'weekly', title: 'Nothing will be full soon', checks: ['capacity', 'sequences'] },
  { period: 'weekly', title: 'Migrations have run', checks: ['pending-migrations', 'pending-restart'] },
  {
    period: 'monthly',
    title: 'Indexes earn their keep',
    checks: [
      'invalid-indexes',
      'duplicate-indexes',
      'redundant-indexes',
      'unused-indexes',
      'foreign-key-indexes',
      'sequential-scans',
    ],
  },
  { period: 'monthly', title: 'Room is not wasted', checks: ['table-bloat', 'index-bloat'] },
  { period: 'weekly', title: 'Keys are renewed in time', checks: ['encryption-keys'] },
  { period: 'monthly', title: 'Software is up to date', checks: ['server-version', 'extensions'] },
  { period: 'quarterly', title: 'Settings fit the machine', checks: ['settings', 'durability'] },
  { period: 'quarterly', title: 'Nobody may do more than they need', checks: ['security'] },
  {
    period: 'quarterly',
    title: 'Data are sound',
    checks: ['primary-keys', 'constraints', 'replica-identity', 'orphan-rows', 'index-integrity'],
  },
]
