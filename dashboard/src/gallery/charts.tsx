import type { ComponentChildren } from 'preact'
import { Card } from '../parts/card.tsx'
import { TimeChart } from '../parts/chart/time-chart.tsx'
import { count, duration, percent, perSecond } from '../words/figures.ts'
import { course, NOW, timesUpTo } from './data.ts'

const TIMES = timesUpTo(NOW)
const SHARED = {
  range: { kind: 'last', name: '15m', ms: 15 * 60_000 },
  nowMs: NOW,
  onZoom: () => {},
} as const

function Chart({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <Card title={title} span={4}>
      {children}
    </Card>
  )
}

/** Lines, areas and stacks. */
export function Charts() {
  return (
    <>
      <Chart title="Lines">
        <TimeChart
          {...SHARED}
          label="Lines"
          times={TIMES}
          format={duration}
          series={[
            { label: 'p99', tone: 'c2', values: course(900, 9.5, 2.4, 6, 18) },
            { label: 'p50', tone: 'c1', values: course(900, 1.2, 0.2, 0.9, 1.8) },
          ]}
        />
      </Chart>
      <Chart title="Area">
        <TimeChart
          {...SHARED}
          label="Area"
          form="area"
          times={TIMES}
          format={perSecond}
          series={[{ label: 'transactions', tone: 'c1', values: course(900, 8_200, 700, 6_800, 9_400) }]}
        />
      </Chart>
      <Chart title="Stacked">
        <TimeChart
          {...SHARED}
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
    </>
  )
}

/** Shares, gaps, and nothing at all. */
export function ChartEdges() {
  const gap = course(900, 9.5, 2.4, 6, 18).map((value, index) => (index > 300 && index < 480 ? null : value))
  return (
    <>
      <Chart title="A share close to 100%">
        <TimeChart
          {...SHARED}
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
          {...SHARED}
          label="Gap"
          times={TIMES}
          format={duration}
          series={[{ label: 'p99', tone: 'c2', values: gap }]}
        />
      </Chart>
      <Chart title="Nothing known">
        <TimeChart
          {...SHARED}
          label="Nothing"
          times={TIMES}
          format={duration}
          series={[{ label: 'p99', tone: 'c2', values: TIMES.map(() => null) }]}
        />
      </Chart>
    </>
  )
}
