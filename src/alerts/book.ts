import { uuidv7 } from '../core/index.ts'
import { type Alert, messageOfAlert } from './alert.ts'
import type { AlertRule, AlertSeverity, Thresholds } from './rule.ts'

/** What became of an alert. `eased`: still wrong, less so. */
export interface AlertEvent {
  readonly kind: 'firing' | 'escalated' | 'eased' | 'resolved'
  readonly alert: Alert
}

/** When something was seen: for people, and for lengths of time. */
export interface Moment {
  /** Milliseconds since 1970. */
  readonly nowMs: number
  readonly monotonicMs: number
}

/** What a metric was. */
export interface PastValue {
  /** Milliseconds since 1970. */
  readonly nowMs: number
  readonly value: number
}

const CLEAR_MS = 60_000
/** After that long without a value nobody knows whether it is still wrong. */
const STALE_MS = 15 * 60_000
const SEVERITIES: readonly AlertSeverity[] = ['error', 'warning']

/** What rules make of the values of one database, or of one process. Knows time only as it is told. */
export class AlertBook {
  readonly #pages: readonly Page[]

  /** @param instance the process; empty for the database */
  constructor(rules: readonly AlertRule[], instance: string, begin: Moment) {
    this.#pages = rules.map((rule) => new Page(rule, instance, begin))
  }

  /** Takes the values of one beat, and tells what changed. What is not among them was not looked at. */
  take(values: Readonly<Record<string, number>>, moment: Moment): AlertEvent[] {
    return this.#pages.flatMap((page) => page.take(values[page.rule.metric], moment) ?? [])
  }

  /** Goes on with alerts that fired before this book was opened. */
  restore(alerts: readonly Alert[], moment: Moment): void {
    for (const alert of alerts)
      this.#pages.find(({ rule }) => rule.name === alert.rule)?.restore(alert, moment)
  }

  /** Goes on with what others saw of the metric of a rule that watches growth. */
  recall(rule: AlertRule, past: readonly PastValue[], moment: Moment): void {
    this.#pages.find((page) => page.rule === rule)?.recall(past, moment)
  }

  /** What is pending or firing. */
  get open(): readonly Alert[] {
    return this.#pages.flatMap((page) => page.alert ?? [])
  }
}

/** One rule, with what was seen of its metric. */
class Page {
  readonly rule: AlertRule
  alert: Alert | undefined
  readonly #instance: string
  readonly #levels: Readonly<Record<AlertSeverity, Level>>
  #seenAtMs: number
  /** What it was, the oldest first: only where growth is watched. */
  #past: { readonly atMs: number; readonly value: number }[] = []

  constructor(rule: AlertRule, instance: string, begin: Moment) {
    const { forMs = 0, clearMs = CLEAR_MS } = rule
    this.rule = rule
    this.#instance = instance
    this.#seenAtMs = begin.monotonicMs
    this.#levels = { error: new Level(forMs, clearMs), warning: new Level(forMs, clearMs) }
  }

  take(value: number | undefined, moment: Moment): AlertEvent | undefined {
    const { monotonicMs } = moment
    const silentMs = monotonicMs - this.#seenAtMs
    if (value !== undefined) this.#seenAtMs = monotonicMs
    const { absent } = this.rule
    if (absent) {
      const { afterMs, severity = 'error' } = absent
      this.#levels[severity].take(value === undefined && silentMs >= afterMs, monotonicMs)
      return this.#settle(value ?? null, moment)
    }
    if (value === undefined) {
      if (silentMs < STALE_MS) return undefined
      for (const severity of SEVERITIES) this.#levels[severity].reset()
      return this.#settle(null, moment)
    }
    const measured = this.#measured(value, monotonicMs)
    if (measured === undefined) return undefined
    for (const severity of SEVERITIES)
      this.#levels[severity].take(isPast(this.rule, measured, severity), monotonicMs)
    return this.#settle(value, moment)
  }

  restore(alert: Alert, { monotonicMs }: Moment): void {
    this.alert = alert
    const { absent } = this.rule
    if (absent) {
      // It goes on being absent until it is seen.
      this.#seenAtMs = monotonicMs - absent.afterMs
      this.#levels[absent.severity ?? 'error'].force(monotonicMs)
      return
    }
    for (const severity of SEVERITIES) {
      if (severity === 'error' && alert.severity === 'warning') continue
      this.#levels[severity].force(monotonicMs)
    }
  }

