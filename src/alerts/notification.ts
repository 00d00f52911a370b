import type { Alert } from './alert.ts'

/** What somebody is told. This is what a webhook gets, as JSON. */
export interface Notification {
  /** Raised with any incompatible change. */
  readonly version: 1
  /** The same for each attempt: whoever has seen it has seen it. */
  readonly id: string
  readonly event: 'firing' | 'escalated' | 'reminder' | 'resolved' | 'test' | 'digest'
  /** The database's address without its password. */
  readonly database: string
  /** When it was made, ISO 8601. */
  readonly at: string
  /** One line. */
  readonly title: string
  /** All of it in words, Markdown. */
  readonly text: string
  /** The same for all that is said of one alert; null for tests and digests. */
  readonly alert: NotifiedAlert | null
}

/** An alert as the outside sees it. */
export interface NotifiedAlert {
  readonly id: string
  readonly rule: string
  readonly instance: string
  readonly state: Alert['state']
  readonly severity: Alert['severity']
  readonly metric: string
  readonly value: number | null
  readonly threshold: number | null
  readonly message: string
  readonly action: string
  readonly since: string
  readonly fired_at: string | null
  readonly resolved_at: string | null
}

export const instant = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())

/** The same for the HTTP API, the command line and webhooks. */
export function alertAsJson({ since, firedAt, resolvedAt, ...alert }: Alert): NotifiedAlert {
  const { id, rule, instance, state, severity, metric, value, threshold, message, action } = alert
  return {
    id,
    rule,
    instance,
    state,
    severity,
    metric,
    value,
    threshold,
    message,
    action,
    since: instant(since) as string,
    fired_at: instant(firedAt),
    resolved_at: instant(resolvedAt),
  }
}

/** What is said of an alert. */
export function notificationOf(
  event: Exclude<Notification['event'], 'test' | 'digest'>,
  alert: Alert,
  { id, database, nowMs }: { readonly id: string; readonly database: string; readonly nowMs: number },
): Notification {
  const where = alert.instance === '' ? '' : ` (${alert.instance})`
  const state = event === 'resolved' ? 'resolved' : alert.severity
  const still = event === 'reminder' ? 'still ' : ''
  const lines =
    event === 'resolved'
      ? [`It is over. It was: ${alert.message}`]
      : [alert.message, `Next step: \`${alert.action}\``]
  return {
    version: 1,
    id,
    event,
    database,
    at: new Date(nowMs).toISOString(),
    title: `${still}${state}: ${alert.rule}${where}`,
    text: lines.join('\n'),
    alert: alertAsJson(alert),
  }
}

/** What operators look at regularly, looked at. */
export const digestNotification = (
  id: string,
  database: string,
  nowMs: number,
  text: string,
): Notification => ({
  version: 1,
  id,
  event: 'digest',
  database,
  at: new Date(nowMs).toISOString(),
  title: 'digest',
  text,
  alert: null,
})

/** What `alert test` sends. */
export const testNotification = (id: string, database: string, nowMs: number): Notification => ({
  version: 1,
  id,
  event: 'test',
  database,
  at: new Date(nowMs).toISOString(),
  title: 'test',
  text: 'This is a test: whoever reads it will be told when something is wrong.',
  alert: null,
})
