import { useSignal } from '@preact/signals'
import { ageOf } from '../../live/freshness.ts'
import { live } from '../../live/stream.ts'
import { Amount } from '../../parts/amount.tsx'
import { Card } from '../../parts/card.tsx'
import { Choice } from '../../parts/choice.tsx'
import { Loaded } from '../../parts/states.tsx'
import type { Column } from '../../parts/table/column.ts'
import { Table } from '../../parts/table/table.tsx'
import { bytes, count, inWords } from '../../words/figures.ts'
import { moment } from '../../words/times.ts'
import { type Partition, type PartitionList, placeInWords, usePartitionsOf } from './data.ts'
import { TIMELINE_DEFINITIONS } from './definitions.ts'

const LINES = 10
type Figure = 'rows' | 'bytes'
const FIGURES = { rows: count, bytes } as const

const COLUMNS: readonly Column<Partition>[] = [
  { id: 'name', title: 'Partition', kind: 'code', value: ({ name }) => name },
  { id: 'from', title: 'From', kind: 'code', width: 176, isMinor: true, value: ({ from }) => from },
  { id: 'to', title: 'To', kind: 'code', width: 176, isMinor: true, value: ({ to }) => to },
  {
    id: 'rows',
    title: 'Rows',
    kind: 'number',
    width: 92,
    value: ({ rows }) => rows,
    cell: ({ rows }) => <Amount figure={count(rows)} />,
  },
  {
    id: 'bytes',
    title: 'Size',
    unit: 'bytes',
    kind: 'number',
    width: 92,
    isMinor: true,
    value: ({ bytes: size }) => size,
    cell: ({ bytes: size }) => <Amount figure={bytes(size)} />,
  },
  {
    id: 'read',
    title: 'Last read',
    kind: 'text',
    width: 116,
    isMinor: true,
    value: ({ last_read_at: read }) => read,
    cell: ({ last_read_at: read }) => (read === null ? '–' : moment(Date.parse(read), live.now.value)),
  },
  {
    id: 'state',
    title: 'State',
    kind: 'text',
    width: 92,
    value: stateOf,
    cell: (one) => <span class={`tag ${TONES[stateOf(one)] ?? ''}`}>{stateOf(one)}</span>,
  },
]

const TONES: Readonly<Record<string, string>> = { current: 'ok', default: 'warn', detaching: 'warn' }

function stateOf({ state, when }: Partition): string {
  return state === 'attached' ? (when ?? state) : state
}

/** The partitions of one table along its key, what is next, and how the next one is expected to be. */
export function Timeline({ table }: { readonly table: string }) {
  const resource = usePartitionsOf(table)
  const figure = useSignal<Figure>('rows')
  const { data } = resource.state.value
  const current = data?.partitions.find(({ when, state }) => when === 'current' && state === 'attached')
  return (
    <Card
      title={`Partitions of ${table}`}
      span={12}
      definitions={TIMELINE_DEFINITIONS}
      staleMs={ageOf(resource.state.value)}
      now={
        current && (
          <span>
            <Amount figure={FIGURES[figure.value](current[figure.value])} of="in the current one" />
          </span>
        )
      }
      tools={
        <Choice
          label="What the bars show"
          options={[
            { id: 'rows', label: 'Rows' },
            { id: 'bytes', label: 'Size' },
          ]}
          chosen={figure.value}
          choose={(id) => (figure.value = id)}
        />
      }
    >
      <Loaded resource={resource} lines={LINES + 7}>
        {(list) => (
          <>
            <Bars list={list} figure={figure.value} />
            <Next list={list} />
            <Table
              id="partitions"
              label={`Partitions of ${table}`}
              rows={list.partitions}
              columns={COLUMNS}
              keyOf={({ name }) => name}
              lines={LINES}
              empty={<p>This table has no partitions yet: rows find no place in it.</p>}
            />
          </>
        )}
      </Loaded>
    </Card>
  )
}

/** The picture; what it shows is in the table below it, too. */
function Bars({ list, figure }: { readonly list: PartitionList; readonly figure: Figure }) {
  const { partitions, forecast } = list
  const biggest = Math.max(0, ...partitions.map((one) => one[figure]))
  const most = Math.max(1, biggest, forecast?.[figure] ?? 0)
  const words = FIGURES[figure]
  const firstAhead = partitions.findIndex(({ when }) => when === 'ahead')
  const label = `${partitions.length} partitions in order; the biggest has ${inWords(words(biggest))}${figure === 'rows' ? ' rows' : ''}`
  return (
    <div class="timeline" role="img" aria-label={label} tabIndex={0}>
      <span class="top">{inWords(words(most))}</span>
      <ol aria-hidden="true">
        {partitions.map((one, index) => (
          <li key={one.name} class={stateOf(one)} title={`${one.name}: ${inWords(words(one[figure]))}`}>
            {index === firstAhead && forecast && (
              <i class="forecast" style={{ height: share(forecast[figure], most) }} />
            )}
            <i style={{ height: share(one[figure], most) }} />
          </li>
        ))}
        {firstAhead < 0 && forecast && (
          <li>
            <i class="forecast" style={{ height: share(forecast[figure], most) }} />
          </li>
        )}
      </ol>
      <p aria-hidden="true">
        <span>{partitions[0]?.name}</span>
        <span class="key">
          <i class="past" /> past <i class="current" /> current <i class="ahead" /> ahead
          {forecast && (
            <>
              {' '}
              <i class="forecast" /> expected
            </>
          )}
        </span>
        <span>{partitions.length > 1 && partitions.at(-1)?.name}</span>
      </p>
    </div>
  )
}

/** In percent of the height; what is there is seen. */
const share = (value: number, most: number): string =>
  value === 0 ? '0' : `max(2px, ${(value / most) * 100}%)`

const DONE_TO = {
  make: 'made',
  'finish detaching': 'taken out for good',
  drain: 'emptied into partitions of their own',
  detach: 'taken out and kept as tables',
  archive: 'archived and dropped',
  drop: 'dropped',
} as const

/** What upkeep does next, and what is to be expected. */
function Next({ list: { next, forecast, policy } }: { readonly list: PartitionList }) {
  return (
    <ul class="checks next">
      {policy === null && <li>Not under upkeep: nobody makes partitions ahead, or takes old ones away.</li>}
      {policy !== null && next.length === 0 && <li>Nothing is due.</li>}
      {next.map(({ at, action, partitions }) => (
        <li key={`${at} ${action}`}>
          <b>{at === null ? 'Due now' : `From ${placeInWords(at)} on`}</b>:{' '}
          <code>{partitions.join(', ')}</code> {partitions.length === 1 ? 'is' : 'are'} {DONE_TO[action]}
        </li>
      ))}
      {forecast && (
        <li>
          The one from {placeInWords(forecast.from)} on is expected to have about{' '}
          {inWords(count(forecast.rows))} rows, {inWords(bytes(forecast.bytes))}, by the last{' '}
          {forecast.basis === 1 ? 'one' : forecast.basis}.
        </li>
      )}
    </ul>
  )
}
