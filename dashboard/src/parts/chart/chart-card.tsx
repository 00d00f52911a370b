import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import type { HistoryFailure } from '../../live/history.ts'
import { live } from '../../live/stream.ts'
import type { TimeWindow } from '../../live/window.ts'
import { chooseSpan, timeRange } from '../../place/time-range.ts'
import { type Figure, inWords } from '../../words/figures.ts'
import { instant } from '../../words/times.ts'
import { Card, type CardProps } from '../card.tsx'
import { Empty, Failed, Loading } from '../states.tsx'
import type { Column } from '../table/column.ts'
import { Table } from '../table/table.tsx'
import type { Tone } from './palette.ts'
import { TimeChart, type TimeChartProps } from './time-chart.tsx'

export interface ChartCardProps<Name extends string>
  extends Omit<CardProps, 'children' | 'tools'>, Pick<TimeChartProps, 'form' | 'isShare' | 'height'> {
  readonly window: TimeWindow<Name> | undefined
  readonly failure: HistoryFailure | undefined
  readonly format: (value: number | null) => Figure
  /** Said where nothing is known of the time that is shown. */
  readonly nothing?: string
  readonly series: readonly { readonly name: Name; readonly label: string; readonly tone: Tone }[]
}

const NOTHING = 'Nothing is known of this time yet.'

/** A card whose picture is a chart, or the same values as a table. */
export function ChartCard<Name extends string>(props: ChartCardProps<Name>) {
  const {
    window,
    failure,
    format,
    series,
    form: _form,
    isShare: _isShare,
    height: _height,
    nothing: _nothing,
    ...card
  } = props
  const isTable = useSignal(false)
  const turn = (
    <button
      type="button"
      class="what"
      aria-label={`${props.title} as a ${isTable.value ? 'chart' : 'table'}`}
      onClick={() => (isTable.value = !isTable.value)}
    >
      {isTable.value ? 'chart' : 'table'}
    </button>
  )
  if (window === undefined)
    return <Card {...card}>{failure ? <Failed {...failure} /> : <Loading lines={4} />}</Card>
  return (
    <Card {...card}>
      {isTable.value ? (
        <ValueTable title={props.title} window={window} series={series} format={format} turn={turn} />
      ) : (
        <Plot window={window} props={props} turn={turn} />
      )}
    </Card>
  )
}

function Plot<Name extends string>({
  window,
  props,
  turn,
}: {
  readonly window: TimeWindow<Name>
  readonly props: ChartCardProps<Name>
  readonly turn: ComponentChildren
}) {
  const { title, series, format, form, isShare, height, nothing = NOTHING } = props
  const isKnown = series.some(({ name }) => window.series[name].some((value) => value !== null))
  return (
    <>
      <TimeChart
        label={title}
        times={window.times}
        series={series.map(({ name, label, tone }) => ({ label, tone, values: window.series[name] }))}
        format={format}
        range={timeRange.value}
        nowMs={live.now.value}
        onZoom={chooseSpan}
        tools={turn}
        {...(height !== undefined && { height })}
        {...(form && { form })}
        {...(isShare !== undefined && { isShare })}
      />
      {!isKnown && (
        <div class="over">
          <Empty title={nothing} />
        </div>
      )}
    </>
  )
}

interface Point {
  readonly at: number
  readonly values: readonly (number | null)[]
}

function ValueTable<Name extends string>({
  title,
  window,
  series,
  format,
  turn,
}: {
  readonly turn: ComponentChildren
  readonly title: string
  readonly window: TimeWindow<Name>
  readonly series: ChartCardProps<Name>['series']
  readonly format: (value: number | null) => Figure
}) {
  const columns: readonly Column<Point>[] = [
    {
      id: 'at',
      title: 'Time',
      kind: 'text',
      value: ({ at }) => new Date(at).toISOString(),
      cell: ({ at }) => instant(at),
    },
    ...series.map(({ label }, index): Column<Point> => ({
      id: label,
      title: label,
      kind: 'number',
      width: 132,
      value: ({ values }) => values[index] ?? null,
      cell: ({ values }) => inWords(format(values[index] ?? null)),
    })),
  ]
  const points = window.times
    .map((time, index) => ({
      at: time * 1_000,
      values: series.map(({ name }) => window.series[name][index] ?? null),
    }))
    .filter(({ values }) => values.some((value) => value !== null))
  return (
    <div class="chart">
      <Table
        empty={<Empty title={NOTHING} />}
        id={`chart-${title.toLowerCase().replaceAll(' ', '-')}`}
        label={`${title} over time`}
        rows={points.toReversed()}
        columns={columns}
        keyOf={({ at }) => String(at)}
        lines={3}
      />
      <div class="below">
        <span class="note">{points.length.toLocaleString('en')} values</span>
        {turn}
      </div>
    </div>
  )
}
