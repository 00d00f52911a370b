/**
 * A process that `bench/monitor.ts` measures: the built package, as a service runs it. `node monitor-collector.ts <url> [pool]`; with
 * `pool` it has a pool and does not monitor.
 */
import type { Collector as CollectorType } from '../src/monitor/index.ts'
import type { Pool as PoolType } from '../src/pool/index.ts'

const built = (path: string): Promise<unknown> => import(new URL(`../dist/${path}`, import.meta.url).href)
const { Pool } = (await built('pool/index.js')) as { readonly Pool: typeof PoolType }

const [url = '', extent] = process.argv.slice(2)
const pool = new Pool({ connectionString: url, size: 5 })
// A service uses its pool.
setInterval(() => void pool.query('SELECT 1'), 1_000).unref()
const collector = extent === 'pool' ? undefined : await startCollector()

async function startCollector(): Promise<CollectorType> {
  const { Collector } = (await built('monitor/index.js')) as { readonly Collector: typeof CollectorType }
  const started = new Collector({
    pool,
    history: { url, ownSchema: 'holdfast' },
    onProblem: (problem) => console.error(problem),
  })
  started.start()
  return started
}

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  const skipped = collector?.status().skipped.length
  process.send?.({ cpuMs: (user + system) / 1_000, rss: process.memoryUsage().rss, skipped })
})
process.once('SIGTERM', () => {
  void Promise.resolve(collector?.close())
    .then(() => pool.end())
    .then(() => process.exit(0))
})
