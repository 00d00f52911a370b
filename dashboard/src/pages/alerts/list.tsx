import { ask } from '../../api/client.ts'
import type { LiveResource } from '../../api/resource.ts'
import { live } from '../../live/stream.ts'
import { Act } from '../../parts/act.tsx'
import { Amount } from '../../parts/amount.tsx'
import { Choice } from '../../parts/choice.tsx'
import { ToType } from '../../parts/copy.tsx'
import { Facts } from '../../parts/panel.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table/column.ts'
import { query, setQuery } from '../../place/router.ts'
import { inWords } from '../../words/figures.ts'
import { age, instant } from '../../words/times.ts'
import { ListCard, rowAt } from '../list-card.tsx'
import { type Alert, type Alerts, figureOf, subjectOf } from './data.ts'
import { ALERT_DEFINITIONS } from './definitions.ts'
import { SilenceForm } from './silences.tsx'

const LINES = 8
const PREFIX = 'alert:'
const keyOf = ({ id }: Alert): string => id

const TONES = { pending: '', firing: 'crit', resolved: 'ok' } as const
const toneOf = ({ state, severity }: Alert): string =>
  state === 'firing' && severity === 'warning' ? 'warn' : TONES[state]

const COLUMNS: readonly Column<Alert>[] = [
  {
    id: 'state',
    title: 'State',
    kind: 'text',
    width: 96,
    value: ({ state }) => state,
    cell: (alert) => (
      <span class={`tag ${toneOf(alert)}`}>
        {alert.silenced
          ? 'silenced'
          : alert.state === 'firing' && alert.acknowledged_by !== null
            ? 'known'
            : alert.state}
      </span>
    ),
  },
  {
    id: 'severity',
    title: 'Severity',
    kind: 'text',
    width: 84,
    isExtra: true,
    value: ({ severity }) => severity,
  },
  { id: 'rule', title: 'Rule', kind: 'code', width: 160, value: ({ rule }) => rule },
  {
    id: 'value',
    title: 'Value',
    kind: 'number',
    width: 96,
    value: ({ value }) => value,
    cell: ({ metric, value }) => <Amount figure={figureOf(metric, value)} />,
  },
  { id: 'about', title: 'About', kind: 'text', width: 150, isExtra: true, value: subjectOf },
  {
    id: 'since',
    title: 'Since',
    kind: 'text',
    width: 96,
    value: ({ since }) => since,
    cell: ({ since }) => (
      <time dateTime={since} title={instant(Date.parse(since))}>
        {age(Math.max(0, live.now.value - Date.parse(since)))}
      </time>
    ),
  },
  { id: 'message', title: 'What it means', kind: 'text', isMinor: true, value: ({ message }) => message },
]

const WHICH = [
  { id: 'open', label: 'Open' },
  { id: 'all', label: 'All' },
] as const

/** Which ones the address asks for. */
export const whichAlerts = (): 'open' | 'all' => (query.value.get('which') === 'all' ? 'all' : 'open')

/** What is wrong, or was. */
export const AlertList = ({ resource }: { readonly resource: LiveResource<Alerts> }) => (
  <ListCard
    title="Alerts"
    span={12}
    size="lines"
    definitions={ALERT_DEFINITIONS}
    tools={
      <Choice
        label="Which"
        options={WHICH}
        chosen={whichAlerts()}
        choose={(id) => setQuery({ which: id === 'all' ? id : undefined })}
      />
    }
    resource={resource}
    rowsOf={({ data }) => data}
    id="alerts"
    columns={COLUMNS}
    keyOf={keyOf}
    hasTools
    lines={LINES}
    prefix={PREFIX}
    empty={
      <Empty
        title={whichAlerts() === 'all' ? 'There was no alert since alerts are kept.' : 'No alert is open.'}
      >
        <p>Rules watch what monitoring sees; below is from where on they tell.</p>
      </Empty>
    }
  />
)

/** The alert that the address names. */
export const alertAt = (open: string, { data }: Alerts): Alert | undefined => rowAt(open, PREFIX, data, keyOf)

/** The address of an alert's panel. */
export const openAlert = (alert: Alert): string => PREFIX + keyOf(alert)

/** One alert: what it means, what to do, and saying that one knows. */
export function AlertDetail({ alert, changed }: { readonly alert: Alert; readonly changed: () => void }) {
  const { id, state, action, metric, value, threshold } = alert
  const told =
    alert.told_at === null ? 'nobody: it is silenced, or pending' : instant(Date.parse(alert.told_at))
  return (
    <>
      <p>{alert.message}</p>
      <h3>What to do</h3>
      {action.startsWith('holdfast ') ? <ToType text={`npx ${action}`} /> : <p>{action}</p>}
      <Facts
        facts={[
          ['State', `${state}, ${alert.severity}`],
          ['About', subjectOf(alert)],
          ['Metric', <code key="metric">{metric}</code>],
          ['Value', inWords(figureOf(metric, value))],
          ['Threshold', threshold === null ? '–' : inWords(figureOf(metric, threshold))],
          ['Since', instant(Date.parse(alert.since))],
          ['Over', alert.resolved_at === null ? '–' : instant(Date.parse(alert.resolved_at))],
          ['Told', told],
          ['Known by', alert.acknowledged_by ?? '–'],
        ]}
      />
      {state === 'firing' && (
        <>
          <h3>Acknowledge it</h3>
          <p>It is not said again until it is over.</p>
          <Act
            needs="operator"
            label="I know of it"
            isDisabled={alert.acknowledged_by !== null}
            act={async () => {
              await ask('POST /v1/alerts/{id}/acknowledge', { params: { id } })
            }}
            done={changed}
          />
        </>
      )}
      {state !== 'resolved' && <SilenceForm rule={alert.rule} changed={changed} />}
    </>
  )
}
