import { Card } from '../../parts/card.tsx'
import type { Column } from '../../parts/table/column.ts'
import { Amount } from '../../parts/amount.tsx'
import { Table } from '../../parts/table/table.tsx'
import { duration, inWords } from '../../words/figures.ts'
import { moment } from '../../words/times.ts'
import { live } from '../../live/stream.ts'
import { HOLDER_DEFINITIONS, LEAK_DEFINITIONS, WAITER_DEFINITIONS } from './definitions.ts'
import { type Holder, type Leak, oneLine, type PoolPicture, type Waiter } from './picture.ts'

const LINES = 5

/** Rows have no name of their own: their place is enough, since they come in order. */
type Placed<Row> = Row & { readonly place: number }
const placed = <Row,>(rows: readonly Row[]): Placed<Row>[] => rows.map((row, place) => ({ ...row, place }))
const keyOf = ({ place }: { readonly place: number }): string => String(place)

const labelColumn: Column<{ readonly label: string | null }> = {
  id: 'label',
  title: 'Label',
  kind: 'text',
  width: 120,
  value: ({ label }) => label,
}

const heldColumn: Column<{ readonly held_ms: number }> = {
  id: 'held',
  title: 'Held',
  unit: 'ms',
  kind: 'number',
  width: 84,
  value: ({ held_ms: held }) => held,
  cell: ({ held_ms: held }) => <Amount figure={duration(held)} />,
}

const fromColumn: Column<{ readonly call_site: string | null }> = {
  id: 'from',
  title: 'From',
  kind: 'code',
  value: ({ call_site: from }) => from,
}

const HOLDER_COLUMNS: readonly Column<Placed<Holder>>[] = [
  heldColumn,
  labelColumn,
  fromColumn,
  {
    id: 'last',
    title: 'Last statement',
    kind: 'code',
    width: 220,
    isMinor: true,
    value: ({ last_text: text }) => (text === null ? null : oneLine(text)),
  },
]

const WAITER_COLUMNS: readonly Column<Placed<Waiter>>[] = [
  {
    id: 'waits',
    title: 'Waits',
    unit: 'ms',
    kind: 'number',
    width: 84,
    value: ({ waited_ms: waited }) => waited,
    cell: ({ waited_ms: waited }) => <Amount figure={duration(waited)} />,
  },
  labelColumn,
  {
    id: 'for',
    title: 'For',
    kind: 'code',
    value: ({ text }) => (text === null ? 'a connection' : oneLine(text)),
  },
]

const LEAK_COLUMNS: readonly Column<Placed<Leak>>[] = [
  {
    id: 'at',
    title: 'At',
    kind: 'text',
    width: 84,
    value: ({ at }) => at,
    cell: ({ at }) => moment(Date.parse(at), live.now.value),
  },
  labelColumn,
  fromColumn,
  {
    id: 'returned',
    title: 'Came back',
    kind: 'text',
    width: 110,
    value: ({ returned_after_ms: ms }) => (ms === null ? 'not yet' : `after ${inWords(duration(ms))}`),
  },
]

interface ListProps {
  readonly pool: PoolPicture
  readonly staleMs: number | undefined
}

/** Who holds connections, for how long, from where. */
export function Holders({ pool, staleMs }: ListProps) {
  return (
    <Card
      title="Who holds connections"
      span={7}
      size="lines"
      definitions={HOLDER_DEFINITIONS}
      staleMs={staleMs}
    >
      <Table
        id="holders"
        label="Who holds connections"
        rows={placed(pool.holders)}
        columns={HOLDER_COLUMNS}
        keyOf={keyOf}
        lines={LINES}
        empty={<p class="state">Nobody holds a connection.</p>}
      />
    </Card>
  )
}

/** Who waits, for how long, with what. */
export function Waiters({ pool, staleMs }: ListProps) {
  return (
    <Card title="Who waits" span={5} size="lines" definitions={WAITER_DEFINITIONS} staleMs={staleMs}>
      <Table
        id="waiters"
        label="Who waits"
        rows={placed(pool.waiters)}
        columns={WAITER_COLUMNS}
        keyOf={keyOf}
        lines={LINES}
        empty={<p class="state">Nobody waits.</p>}
      />
    </Card>
  )
}

/** Checkouts that were held for too long. */
export function Leaks({ pool, staleMs }: ListProps) {
  return (
    <Card title="Leaks" span={7} size="lines" definitions={LEAK_DEFINITIONS} staleMs={staleMs}>
      <Table
        id="leaks"
        label="Leaks"
        rows={placed(pool.recent_leaks)}
        columns={LEAK_COLUMNS}
        keyOf={keyOf}
        lines={LINES}
        empty={
          <p class="state">
            No checkout was held for too long. They are looked for where leakThresholdMs is set.
          </p>
        }
      />
    </Card>
  )
}
