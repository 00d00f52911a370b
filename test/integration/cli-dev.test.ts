/** `holdfast dev` and other commands that start the embedded server: each is a program, which owns it while it runs. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { RunningCli, runCli } from '../support/cli.ts'
import { expectNothingLeft } from '../support/processes.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'
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
    const [, url = '', link = ''] = await dev.waitFor(/"url":"([^"]+)","sign_in_link":"([^"]+)"/)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect((await fetch(link, { redirect: 'manual' })).status).toBe(303)
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
    const made = await runCli(['sign-in', '--role', 'viewer', '--json'], { cwd: folder })
    const another = JSON.parse(made.stdout) as { sign_in_link: string; role: string }
    expect(another.role).toBe('viewer')
    expect((await fetch(another.sign_in_link, { redirect: 'manual' })).status).toBe(303)
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
