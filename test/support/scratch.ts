import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const made: string[] = []

/** Once per test file that makes folders: removes them all at its end. */
export function removeScratchAfterwards(): void {
  afterAll(() => {
    for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  })
}

/** A folder of its own for a test, open to the user that the server runs as. */
export function scratch(name: string): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `holdfast-${name}-`)))
  chmodSync(folder, 0o755)
  made.push(folder)
  return folder
}