  recall(past: readonly PastValue[], { nowMs, monotonicMs }: Moment): void {
    this.#past = past.map((one) => ({ atMs: monotonicMs - (nowMs - one.nowMs), value: one.value }))
  }

  /** The value itself, or what it grew by; undefined while that is not known. */
  #measured(value: number, atMs: number): number | undefined {
    const { growsBy } = this.rule
    if (!growsBy) return value
    this.#past.push({ atMs, value })
    // The newest that is old enough is what it is compared with.
    while ((this.#past[1]?.atMs ?? Number.POSITIVE_INFINITY) <= atMs - growsBy.withinMs) this.#past.shift()
    const [oldest] = this.#past
    const ageMs = atMs - (oldest?.atMs ?? atMs)
    if (!oldest || ageMs < growsBy.withinMs) return undefined
    // Where nobody looked for a while, what it grew by within the time that counts.
    return ((value - oldest.value) * growsBy.withinMs) / ageMs
  }

  /** Makes the alert what the levels say, and tells what changed for others. */
  #settle(value: number | null, moment: Moment): AlertEvent | undefined {
    const before = this.alert
    const firing = SEVERITIES.find((severity) => this.#levels[severity].isFiring)
    const pending = SEVERITIES.find((severity) => this.#levels[severity].isPending)
    const severity = firing ?? pending
    if (severity === undefined) {
      this.alert = undefined
      if (before?.state !== 'firing') return undefined
      return { kind: 'resolved', alert: { ...before, state: 'resolved', value, resolvedAt: moment.nowMs } }
    }
    const alert = this.#alertOf(severity, firing === undefined ? 'pending' : 'firing', value, moment)
    this.alert = alert
    if (alert.state === 'pending') return undefined
    if (before?.state !== 'firing') return { kind: 'firing', alert }
    if (before.severity === severity) return undefined
    return { kind: severity === 'error' ? 'escalated' : 'eased', alert }
  }

  #alertOf(
    severity: AlertSeverity,
    state: 'pending' | 'firing',
    value: number | null,
    { nowMs }: Moment,
  ): Alert {
    const { name, metric, absent, action } = this.rule
    const { alert } = this
    // While it clears, what was wrong is what is told.
    if (alert?.state === state && alert.severity === severity && !this.#levels[severity].isSo) return alert
    const { id = uuidv7(), since = nowMs, firedAt = null } = alert ?? {}
    const threshold = absent ? null : (thresholdsOf(this.rule)[severity] ?? null)
    return {
      id,
      rule: name,
      instance: this.#instance,
      state,
      severity,
      metric,
      value,
      threshold,
      message: messageOfAlert(this.rule, value, threshold),
      action: action ?? 'holdfast doctor',
      since,
      firedAt: state === 'firing' ? (firedAt ?? nowMs) : null,
      resolvedAt: null,
    }
  }
}

/** One severity of one rule: whether it is so, for long enough. */
class Level {
  readonly #forMs: number
  readonly #clearMs: number
  #since: number | undefined
  #clearSince: number | undefined
  isFiring = false

  constructor(forMs: number, clearMs: number) {
    this.#forMs = forMs
    this.#clearMs = clearMs
  }

  /** Whether it was so the last time. */
  get isSo(): boolean {
    return this.#since !== undefined && this.#clearSince === undefined
  }

  get isPending(): boolean {
    return !this.isFiring && this.#since !== undefined
  }

  take(isSo: boolean, atMs: number): void {
    if (isSo) {
      this.#clearSince = undefined
      this.#since ??= atMs
      if (atMs - this.#since >= this.#forMs) this.isFiring = true
    } else if (!this.isFiring) {
      this.#since = undefined
    } else {
      this.#clearSince ??= atMs
      if (atMs - this.#clearSince >= this.#clearMs) this.reset()
    }
  }

  force(atMs: number): void {
    this.#since = atMs
    this.isFiring = true
  }

  reset(): void {
    this.#since = undefined
    this.#clearSince = undefined
    this.isFiring = false
  }
}

const thresholdsOf = ({ above, below, growsBy }: AlertRule): Thresholds => above ?? below ?? growsBy ?? {}

function isPast(rule: AlertRule, value: number, severity: AlertSeverity): boolean {
  const limit = thresholdsOf(rule)[severity]
  if (limit === undefined) return false
  return rule.below ? value < limit : value > limit
}
