/** A registry of `prom-client`, as far as it is needed. */
export interface MetricRegistry {
  registerMetric(metric: never): void
}

/** One value under its labels. */
export interface Sample {
  readonly value: number
  readonly labels: Readonly<Record<string, string | number>>
  readonly metricName?: string
}

/** A metric as `prom-client` asks for it: it is read when it is scraped. */
interface Metric {
  readonly name: string
  readonly help: string
  readonly type: MetricType
  readonly aggregator: 'sum'
  get(): Promise<Metric & { readonly values: readonly Sample[] }>
  reset(): void
}

export type MetricType = 'gauge' | 'counter' | 'histogram'

/** Adds a metric that is read with each scrape. What cannot be read has no values then. */
export function register(
  registry: MetricRegistry,
  { name, help, type }: { readonly name: string; readonly help: string; readonly type: MetricType },
  read: () => Promise<readonly Sample[]> | readonly Sample[],
): void {
  const metric: Metric = {
    name,
    help,
    type,
    aggregator: 'sum',
    reset() {},
    async get() {
      // A registry of OpenMetrics has given it another name by then.
      return { ...this, values: await read() }
    },
  }
  registry.registerMetric(metric as never)
}

/** One value without labels; none where it is not known. */
export const single = (value: number | null | undefined): Sample[] =>
  value === null || value === undefined || !Number.isFinite(value) ? [] : [{ value, labels: {} }]
