import { HoldfastError, nearest } from '../core/index.ts'

export function ruleInvalid(name: string, reason: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ALERT_RULE_INVALID',
    message: `The alert rule ${name} cannot be used: ${reason.replace(/[.?]$/, '')}.`,
    details: { name, reason },
  })
}

export function ruleUnknown(name: string, known: readonly string[]): HoldfastError {
  const suggestion = nearest(name, known)
  const hint = suggestion === undefined ? 'see: holdfast alert rules' : `did you mean ${suggestion}?`
  return ruleInvalid(name, `it is switched off, and there is none of that name; ${hint}`)
}

export function emailIncomplete(): HoldfastError {
  return new HoldfastError({
    code: 'HF_ALERT_EMAIL',
    message:
      'Emails have a server and nobody who gets them: set alerts.emailTo (HOLDFAST_ALERTS_EMAIL_TO), too.',
  })
}

export function notAllowed(schema: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_ALERT_NOT_ALLOWED',
    message: `This role may not read or change alerts in schema "${schema}". Have it granted SELECT, INSERT, UPDATE and DELETE on its tables alerts, alert_silences and alert_deliveries.`,
    details: { schema },
    cause,
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
    message: `Alerts are kept in schema "${schema}", which is not there, not of this version, or not for this role: holdfast doctor says which. As its owner: holdfast init`,
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
