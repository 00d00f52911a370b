import type { TestProject } from 'vitest/node'
import { MIGRATE_OPTIONS, installSchema } from '../../src/migrate/index.ts'
import { resolveOptions } from '../../src/core/index.ts'
import { createTestDatabase, startTestServer } from '../../src/testing/index.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    serverUrl: string
    /** A database with Holdfast's schema, to clone from. */
    templateName: string
  }
}

/** One server for the whole run, and a migrated template that each test file clones. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // All files together run more different statements than a server usually keeps.
  const server = await startTestServer({ settings: { 'pg_stat_statements.max': '30000' } })
  const template = await createTestDatabase(server.url)
  await installSchema(template.url, 'holdfast', resolveOptions('migrate', MIGRATE_OPTIONS, []).values)
  project.provide('serverUrl', server.url)
  project.provide('templateName', template.name)
  return async () => {
    const hasFailed = project.vitest.state.getCountOfFailedTests() > 0
    // A failed test's database is worth looking at: keep the server while a person is there to look.
    if (hasFailed && process.env.HOLDFAST_TEST_KEEP === '1') {
      console.error(`The test server stays until you press Ctrl-C: ${server.url}`)
      await new Promise((resolve) => process.once('SIGINT', resolve))
    }
    await server.stop()
  }
}
