/** What one number says, where it comes from, and how it is written. */
export interface MetricMeaning {
  readonly unit:
    | 'count'
    | 'percent'
    | 'bytes'
    | 'seconds'
    | 'milliseconds'
    | 'per second'
    | 'per minute'
    | 'bytes per second'
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
  backup_age_seconds: {
    unit: 'seconds',
    meaning:
      'Since the newest base backup of a server that archives its log ended; where there is none, since it takes writes',
    source: 'pg_ls_waldir()',
  },
  database_bytes: {
    unit: 'bytes',
    meaning: 'Size of this database on disk',
    source: 'pg_database_size()',
  },
} as const satisfies Readonly<Record<string, MetricMeaning>>

export type MetricName = keyof typeof METRICS

const POOL = 'the pool of this process'
const NODE = "this process and its machine, not the database's"

/** What is kept of each process, by name. */
export const PROCESS_METRICS = {
  database_reachable: {
    unit: 'count',
    meaning: '1 where the database answers this process, 0 where not',
    source: 'SELECT 1',
  },
  pool_used_percent: {
    unit: 'percent',
    meaning: 'Connections that are checked out, of size and overflow',
    source: POOL,
  },
  checked_out: { unit: 'count', meaning: 'Connections that are checked out', source: POOL },
  checked_in: { unit: 'count', meaning: 'Connections that are idle', source: POOL },
  waiting: { unit: 'count', meaning: 'Callers that wait for a connection', source: POOL },
  leaks: {
    unit: 'count',
    meaning: 'Checkouts that were reported within ten seconds as held for too long',
    source: POOL,
  },
  acquire_timeouts: {
    unit: 'count',
    meaning: 'Callers that gave up waiting within ten seconds',
    source: POOL,
  },
  statements_per_second: { unit: 'per second', meaning: 'Statements that ended', source: POOL },
  statement_p50_ms: { unit: 'milliseconds', meaning: 'Half of the statements took less', source: POOL },
  statement_p99_ms: {
    unit: 'milliseconds',
    meaning: 'One of a hundred statements took longer',
    source: POOL,
  },
  wait_p99_ms: {
    unit: 'milliseconds',
    meaning: 'One of a hundred callers waited longer for a connection',
    source: POOL,
  },
  hold_p99_ms: { unit: 'milliseconds', meaning: 'One of a hundred checkouts lasted longer', source: POOL },
  cpu_percent: { unit: 'percent', meaning: 'Processor time of the process, of one core', source: NODE },
  rss_bytes: { unit: 'bytes', meaning: 'Memory of the process', source: NODE },
  heap_used_bytes: { unit: 'bytes', meaning: 'JavaScript objects of the process', source: NODE },
  heap_total_bytes: { unit: 'bytes', meaning: 'Memory that is set aside for them', source: NODE },
  load_1m: { unit: 'count', meaning: 'Load of the machine over the last minute', source: NODE },
  memory_free_bytes: { unit: 'bytes', meaning: 'Free memory of the machine', source: NODE },
  memory_total_bytes: { unit: 'bytes', meaning: 'Memory of the machine', source: NODE },
  threads: { unit: 'count', meaning: 'Threads of the process; known on Linux', source: NODE },
  active_resources: {
    unit: 'count',
    meaning: 'Sockets, timers and the like that keep the process alive',
    source: NODE,
  },
  event_loop_delay_p99_ms: {
    unit: 'milliseconds',
    meaning: 'One of a hundred turns of the event loop was later',
    source: NODE,
  },
  event_loop_delay_max_ms: {
    unit: 'milliseconds',
    meaning: 'The latest turn of the event loop',
    source: NODE,
  },
} as const satisfies Readonly<Record<string, MetricMeaning>>

export type ProcessMetricName = keyof typeof PROCESS_METRICS
