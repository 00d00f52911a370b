/** One query of a panel, and what its lines are called. */
export interface Query {
  readonly expr: string
  readonly legend: string
}

/** A picture of one thing. */
export interface Panel {
  readonly title: string
  /** What the figures mean, for whoever asks. */
  readonly means: string
  /** As Grafana calls it. */
  readonly unit: 'short' | 'percentunit' | 'bytes' | 's' | 'ops' | 'Bps'
  readonly kind: 'timeseries' | 'stat' | 'table'
  readonly queries: readonly Query[]
}

/** Panels that are looked at together. */
export interface Dashboard {
  /** Stable: what is imported again takes the place of what is there. */
  readonly id: string
  readonly title: string
  readonly panels: readonly Panel[]
}

const OF_DATABASE = '{database=~"$database"}'
const OF_POOL = '{instance=~"$instance",pool=~"$pool"}'

/** Several processes tell of one database: they say the same. */
const database = (name: string, by = ''): string =>
  `max by (database${by === '' ? '' : `, ${by}`}) (holdfast_${name}${OF_DATABASE})`
const databaseRate = (name: string, by = ''): string =>
  `max by (database${by === '' ? '' : `, ${by}`}) (rate(holdfast_${name}${OF_DATABASE}[$__rate_interval]))`
const pool = (name: string): string => `sum by (instance, pool) (holdfast_pool_${name}${OF_POOL})`
const poolRate = (name: string): string =>
  `sum by (instance, pool) (rate(holdfast_pool_${name}${OF_POOL}[$__rate_interval]))`
const poolQuantile = (share: number, name: string): string =>
  `histogram_quantile(${share}, sum by (instance, pool, le) (rate(holdfast_pool_${name}_bucket${OF_POOL}[$__rate_interval])))`

const lines = (
  title: string,
  unit: Panel['unit'],
  means: string,
  ...queries: readonly (readonly [legend: string, expr: string])[]
): Panel => ({
  title,
  unit,
  means,
  kind: 'timeseries',
  queries: queries.map(([legend, expr]) => ({ legend, expr })),
})

const figure = (title: string, unit: Panel['unit'], means: string, expr: string): Panel => ({
  title,
  unit,
  means,
  kind: 'stat',
  queries: [{ legend: '', expr }],
})

const OVERVIEW: Dashboard = {
  id: 'holdfast-database',
  title: 'Holdfast: database',
  panels: [
    figure(
      'Health score',
      'short',
      '100, less 25 for each error and 8 for each warning of the checks.',
      'min(holdfast_health_score)',
    ),
    figure('Answers', 'short', '1 where every process reaches the database.', 'min(holdfast_database_up)'),
    figure('Alerts', 'short', 'Alerts that fire.', 'count(holdfast_alerts{state="firing"}) or vector(0)'),
    figure('Size', 'bytes', 'Size of the database on disk.', database('database_size_bytes')),
    lines('Connections', 'short', 'Sessions of this database by what they are at.', [
      '{{database}} {{state}}',
      database('database_connections', 'state'),
    ]),
    lines(
      'Connections of the server',
      'percentunit',
      'Sessions of clients, of what the server has room for.',
      ['{{database}}', database('server_connections_used_ratio')],
    ),
    lines('Transactions', 'ops', 'Transactions that ended, by how.', [
      '{{database}} {{outcome}}',
      databaseRate('database_transactions_total', 'outcome'),
    ]),
    lines('Rows', 'ops', 'Rows read, inserted, updated and deleted.', [
      '{{database}}',
      databaseRate('database_rows_total'),
    ]),
    lines('Found in memory', 'percentunit', 'Share of blocks that were found in shared buffers.', [
      '{{database}}',
      `max by (database) (rate(holdfast_database_blocks_total{database=~"$database",from="memory"}[$__rate_interval])) / max by (database) (sum without (from) (rate(holdfast_database_blocks_total{database=~"$database"}[$__rate_interval])))`,
    ]),
    lines('Temporary files', 'Bps', 'Written by sorts and hashes that work_mem was too small for.', [
      '{{database}}',
      databaseRate('database_temp_bytes_total'),
    ]),
    lines('Waiting for locks', 'short', 'Sessions that wait for a lock.', [
      '{{database}}',
      database('database_blocked_statements'),
    ]),
    lines(
      'Longest',
      's',
      'Age of the oldest transaction, of the longest wait for a lock, and of the longest idling inside a transaction.',
      ['{{database}} transaction', database('database_longest_transaction_seconds')],
      ['{{database}} lock wait', database('database_longest_lock_wait_seconds')],
      ['{{database}} idle in transaction', database('database_longest_idle_in_transaction_seconds')],
    ),
    lines('Deadlocks', 'short', 'Deadlocks within ten minutes.', [
      '{{database}}',
      `max by (database) (increase(holdfast_database_deadlocks_total${OF_DATABASE}[10m]))`,
    ]),
    lines('Write-ahead log', 'Bps', 'Produced by the whole server.', [
      '{{database}}',
      databaseRate('wal_bytes_total'),
    ]),
    lines('Replicas are behind', 's', 'How far the slowest one is.', [
      '{{database}}',
      database('replication_lag_seconds'),
    ]),
    lines(
      'Log that waits',
      'bytes',
      'That the slowest replica has yet to replay, and that is kept for the slowest slot.',
      ['{{database}} replica', database('replication_lag_bytes')],
      ['{{database}} slot', database('slots_retained_bytes')],
    ),
    lines('Transaction ids', 'percentunit', 'Age of the oldest one, of those that there are.', [
      '{{database}}',
      database('transaction_ids_used_ratio'),
    ]),
    lines('Newest base backup', 's', 'Its age, of a server that archives its log.', [
      '{{database}}',
      database('backup_age_seconds'),
    ]),
    lines('Largest tables', 'bytes', 'With their indexes.', [
      '{{table}}',
      database('table_size_bytes', 'table'),
    ]),
    lines('Rows that wait for VACUUM', 'short', 'Of the largest tables.', [
      '{{table}}',
      database('table_dead_rows', 'table'),
    ]),
    {
      title: 'Findings',
      unit: 'short',
      means: 'What the checks found last: holdfast doctor says what to do.',
      kind: 'table',
      queries: [{ legend: '', expr: 'max by (check, severity) (holdfast_findings)' }],
    },
  ],
}

