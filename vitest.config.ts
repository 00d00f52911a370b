import { accessSync, constants, statfsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes longest, and waits most, comes first: nothing long is left over for the end. */
const FIRST = ['/examples/', '/test/browser/', '/test/faults/']

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number =>
      FIRST.findIndex((folder) => moduleId.includes(folder)) >>> 0
    // oxlint-disable-next-line no-array-sort -- the sequencer's own, which is none of an array
    const sorted = await super.sort(files)
    return sorted.toSorted((a, b) => rank(a) - rank(b))
  }
}

/** In memory, where there is room for it: making a database and dropping it takes a tenth of the time there. */
const MEMORY = '/dev/shm'
const GIB = 2 ** 30

function hasRoomInMemory(): boolean {
  try {
    accessSync(MEMORY, constants.W_OK | constants.X_OK)
    const { bavail, bsize } = statfsSync(MEMORY)
    return bavail * bsize > 6 * GIB && process.availableMemory() > 8 * GIB
  } catch {
    return false // not on this machine
  }
}

// For what every process of the run puts into a temporary folder, the servers' data first of all.
if (process.env.TMPDIR === undefined && hasRoomInMemory()) process.env.TMPDIR = MEMORY

const isShuffled = process.argv.some((arg) => arg.startsWith('--sequence.shuffle'))

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'examples/*/test/**/*.test.ts', 'dashboard/test/**/*.test.ts'],
    exclude: ['test/package/**', '**/node_modules/**'],
    globalSetup: ['test/support/global-setup.ts'],
    // What is waited for comes when the machine gets to it: a busy one is not a failure, and only failures wait this long.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
    // Twice the cores of a small machine: tests wait for servers, timers and pages half of their time.
    maxWorkers: 4,
    sequence: isShuffled ? {} : { sequencer: LongestFirst },
    // A file's modules are those of the files before it: loading the house takes a second, and holds no state.
    isolate: false,
    // Node reads TypeScript itself; nothing here replaces a module.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    // Processes that tests start: each would compile the whole house anew.
    env: {
      NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compile', import.meta.url)),
      // Commands that run within the tests' process write what they write into a file.
      NO_COLOR: '1',
    },
    dangerouslyIgnoreUnhandledErrors: false,
  },
})
