import { HoldfastError, nearest } from '../core/index.ts'

export function ruleInvalid(name: string, reason: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ALERT_RULE_INVALID',
    message: `The alert rule ${name} cannot be used: ${reason}.`,
    details: { name, reason },
  })
}

export function metricUnknown(rule: string, metric: string, known: readonly string[]): HoldfastError {
  const suggestion = nearest(metric, known)
  const hint = suggestion === undefined ? 'See: holdfast alert metrics' : `Did you mean ${suggestion}?`
  return new HoldfastError({
    code: 'HF_ALERT_METRIC_UNKNOWN',
    message: `The alert rule ${rule} watches "${metric}", and there is no such metric. ${hint}`,
    details: { rule, metric },
  })
}

export function alertUnknown(id: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ALERT_UNKNOWN',
    message: `No alert that is open has the id ${id}. See: holdfast alert list`,
    details: { id },
  })
}

export function silenceUnknown(id: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ALERT_SILENCE_UNKNOWN',
    message: `No silence that still holds has the id ${id}. See: holdfast alert silences`,
    details: { id },
  })
}

export function historyMissing(schema: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ALERT_HISTORY_MISSING',
    message: `Alerts are kept in schema "${schema}", which is not there, not of this version, or not for this role. Run: holdfast init`,
    details: { schema },
  })
}

export function deliveryFailed(channel: string, reason: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_ALERT_DELIVERY',
    message: `The ${channel} channel did not take it: ${reason}`,
    retryable: true,
    details: { channel, reason },
    cause,
  })
}
