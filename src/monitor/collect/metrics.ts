/** What one number says, where it comes from, and how it is written. */
export interface MetricMeaning {
  readonly unit: 'count' | 'percent' | 'bytes' | 'seconds' | 'per second' | 'per minute' | 'bytes per second'
  readonly meaning: string
  /** The view or function of PostgreSQL that it is read from. */
  readonly source: string
}

/** What is kept of a database over time, by name. */
export const METRICS = {
  connections_active: {
    unit: 'count',
    meaning: 'Sessions of this database that run a statement',
    source: 'pg_stat_activity',
  },
  connections_idle: {
    unit: 'count',
    meaning: 'Sessions of this database that wait for their client',
    source: 'pg_stat_activity',
  },
  connections_idle_in_transaction: {
    unit: 'count',
    meaning: 'Sessions of this database that wait for their client inside a transaction',
    source: 'pg_stat_activity',
  },
  connections_other: {
    unit: 'count',
    meaning: 'Sessions of this database in another state, or whose state this role may not see',
    source: 'pg_stat_activity',
  },
  connections_used: {
    unit: 'count',
    meaning: 'Sessions of clients on the whole server',
    source: 'pg_stat_activity',
  },
  connections_used_percent: {
    unit: 'percent',
    meaning: 'The same of max_connections less those reserved for superusers',
    source: 'pg_stat_activity',
  },
  statements_blocked: {
    unit: 'count',
    meaning: 'Sessions of this database that wait for a lock',
    source: 'pg_locks',
  },
  longest_lock_wait_seconds: {
    unit: 'seconds',
    meaning: 'How long the one that has waited longest has done so; 0 where none does',
    source: 'pg_locks.waitstart',
  },
  longest_transaction_seconds: {
    unit: 'seconds',
    meaning: 'Age of the oldest transaction of this database; 0 where there is none',
    source: 'pg_stat_activity.xact_start',
  },
  longest_idle_in_transaction_seconds: {
    unit: 'seconds',
    meaning:
      'How long the session has idled that has done so longest inside a transaction; 0 where none does',
    source: 'pg_stat_activity.state_change',
  },
  transactions_per_second: {
    unit: 'per second',
    meaning: 'Transactions that ended, committed or rolled back',
    source: 'pg_stat_database.xact_commit, xact_rollback',
  },
  rollbacks_per_second: {
    unit: 'per second',
    meaning: 'Transactions that were rolled back',
    source: 'pg_stat_database.xact_rollback',
  },
  rows_per_second: {
    unit: 'per second',
    meaning: 'Rows read from tables and indexes, inserted, updated and deleted',
    source: 'pg_stat_database.tup_*',
  },
  cache_hit_percent: {
    unit: 'percent',
    meaning: 'Share of blocks that were found in shared buffers; not known while none was asked for',
    source: 'pg_stat_database.blks_hit, blks_read',
  },
  temp_bytes_per_second: {
    unit: 'bytes per second',
    meaning: 'Written to temporary files, by sorts and hashes that work_mem was too small for',
    source: 'pg_stat_database.temp_bytes',
  },
  deadlocks_per_minute: {
    unit: 'per minute',
    meaning: 'Deadlocks that PostgreSQL ended by cancelling one of the transactions',
    source: 'pg_stat_database.deadlocks',
  },
  wal_bytes_per_second: {
    unit: 'bytes per second',
    meaning: 'Write-ahead log that the whole server produced',
    source: 'pg_stat_wal.wal_bytes',
  },
  replication_lag_bytes: {
    unit: 'bytes',
    meaning: 'Write-ahead log that the replica that is furthest behind has yet to replay',
    source: 'pg_stat_replication.replay_lsn',
  },
  replication_lag_seconds: {
    unit: 'seconds',
    meaning: 'How far behind the slowest replica is; 0 where all have caught up',
    source: 'pg_stat_replication.replay_lag',
  },
  slots_retained_bytes: {
    unit: 'bytes',
    meaning: 'Write-ahead log that is kept for the replication slot that is furthest behind',
    source: 'pg_replication_slots.restart_lsn',
  },
  transaction_ids_used_percent: {
    unit: 'percent',
    meaning:
      'Age of the oldest transaction id of any database of the server, of the two billion that there may be',
    source: 'pg_database.datfrozenxid',
  },
  database_bytes: {
    unit: 'bytes',
    meaning: 'Size of this database on disk',
    source: 'pg_database_size()',
  },
} as const satisfies Readonly<Record<string, MetricMeaning>>

export type MetricName = keyof typeof METRICS
