import type { Alert } from '../alerts/index.ts'
import type { Examination } from '../monitor/index.ts'
import { type MetricRegistry, register, single } from './metric.ts'

/** Adds what the checks found last. @param latest undefined while nobody has looked */
export function registerFindings(registry: MetricRegistry, latest: () => Examination | undefined): void {
  register(
    registry,
    {
      name: 'holdfast_health_score',
      help: '100, less 25 for each error and 8 for each warning',
      type: 'gauge',
    },
    () => single(latest()?.score),
  )
  register(
    registry,
    { name: 'holdfast_findings', help: 'What the checks found, by check and severity', type: 'gauge' },
    () => {
      const groups = Map.groupBy(latest()?.findings ?? [], ({ check, severity }) => `${check} ${severity}`)
      return [...groups.values()].flatMap(([first, ...others]) =>
        first ? [{ value: 1 + others.length, labels: { check: first.check, severity: first.severity } }] : [],
      )
    },
  )
}

/** Adds what is pending or firing as this process sees it. */
export function registerAlerts(registry: MetricRegistry, open: () => readonly Alert[]): void {
  register(
    registry,
    { name: 'holdfast_alerts', help: 'Alerts that are pending or firing: 1', type: 'gauge' },
    () => open().map(({ rule, state, severity }) => ({ value: 1, labels: { rule, state, severity } })),
  )
}
