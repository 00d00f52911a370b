import { effect, useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { TimeRange } from '../../place/time-range.ts'
import { type Figure, inWords } from '../../words/figures.ts'
import { instant, moment } from '../../words/times.ts'
import { Legend } from '../legend.tsx'
import { type ChartColours, chartColours, type Tone } from './palette.ts'
import { plotOptions, type PlotSpec } from './plot.ts'
import { shareFloor, stacked } from './scale.ts'

const HEIGHT = 108

export interface ChartSeries {
  readonly label: string
  readonly tone: Tone
  readonly values: readonly (number | null)[]
}

export interface TimeChartProps {
  readonly label: string
  /** Seconds since 1970. */
  readonly times: readonly number[]
  readonly series: readonly ChartSeries[]
  readonly format: (value: number | null) => Figure
  readonly range: TimeRange
  readonly nowMs: number
  readonly onZoom: (fromMs: number, toMs: number) => void
  /** Lines side by side, areas on top of each other, or one filled line. */
  readonly form?: 'lines' | 'area' | 'stacked'
  /** Values are percent of a whole. */
  readonly isShare?: boolean
  readonly height?: number
  /** At the right below the plot. */
  readonly tools?: ComponentChildren
}

/**
 * Values over time. Shares its crosshair with the page's other charts; dragging zooms the page. For whoever does
 * not see it there is the table view, and the latest values in its label.
 */
export function TimeChart(props: TimeChartProps) {
  const { times, series, format, range, nowMs, height = HEIGHT, form = 'lines', isShare = false } = props
  const host = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const cursor = useSignal<number | null>(null)
  const data = useMemo<uPlot.AlignedData>(() => {
    const lists = series.map(({ values }) => values)
    return [times as number[], ...((form === 'stacked' ? stacked(lists) : lists) as (number | null)[][])]
  }, [times, ...series.map(({ values }) => values)])
  const latest = useRef({ ...props, data })
  latest.current = { ...props, data }
  const floor = isShare ? shareFloor(series.flatMap(({ values }) => values)) : 0
  const shape = `${form} ${floor} ${series.map(({ label, tone }) => `${label} ${tone}`).join()}`

  // Drawn anew when its shape changes, or the theme: a canvas has its colours painted in.
  useEffect(() => {
    const element = host.current
    if (!element) return
    return effect(() => {
      plot.current?.destroy()
      plot.current = new uPlot(
        plotOptions(specOf(latest, chartColours(element), floor, cursor), element.clientWidth),
        latest.current.data,
        element,
      )
    })
  }, [shape])

  useEffect(() => plot.current?.setData(data), [data, range, nowMs])
  useEffect(() => {
    const element = host.current
    if (!element) return
    const sizes = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }))
    sizes.observe(element)
    return () => {
      sizes.disconnect()
      plot.current?.destroy()
    }
  }, [])

  return (
    <ChartFrame
      props={props}
      host={host}
      index={cursor.value !== null && cursor.value < times.length ? cursor.value : null}
      format={format}
      height={height}
    />
  )
}

function specOf(
  latest: { readonly current: TimeChartProps },
  colours: ChartColours,
  floor: number,
  cursor: { value: number | null },
): PlotSpec {
  const { series, height = HEIGHT, form = 'lines', isShare = false } = latest.current
  return {
    series: series.map(({ label, tone }) => ({ label, tone, isFilled: form !== 'lines' })),
    colours,
    height,
    floor,
    isShare,
    least: form === 'stacked' ? 2 : 0, // what is stacked is counted, and there is no half of one
    axisLabel: (value) => inWords(latest.current.format(value)),
    span: () => spanOf(latest.current.range, latest.current.nowMs),
    onCursor: (index) => {
      cursor.value = index
    },
    onZoom: (from, to) => latest.current.onZoom(from * 1_000, to * 1_000),
  }
}

function ChartFrame({
  props,
  host,
  index,
  format,
  height,
}: {
  readonly props: TimeChartProps
  readonly host: { current: HTMLDivElement | null }
  readonly index: number | null
  readonly format: (value: number | null) => Figure
  readonly height: number
}) {
  const { label, series, times, nowMs, isShare, tools } = props
  const at = index === null ? undefined : (times[index] as number) * 1_000
  const valueOf = ({ values }: ChartSeries): number | null =>
    (index === null ? values.findLast((value) => value !== null) : values[index]) ?? null
  const isFloored = isShare === true && shareFloor(series.flatMap(({ values }) => values)) > 0
  const words = series.map((one) => `${one.label} ${inWords(format(valueOf(one)))}`).join(', ')
  return (
    <div class="chart">
      <div
        ref={host}
        class="plot"
        role="img"
        aria-label={`${label}: ${words}`}
        style={{ height: `${height}px` }}
      />
      {at !== undefined && (
        <span class="at" title={instant(at)}>
          {moment(at, nowMs)}
        </span>
      )}
      <div class="below">
        <Legend
          entries={series.map((one) => ({ label: one.label, tone: one.tone, figure: format(valueOf(one)) }))}
        />
        {isFloored && <span class="note">from 90%</span>}
        {tools}
      </div>
    </div>
  )
}

function spanOf(range: TimeRange, nowMs: number): readonly [number, number] {
  return range.kind === 'span'
    ? [range.fromMs / 1_000, range.toMs / 1_000]
    : [(nowMs - range.ms) / 1_000, nowMs / 1_000]
}
