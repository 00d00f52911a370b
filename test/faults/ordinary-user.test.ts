/** The same as an ordinary user: nobody may need to be root. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { RunningCli } from '../support/cli.ts'
import { expectNothingLeft } from '../support/processes.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** `nobody` on every Unix. */
const NOBODY = { uid: 65_534, gid: 65_534 }

/** The checkout, or a copy of what it needs where its folder is closed to others. */
function reachableCheckout(): string {
  const probe = spawnSync(
    process.execPath,
    ['-e', 'require("fs").readFileSync(process.argv[1])', join(ROOT, 'src/cli/bin.ts')],
    { ...NOBODY, cwd: '/' },
  )
  if (probe.status === 0) return ROOT
  const copy = scratch('checkout')
  execFileSync('cp', [
    '-rP',
    ...['package.json', 'src', 'db', 'docs', 'node_modules'].map((name) => join(ROOT, name)),
    copy,
  ])
  execFileSync('chmod', ['-R', 'go+rX', copy])
  return copy
}

test.runIf(process.getuid?.() === 0)(
  'an ordinary user gets a database and the API, and owns what is made',
  async () => {
    const checkout = reachableCheckout()
    const folder = scratch('nobody')
    chownSync(folder, NOBODY.uid, NOBODY.gid)
    const dev = new RunningCli(['dev'], { cwd: folder, script: join(checkout, 'src/cli/bin.ts'), ...NOBODY })
    const [, url = ''] = await dev.waitFor(/Holdfast (http:\S+)/)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect(statSync(join(folder, '.holdfast/postgres')).uid).toBe(NOBODY.uid)
    await dev.stop('SIGKILL')
    await expectNothingLeft(folder)
  },
)
