import { type Answer, ask } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { Act } from '../../parts/act.tsx'
import { Amount } from '../../parts/amount.tsx'
import { ToType } from '../../parts/copy.tsx'
import { Facts } from '../../parts/panel.tsx'
import { Empty, Loaded } from '../../parts/states.tsx'
import type { Column } from '../../parts/table/column.ts'
import { Table } from '../../parts/table/table.tsx'
import { bytes, count, inWords, percent } from '../../words/figures.ts'
import { instant } from '../../words/times.ts'
import { latestOf, type OperationList, OperationView, remember } from '../operation.tsx'

type Detail = Answer<'GET /v1/database/tables/{table}'>
type Index = Detail['indexes'][number]

const INDEXES: readonly Column<Index>[] = [
  {
    id: 'index',
    title: 'Index',
    kind: 'text',
    value: ({ index }) => index,
    cell: ({ index, is_valid: isValid }) =>
      isValid ? index : <span class="tag crit">{index}, not valid</span>,
  },
  {
    id: 'size',
    title: 'Size',
    unit: 'bytes',
    kind: 'number',
    width: 84,
    value: (one) => one.bytes,
    cell: (one) => <Amount figure={bytes(one.bytes)} />,
  },
  {
    id: 'scans',
    title: 'Used',
    kind: 'number',
    width: 76,
    hint: 'Scans since the statistics were reset',
    value: ({ scans }) => scans,
    cell: ({ scans, last_scan_at: last }) => (
      <span title={last === null ? undefined : `last ${instant(Date.parse(last))}`}>
        <Amount figure={count(scans)} />
      </span>
    ),
  },
]

/** How a table's indexes are used, how much of it is empty, and tidying up. */
export function TableUse({
  table,
  operations,
}: {
  readonly table: string
  readonly operations: OperationList
}) {
  const resource = useResource(
    `table ${table}`,
    (signal) => ask('GET /v1/database/tables/{table}', { params: { table }, signal }),
    60_000,
  )
  const running = latestOf(operations, 'tables.optimize')
  return (
    <>
      <Loaded resource={resource} lines={5}>
        {({ bloat, indexes, is_held: isHeld }) => (
          <>
            <Facts
              facts={[
                [
                  'Empty, estimated',
                  bloat === null
                    ? 'not known: ANALYZE it first'
                    : `${inWords(bytes(bloat.wasted_bytes))} (${inWords(percent(bloat.wasted_percent))})`,
                ],
              ]}
            />
            <h3>Indexes</h3>
            {indexes.length === 0 ? (
              <Empty
                title={
                  isHeld ? 'Somebody holds it just now: its indexes cannot be asked for.' : 'It has no index.'
                }
              />
            ) : (
              <Table
                id="indexes"
                label={`Indexes of ${table}`}
                rows={indexes}
                columns={INDEXES}
                keyOf={({ index }) => index}
                lines={Math.min(8, indexes.length)}
              />
            )}
          </>
        )}
      </Loaded>
      <h3>Tidy it up</h3>
      <p>VACUUM, ANALYZE and REINDEX CONCURRENTLY, each only where it helps; nobody waits.</p>
      <Act
        needs="admin"
        label="Tidy up this table"
        isDisabled={running?.state === 'running'}
        act={async () => {
          remember(await ask('POST /v1/database/tables/optimize', { body: { tables: [table] } }))
        }}
        done={() => operations.refresh()}
      />
      <OperationView operation={running} />
      <h3>On the command line</h3>
      <ToType text={`npx holdfast table optimize ${table} --dry-run`} />
    </>
  )
}
