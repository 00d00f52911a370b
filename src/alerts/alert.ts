import { formatBytes, formatDuration } from '../core/index.ts'
import { METRICS, type MetricMeaning, PROCESS_METRICS } from '../monitor/index.ts'
import type { AlertRule, AlertSeverity } from './rule.ts'

/** Something that is not as a rule wants it. Times in milliseconds since 1970. */
export interface Alert {
  readonly id: string
  readonly rule: string
  /** The process that it is about, as `host:pid`; empty where it is about the database. */
  readonly instance: string
  readonly state: 'pending' | 'firing' | 'resolved'
  readonly severity: AlertSeverity
  readonly metric: string
  /** The last one that was seen; null where there is none. */
  readonly value: number | null
  /** What it passed; null for a rule of absence. */
  readonly threshold: number | null
  /** What it means, and the value. */
  readonly message: string
  readonly action: string
  /** Since when it is so. */
  readonly since: number
  readonly firedAt: number | null
  readonly resolvedAt: number | null
}

const MEANINGS: Readonly<Record<string, MetricMeaning>> = { ...METRICS, ...PROCESS_METRICS }

/** What a metric says; undefined where there is none of this name. */
export const meaningOf = (metric: string): MetricMeaning | undefined => MEANINGS[metric]

/** Names of all metrics that a rule may watch. */
export const METRIC_NAMES: readonly string[] = Object.keys(MEANINGS)

/** Whether each process sees this of itself; else it is of the database. */
export const isOfProcess = (metric: string): boolean => metric in PROCESS_METRICS

/** A value of a metric for people. */
export function inUnit(metric: string, value: number): string {
  const plain = String(Math.round(value * 100) / 100)
  const unit = meaningOf(metric)?.unit ?? 'count'
  switch (unit) {
    case 'percent':
      return `${plain} %`
    case 'bytes':
      return formatBytes(value)
    case 'bytes per second':
      return `${formatBytes(value)} a second`
    case 'seconds':
      return formatDuration(value * 1_000)
    case 'milliseconds':
      return formatDuration(value)
    case 'per second':
      return `${plain} a second`
    case 'per minute':
      return `${plain} a minute`
    default:
      return plain
  }
}

/** What is wrong, in one sentence or two. */
export function messageOfAlert(rule: AlertRule, value: number | null, threshold: number | null): string {
  const { metric, message, absent, growsBy } = rule
  const lead = message === undefined ? '' : `${message} `
  if (absent) return `${lead}There is no ${metric} for ${formatDuration(absent.afterMs)}.`
  if (value === null || threshold === null) return `${lead}${metric} is not known.`
  const [now, limit] = [inUnit(metric, value), inUnit(metric, threshold)]
  if (growsBy)
    return `${lead}${metric} is ${now}, more than ${limit} above what it was ${formatDuration(growsBy.withinMs)} ago.`
  return `${lead}${metric} is ${now}, ${rule.below ? 'below' : 'above'} ${limit}.`
}
