/** The pool over HTTP and on the command line. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serveAdmin } from '../../src/admin/index.ts'
import { Pool, withLabel } from '../../src/pool/index.ts'
import { AdminClient, TEST_OPTIONS } from '../support/admin-server.ts'
import { runCli } from '../support/cli.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
let pool: Pool
let jobs: Pool
let client: AdminClient
let folder: string

beforeAll(async () => {
  folder = scratch('pool-api')
  const stateDirectory = join(folder, '.holdfast')
  pool = new Pool({ connectionString: database.url, size: 2, overflow: 1, leakThresholdMs: 20 })
  jobs = new Pool({ connectionString: database.url, size: 1, overflow: 0, name: 'jobs' })
  const server = await serveAdmin({ pool, otherPools: [jobs] }, TEST_OPTIONS, stateDirectory)
  client = new AdminClient(server, pool, stateDirectory)
})
afterAll(async () => {
  await client.server.close()
  await pool.end()
  await jobs.end()
})

const STATS = '/v1/database/performance/pool-stats'
const stats = async (query = ''): Promise<any> =>
  (await client.get(`${STATS}${query}`, client.bearer('viewer'))).json()
const post = (path: string, body: object, role: 'viewer' | 'operator'): Promise<Response> =>
  fetch(`${client.server.url}${path}`, {
    method: 'POST',
    headers: { ...client.bearer(role), 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

describe('pool-stats', () => {
  test('names who holds, who waits and what leaked', async () => {
    const held = await withLabel('report', () =>
      Promise.all([pool.connect(), pool.connect(), pool.connect()]),
    )
    await held[0]?.query('SELECT 1 AS first')
    const waiting = withLabel('checkout', () => pool.query('SELECT 2 AS second'))
    await expect.poll(async () => (await stats()).leaks).toBe(3)
    const picture = await stats()
    expect(picture).toMatchObject({
      name: 'default',
      pool_size: 2,
      max_overflow: 1,
      checked_out: 3,
      waiting: 1,
      is_drained: false,
      waiters: [{ label: 'checkout', text: 'SELECT 2 AS second', waited_ms: expect.any(Number) }],
      servers: [{ role: 'primary', problem: null, evictions: 0 }],
      replicas: [],
    })
    expect(picture.holders).toHaveLength(3)
    expect(picture.holders[0]).toMatchObject({
      label: 'report',
      last_text: 'SELECT 1 AS first',
      is_leak: true,
    })
    expect(picture.holders[0].call_site).toContain('pool-api.test.ts')
    expect(picture.recent_leaks).toHaveLength(3)
    for (const one of held) one.release()
    await waiting
    expect((await stats()).recent_leaks[0].returned_after_ms).toBeGreaterThan(20)
  })

  test('tells the pools apart, and explains a name that it does not know', async () => {
    expect(await stats('?pool=jobs')).toMatchObject({ name: 'jobs', pool_size: 1 })
    const all = await (await client.get('/v1/database/pools', client.bearer('viewer'))).json()
    expect((all as any).data.map(({ name }: { name: string }) => name)).toEqual(['default', 'jobs'])
    expect(await stats('?pool=nobody')).toMatchObject({
      status: 400,
      code: 'HF_ADMIN_REQUEST_INVALID',
      detail: expect.stringContaining('there are: default, jobs'),
    })
  })
})

test('statements are told by text and by label', async () => {
  await withLabel('GET /users', () => pool.query('SELECT 3 AS third'))
  const path = '/v1/database/performance/pool-statements'
  const byText = (await (await client.get(path, client.bearer('viewer'))).json()) as any
  expect(byText.data.find(({ key }: any) => key === 'SELECT 3 AS third')).toMatchObject({
    calls: 1,
    errors: 0,
    rows: 1,
    labels: [{ label: 'GET /users', calls: 1 }],
    call_site: expect.stringContaining('pool-api.test.ts'),
  })
  const byLabel = (await (await client.get(`${path}?by=label`, client.bearer('viewer'))).json()) as any
  expect(byLabel.data.find(({ key }: any) => key === 'GET /users')).toMatchObject({ calls: 1, rides: null })
})

test('what was written into statements is not shown', async () => {
  await pool.query(`SELECT 'topsecret' AS hidden, 7 AS seven`)
  const path = '/v1/database/performance/pool-statements'
  const answer = await (await client.get(path, client.bearer('viewer'))).text()
  expect(answer).not.toContain('topsecret')
  expect(answer).toContain("SELECT '…' AS hidden, 7 AS seven")
})

describe('drain and resume', () => {
  test('a field that is misspelt is refused, and drains nothing', async () => {
    const response = await post('/v1/database/pool/drain', { pol: 'jobs' }, 'operator')
    expect(await response.json()).toMatchObject({ status: 400, errors: [{ path: '/pol' }] })
    expect(await stats()).toMatchObject({ is_drained: false })
  })

  test('are for operators', async () => {
    const response = await post('/v1/database/pool/drain', {}, 'viewer')
    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({ code: 'HF_ADMIN_FORBIDDEN' })
    expect(await stats()).toMatchObject({ is_drained: false })
  })

  test('close everything, keep callers waiting, and go on', async () => {
    const held = await jobs.connect()
    const answer = await post('/v1/database/pool/drain', { pool: 'jobs', timeout_ms: 10 }, 'operator')
    expect(await answer.json()).toMatchObject({
      is_drained: true,
      still_held: [{ held_ms: expect.any(Number) }],
    })
    held.release()
    const waiting = jobs.query('SELECT 4 AS fourth')
    expect(await stats('?pool=jobs')).toMatchObject({ is_drained: true, checked_out: 0, waiting: 1 })
    expect((await client.get('/readyz')).status).toBe(200) // the main pool is not concerned
    const resumed = await post('/v1/database/pool/resume', { pool: 'jobs' }, 'operator')
    expect(await resumed.json()).toEqual({ is_drained: false })
    expect((await waiting).rows).toEqual([{ fourth: 4 }])
  })

  test('a process whose main pool is drained is not ready', async () => {
    await pool.drain()
    expect(await (await client.get('/readyz')).json()).toMatchObject({
      reason: expect.stringContaining('drained'),
    })
    expect(await (await client.get('/health')).json()).toMatchObject({ status: 'draining' })
    pool.resume()
    expect((await client.get('/readyz')).status).toBe(200)
    expect((await client.get('/health')).status).toBe(200)
  })
})

describe('holdfast pool', () => {
  const run = (...args: string[]) => runCli(['pool', ...args], { cwd: folder })

  test('status shows what the server knows', async () => {
    const shown = await run('status')
    expect(shown).toMatchObject({ code: 0 })
    expect(shown.stdout).toMatch(/^default open, 0 of 2\+1 in use/)
    const asJson = JSON.parse((await run('status', '--pool', 'jobs', '--json')).stdout)
    expect(asJson).toMatchObject({ version: 1, name: 'jobs', holders: [] })
  })

  test('advise gives a size with its reasons', async () => {
    const advice = await run('advise')
    expect(advice).toMatchObject({ code: 0 })
    expect(advice.stdout).toMatch(
      /Stay with 2\+1 for now\.\n- Too little has happened yet[^]*and the server gives/,
    )
    expect(JSON.parse((await run('advise', '--json')).stdout)).toMatchObject({
      is_founded: false,
      current: { pool_size: 2 },
    })
  })

  test('drain and resume, with who still holds something', async () => {
    const held = await withLabel('import', () => jobs.connect())
    const drained = await run('drain', '--pool', 'jobs', '--timeout', '0.05')
    expect(drained).toMatchObject({ code: 6 })
    expect(drained.stdout).toMatch(/Draining: 1 connection still held\.[^]*import/)
    held.release()
    expect(await run('status', '--pool', 'jobs')).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('drained'),
    })
    expect(await run('drain', '--pool', 'jobs')).toMatchObject({ code: 0 })
    expect(await run('resume', '--pool', 'jobs')).toMatchObject({
      code: 0,
      stdout: 'The pool goes on.\n',
      stderr: expect.stringContaining('pool status --pool jobs'),
    })
    expect(jobs.activity()).toMatchObject({ isDrained: false })
  })

  test('asks a service that has mounted the API with its token', async () => {
    const options = { cwd: scratch('elsewhere') }
    const args = ['pool', 'status', '--server', client.server.url]
    expect(await runCli(args, options)).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/UNAUTHENTICATED/),
    })
    const env = { HOLDFAST_SERVER_TOKEN: client.server.admin.createToken('viewer') }
    expect(await runCli(args, { ...options, env })).toMatchObject({ code: 0 })
    const drain = ['pool', 'drain', '--server', client.server.url]
    expect(await runCli(drain, { ...options, env })).toMatchObject({ code: 4 })
  })

  test.each([
    [['drain', '--timeout', 'soon'], 2, /--timeout: a number of seconds/],
    [['status', '--pool', 'nobody'], 1, /there are: default, jobs/],
    [['status', '--server', 'http://127.0.0.1:1'], 4, /HF_CLI_SERVER_UNREACHABLE/],
  ])('%o is explained', async (args, code, message) => {
    expect(await run(...args)).toMatchObject({ code, stderr: expect.stringMatching(message) })
  })
})
