/** A real Prometheus scrapes a real run: every panel's query and every rule answers. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type AdminServer, serveAdmin } from '../../src/admin/index.ts'
import { createHoldfast, type Holdfast } from '../../src/index.ts'
import { withLabel } from '../../src/pool/index.ts'
import { DEFAULT_LIMITS } from '../../src/monitor/index.ts'
import { DASHBOARDS, type PrometheusRule, prometheusRules } from '../../src/prometheus/index.ts'
import { runCli } from '../support/cli.ts'
import { isPrometheusMissing, Prometheus, promtool, promtoolReads } from '../support/prometheus.ts'
import { startPair } from '../support/replication.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const TOKEN = 'only-for-this-test-0123456789'
const folder = scratch('prometheus')
const PROMETHEUS_RULES = prometheusRules(DEFAULT_LIMITS)
const rules = join(folder, 'exported', 'holdfast-rules.yml')

beforeAll(async () => {
  mkdirSync(folder, { recursive: true })
  const exported = await runCli(['dashboards', 'export', join(folder, 'exported')], { cwd: folder })
  expect(exported.code).toBe(0)
})

/** As Grafana would ask. */
const asked = (expr: string): string =>
  expr.replaceAll('$__rate_interval', '15s').replaceAll(/\$(database|instance|pool)/g, '.+')

