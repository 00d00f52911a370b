/**
 * Tells somebody when a database, or a process that uses it, is not as it should be: rules over everything that monitoring sees,
 * delivered by webhook, Slack, email and log.
 */
export { type Alert, inUnit, METRIC_NAMES, meaningOf } from './alert.ts'
export { Alerts, type AlertsInput, type ChannelTest, type DigestInput, testChannels } from './alerts.ts'
export { AlertBook, type AlertEvent, type Moment } from './book.ts'
export { builtInRules, rulesOf } from './built-in.ts'
export type { Channel } from './channels/channel.ts'
export { channelsOf } from './channels/channels.ts'
export { email, type EmailInput } from './channels/email.ts'
export { log } from './channels/log.ts'
export { slack, webhook } from './channels/webhook.ts'
export { type Delivery, DeliveryStore, type Unsent, unsentAsJson } from './deliveries.ts'
export { alertAsJson, type Notification, type NotifiedAlert } from './notification.ts'
export { ALERT_OPTIONS, type AlertOptions } from './options.ts'
export { dueDigest } from './schedule.ts'
export type { AlertRule, AlertSeverity, Thresholds } from './rule.ts'
export {
  AlertStore,
  type KeptAlert,
  listedAsJson,
  openAlertStore,
  type Silence,
  silenceAsJson,
} from './store.ts'
