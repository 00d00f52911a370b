import { ask } from '../../api/client.ts'
import { type LiveResource, useResource } from '../../api/resource.ts'
import { ageOf } from '../../live/freshness.ts'
import { Amount } from '../../parts/amount.tsx'
import { Card } from '../../parts/card.tsx'
import { Choice } from '../../parts/choice.tsx'
import { ToType } from '../../parts/copy.tsx'
import { Facts } from '../../parts/panel.tsx'
import { Loaded } from '../../parts/states.tsx'
import type { Column } from '../../parts/table/column.ts'
import { Table } from '../../parts/table/table.tsx'
import { query, setQuery } from '../../place/router.ts'
import { count, duration, inWords } from '../../words/figures.ts'
import { layOut } from '../../words/sql-layout.ts'
import { STATEMENT_TABLE_DEFINITIONS } from './definitions.ts'
import { oneLine, type PoolStatement } from './picture.ts'

const LINES = 12
const MOST = 1_000
const KINDS = [
  { id: 'label', label: 'route' },
  { id: 'statement', label: 'statement' },
] as const
type Kind = (typeof KINDS)[number]['id']

const number = (
  id: string,
  title: string,
  value: (row: PoolStatement) => number | null,
  more: Partial<Column<PoolStatement>> = {},
): Column<PoolStatement> => ({
  id,
  title,
  kind: 'number',
  width: 78,
  value,
  cell: (row) => <Amount figure={more.unit === 'ms' ? duration(value(row)) : count(value(row))} />,
  ...more,
})

const FIGURES: readonly Column<PoolStatement>[] = [
  number('calls', 'Calls', ({ calls }) => calls),
  number('errors', 'Errors', ({ errors }) => errors, { isMinor: true, width: 66 }),
  number('rows', 'Rows', ({ rows }) => rows, { isExtra: true }),
  number('mean', 'Mean', ({ mean_ms: ms }) => ms, { unit: 'ms' }),
  number('p50', 'p50', ({ p50_ms: ms }) => ms, { unit: 'ms', isExtra: true }),
  number('p99', 'p99', ({ p99_ms: ms }) => ms, { unit: 'ms', isMinor: true }),
  number('server', 'Server', ({ service_ms: ms }) => ms, { unit: 'ms', isExtra: true }),
  number('total', 'Total', ({ total_ms: ms }) => ms, { unit: 'ms' }),
]
const BY_LABEL: readonly Column<PoolStatement>[] = [
  { id: 'key', title: 'Route or label', kind: 'text', value: ({ key }) => key },
  ...FIGURES,
]
const BY_STATEMENT: readonly Column<PoolStatement>[] = [
  { id: 'key', title: 'Statement', kind: 'code', value: ({ key }) => oneLine(key) },
  {
    id: 'from',
    title: 'From',
    kind: 'code',
    width: 240,
    isMinor: true,
    value: ({ call_site: from }) => from,
  },
  ...FIGURES,
]

type Statements = { readonly by: Kind; readonly data: readonly PoolStatement[] }

/** What statements did, as this process saw it, and the row whose detail is open. */
export function usePoolStatements(pool: string): {
  readonly kind: Kind
  readonly resource: LiveResource<Statements>
} {
  const kind = query.value.get('by') === 'statement' ? 'statement' : 'label'
  const resource = useResource<Statements>(
    `${pool} ${kind}`,
    (signal) =>
      ask('GET /v1/database/performance/pool-statements', { query: { pool, by: kind, limit: MOST }, signal }),
    5_000,
  )
  return { kind, resource }
}

export function StatementTable({ kind, resource }: ReturnType<typeof usePoolStatements>) {
  return (
    <Card
      title="Statements of this process"
      span={12}
      definitions={STATEMENT_TABLE_DEFINITIONS}
      staleMs={ageOf(resource.state.value)}
      tools={
        <Choice
          label="By"
          options={KINDS}
          chosen={kind}
          choose={(id) => setQuery({ by: id === 'statement' ? id : undefined, open: undefined })}
        />
      }
    >
      <Loaded resource={resource} lines={LINES}>
        {({ data }) => (
          <Table
            id={`pool-${kind}`}
            label="Statements of this process"
            rows={data}
            columns={kind === 'label' ? BY_LABEL : BY_STATEMENT}
            keyOf={keyOfStatement}
            sort={{ column: 'total', isDescending: true }}
            lines={LINES}
            hasTools
            onOpen={(row) => setQuery({ open: keyOfStatement(row) })}
            openKey={query.value.get('open') ?? undefined}
            empty={kind === 'label' ? <NoLabels /> : <p class="state">Nothing ran yet.</p>}
          />
        )}
      </Loaded>
    </Card>
  )
}

function NoLabels() {
  return (
    <div class="state">
      <b>No statement had a label yet.</b>
      <p>Name what is done inside a route or a job, and its statements appear here together:</p>
      <ToType
        text={`import { withLabel } from 'holdfast/pool'\nwithLabel('GET /users', () => handler(request))`}
      />
    </div>
  )
}

/** What a person sees of one row beside the table. */
export function PoolStatementDetail({ row, kind }: { readonly row: PoolStatement; readonly kind: Kind }) {
  return (
    <>
      {kind === 'statement' && <ToType text={layOut(row.key)} />}
      <Facts
        facts={[
          ['Calls', inWords(count(row.calls))],
          ['Errors', inWords(count(row.errors))],
          ['Rows', inWords(count(row.rows))],
          ['Mean', inWords(duration(row.mean_ms))],
          ['p50', inWords(duration(row.p50_ms))],
          ['p99', inWords(duration(row.p99_ms))],
          ['Total', inWords(duration(row.total_ms))],
          ...(kind === 'statement'
            ? ([
                ['Of it on the server', inWords(duration(row.service_ms))],
                ['May share a connection', row.rides === true ? 'yes' : 'no'],
                ['Called from', row.call_site ?? 'not seen'],
                ['Labels', row.labels.map(({ label, calls }) => `${label} (${calls})`).join(', ') || 'none'],
              ] as const)
            : []),
        ]}
      />
    </>
  )
}

/** Short enough for an address. */
export function keyOfStatement({ key }: PoolStatement): string {
  if (key.length <= 40) return key
  let hash = 0
  for (let index = 0; index < key.length; index += 1) hash = (hash * 31 + key.charCodeAt(index)) | 0
  return `${key.slice(0, 24)} ${(hash >>> 0).toString(36)}`
}
