import { type Answer, ask } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { bytes, count, duration, type Figure, percent } from '../../words/figures.ts'

export type Alerts = Answer<'GET /v1/alerts'>
export type Alert = Alerts['data'][number]
export type Silences = Answer<'GET /v1/alerts/silences'>
export type Silence = Silences['data'][number]
export type Rules = Answer<'GET /v1/alerts/rules'>
export type Rule = Rules['data'][number]
export type Deliveries = Answer<'GET /v1/alerts/deliveries'>

/** What is wrong, or was. */
export const useAlerts = (state: 'open' | 'all') =>
  useResource(
    `alerts ${state}`,
    (signal) => ask('GET /v1/alerts', { query: { state, limit: 200 }, signal }),
    10_000,
  )

export const useSilences = () =>
  useResource('silences', (signal) => ask('GET /v1/alerts/silences', { signal }), 30_000)

export const useRules = () =>
  useResource('rules', (signal) => ask('GET /v1/alerts/rules', { signal }), 300_000)

export const useDeliveries = () =>
  useResource('deliveries', (signal) => ask('GET /v1/alerts/deliveries', { signal }), 15_000)

/** A value of a metric, by what its name ends with. */
export function figureOf(metric: string, value: number | null): Figure {
  if (metric.endsWith('_percent')) return percent(value)
  if (metric.endsWith('_bytes')) return bytes(value)
  if (metric.endsWith('_seconds')) return duration(value === null ? null : value * 1_000)
  return metric.endsWith('_ms') ? duration(value) : count(value)
}

/** What it is about, in a word or two. */
export const subjectOf = ({ instance }: Alert): string => (instance === '' ? 'the database' : instance)
