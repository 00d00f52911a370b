/** The process that `bench/monitor.ts` measures: the built package, as a service runs it. `node monitor-collector.ts <url>` */
import type { Collector as CollectorType } from '../src/monitor/index.ts'
import type { Pool as PoolType } from '../src/pool/index.ts'

const built = (path: string): Promise<unknown> => import(new URL(`../dist/${path}`, import.meta.url).href)
const { Collector } = (await built('monitor/index.js')) as { readonly Collector: typeof CollectorType }
const { Pool } = (await built('pool/index.js')) as { readonly Pool: typeof PoolType }

const [url = ''] = process.argv.slice(2)
const pool = new Pool({ connectionString: url, size: 5 })
const collector = new Collector({
  pool,
  history: { url, ownSchema: 'holdfast' },
  onProblem: (problem) => console.error(problem),
})
collector.start()
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  const { skipped, state } = collector.status()
  process.send?.({ cpuMs: (user + system) / 1_000, rss: process.memoryUsage().rss, skipped, state })
})
process.once('SIGTERM', () => {
  void collector
    .close()
    .then(() => pool.end())
    .then(() => process.exit(0))
})