describe.skipIf(isPrometheusMissing)(
  `Prometheus${isPrometheusMissing ? ' (prometheus is missing)' : ''}`,
  () => {
    let pair: Awaited<ReturnType<typeof startPair>> | undefined
    let holdfast: Holdfast
    let server: AdminServer
    let prometheus: Prometheus
    const stopping = new AbortController()
    let traffic: Promise<void>

    beforeAll(async () => {
      pair = await startPair(folder, {
        shared_preload_libraries: 'pg_stat_statements',
        track_io_timing: 'on',
        archive_mode: 'on',
        archive_command: 'true',
      })
      const { primary } = pair
      await primary.query('CREATE EXTENSION pg_stat_statements')
      await primary.query("SELECT pg_create_physical_replication_slot('kept', true)")
      await primary.query(
        'CREATE TABLE things (id int PRIMARY KEY, note text); INSERT INTO things SELECT n FROM generate_series(1, 5000) n; CREATE INDEX a ON things (note); CREATE INDEX b ON things (note)',
      )
      holdfast = await createHoldfast(
        { database: { url: primary.url }, admin: { port: 0, metricsToken: TOKEN }, alerts: { log: false } },
        { cwd: folder, env: {}, onNotice: () => {} },
      )
      await holdfast.installSchema()
      server = await serveAdmin(
        { pool: holdfast.pool, monitor: holdfast.monitor, alerts: holdfast.alerts },
        { ...holdfast.config.admin, logLevel: 'silent' },
        folder,
      )
      holdfast.startMonitoring()
      traffic = work()
      prometheus = await Prometheus.start(join(folder, 'p'), new URL(server.url).host, TOKEN, rules)
    })
    afterAll(async () => {
      stopping.abort()
      await traffic
      await prometheus?.stop()
      await server?.close()
      await holdfast?.close()
      for (const one of pair ? [pair.standby, pair.primary] : []) await one.stop()
    })

    async function work(): Promise<void> {
      while (!stopping.signal.aborted) {
        await withLabel('read', () => holdfast.pool.query('SELECT count(*) FROM things WHERE id > $1', [1]))
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }

    test('is let in with the token, and only there', async () => {
      const as = (path: string, token: string): Promise<Response> =>
        fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${token}` } })
      expect((await as('/metrics', TOKEN)).status).toBe(200)
      expect((await as('/metrics', `${TOKEN}x`)).status).toBe(401)
      const refused = await fetch(`${server.url}/metrics`)
      expect(refused.status).toBe(401)
      expect(await refused.text()).toContain('HOLDFAST_METRICS_TOKEN')
      expect((await as('/v1/alerts', TOKEN)).status).toBe(401)
      const text = await (await as('/metrics', TOKEN)).text()
      expect(text).not.toContain('only-for-tests')
      // The others are prom-client's own.
      promtoolReads(text.replaceAll(/^(# \w+ )?(nodejs|process)_.*\n/gm, ''))
    })

    test.each(
      DASHBOARDS.flatMap(({ title, panels }) =>
        panels.flatMap((panel) =>
          panel.queries.map(({ expr, legend }) => ({ title, panel: panel.title, legend, expr })),
        ),
      ),
    )('$title, $panel: $legend answers', async ({ expr, legend }) => {
      const lines = await vi.waitUntil(
        async () => {
          const found = await prometheus.query(asked(expr))
          return found.length > 0 ? found : undefined
        },
        { timeout: 60_000, interval: 500 },
      )
      // Every name in the legend is a label of every line.
      const names = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name as string)
      for (const { metric } of lines) for (const name of names) expect(metric).toHaveProperty(name)
    })

    test('evaluates every rule, and none of a healthy database fires', async () => {
      interface Groups {
        groups: { rules: { name: string; health: string; lastError?: string; state: string }[] }[]
      }
      const loaded = await vi.waitUntil(
        async () => {
          const { groups } = await prometheus.ask<Groups>('rules')
          const all = groups.flatMap((group) => group.rules)
          // One reading that came late is not a database that is gone: what fires, goes on doing so.
          const isSettled = all.every(({ health, state }) => health !== 'unknown' && state === 'inactive')
          return all.length > 0 && isSettled ? all : undefined
        },
        { timeout: 60_000 },
      )
      expect(loaded).toHaveLength(PROMETHEUS_RULES.length)
      expect(loaded.filter(({ health }) => health !== 'ok')).toEqual([])
    })
  },
)

describe.skipIf(isPrometheusMissing)(
  `promtool${isPrometheusMissing ? ' (prometheus is missing)' : ''}`,
  () => {
    test('finds every rule to be well-formed', () => {
      expect(promtool('check', 'rules', rules)).toContain(`${PROMETHEUS_RULES.length} rules found`)
    })

    /** Series that make a rule fire, and others that are close to it. */
    const FIRES: Readonly<Record<string, readonly string[]>> = {
      HoldfastDatabaseUnreachable: ['holdfast_database_up{instance="a"} 0x40'],
      HoldfastNothingSeen: [],
      HoldfastPoolUse: [
        'holdfast_pool_connections{job="j",instance="a",pool="p",state="busy"} 28x40',
        'holdfast_pool_connections{job="j",instance="a",pool="p",state="idle"} 2x40',
        'holdfast_pool_size{job="j",instance="a",pool="p"} 10x40',
        'holdfast_pool_overflow_max{job="j",instance="a",pool="p"} 20x40',
      ],
      HoldfastPoolExhausted: ['holdfast_pool_acquire_timeouts_total{instance="a",pool="p"} 0+1x40'],
      HoldfastPoolLeak: ['holdfast_pool_leaks_total{instance="a",pool="p"} 0+1x40'],
      HoldfastConnections: ['holdfast_server_connections_used_ratio{database="d"} 0.95x40'],
      HoldfastLockWait: ['holdfast_database_longest_lock_wait_seconds{database="d"} 400x40'],
      HoldfastIdleInTransaction: [
        'holdfast_database_longest_idle_in_transaction_seconds{database="d"} 1000x40',
      ],
      HoldfastReplicationLag: ['holdfast_replication_lag_seconds{database="d"} 500x40'],
      HoldfastSlotRetained: ['holdfast_slots_retained_bytes{database="d"} 30000000000x40'],
      HoldfastWraparound: ['holdfast_transaction_ids_used_ratio{database="d"} 0.8x40'],
      HoldfastBackupAge: ['holdfast_backup_age_seconds{database="d"} 2000000x40'],
      HoldfastCacheHit: [
        'holdfast_database_blocks_total{database="d",from="memory"} 0+50x40',
        'holdfast_database_blocks_total{database="d",from="disk"} 0+50x40',
      ],
      HoldfastDeadlocks: ['holdfast_database_deadlocks_total{database="d"} 0+3x40'],
      HoldfastFindings: ['holdfast_findings{check="wraparound",severity="error"} 1x40'],
    }
    const FINE = [
      'holdfast_database_up{instance="a"} 1x40',
      'holdfast_pool_connections{job="j",instance="a",pool="p",state="busy"} 20x40',
      'holdfast_pool_size{job="j",instance="a",pool="p"} 10x40',
      'holdfast_pool_overflow_max{job="j",instance="a",pool="p"} 20x40',
      'holdfast_pool_acquire_timeouts_total{instance="a",pool="p"} 7x40',
      'holdfast_server_connections_used_ratio{database="d"} 0.7x40',
      'holdfast_database_longest_lock_wait_seconds{database="d"} 20x40',
      'holdfast_backup_age_seconds{database="d"} 600000x40',
      'holdfast_database_blocks_total{database="d",from="memory"} 0+99x40',
      'holdfast_database_blocks_total{database="d",from="disk"} 0+1x40',
      'holdfast_findings{check="slow-statements",severity="warning"} 3x40',
    ]

    const firing = ({ alert }: PrometheusRule, series: readonly string[], fires: boolean): object => ({
      interval: '1m',
      input_series: series.map((one) => {
        const [, name, values] = /^(.*\}) (.*)$/.exec(one) ?? []
        return { series: name, values }
      }),
      promql_expr_test: [
        {
          expr: `count(ALERTS{alertname="${alert}", alertstate="firing"}) or vector(0)`,
          eval_time: '35m',
          exp_samples: [
            {
              labels: '{}',
              value: fires ? PROMETHEUS_RULES.filter((rule) => rule.alert === alert).length : 0,
            },
          ],
        },
      ],
    })

    test('sees each rule fire at what it is for, and none at what is fine', () => {
      const names = new Map(PROMETHEUS_RULES.map((rule) => [rule.alert, rule]))
      expect(Object.keys(FIRES).toSorted()).toEqual([...names.keys()].toSorted())
      const file = join(folder, 'tests.yml')
      const tests = [...names].flatMap(([name, rule]) => [
        firing(rule, FIRES[name] ?? [], true),
        firing(rule, FINE, false),
      ])
      writeFileSync(file, JSON.stringify({ rule_files: [rules], evaluation_interval: '1m', tests }))
      expect(promtool('test', 'rules', file)).toContain('SUCCESS')
    })
  },
)

test('a dashboard for Grafana has each panel in a place of its own', () => {
  for (const { id, panels } of DASHBOARDS) {
    const made = JSON.parse(readFileSync(join(folder, 'exported', `${id}.json`), 'utf8')) as {
      uid: string
      panels: { title: string; gridPos: { x: number; y: number; w: number; h: number } }[]
    }
    expect(made.uid).toBe(id)
    expect(made.panels.map(({ title }) => title)).toEqual(panels.map(({ title }) => title))
    const cells = made.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
  }
})

test('the rules go by the limits of the configuration', async () => {
  const to = join(folder, 'own')
  const env = { HOLDFAST_MONITOR_BACKUP_MAX_AGE_HOURS: '24', HOLDFAST_MONITOR_CACHE_HIT_PERCENT: '98,94,80' }
  expect((await runCli(['dashboards', 'export', to], { cwd: folder, env })).code).toBe(0)
  const text = readFileSync(join(to, 'holdfast-rules.yml'), 'utf8')
  expect(text).toMatch(/holdfast_backup_age_seconds\) > 86400"[\s\S]*holdfast_backup_age_seconds\) > 172800"/)
  expect(text).toContain('< 0.8"')
})
