/** `npm start` on a machine that has nothing: the main job from the first line to the last. */
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { expect, test } from 'vitest'
import { findEmbedded } from '../../../src/embedded/index.ts'
import { RunningCli, runCli } from '../../../test/support/cli.ts'
import { useDatabase } from '../../../test/support/database.ts'
import { expectNothingLeft } from '../../../test/support/processes.ts'
import { removeScratchAfterwards, scratch } from '../../../test/support/scratch.ts'
import { signInAt } from '../../../test/support/signing-in.ts'

removeScratchAfterwards()
const database = useDatabase()
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const READY = /Holdfast: (http:\S+)\nFor a sign-in link, in this folder: npx holdfast sign-in/

/** The service answers as its code says: pages, versions, deletions. */
async function tryService(service: string): Promise<void> {
  const call = async (
    path: string,
    method = 'GET',
    body?: object,
  ): Promise<{ status: number; data: any }> => {
    const response = await fetch(`${service}${path}`, {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    return { status: response.status, data: await response.json() }
  }
  const md5 = (text: string): string =>
    createHash('md5')
      .update(text)
      .digest('hex')
      .replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  const list = `/projects/${md5('project1')}/documents`
  const first = (await call(list)).data
  const second = (await call(`${list}?after=${first.next}`)).data
  expect(first.rows[0]).toMatchObject({
    title: expect.any(String),
    author: expect.stringMatching(/^User \d+$/),
  })
  expect(second.rows[0].updated_at <= first.rows.at(-1).updated_at).toBe(true)
  expect((await call(`${list}?before=${second.previous}`)).data.rows).toEqual(first.rows)
  expect(await call(`${list}?after=nonsense`)).toMatchObject({
    status: 400,
    data: { code: 'HF_CURSOR_INVALID' },
  })
  for (const bad of ['/documents/nope', '/documents', '/users?page=0', '/projects/nope/documents'])
    expect(await call(bad), bad).toMatchObject({ status: 400 })
  expect(await call('/sessions', 'POST', {})).toMatchObject({ status: 400 })
  const { id } = second.rows.at(-1)
  const [userId, path] = [md5('user1'), `/documents/${id}`]
  const { version } = (await call(path)).data
  const patched = await call(path, 'PATCH', { userId, title: 'New', version })
  expect(patched).toEqual({ status: 200, data: { version: version + 1 } })
  expect(await call(path, 'PATCH', { userId, version })).toMatchObject({ status: 409 })
  expect(await call(path, 'DELETE')).toMatchObject({ status: 200 })
  expect(await call(path)).toMatchObject({ status: 404, data: { code: 'HF_ROW_NOT_FOUND' } })
  expect((await call(`${path}/restore`, 'POST')).data).toMatchObject({ title: 'New', deleted_at: null })
  expect((await call('/users?page=3')).data).toMatchObject({ page: 3, hasNext: true, hasPrevious: true })
  const activity = [{ userId, action: 'demo.test', durationMs: 1 }]
  expect(await call('/activity', 'POST', activity)).toEqual({ status: 201, data: { stored: 1 } })
  expect((await call(`/users/${userId}/activity`)).data.rows[0]).toMatchObject({ action: 'demo.test' })
}

/** The first events of the live stream that satisfy a condition on the numbers. */
async function waitForPoolEvent(
  url: string,
  headers: Record<string, string>,
  isEnough: (acquired: number) => boolean,
): Promise<void> {
  const response = await fetch(`${url}/v1/events`, { headers })
  let rest = ''
  for await (const chunk of response.body as ReadableStream<Uint8Array>) {
    rest += Buffer.from(chunk).toString()
    for (const [, data] of rest.matchAll(/event: pool\ndata: (.*)\n\n/g)) {
      if (isEnough((JSON.parse(data as string) as { acquired: number }).acquired)) return
    }
  }
}

/** The activity log once it is partitioned: months that have rows, and whether what was written meanwhile is there. */
async function partitionedLog(folder: string): Promise<{ months: number; rows: number; tried: number }> {
  const client = new pg.Client({ connectionString: findEmbedded(`${folder}/.holdfast`)?.url })
  await client.connect()
  const { rows } = await client.query(
    `SELECT count(DISTINCT tableoid)::int AS months, count(*)::int AS rows, count(*) FILTER (WHERE action = 'demo.test')::int AS tried FROM activity_logs`,
  )
  await client.end()
  return rows[0]
}

test('seeds a year of data, runs traffic, shows moving numbers, stops clean, and starts again at once', async () => {
  const folder = scratch('demo')
  const began = performance.now()
  const first = new RunningCli([], { cwd: folder, script: MAIN })
  const [, url = ''] = await first.waitFor(READY)
  const firstMs = performance.now() - began
  expect(first.output).toMatch(/Seeded twelve months of a small service in [\d.]+ s/)

  const client = new pg.Client({ connectionString: findEmbedded(`${folder}/.holdfast`)?.url })
  await client.connect()
  const { rows } = await client.query(`
    SELECT (SELECT count(*)::int FROM activity_logs) AS activity, (SELECT count(*)::int FROM users) AS users,
           (SELECT count(*)::int FROM documents) AS documents, (SELECT count(*)::int FROM projects) AS projects,
           (SELECT count(*)::int FROM workflow_instances) AS workflows, (SELECT count(*)::int FROM sessions) AS sessions,
           (SELECT count(DISTINCT date_trunc('month', occurred_at))::int FROM activity_logs) AS months`)
  expect(rows[0].activity).toBeGreaterThanOrEqual(500_000)
  expect(rows[0].months).toBeGreaterThanOrEqual(12)
  for (const kind of ['users', 'documents', 'projects', 'workflows', 'sessions'])
    expect(rows[0][kind]).toBeGreaterThan(100)
  await client.end()

  expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'healthy' })
  const made = await runCli(['sign-in', '--json'], { cwd: folder })
  const { sign_in_link: link } = JSON.parse(made.stdout) as { sign_in_link: string }
  const { cookie, key } = await signInAt(url, link)
  const headers = { cookie, 'x-holdfast-key': key }
  const routes = async (): Promise<string[]> => {
    const path = '/v1/database/performance/pool-statements?by=label'
    const answer = await (await fetch(`${url}${path}`, { headers })).json()
    return (answer as { data: { key: string }[] }).data.map((one) => one.key)
  }
  await expect.poll(routes).toContain('GET /documents/:id')
  let before: number | undefined
  await waitForPoolEvent(url, headers, (acquired) => {
    before ??= acquired
    return acquired > before + 5
  })
  await tryService(/traffic: (http\S+)/.exec(first.output)?.[1] as string)
  // It is stopped while its activity log is being partitioned.
  await first.waitFor(/activity_logs: copy the rows/)
  const { code, stderr } = await first.stop('SIGINT')
  expect(code).toBe(0)
  // That the database answers late is told, and no mistake.
  expect(stderr).not.toMatch(/\n\s+at |"level":50/)
  await expectNothingLeft(folder)

  const again = performance.now()
  const second = new RunningCli([], { cwd: folder, script: MAIN })
  await second.waitFor(READY)
  expect(performance.now() - again).toBeLessThan(firstMs)
  expect(second.output).not.toContain('Seeding')
  await second.waitFor(/activity_logs is partitioned by month/)
  const after = await partitionedLog(folder)
  expect(after.months).toBeGreaterThanOrEqual(12)
  expect(after.rows).toBeGreaterThanOrEqual(rows[0].activity)
  expect(after.tried).toBe(1)
  expect(await second.stop('SIGTERM')).toMatchObject({ code: 0 })
  await expectNothingLeft(folder)
})

test('killed in the middle of seeding leaves nothing half-done', async () => {
  const folder = scratch('demo')
  const first = new RunningCli([], { cwd: folder, script: MAIN })
  await first.waitFor(/Seeding 8\//)
  await first.stop('SIGKILL')
  await expectNothingLeft(folder)
  const second = new RunningCli([], { cwd: folder, script: MAIN })
  await second.waitFor(/Seeding 1\//)
  expect(await second.stop('SIGINT')).toMatchObject({ code: 0 })
  await expectNothingLeft(folder)
})

test('with DATABASE_URL uses that database and puts nothing into it', async () => {
  const folder = scratch('demo')
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  const tables = async (): Promise<unknown[]> =>
    (
      await client.query(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT LIKE 'pg_%' AND schemaname <> 'information_schema' ORDER BY 1, 2",
      )
    ).rows
  const before = await tables()
  const run = new RunningCli([], { cwd: folder, script: MAIN, env: { DATABASE_URL: database.url } })
  const [, url = ''] = await run.waitFor(READY)
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
  expect(run.output).not.toMatch(/Seeding|traffic/)
  expect(await tables()).toEqual(before)
  expect(await run.stop('SIGINT')).toMatchObject({ code: 0 })
  await client.end()
})
