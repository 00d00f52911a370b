import { useSignal } from '@preact/signals'
import { Card } from '../parts/card.tsx'
import { ToType } from '../parts/copy.tsx'
import { Amount } from '../parts/amount.tsx'
import { Facts, Panel } from '../parts/panel.tsx'
import { Empty } from '../parts/states.tsx'
import type { Column } from '../parts/table/column.ts'
import { Table } from '../parts/table/table.tsx'
import { count } from '../words/figures.ts'
import { type Order, orders } from './data.ts'

const COLUMNS: readonly Column<Order>[] = [
  { id: 'id', title: 'Id', kind: 'number', width: 70, value: ({ id }) => id },
  { id: 'customer', title: 'Customer', kind: 'text', width: 130, value: ({ customer }) => customer },
  { id: 'city', title: 'City', kind: 'text', width: 110, isMinor: true, value: ({ city }) => city },
  { id: 'statement', title: 'Statement', kind: 'code', value: ({ statement }) => statement },
  {
    id: 'total',
    title: 'Total',
    kind: 'number',
    width: 90,
    value: ({ total }) => total,
    cell: ({ total }) => <Amount figure={count(total)} />,
  },
  {
    id: 'half',
    title: 'Half',
    kind: 'number',
    width: 90,
    isExtra: true,
    value: ({ total }) => total && total / 2,
  },
]

const FEW = orders(5)
const MANY = orders(5_000)

/** Tables of no, five and five thousand rows, with the panel beside them. */
export function Tables() {
  const open = useSignal<Order | undefined>(undefined)
  const shared = {
    columns: COLUMNS,
    keyOf: ({ id }: Order) => String(id),
    onOpen: (row: Order) => (open.value = row),
  }
  return (
    <>
      <Card title="Five rows" span={6}>
        <Table
          {...shared}
          id="few"
          label="Five orders"
          rows={FEW}
          lines={5}
          openKey={String(open.value?.id)}
        />
      </Card>
      <Card title="No rows" span={6}>
        <Table
          {...shared}
          id="none"
          label="No orders"
          rows={[]}
          lines={5}
          empty={<Empty title="No orders yet.">The first appears here.</Empty>}
        />
      </Card>
      <Card title="Five thousand rows" span={12} size="page">
        <Table
          {...shared}
          id="many"
          label="Many orders"
          rows={MANY}
          hasTools
          sort={{ column: 'id', isDescending: false }}
          openKey={String(open.value?.id)}
        />
      </Card>
      {open.value && (
        <Panel title={`Order ${open.value.id}`} onClose={() => (open.value = undefined)}>
          <ToType text={open.value.statement} />
          <Facts
            facts={[
              ['Customer', open.value.customer],
              ['City', open.value.city],
            ]}
          />
        </Panel>
      )}
    </>
  )
}
