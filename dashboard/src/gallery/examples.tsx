import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { ApiError } from '../api/client.ts'
import { Card } from '../parts/card.tsx'
import { TimeChart } from '../parts/chart/time-chart.tsx'
import { Choice } from '../parts/choice.tsx'
import { ToType } from '../parts/copy.tsx'
import { Gauge } from '../parts/gauge.tsx'
import { Legend } from '../parts/legend.tsx'
import type { Definition } from '../parts/meaning.tsx'
import { Number } from '../parts/number.tsx'
import { Facts, Panel } from '../parts/panel.tsx'
import { Share } from '../parts/share.tsx'
import { Sparkline } from '../parts/sparkline.tsx'
import { Denied, Empty, Failed, Loading } from '../parts/states.tsx'
import type { Column } from '../parts/table/column.ts'
import { Table } from '../parts/table/table.tsx'
import { bytes, count, duration, percent, perSecond } from '../words/figures.ts'
import { course, type Order, orders, timesUpTo } from './data.ts'

const DEFINITIONS: readonly Definition[] = [
  { figure: 'A figure', means: 'What it is, in words.', source: 'pg_stat_example: column', window: 'Now.' },
]
const NOW = Date.now()
const RANGE = { kind: 'last', name: '15m', ms: 15 * 60_000 } as const
const TIMES = timesUpTo(NOW)

export function CardStates() {
  return (
    <>
      <Card
        title="Fresh"
        span={4}
        note="a note"
        definitions={DEFINITIONS}
        now={
          <b>
            <Number figure={perSecond(8_412)} />
          </b>
        }
      >
        <p>What the card is about.</p>
      </Card>
      <Card
        title="Stale"
        span={4}
        note="a note"
        staleMs={23_000}
        definitions={DEFINITIONS}
        now={
          <b>
            <Number figure={perSecond(8_412)} />
          </b>
        }
      >
        <p>The last that was known, dimmed, with its age.</p>
      </Card>
      <Card title="Loading" span={4}>
        <Loading lines={4} />
      </Card>
      <Card title="Empty" span={4}>
        <Empty title="No backups yet.">
          <p>The first one:</p>
          <ToType text="npx holdfast backup create" />
        </Empty>
      </Card>
      <Card title="No permission" span={4}>
        <Denied what="what other sessions do" grant="GRANT pg_read_all_stats TO app;" />
      </Card>
      <Card title="Error" span={4}>
        <Failed
          error={new ApiError(503, 'HF_CONNECT_REFUSED', 'Nothing listens at 127.0.0.1:5432.')}
          since={NOW - 61_000}
          retry={() => {}}
        />
      </Card>
    </>
  )
}