const POOLS: Dashboard = {
  id: 'holdfast-pools',
  title: 'Holdfast: pools',
  panels: [
    lines('In use', 'percentunit', 'Connections that are checked out, of size and overflow.', [
      '{{instance}} {{pool}}',
      `sum by (instance, pool) (holdfast_pool_connections{instance=~"$instance",pool=~"$pool",state="busy"}) / (${pool('size')} + ${pool('overflow_max')})`,
    ]),
    lines('Connections', 'short', 'By what they do.', [
      '{{instance}} {{pool}} {{state}}',
      `sum by (instance, pool, state) (holdfast_pool_connections${OF_POOL})`,
    ]),
    lines('Waiting', 'short', 'Callers that wait for a connection.', [
      '{{instance}} {{pool}}',
      pool('waiting'),
    ]),
    lines('Statements', 'ops', 'Statements that ended.', [
      '{{instance}} {{pool}}',
      poolRate('statement_seconds_count'),
    ]),
    lines(
      'Statement time',
      's',
      'From asking for a statement to its answer: half of them, and 99 of a hundred, took less.',
      ['{{instance}} {{pool}} half', poolQuantile(0.5, 'statement_seconds')],
      ['{{instance}} {{pool}} 99 %', poolQuantile(0.99, 'statement_seconds')],
    ),
    lines(
      'Waiting and holding',
      's',
      '99 of a hundred callers waited less for a connection, or held it for less.',
      ['{{instance}} {{pool}} wait', poolQuantile(0.99, 'wait_seconds')],
      ['{{instance}} {{pool}} hold', poolQuantile(0.99, 'hold_seconds')],
    ),
    lines(
      'What went wrong',
      'ops',
      'Callers that waited too long, connections that could not be opened or were dead, checkouts held for too long.',
      ['{{instance}} {{pool}} waited too long', poolRate('acquire_timeouts_total')],
      ['{{instance}} {{pool}} not opened', poolRate('connect_failures_total')],
      ['{{instance}} {{pool}} dead', poolRate('ping_failures_total')],
      ['{{instance}} {{pool}} leaks', poolRate('leaks_total')],
    ),
    lines('By label', 'ops', 'Statements by what the code names its work.', [
      '{{label}}',
      `topk(10, sum by (label) (rate(holdfast_pool_label_statements_total${OF_POOL}[$__rate_interval])))`,
    ]),
    lines('Memory of the process', 'bytes', 'Resident.', [
      '{{instance}}',
      'max by (instance) (process_resident_memory_bytes{instance=~"$instance"})',
    ]),
    lines('Event loop', 's', 'One of a hundred turns was later.', [
      '{{instance}}',
      'max by (instance) (nodejs_eventloop_lag_p99_seconds{instance=~"$instance"})',
    ]),
  ],
}

const STATEMENTS: Dashboard = {
  id: 'holdfast-statements',
  title: 'Holdfast: statements',
  panels: [
    lines('Time', 's', 'Seconds of database time within a second, of all statements.', [
      '{{database}}',
      databaseRate('statements_seconds_total'),
    ]),
    lines('Calls', 'ops', 'Of all statements.', ['{{database}}', databaseRate('statements_calls_total')]),
    lines('Mean time', 's', 'Of all statements.', [
      '{{database}}',
      `${databaseRate('statements_seconds_total')} / ${databaseRate('statements_calls_total')}`,
    ]),
    lines('Blocks read', 'ops', 'Asked of the operating system, by all statements.', [
      '{{database}}',
      databaseRate('statements_blocks_read_total'),
    ]),
    lines('What takes the time', 's', 'The ten statements that take most. The table names them.', [
      '{{queryid}}',
      `topk(10, ${databaseRate('statement_seconds_total', 'queryid')})`,
    ]),
    lines('What is called most', 'ops', 'The ten statements of those that take most time.', [
      '{{queryid}}',
      `topk(10, ${databaseRate('statement_calls_total', 'queryid')})`,
    ]),
    {
      title: 'Statements',
      unit: 's',
      means: 'Time within the last hour, by statement: holdfast query show ID says more.',
      kind: 'table',
      queries: [
        {
          legend: '',
          expr: `sort_desc(max by (database, queryid) (increase(holdfast_statement_seconds_total${OF_DATABASE}[1h])) * on (database, queryid) group_left (statement) max by (database, queryid, statement) (holdfast_statement_info${OF_DATABASE}))`,
        },
      ],
    },
  ],
}

/** What there is to look at. */
export const DASHBOARDS: readonly Dashboard[] = [OVERVIEW, POOLS, STATEMENTS]
