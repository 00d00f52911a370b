import type { Definition } from '../../parts/meaning.tsx'

export const ALERT_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'State',
    means:
      'Pending: it is so, and not for long enough yet. Firing: somebody was told, unless it is silenced. Resolved: it is over.',
    source: 'The rules; holdfast.alerts',
    window: 'Now, ten seconds old at most.',
  },
  {
    figure: 'Value',
    means: 'What the metric was when it was last seen to be wrong.',
    source: 'The collector of monitoring',
    window: 'Ten seconds for sessions, locks and pools; a minute for counters and replication.',
  },
]

export const RULE_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'When',
    means:
      'From where on it is a warning, and an error. Rules of your own stand in alerts.rules of the configuration; one of the name of a built-in rule takes its place.',
    source: 'holdfast.config.ts',
    window: 'Since this process started.',
  },
]

export const DELIVERY_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Not taken yet',
    means:
      'What a channel has not taken is tried again, after a second, two, four, up to five minutes, for a week. Nothing is lost when the process ends.',
    source: 'holdfast.alert_deliveries',
    window: 'Now.',
  },
]