export function Figures() {
  const chosen = useSignal<'one' | 'two'>('one')
  const options = [
    { id: 'one', label: 'One' },
    { id: 'two', label: 'Two' },
  ] as const
  return (
    <>
      <Card title="Gauge" span={6}>
        <Gauge
          of="Busy"
          markAt={20}
          stretches={[
            { label: 'in use', value: 14, tone: 'c1' },
            { label: 'opening', value: 3, tone: 'c2' },
            { label: 'idle', value: 5, tone: 'c4' },
            { label: 'free', value: 28, tone: 'sunken' },
          ]}
        />
        <Gauge
          of="Exhausted"
          markAt={20}
          stretches={[
            { label: 'in use', value: 50, tone: 'c1' },
            { label: 'free', value: 0, tone: 'sunken' },
          ]}
        />
        <Gauge
          of="Unused"
          markAt={20}
          stretches={[
            { label: 'in use', value: 0, tone: 'c1' },
            { label: 'free', value: 50, tone: 'sunken' },
          ]}
        />
        <Legend
          entries={[
            { label: 'in use', tone: 'c1', figure: count(14) },
            { label: 'opening', tone: 'c2', figure: count(3) },
            { label: 'waiting', figure: count(0) },
            { label: 'wait p99', figure: duration(0.4) },
            { label: 'not known', figure: duration(null) },
          ]}
        />
      </Card>
      <Card title="Figures" span={6} definitions={DEFINITIONS}>
        <Facts
          facts={[
            [
              'Counts',
              <>
                <Number figure={count(8_412)} /> · <Number figure={count(312_000_000)} />
              </>,
            ],
            [
              'Sizes',
              <>
                <Number figure={bytes(51_754_536_960)} /> · <Number figure={bytes(0)} />
              </>,
            ],
            [
              'Durations',
              <>
                <Number figure={duration(0.42)} /> · <Number figure={duration(2_100)} /> ·{' '}
                <Number figure={duration(null)} />
              </>,
            ],
            [
              'Shares',
              <>
                <Number figure={percent(99.996)} /> · <Number figure={percent(41)} />
              </>,
            ],
            ['Share', <Share key="share" value={41} />],
            ['Sparkline', <Sparkline key="spark" values={course(30, 20, 9, 8, 34)} label="An example" />],
            [
              'Choice',
              <Choice
                key="choice"
                label="Example"
                options={options}
                chosen={chosen.value}
                choose={(id) => (chosen.value = id)}
              />,
            ],
            [
              'Tags',
              <>
                <span class="tag ok">excellent</span> <span class="tag warn">fair</span>{' '}
                <span class="tag crit">poor</span>
              </>,
            ],
          ]}
        />
      </Card>
    </>
  )
}

function Chart({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <Card title={title} span={4}>
      {children}
    </Card>
  )
}

export function Charts() {
  const shared = { range: RANGE, nowMs: NOW, onZoom: () => {} }
  const p99 = course(900, 9.5, 2.4, 6, 18)
  const gap = p99.map((value, index) => (index > 300 && index < 480 ? null : value))
  return (
    <>
      <Chart title="Lines">
        <TimeChart
          {...shared}
          label="Lines"
          times={TIMES}
          format={duration}
          series={[
            { label: 'p99', tone: 'c2', values: p99 },
            { label: 'p50', tone: 'c1', values: course(900, 1.2, 0.2, 0.9, 1.8) },
          ]}
        />
      </Chart>
      <Chart title="Area">
        <TimeChart
          {...shared}
          label="Area"
          form="area"
          times={TIMES}
          format={perSecond}
          series={[{ label: 'transactions', tone: 'c1', values: course(900, 8_200, 700, 6_800, 9_400) }]}
        />
      </Chart>
      <Chart title="Stacked">
        <TimeChart
          {...shared}
          label="Stacked"
          form="stacked"
          times={TIMES}
          format={count}
          series={[
            { label: 'idle', tone: 'c4', values: course(900, 38, 4, 28, 44) },
            { label: 'active', tone: 'c1', values: course(900, 14, 3, 8, 24) },
            { label: 'in transaction', tone: 'c3', values: course(900, 3, 1, 1, 6) },
          ]}
        />
      </Chart>
      <Chart title="A share close to 100%">
        <TimeChart
          {...shared}
          label="Share"
          form="area"
          isShare
          times={TIMES}
          format={percent}
          series={[{ label: 'found in memory', tone: 'c1', values: course(900, 99.3, 0.2, 98.9, 99.8) }]}
        />
      </Chart>
      <Chart title="With a gap">
        <TimeChart
          {...shared}
          label="Gap"
          times={TIMES}
          format={duration}
          series={[{ label: 'p99', tone: 'c2', values: gap }]}
        />
      </Chart>
      <Chart title="Nothing known">
        <TimeChart
          {...shared}
          label="Nothing"
          times={TIMES}
          format={duration}
          series={[{ label: 'p99', tone: 'c2', values: TIMES.map(() => null) }]}
        />
      </Chart>
    </>
  )
}

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
    cell: ({ total }) => <Number figure={count(total)} />,
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
