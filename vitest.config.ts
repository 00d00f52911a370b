import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'examples/*/test/**/*.test.ts', 'dashboard/test/**/*.test.ts'],
    exclude: ['test/package/**', '**/node_modules/**'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // What is waited for comes when the machine gets to it: a busy one is not a failure.
    expect: { poll: { timeout: 15_000 } },
    maxWorkers: 2,
    // Processes that tests start: each would compile the whole house anew.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compile', import.meta.url)) },
    dangerouslyIgnoreUnhandledErrors: false,
  },
})
