import { inOneLine } from '../core/index.ts'
import type { MetricName, Middle, StatementTotals } from '../monitor/index.ts'
import { type MetricRegistry, type MetricType, register, type Sample, single } from './metric.ts'
import type { DatabaseSource } from './source.ts'

const STATES = ['active', 'idle', 'idle_in_transaction', 'other'] as const

const ratio = (percent: number | null | undefined): Sample[] =>
  single(percent == null ? percent : percent / 100)

const GAUGES: readonly (readonly [name: string, help: string, from: MetricName, asRatio?: 'ratio'])[] = [
  ['server_connections', 'Sessions of clients on the whole server', 'connections_used'],
  [
    'server_connections_used_ratio',
    'The same of what the server has room for',
    'connections_used_percent',
    'ratio',
  ],
  ['database_blocked_statements', 'Sessions that wait for a lock', 'statements_blocked'],
  [
    'database_longest_lock_wait_seconds',
    'How long the one that has waited longest has done so',
    'longest_lock_wait_seconds',
  ],
  ['database_longest_transaction_seconds', 'Age of the oldest transaction', 'longest_transaction_seconds'],
  [
    'database_longest_idle_in_transaction_seconds',
    'How long the session has idled that has done so longest inside a transaction',
    'longest_idle_in_transaction_seconds',
  ],
  [
    'replication_lag_bytes',
    'Write-ahead log that the slowest replica has yet to replay',
    'replication_lag_bytes',
  ],
  ['replication_lag_seconds', 'How far behind the slowest replica is', 'replication_lag_seconds'],
  [
    'slots_retained_bytes',
    'Write-ahead log that is kept for the slowest replication slot',
    'slots_retained_bytes',
  ],
  [
    'transaction_ids_used_ratio',
    'Age of the oldest transaction id, of those that there are',
    'transaction_ids_used_percent',
    'ratio',
  ],
]

const COUNTERS: readonly (readonly [
  name: string,
  help: string,
  read: (counts: Middle['counts']) => readonly [labels: Sample['labels'], value: number][],
])[] = [
  [
    'database_transactions_total',
    'Transactions that ended',
    ({ commits, rollbacks }) => [
      [{ outcome: 'committed' }, commits],
      [{ outcome: 'rolled_back' }, rollbacks],
    ],
  ],
  [
    'database_rows_total',
    'Rows read from tables and indexes, inserted, updated and deleted',
    ({ rows }) => [[{}, rows]],
  ],
  [
    'database_blocks_total',
    'Blocks that were asked for, by where they were found',
    ({ blocksHit, blocksRead }) => [
      [{ from: 'memory' }, blocksHit],
      [{ from: 'disk' }, blocksRead],
    ],
  ],
  ['database_temp_bytes_total', 'Written to temporary files', ({ tempBytes }) => [[{}, tempBytes]]],
  ['database_deadlocks_total', 'Deadlocks', ({ deadlocks }) => [[{}, deadlocks]]],
  ['wal_bytes_total', 'Write-ahead log that the whole server produced', ({ walBytes }) => [[{}, walBytes]]],
]

const STATEMENT_COUNTERS: readonly (readonly [
  name: string,
  help: string,
  read: (totals: StatementTotals) => number,
])[] = [
  ['calls_total', 'Calls', ({ calls }) => calls],
  ['seconds_total', 'Time spent', ({ totalMs }) => totalMs / 1_000],
  ['rows_total', 'Rows returned or changed', ({ rows }) => rows],
  ['blocks_read_total', 'Blocks asked of the operating system', ({ blocksRead }) => blocksRead],
  ['temp_blocks_total', 'Blocks of temporary files, read and written', ({ tempBlocks }) => tempBlocks],
]

const LONGEST_TEXT = 120

/**
 * Adds the metrics of one database to a registry, each with the label `database`: sessions, locks, transactions, blocks, replication,
 * sizes, and the statements that take most. Read when it is scraped, on connections beside the pool.
 */
export function registerDatabase(registry: MetricRegistry, source: DatabaseSource): void {
  const add = (name: string, help: string, type: MetricType, read: () => Promise<readonly Sample[]>): void =>
    register(registry, { name: `holdfast_${name}`, help, type }, async () => {
      const [database, samples] = await Promise.all([source.name(), read()])
      return database === undefined
        ? []
        : samples.map((sample) => ({ ...sample, labels: { database, ...sample.labels } }))
    })

  register(
    registry,
    { name: 'holdfast_database_up', help: '1 where the database answers', type: 'gauge' },
    async () => single((await source.picture()) ? 1 : 0),
  )
  add('database_connections', 'Sessions of this database by state', 'gauge', async () => {
    const { now } = (await source.picture()) ?? {}
    return STATES.flatMap((state) =>
      single(now?.[`connections_${state}`]).map(({ value }) => ({ value, labels: { state } })),
    )
  })
  for (const [name, help, from, asRatio] of GAUGES)
    add(name, help, 'gauge', async () => {
      const picture = await source.picture()
      const value = picture?.now[from] ?? picture?.middle.values[from]
      return asRatio ? ratio(value) : single(value)
    })
  for (const [name, help, read] of COUNTERS)
    add(name, help, 'counter', async () => {
      const picture = await source.picture()
      return picture ? read(picture.middle.counts).map(([labels, value]) => ({ labels, value })) : []
    })
  addSizes(add, source)
  addStatements(add, source)
}

type Add = (name: string, help: string, type: MetricType, read: () => Promise<readonly Sample[]>) => void

function addSizes(add: Add, source: DatabaseSource): void {
  add('database_size_bytes', 'Size of the database on disk', 'gauge', async () => single(await source.size()))
  add(
    'backup_age_seconds',
    'Since the newest base backup of a server that archives its log ended; where there is none, since it takes writes',
    'gauge',
    async () => single((await source.backups())?.ageSeconds),
  )
  const ofTables = async (
    read: (table: NonNullable<Awaited<ReturnType<DatabaseSource['tables']>>>[number]) => number | null,
  ) =>
    ((await source.tables()) ?? []).flatMap((one) =>
      single(read(one)).map(({ value }) => ({ value, labels: { table: `${one.schema}.${one.table}` } })),
    )
  add('table_size_bytes', 'Size of the largest tables with their indexes', 'gauge', () =>
    ofTables((one) => one.total_bytes),
  )
  add('table_dead_rows', 'Rows of the largest tables that wait for VACUUM', 'gauge', () =>
    ofTables((one) => one.dead_rows),
  )
}

function addStatements(add: Add, source: DatabaseSource): void {
  for (const [name, help, read] of STATEMENT_COUNTERS) {
    add(`statements_${name}`, `${help}, of all statements`, 'counter', async () => {
      const picture = await source.statements()
      return picture ? single(picture.all.reduce((sum, totals) => sum + read(totals), 0)) : []
    })
    add(`statement_${name}`, `${help}, of the statements that take most time`, 'counter', async () => {
      const { top = [] } = (await source.statements()) ?? {}
      return top.map((one) => ({ value: read(one), labels: { queryid: one.id } }))
    })
  }
  add('statement_info', 'Texts of the statements that take most time', 'gauge', async () => {
    const { top = [] } = (await source.statements()) ?? {}
    return top.map(({ id, text }) => ({
      value: 1,
      labels: { queryid: id, statement: inOneLine(text, LONGEST_TEXT) },
    }))
  })
}
