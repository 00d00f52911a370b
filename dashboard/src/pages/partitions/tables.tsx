import type { LiveResource } from '../../api/resource.ts'
import { Amount } from '../../parts/amount.tsx'
import { ToType } from '../../parts/copy.tsx'
import { Facts } from '../../parts/panel.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table/column.ts'
import { bytes, count, inWords } from '../../words/figures.ts'
import { instant } from '../../words/times.ts'
import { ListCard, rowAt } from '../list-card.tsx'
import type { OperationList } from '../operation.tsx'
import { Archives } from './archives.tsx'
import { type PartitionedTable, type Partitions, placeInWords, usePartitionsOf } from './data.ts'
import { TABLE_DEFINITIONS } from './definitions.ts'

const LINES = 6
const PREFIX = 'table:'
const keyOf = ({ table }: PartitionedTable): string => table

const COLUMNS: readonly Column<PartitionedTable>[] = [
  { id: 'table', title: 'Table', kind: 'code', value: ({ table }) => table },
  {
    id: 'every',
    title: 'By',
    kind: 'text',
    width: 116,
    isMinor: true,
    value: ({ column, policy }) => (policy ? `${column}, ${policy.every}` : column),
  },
  { id: 'count', title: 'Partitions', kind: 'number', width: 92, isMinor: true, value: (one) => one.count },
  {
    id: 'rows',
    title: 'Rows',
    kind: 'number',
    width: 84,
    value: ({ rows }) => rows,
    cell: ({ rows }) => <Amount figure={count(rows)} />,
  },
  {
    id: 'bytes',
    title: 'Size',
    unit: 'bytes',
    kind: 'number',
    width: 84,
    isExtra: true,
    value: (one) => one.bytes,
    cell: (one) => <Amount figure={bytes(one.bytes)} />,
  },
  {
    id: 'ahead',
    title: 'Ahead',
    kind: 'number',
    width: 84,
    value: ({ ahead }) => ahead,
    cell: (one) =>
      one.ahead === null ? '–' : <span class={one.runs_low ? 'tag crit' : ''}>{one.ahead}</span>,
  },
]

/** Every partitioned table, and how it is kept. */
export const TableList = ({ resource }: { readonly resource: LiveResource<Partitions> }) => (
  <ListCard
    title="Partitioned tables"
    span={7}
    size="lines"
    definitions={TABLE_DEFINITIONS}
    resource={resource}
    rowsOf={({ data }) => data}
    id="partitioned-tables"
    columns={COLUMNS}
    keyOf={keyOf}
    lines={LINES}
    prefix={PREFIX}
    placeOf={({ table }) => ({ table })}
    empty={
      <Empty title="No table is partitioned yet.">
        <p>What converting one would do, with all that stands in its way:</p>
        <ToType text="npx holdfast partition plan public.events --by created_at --every month" />
      </Empty>
    }
  />
)

/** The table that the address names. */
export const tableAt = (open: string, { data }: Partitions): PartitionedTable | undefined =>
  rowAt(open, PREFIX, data, keyOf)

const RETENTION = {
  detach: 'taken out, and kept as tables',
  archive: 'archived, then dropped',
  drop: 'dropped',
} as const

/** As it is kept now: what is not said anew is forgotten. */
function manageCommand(table: string, policy: PartitionedTable['policy']): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
  return [
    `npx holdfast partition manage ${quoted(table)} --every ${policy?.every ?? 'month'}`,
    `--premake ${policy?.premake ?? 6}`,
    ...(policy?.keep == null ? [] : [`--keep ${policy.keep} --retention ${policy.retention}`]),
    ...(policy?.archive_to == null ? [] : [`--archive-to ${quoted(policy.archive_to)}`]),
  ].join(' ')
}

/** How one table is kept, and how that is changed. */
export function TableDetail({
  table: one,
  operations,
  changed,
}: {
  readonly table: PartitionedTable
  readonly operations: OperationList
  readonly changed: () => void
}) {
  const partitionsOf = usePartitionsOf(one.table)
  const attached = new Set((partitionsOf.state.value.data?.partitions ?? []).map(({ name }) => name))

  const { table, column, policy, ahead, ends_at: end, rows, bytes: size, count: partitions } = one
  return (
    <>
      <Facts
        facts={[
          ['By', policy ? `${column}, every ${policy.every}` : column],
          ['Partitions', partitions],
          ['Rows, estimated', inWords(count(rows))],
          ['Size', inWords(bytes(size))],
          ['Ready ahead', ahead ?? '–'],
          ['Ends at', end === null ? 'no end is known' : placeInWords(end)],
          ['Made ahead', policy?.premake ?? 'none: not under upkeep'],
          ['Kept', policy === null || policy.keep === null ? 'all' : `${policy.keep} behind the current one`],
          ['Older ones are', policy?.keep == null ? '–' : RETENTION[policy.retention]],
          ['Archived to', policy?.archive_to ?? '–'],
          ['Looked after', policy?.maintained_at ? instant(Date.parse(policy.maintained_at)) : 'not yet'],
        ]}
      />
      {policy?.last_error && (
        <>
          <h3>Why it failed last</h3>
          <p>{policy.last_error}</p>
        </>
      )}
      <Archives
        table={table}
        attached={attached}
        operations={operations}
        changed={() => {
          partitionsOf.refresh()
          changed()
        }}
      />
      <h3>{policy ? 'Keep it otherwise' : 'Have it looked after'}</h3>
      <ToType text={manageCommand(table, policy)} />
    </>
  )
}
