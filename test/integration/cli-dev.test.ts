/** `holdfast dev` and other commands that start the embedded server: each is a program, which owns it while it runs. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { RunningCli, runCli } from '../support/cli.ts'
import { expectNothingLeft } from '../support/processes.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'
import { signInAt } from '../support/signing-in.ts'
import { copyEmptyServer } from '../support/servers.ts'

removeScratchAfterwards()

/** A folder whose embedded server was there before: starting it takes a moment. */
async function folderStartedBefore(): Promise<string> {
  const folder = scratch('cli')
  mkdirSync(join(folder, '.holdfast'))
  await copyEmptyServer(join(folder, '.holdfast'))
  return folder
}

describe('dev', () => {
  test('makes everything ready on a machine with nothing, serves, and leaves nothing behind', async () => {
    const folder = scratch('cli')
    const dev = new RunningCli(['dev', '--json'], { cwd: folder })
    const [said, url = ''] = await dev.waitFor(/"url":"([^"]+)".*/)
    // Nobody sits there: a log would keep it.
    expect(said).not.toContain('token')
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    // Other commands find its database and its server.
    const status = await runCli(['status', '--json'], { cwd: folder })
    expect(JSON.parse(status.stdout)).toMatchObject({ database: 'holdfast', schema: 'current' })
    expect(status.stderr).toContain('that process')
    const asked = await runCli(['status', '--server', '--json'], { cwd: folder })
    expect(JSON.parse(asked.stdout)).toMatchObject({
      url,
      health: { status: 'healthy' },
      pool: { pool_size: 10 },
    })
    const made = await runCli(['sign-in', '--role', 'viewer', '--name', 'ann', '--json'], { cwd: folder })
    const link = JSON.parse(made.stdout) as { sign_in_link: string; role: string }
    expect(link).toMatchObject({ role: 'viewer', name: 'ann' })
    await signInAt(url, link.sign_in_link)
    const listed = await runCli(['session', 'list', '--json'], { cwd: folder })
    const { sessions } = JSON.parse(listed.stdout) as { sessions: { id: string }[] }
    expect(sessions).toMatchObject([
      { name: 'ann', role: 'viewer', kind: 'session' },
      { name: expect.stringMatching(/^command line of /), role: 'admin', kind: 'token' },
    ])
    expect(await runCli(['session', 'end', sessions[0]?.id ?? ''], { cwd: folder })).toMatchObject({
      code: 0,
    })
    expect(await runCli(['session', 'end', sessions[0]?.id ?? ''], { cwd: folder })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('HF_ADMIN_SESSION_UNKNOWN'),
    })
    expect(await runCli(['sign-in', '--role', 'owner'], { cwd: folder })).toMatchObject({ code: 2 })
    expect(await runCli(['reset', '--embedded', '--confirm=holdfast'], { cwd: folder })).toMatchObject({
      code: 6,
    })
    expect(await dev.stop('SIGINT')).toMatchObject({ code: 0 })
    await expectNothingLeft(folder)
    expect(existsSync(join(folder, '.holdfast/server.json'))).toBe(false)
    for (const command of [['status', '--server'], ['sign-in']])
      expect(await runCli(command, { cwd: folder })).toMatchObject({
        code: 4,
        stderr: expect.stringContaining('[HF_CLI_SERVER_UNREACHABLE]'),
      })
    expect(await runCli(['reset', '--embedded', '--confirm=holdfast'], { cwd: folder })).toMatchObject({
      code: 0,
    })
    expect(existsSync(join(folder, '.holdfast/postgres'))).toBe(false)
  })

  test('interrupted while it starts, it ends and stops what it started', async () => {
    const folder = await folderStartedBefore()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const dev = new RunningCli(['dev'], { cwd: folder })
      await dev.waitFor(/using the embedded PostgreSQL/)
      expect([0, 130, 143]).toContain((await dev.stop(signal)).code)
      await expectNothingLeft(folder)
    }
  })

  test('a short command that is interrupted ends with 130 and stops what it started', async () => {
    const folder = await folderStartedBefore()
    const command = new RunningCli(['init'], { cwd: folder })
    await command.waitFor(/using the embedded PostgreSQL/)
    const { code } = await command.stop('SIGINT')
    expect([0, 130]).toContain(code)
    await expectNothingLeft(folder)
  })
})
