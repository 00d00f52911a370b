import { effect } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { type Answer, ask } from '../../api/client.ts'
import { session } from '../../api/session.ts'
import { type LiveResource, useResource } from '../../api/resource.ts'
import { identity } from '../../live/identity.ts'
import { ageOf, processAge } from '../../live/freshness.ts'
import { HistoryKeeper } from '../../live/history.ts'
import { live } from '../../live/stream.ts'
import { Card } from '../../parts/card.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Loaded, Loading } from '../../parts/states.tsx'
import { Table } from '../../parts/table/table.tsx'
import { addressOf, query, setQuery } from '../../place/router.ts'
import { rangeQuery, timeRange } from '../../place/time-range.ts'
import { age } from '../../words/times.ts'
import {
  keyOfStatement,
  NoStatements,
  type SlowQueries,
  STATEMENT_COLUMNS,
  STATEMENT_DEFINITIONS,
  StatementDetail,
  TREND_COLUMN,
} from '../statements.tsx'
import { keyOfTable, TABLE_COLUMNS, TABLE_DEFINITIONS, TableDetail } from '../table-list.tsx'
import { CacheCard, ConnectionsCard, LatencyCard, ThroughputCard } from './charts.tsx'
import { FindingDetail } from './finding-detail.tsx'
import { AlertsCard, CapacityCard } from './outlook.tsx'
import { PoolCard } from './pool-card.tsx'
import { CHECKS, findingsByKey, type Summary, Verdict } from './verdict.tsx'

type TableList = Answer<'GET /v1/database/tables'>

const LINES = 5
const STATEMENTS = [...STATEMENT_COLUMNS.filter(({ isExtra }) => isExtra !== true), TREND_COLUMN]
const TABLES = TABLE_COLUMNS.filter(({ isExtra }) => isExtra !== true)

const history = new HistoryKeeper(live)

/** How things stand, what to do next, and the pictures to check that with. */
export function Overview() {
  useEffect(
    () => effect(() => (typeof session.value === 'object' ? history.follow(timeRange.value) : undefined)),
    [],
  )
  const summary = useResource(
    'summary',
    (signal) => ask('GET /v1/database/monitoring/summary', { signal }),
    15_000,
  )
  const statements = useResource(
    'slowest',
    (signal) => ask('GET /v1/database/monitoring/slow-queries', { query: { limit: LINES }, signal }),
    30_000,
  )
  const tables = useResource(
    'largest',
    (signal) => ask('GET /v1/database/tables', { query: { limit: LINES }, signal }),
    60_000,
  )
  const known = { history: history.state.value, pool: live.pool.value, database: live.database.value }
  const hidden = identity.value?.hidden.find(({ grant }) => grant.includes('pg_read_all_stats'))
  return (
    <>
      <Verdict summary={summary} />
      <PoolCard pool={known.pool} window={known.history.pool} staleMs={processAge.value} />
      <ConnectionsCard {...known} grant={hidden?.grant} />
      <ThroughputCard {...known} />
      <LatencyCard {...known} />
      <CacheCard {...known} />
      <Slowest statements={statements} />
      <Largest tables={tables} />
      <AlertsCard />
      <CapacityCard />
      <Detail summary={summary} statements={statements} tables={tables} />
    </>
  )
}

const open = (kind: string, key: string): void => setQuery({ open: `${kind}:${key}` })
const openKey = (kind: string): string | undefined => {
  const opened = query.value.get('open') ?? ''
  return opened.startsWith(`${kind}:`) ? opened.slice(kind.length + 1) : undefined
}

function Slowest({ statements }: { readonly statements: LiveResource<SlowQueries> }) {
  const { data } = statements.state.value
  const since = data?.since == null ? undefined : age(live.now.value - Date.parse(data.since))
  return (
    <Card
      title="Slowest by total time"
      span={7}
      size="lines"
      note={since && `last ${since}`}
      definitions={STATEMENT_DEFINITIONS}
      staleMs={ageOf(statements.state.value)}
      tools={<a href={addressOf('queries', rangeQuery())}>All queries</a>}
    >
      <Loaded resource={statements} lines={LINES + 1}>
        {(answer) =>
          answer.data.length === 0 ? (
            <NoStatements answer={answer} />
          ) : (
            <Table
              id="slowest"
              label="Slowest statements by total time"
              rows={answer.data}
              columns={STATEMENTS}
              keyOf={keyOfStatement}
              lines={LINES}
              onOpen={(statement) => open('statement', keyOfStatement(statement))}
              openKey={openKey('statement')}
            />
          )
        }
      </Loaded>
    </Card>
  )
}

function Largest({ tables }: { readonly tables: LiveResource<TableList> }) {
  return (
    <Card
      title="Largest tables"
      span={5}
      size="lines"
      definitions={TABLE_DEFINITIONS}
      staleMs={ageOf(tables.state.value)}
      tools={<a href={addressOf('tables', rangeQuery())}>All tables</a>}
    >
      <Loaded resource={tables} lines={LINES + 1}>
        {({ data }) => (
          <Table
            id="largest"
            label="Largest tables"
            rows={data}
            columns={TABLES}
            keyOf={keyOfTable}
            lines={LINES}
            onOpen={(table) => open('table', keyOfTable(table))}
            openKey={openKey('table')}
            empty={<p class="state">This database has no tables yet.</p>}
          />
        )}
      </Loaded>
    </Card>
  )
}

/** Whatever the address says is open. */
function Detail({
  summary,
  statements,
  tables,
}: {
  readonly summary: LiveResource<Summary>
  readonly statements: LiveResource<SlowQueries>
  readonly tables: LiveResource<TableList>
}) {
  const close = (): void => setQuery({ open: undefined })
  const opened = query.value.get('open')
  if (opened === null) return null
  const statement = statements.state.value.data?.data.find(
    (one) => keyOfStatement(one) === openKey('statement'),
  )
  if (statement)
    return (
      <Panel title="Statement" onClose={close}>
        <StatementDetail statement={statement} />
      </Panel>
    )
  const table = tables.state.value.data?.data.find((one) => keyOfTable(one) === openKey('table'))
  if (table)
    return (
      <Panel title={keyOfTable(table)} onClose={close}>
        <TableDetail table={table} />
      </Panel>
    )
  if (opened === CHECKS && summary.state.value.data)
    return (
      <Panel title="What was looked at" onClose={close}>
        <ul class="checks">
          {summary.state.value.data.good.map((one) => (
            <li key={one}>{one}</li>
          ))}
        </ul>
      </Panel>
    )
  const finding = findingsByKey(summary.state.value.data?.findings ?? []).get(opened)
  if (finding)
    return (
      <Panel title="What to do" onClose={close}>
        <FindingDetail finding={finding} />
      </Panel>
    )
  const isLoading = [summary, statements, tables].some(({ state }) => state.value.data === undefined)
  return (
    <Panel title="Detail" onClose={close}>
      {isLoading ? <Loading lines={6} /> : <p>This is over: it is no longer among what the page shows.</p>}
    </Panel>
  )
}
