/** Ways to the terminal besides a command's own result: what was typed, other servers, prompts, the environment, JSON. */
import { spawn } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inOneLine } from '../../src/core/index.ts'
import { Output } from '../../src/cli/output.ts'
import { runCli } from '../support/cli.ts'
import { FORGED, terminalName } from '../support/hostile-names.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const cwd = scratch('terminal')
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const OBEYED = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u2028-\u202E\u2066-\u2069]/
const NAME = terminalName('x')

function expectTame(text: string): void {
  expect(OBEYED.exec(text)?.[0] ?? null, text.slice(0, 1_000)).toBeNull()
  expect(text.split('\n').filter((line) => line.startsWith(FORGED))).toEqual([])
}

describe('what was typed', () => {
  test.each([
    [[NAME]],
    [['status', `--${NAME}`]],
    [['migrate', NAME]],
    [['completion', NAME]],
    [['sign-in', '--role', NAME]],
    [['table', 'list', NAME, NAME]],
    [['query', 'top', '--by', NAME]],
  ])('%#', async (args) => {
    for (const more of [[], ['--json']]) {
      const { code, stdout, stderr } = await runCli([...args, ...more], { cwd })
      expect(code).not.toBe(0)
      expectTame(stdout)
      expectTame(stderr)
    }
  })
})

test('a name of the environment begins no line', async () => {
  const { stdout } = await runCli(['config', 'validate'], {
    cwd,
    env: { [`HOLDFAST_A\n${FORGED}`]: 'x', HOLDFAST_ENV: 'development' },
  })
  expect(stdout).toContain('HOLDFAST_A')
  expectTame(stdout)
})

describe('another server', () => {
  let server: Server
  let url = ''
  let answer: (path: string) => unknown = () => ({})
  let isEndless = false

  beforeAll(async () => {
    server = createServer((request, response) => {
      response.setHeader('content-type', 'application/json')
      if (!isEndless) return void response.end(JSON.stringify(answer(request.url ?? '')))
      const more = (): void => {
        while (response.write('x'.repeat(1_048_576)));
      }
      response.on('drain', more)
      more()
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  const COMMANDS = [
    ['status'],
    ['session', 'list'],
    ['pool', 'status'],
    ['pool', 'advise'],
    ['pool', 'resume'],
  ]

  test('begins no line of its own and moves nothing, in words and as JSON', async () => {
    answer = (path) =>
      path === '/health'
        ? { status: NAME, uptime_seconds: 1 }
        : {
            data: [{ id: NAME, name: NAME, role: NAME, kind: NAME }],
            checked_out: NAME,
            total: NAME,
            waiting: NAME,
            reasons: [NAME],
            current: {},
            fit: null,
            lanes: [],
            servers: [],
            replicas: [],
            holders: [],
            recent_leaks: [],
            waiters: [],
          }
    for (const args of COMMANDS)
      for (const more of [[], ['--json']]) {
        const run = await runCli([...args, '--server', url, ...more], { cwd })
        expectTame(run.stdout)
        expectTame(run.stderr)
      }
  })

  test.each([
    [null],
    [[]],
    ['x'],
    [5],
    [{}],
    [{ data: null, holders: 5 }],
    [{ data: [null], holders: [null] }],
    [JSON.parse(`{"data":${'['.repeat(50)}${']'.repeat(50)}}`)],
  ])('that answers %j is none of ours', async (value) => {
    answer = () => value
    for (const args of [
      ['session', 'list'],
      ['pool', 'status'],
    ]) {
      const { stderr } = await runCli([...args, '--server', url], { cwd })
      expect(stderr).toContain('HF_CLI_SERVER_UNREACHABLE')
    }
  })

  test('that never ends its answer is given up before the memory is full', async () => {
    isEndless = true
    const before = process.memoryUsage().arrayBuffers
    for (const args of [['status'], ['metrics']]) {
      const { stderr } = await runCli([...args, '--server', url], { cwd })
      expect(stderr).toContain('longer than any of Holdfast')
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(512 * 1_048_576)
    isEndless = false
  })
})

test('a question shows what stands in a name, and does nothing of it', async () => {
  const name = 'x\u001B]0;P\u0007\u009B31m\u202E\n\u001B[2J'
  const { href } = new URL('../../src/cli/confirm.ts', import.meta.url)
  const code = `
    import { confirmByName } from ${JSON.stringify(href)}
    await confirmByName({ mayAsk: true }, ${JSON.stringify(name)}, undefined, 'Sure?')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { cwd })
  let asked = ''
  const ended = new Promise((resolve) => child.on('close', resolve))
  child.stderr.on('data', (chunk) => {
    asked += String(chunk)
    if (asked.includes('go on')) child.kill()
  })
  await ended
  expect(asked).toContain(`Sure? Type "${inOneLine(name)}" to go on.`)
  // The prompt moves the cursor itself; the rest would be the name's.
  for (const theirs of ['\u001B]0;P', '\u0007', '\u009B31m', '\u202E', '\u001B[2J'])
    expect(asked).not.toContain(theirs)
})

test('JSON is whole, and has escapes for what a terminal obeys', () => {
  const written: string[] = []
  const write = process.stdout.write.bind(process.stdout)
  process.stdout.write = (text) => written.push(String(text)) > 0
  try {
    new Output({ json: true }).result({ name: NAME }, () => '')
  } finally {
    process.stdout.write = write
  }
  expectTame(written.join(''))
  expect(JSON.parse(written.join(''))).toEqual({ version: 1, name: NAME })
})
