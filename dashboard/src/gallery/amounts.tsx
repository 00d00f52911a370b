import { useSignal } from '@preact/signals'
import { Card } from '../parts/card.tsx'
import { Choice } from '../parts/choice.tsx'
import { Gauge } from '../parts/gauge.tsx'
import { Legend } from '../parts/legend.tsx'
import { Amount } from '../parts/amount.tsx'
import { Facts } from '../parts/panel.tsx'
import { Share } from '../parts/share.tsx'
import { Sparkline } from '../parts/sparkline.tsx'
import { bytes, count, duration, percent } from '../words/figures.ts'
import { course, DEFINITIONS } from './data.ts'

/** Gauges from unused to exhausted. */
export function Gauges() {
  return (
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
  )
}

/** Figures in every unit, and what stands beside them. */
export function Figures() {
  const chosen = useSignal<'one' | 'two'>('one')
  const options = [
    { id: 'one', label: 'One' },
    { id: 'two', label: 'Two' },
  ] as const
  return (
    <Card title="Figures" span={6} definitions={DEFINITIONS}>
      <Facts
        facts={[
          [
            'Counts',
            <>
              <Amount figure={count(8_412)} /> · <Amount figure={count(312_000_000)} />
            </>,
          ],
          [
            'Sizes',
            <>
              <Amount figure={bytes(51_754_536_960)} /> · <Amount figure={bytes(0)} />
            </>,
          ],
          [
            'Durations',
            <>
              <Amount figure={duration(0.42)} /> · <Amount figure={duration(2_100)} /> ·{' '}
              <Amount figure={duration(null)} />
            </>,
          ],
          [
            'Shares',
            <>
              <Amount figure={percent(99.996)} /> · <Amount figure={percent(41)} />
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
  )
}
