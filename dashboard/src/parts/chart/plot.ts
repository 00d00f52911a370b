import uPlot from 'uplot'
import { axisTime } from '../../words/times.ts'
import type { ChartColours, Tone } from './palette.ts'
import { alone, roundUp } from './scale.ts'

/** How a plot is drawn. */
export interface PlotSpec {
  readonly series: readonly { readonly label: string; readonly tone: Tone; readonly isFilled: boolean }[]
  readonly colours: ChartColours
  readonly height: number
  /** Where the value axis begins; its end follows the values, or is 100 for a share. */
  readonly floor: number
  readonly isShare: boolean
  /** The end of the value axis is not below this. */
  readonly least: number
  readonly axisLabel: (value: number) => string
  readonly span: () => readonly [fromSeconds: number, toSeconds: number]
  readonly onCursor: (index: number | null) => void
  readonly onZoom: (fromSeconds: number, toSeconds: number) => void
}

const FONT = '10.5px ui-sans-serif, system-ui, sans-serif'
/** One crosshair for all plots of the page. */
const CROSSHAIR = 'page'
const SMALLEST_DRAG_PX = 8

const pointsAlone: uPlot.Series.Points.Filter = (plot, series) => alone(Array.from(plot.data[series] ?? []))

/** uPlot's options for one of our plots: three grid lines, no frame, the page's crosshair. */
export function plotOptions(spec: PlotSpec, width: number): uPlot.Options {
  const { colours, floor, isShare } = spec
  const axis = { stroke: colours.ink, font: FONT, ticks: { show: false }, gap: 6 }
  return {
    width,
    height: spec.height,
    padding: [6, 16, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { size: 5 },
      // Where one looks is shared; what one drags is not: each drag zooms once.
      sync: {
        key: CROSSHAIR,
        setSeries: false,
        filters: { pub: (type) => type === 'mousemove' || type === 'mouseleave', sub: () => true },
      },
      drag: { x: true, y: false, setScale: false, dist: SMALLEST_DRAG_PX },
    },
    scales: {
      x: { time: true, range: () => [...spec.span()] },
      y: { range: (_plot, _low, high) => [floor, isShare ? 100 : roundUp(Math.max(high ?? 0, spec.least))] },
    },
    axes: [
      {
        ...axis,
        size: 20,
        grid: { show: false },
        space: 70,
        values: (_plot, splits) => {
          const [from, to] = spec.span()
          return splits.map((at) => axisTime(at * 1_000, (to - from) * 1_000))
        },
      },
      {
        ...axis,
        size: 50,
        grid: { stroke: colours.line, width: 1 },
        splits: (plot) => {
          const { min = floor, max = floor + 1 } = plot.scales.y ?? {}
          return [min, (min + max) / 2, max]
        },
        values: (_plot, splits) => splits.map(spec.axisLabel),
      },
    ],
    series: [
      {},
      ...spec.series.map(({ label, tone, isFilled }) => ({
        label,
        stroke: colours.series[tone],
        width: 1.6,
        points: { show: true, size: 3, fill: colours.series[tone], filter: pointsAlone },
        ...(isFilled && { fill: `color-mix(in oklab, ${colours.series[tone]} 22%, transparent)` }),
      })),
    ],
    hooks: {
      setCursor: [(plot) => spec.onCursor(plot.cursor.idx ?? null)],
      setSelect: [
        (plot) => {
          const { left, width: wide } = plot.select
          if (wide >= SMALLEST_DRAG_PX) spec.onZoom(plot.posToVal(left, 'x'), plot.posToVal(left + wide, 'x'))
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
        },
      ],
    },
  }
}
