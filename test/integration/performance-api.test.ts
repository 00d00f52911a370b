/** How the database does, over HTTP and from the command line: each reading alone, and all of them as a report. */
import { afterAll, describe, expect, test } from 'vitest'
import { Collector, type Finding, LEVELS } from '../../src/monitor/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { type AdminClient, useAdminServer } from '../support/admin-server.ts'
import { runCli } from '../support/cli.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
let collector: Collector | undefined
let own: Pool | undefined
const client = useAdminServer(database, () => {
  own = new Pool({ connectionString: database.url })
  collector = new Collector({ pool: own, history: { url: database.url, ownSchema: 'holdfast' } })
  return { monitor: collector }
})
afterAll(async () => {
  await collector?.close()
  await own?.end()
})
const ask: (path: string) => Promise<Response> = (path) =>
  client().get(`/v1/database${path}`, client().bearer('viewer'))
const json = async (path: string) => (await ask(path)).json() as Promise<any>
const post: AdminClient['post'] = (path, role, body) => client().post(`/v1/database${path}`, role, body)

describe('performance', () => {
  test('indexes with their use, bloat, cache and this process', async () => {
    await queryAt(
      database.url,
      'CREATE TABLE used (id int PRIMARY KEY, a int); INSERT INTO used SELECT n, n FROM generate_series(1, 5000) n; CREATE INDEX used_a ON used (a); ANALYZE used',
    )
    await queryAt(database.url, 'SET enable_seqscan = off; SELECT FROM used WHERE id = 7')
    const { data } = await json('/performance/index-usage')
    const of = (name: string) => data.find(({ index }: { index: string }) => index === name)
    expect(of('public.used_pkey')).toMatchObject({ table: 'public.used', is_unique: true, is_valid: true })
    expect(of('public.used_pkey').scans).toBeGreaterThanOrEqual(1)
    expect(of('public.used_a')).toMatchObject({ scans: 0, last_scan_at: null })
    expect((await json('/performance/index-usage?limit=1')).data).toHaveLength(1)
    expect((await json('/performance/cache-stats')).performance_assessment).toMatch(
      /excellent|good|fair|poor/,
    )
    expect((await json('/performance/table-bloat')).data).toEqual(expect.any(Array))
    expect(await json('/performance/system-metrics')).toMatchObject({
      pid: process.pid,
      cpu_percent: expect.any(Number),
    })
    expect((await ask('/performance/index-usage?limit=0')).status).toBe(400)
  })

  test('the full report, as JSON, text and Markdown, says the same as the checks', async () => {
    await queryAt(database.url, 'CREATE TABLE keyless (n int)')
    const report = await json('/performance/full-report')
    expect(report).toMatchObject({
      success: true,
      data: {
        connection_pool: { pool_size: expect.any(Number), pool_utilization_percent: expect.any(Number) },
        database: {
          name: database.name,
          database_size: expect.any(Number),
          largest_tables: expect.any(Array),
        },
        cache_hit_ratio: { performance_assessment: expect.any(String) },
        system_metrics: { pid: process.pid },
      },
    })
    const { threads } = report.data.system_metrics
    expect(threads).toSatisfy((n) => (process.platform === 'linux' ? n > 1 : n === null))
    expect(report.recommendations).toHaveLength(report.data.checks.findings.length)
    expect(report.recommendations).toContainEqual({
      category: 'schema',
      severity: 'warning',
      message: expect.stringContaining('public.keyless'),
      action: expect.stringContaining('ADD COLUMN id bigint'),
    })
    const text = await ask('/performance/full-report?format=text')
    expect(text.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(await text.text()).toMatch(/Report on test_\w+\n-+\n[\s\S]*What to do\n-+[\s\S]*public\.keyless/)
    const markdown = await ask('/performance/full-report?format=markdown')
    expect(markdown.headers.get('content-type')).toBe('text/markdown; charset=utf-8')
    expect(await markdown.text()).toMatch(
      /## What to do\n\n\| Severity \| About \| What \| Next step \|\n\| --- \|/,
    )
    const refused = await ask('/performance/full-report?format=pdf')
    expect(refused.status).toBe(400)
    expect(await refused.text()).toContain(
      'format must be equal to one of the allowed values: json, text, markdown',
    )
    expect((await client().get('/v1/database/performance/full-report')).status).toBe(401)
  })
})

test('collecting is begun, watched and ended by an operator', async () => {
  expect(await json('/monitoring/status')).toMatchObject({ state: 'stopped', interval_seconds: 60 })
  expect((await post('/monitoring/start', 'viewer')).status).toBe(403)
  expect((await post('/monitoring/start?interval_seconds=25', 'operator')).status).toBe(400)
  expect(await post('/monitoring/start?interval_seconds=30', 'operator')).toMatchObject({
    status: 200,
    body: { interval_seconds: 30, history_bytes: expect.any(Number) },
  })
  expect(await post('/monitoring/stop', 'operator')).toMatchObject({
    status: 200,
    body: { state: 'stopped' },
  })
})

describe('doctor', () => {
  const doctor = (...args: string[]) =>
    runCli(['doctor', ...args], { cwd: scratch('doctor'), env: { DATABASE_URL: database.url } })

  test('says with --json all that is known of a finding, and looks deeper where it is asked to', async () => {
    await queryAt(database.url, 'CREATE TABLE IF NOT EXISTS keyless (n int)')
    const plain = await doctor('--json')
    expect(plain.code).toBe(3)
    const { version, score, findings } = JSON.parse(plain.stdout) as {
      version: number
      score: number
      findings: Finding[]
    }
    expect([version, typeof score]).toEqual([1, 'number'])
    expect(findings.find(({ check }) => check === 'primary-keys')).toMatchObject({
      severity: 'warning',
      confidence: 'certain',
      subject: 'public.keyless',
      evidence: { estimated_rows: null },
      why: expect.stringContaining('told apart'),
      sql: expect.stringContaining('ALTER TABLE public.keyless'),
    })
    const checks = async (...args: string[]): Promise<string[]> =>
      (JSON.parse((await doctor('--json', ...args)).stdout) as { findings: Finding[] }).findings.map(
        ({ check }) => check,
      )
    expect(await checks()).not.toContain('durability')
    expect(await checks('--production')).toContain('durability')
    expect(await checks('--deep')).toContain('index-integrity')
    expect((await doctor('--format', 'markdown')).code).toBe(2)
    expect((await doctor('--why')).stdout).toContain('Rows cannot be told apart')
  })

  test('writes the whole report', async () => {
    expect((await doctor('--full')).stdout).toContain('Largest tables')
    expect((await doctor('--full', '--format', 'markdown')).stdout).toContain('## Largest tables')
    expect(JSON.parse((await doctor('--full', '--json')).stdout)).toMatchObject({
      version: 1,
      checks: { score: expect.any(Number) },
    })
    expect((await doctor('--full', '--format', 'pdf')).code).toBe(2)
  })
})

test('what was before this process began to look is in the history', async () => {
  await post('/monitoring/start', 'operator')
  await expect.poll(() => collector?.history !== undefined, { interval: 200 }).toBe(true)
  const atMs = Math.floor(Date.now() / 60_000) * 60_000 - 5 * 3_600_000
  await collector?.history?.write(LEVELS[0], [
    {
      kind: 'database',
      instance: '',
      atMs,
      keys: ['connections_active', 'cache_hit_percent'],
      figures: { 'value:mean': [7, 99.5], 'value:max': [9, 100] },
    },
  ])
  const from = new Date(atMs - 3_600_000).toISOString()
  const { database: seen, pool } = await json(`/monitoring/history?from=${from}`)
  expect(seen.step_seconds).toBe(60)
  expect(seen.series.connections_active[60]).toBe(7)
  expect(seen.series.cache_hit_percent[60]).toBe(99.5)
  expect(seen.series.connections_active[59]).toBeNull()
  expect(pool.step_seconds).toBe(120)
  await post('/monitoring/stop', 'operator')
}, 40_000)
