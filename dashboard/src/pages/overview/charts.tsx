import type { DatabaseEvent, PoolEvent } from '../../api/operations.ts'
import { databaseAge, processAge } from '../../live/freshness.ts'
import type { DatabaseSeries, PageHistory } from '../../live/history.ts'
import { latest, type TimeWindow } from '../../live/window.ts'
import { Card, type CardProps } from '../../parts/card.tsx'
import { ChartCard } from '../../parts/chart/chart-card.tsx'
import { Amount } from '../../parts/amount.tsx'
import { Denied } from '../../parts/states.tsx'
import { count, duration, percent, perSecond } from '../../words/figures.ts'
import {
  CACHE_DEFINITIONS,
  CONNECTION_DEFINITIONS,
  LATENCY_DEFINITIONS,
  THROUGHPUT_DEFINITIONS,
} from './definitions.ts'

interface Known {
  readonly history: PageHistory
  readonly pool: PoolEvent | undefined
  readonly database: DatabaseEvent | undefined
}

const nowOf = (window: TimeWindow<DatabaseSeries> | undefined, name: DatabaseSeries): number | null =>
  window ? latest(window, name) : null

/** Client connections by what they do. */
export function ConnectionsCard({
  history,
  database,
  grant,
}: Known & { readonly grant: string | undefined }) {
  const window = history.database
  const head: Pick<CardProps, 'title' | 'span' | 'size' | 'note' | 'definitions' | 'staleMs'> = {
    title: 'Connections',
    span: 5,
    size: 'tall',
    note: database && `${database.connections} of ${database.connections_max}`,
    definitions: CONNECTION_DEFINITIONS,
    staleMs: databaseAge.value,
  }
  if (grant !== undefined)
    return (
      <Card {...head}>
        <Denied what="what other sessions do" grant={grant} />
      </Card>
    )
  return (
    <ChartCard
      {...head}
      form="stacked"
      height={134}
      window={window}
      failure={history.failure}
      format={count}
      series={[
        { name: 'connections_idle', label: 'idle', tone: 'c4' },
        { name: 'connections_active', label: 'active', tone: 'c1' },
        { name: 'connections_idle_in_transaction', label: 'idle in transaction', tone: 'c3' },
      ]}
    />
  )
}

/** Transactions per second. */
export function ThroughputCard({ history, pool }: Known) {
  return (
    <ChartCard
      title="Throughput"
      span={4}
      now={
        <>
          <b>
            <Amount figure={perSecond(nowOf(history.database, 'transactions_per_second'))} />
          </b>
          <b class="dim">
            <Amount figure={perSecond(pool?.statements_per_second)} of="pool" />
          </b>
        </>
      }
      definitions={THROUGHPUT_DEFINITIONS}
      staleMs={databaseAge.value}
      form="area"
      window={history.database}
      failure={history.failure}
      format={perSecond}
      series={[{ name: 'transactions_per_second', label: 'transactions', tone: 'c1' }]}
    />
  )
}

/** How long statements take. */
export function LatencyCard({ history }: Known) {
  const window = history.pool
  return (
    <ChartCard
      title="Latency"
      nothing="No statement went through this pool."
      span={4}
      size="timed"
      now={
        <>
          <b>
            <Amount figure={duration(window ? latest(window, 'statement_p50_ms') : null)} of="p50" />
          </b>
          <b class="dim">
            <Amount figure={duration(window ? latest(window, 'statement_p99_ms') : null)} of="p99" />
          </b>
        </>
      }
      definitions={LATENCY_DEFINITIONS}
      staleMs={processAge.value}
      form="lines"
      window={window}
      failure={history.failure}
      format={duration}
      series={[
        { name: 'statement_p99_ms', label: 'p99', tone: 'c2' },
        { name: 'statement_p50_ms', label: 'p50', tone: 'c1' },
      ]}
    />
  )
}

/** How often PostgreSQL found a block in its own memory. */
export function CacheCard({ history }: Known) {
  const now = nowOf(history.database, 'cache_hit_percent')
  const [word, tone] = assess(now)
  return (
    <ChartCard
      title="Cache hit"
      span={4}
      now={
        <>
          <b>
            <Amount figure={percent(now)} />
          </b>
          <span class={`tag ${tone}`}>{word}</span>
        </>
      }
      definitions={CACHE_DEFINITIONS}
      staleMs={databaseAge.value}
      form="area"
      isShare
      window={history.database}
      failure={history.failure}
      format={percent}
      series={[{ name: 'cache_hit_percent', label: 'found in memory', tone: 'c1' }]}
    />
  )
}

function assess(share: number | null): readonly [word: string, tone: string] {
  if (share === null) return ['', 'none']
  if (share >= 98) return ['excellent', 'ok']
  if (share >= 94) return ['good', 'ok']
  return share >= 90 ? ['fair', 'warn'] : ['poor', 'crit']
}
