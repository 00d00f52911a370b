import { type Answer } from '../api/client.ts'
import type { Definition } from '../parts/meaning.tsx'
import { Amount } from '../parts/amount.tsx'
import { Facts } from '../parts/panel.tsx'
import type { Column } from '../parts/table/column.ts'
import { bytes, count, inWords, percent } from '../words/figures.ts'

export type TableSize = Answer<'GET /v1/database/tables'>['data'][number]

/** As PostgreSQL would write it: quoted where it has to be, so that no two tables have one name. */
const quoted = (name: string): string =>
  /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`

export const keyOfTable = ({ schema, table }: TableSize): string => `${quoted(schema)}.${quoted(table)}`

/** Without the schema that needs no naming. */
const nameOf = (row: TableSize): string => (row.schema === 'public' ? quoted(row.table) : keyOfTable(row))

function deadShare({ dead_rows: dead, estimated_rows: rows }: TableSize): number | null {
  if (dead === null || rows === null || dead + rows === 0) return null
  return (dead / (dead + rows)) * 100
}

const sizeColumn = (
  id: 'total' | 'table' | 'index' | 'toast',
  title: string,
  isExtra: boolean,
): Column<TableSize> => ({
  id,
  title,
  kind: 'number',
  unit: 'bytes',
  width: 86,
  isExtra,
  value: (row) => row[`${id}_bytes`],
  cell: (row) => <Amount figure={bytes(row[`${id}_bytes`])} />,
})

/** The columns of a table of tables. */
export const TABLE_COLUMNS: readonly Column<TableSize>[] = [
  { id: 'name', title: 'Table', kind: 'text', value: nameOf },
  sizeColumn('total', 'Size', false),
  sizeColumn('table', 'Rows only', true),
  sizeColumn('index', 'Indexes', true),
  sizeColumn('toast', 'TOAST', true),
  {
    id: 'rows',
    title: 'Rows',
    kind: 'number',
    width: 76,
    value: ({ estimated_rows: rows }) => rows,
    cell: ({ estimated_rows: rows }) => <Amount figure={count(rows)} />,
  },
  {
    id: 'dead',
    title: 'Dead',
    unit: '%',
    kind: 'number',
    width: 64,
    isMinor: true,
    hint: 'Rows that wait for VACUUM, of all',
    value: deadShare,
    cell: (row) => <Amount figure={percent(deadShare(row))} />,
  },
]

/** What a person sees of one table beside the list. */
export function TableDetail({ table }: { readonly table: TableSize }) {
  return (
    <Facts
      facts={[
        ['Schema', table.schema],
        ['Size, all of it', inWords(bytes(table.total_bytes))],
        ['Its rows', inWords(bytes(table.table_bytes))],
        ['Its indexes', inWords(bytes(table.index_bytes))],
        ['Large values (TOAST)', inWords(bytes(table.toast_bytes))],
        ['Rows, estimated', inWords(count(table.estimated_rows))],
        ['Dead rows', `${inWords(count(table.dead_rows))} (${inWords(percent(deadShare(table)))})`],
      ]}
    />
  )
}

export const TABLE_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Size',
    means:
      'The table, its indexes and its large values, as of the last VACUUM, ANALYZE or index build: asking for the exact size would wait behind whoever holds a lock.',
    source: 'pg_class.relpages',
    window: 'Now, a minute old at most.',
  },
  {
    figure: 'Rows',
    means: 'An estimate of the last VACUUM or ANALYZE. A dash: it was never looked at.',
    source: 'pg_class.reltuples',
    window: 'Since then.',
  },
  {
    figure: 'Dead',
    means: 'Rows that were deleted or replaced and still take room; VACUUM makes the room usable again.',
    source: 'pg_stat_get_dead_tuples / (dead + rows)',
    window: 'Now, a minute old at most.',
  },
]
