/**
 * What Holdfast knows as Prometheus metrics, for a registry of `prom-client`: pools, the database, findings, alerts. Costs nothing
 * between two scrapes. And the dashboards and rules that go with them.
 */
export { registerDatabase } from './database.ts'
export { type DatabasePicture, DatabaseSource, type StatementsPicture } from './source.ts'
export type { MetricRegistry } from './metric.ts'
export { registerPools } from './pools.ts'
export { registerAlerts, registerFindings } from './watching.ts'
export { asGrafana } from './dashboards/grafana.ts'
export { type Dashboard, DASHBOARDS, type Panel, type Query } from './dashboards/panels.ts'
export { asRuleFile, type PrometheusRule, prometheusRules } from './dashboards/rules.ts'
