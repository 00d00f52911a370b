/**
 * Pools as Prometheus metrics, for a registry of `prom-client` that the application has anyway. Reads what the pools
 * count; costs nothing between two scrapes.
 */
export { type MetricRegistry, registerPools } from './pools.ts'
