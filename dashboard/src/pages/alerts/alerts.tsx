import type { ComponentChildren } from 'preact'
import { Panel } from '../../parts/panel.tsx'
import { Standing } from '../../parts/standing.tsx'
import { query, setQuery } from '../../place/router.ts'
import { live } from '../../live/stream.ts'
import { moment } from '../../words/times.ts'
import { Channels } from './channels.tsx'
import {
  type Alert,
  type Alerts as Data,
  type Silences,
  useAlerts,
  useDeliveries,
  useRules,
  useSilences,
} from './data.ts'
import { alertAt, AlertDetail, AlertList, openAlert, whichAlerts } from './list.tsx'
import { ruleAt, RuleDetail, RuleList } from './rules.tsx'
import { silenceAt, SilenceDetail, SilenceList } from './silences.tsx'

/** Alerts: what is wrong, who is told, and what nobody is told of. */
export function Alerts() {
  const alerts = useAlerts(whichAlerts())
  const silences = useSilences()
  const rules = useRules()
  const deliveries = useDeliveries()
  const changed = (): void => {
    for (const one of [alerts, silences, deliveries]) one.refresh()
  }
  const open = query.value.get('open') ?? undefined
  const known = alerts.state.value.data
  const silenced = silences.state.value.data
  const ruled = rules.state.value.data
  const detail = (): readonly [title: string, body: ComponentChildren] | undefined => {
    if (open === undefined) return undefined
    const alert = known && alertAt(open, known)
    if (alert) return [alert.rule, <AlertDetail alert={alert} changed={changed} />]
    const silence = silenced && silenceAt(open, silenced)
    if (silence) return ['Silence', <SilenceDetail silence={silence} changed={changed} />]
    const rule = ruled && ruleAt(open, ruled)
    if (rule) return [rule.name, <RuleDetail rule={rule} changed={changed} />]
    return known && silenced && ruled ? ['Detail', <p>This is no longer in the list.</p>] : undefined
  }
  const [title, body] = detail() ?? []
  return (
    <>
      <Standing
        resource={alerts}
        sentence={(data) => `${sentence(data)}${untilWhen(silenced)}`}
        failed="What is wrong cannot be told."
        things={({ data }) => data.filter(isFiring).map(asThing)}
      />
      <AlertList resource={alerts} />
      <SilenceList resource={silences} />
      <Channels resource={deliveries} />
      <RuleList resource={rules} />
      {title !== undefined && (
        <Panel title={title} onClose={() => setQuery({ open: undefined })}>
          {body}
        </Panel>
      )}
    </>
  )
}

const isFiring = ({ state }: Alert): boolean => state === 'firing'

function sentence({ data }: Data): string {
  const firing = data.filter(isFiring)
  const pending = data.filter(({ state }) => state === 'pending').length
  const coming = pending === 0 ? '' : ` ${pending} more may follow.`
  if (firing.length === 0)
    return pending === 0 ? 'No alert is open.' : `No alert is open; ${pending} may be soon.`
  const known = firing.filter((one) => one.acknowledged_by !== null).length
  const things = firing.length === 1 ? 'One alert is open' : `${firing.length} alerts are open`
  return `${things}${known === 0 ? '' : known === firing.length ? ', and known' : `, ${known} of them known`}.${coming}`
}

/** Who looks here because nobody told them has to know why. */
const untilWhen = (known: Silences | undefined): string => {
  const all = known?.data.find(({ rule, instance }) => rule === null && instance === null)
  return all ? ` Nobody is told of any until ${moment(Date.parse(all.ends_at), live.now.value)}.` : ''
}

const asThing = (alert: Alert) => ({
  key: alert.id,
  severity: alert.severity,
  text: alert.message,
  action: 'Look at it',
  run: () => setQuery({ open: openAlert(alert) }),
})
