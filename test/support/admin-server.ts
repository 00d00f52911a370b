import { afterAll, beforeAll, vi } from 'vitest'
import {
  ADMIN_OPTIONS,
  type AdminInput,
  type AdminOptions,
  type AdminServer,
  type Role,
  serveAdmin,
} from '../../src/admin/index.ts'
import { resolveOptions } from '../../src/core/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { scratch } from './scratch.ts'
import { signInAt } from './signing-in.ts'

/** Options of a server for tests: any free port, no log. */
export const TEST_OPTIONS: AdminOptions = {
  ...resolveOptions('admin', ADMIN_OPTIONS, []).values,
  port: 0,
  logLevel: 'silent',
}

/** An API server for the test file, and how to speak to it. */
export class AdminClient {
  readonly server: AdminServer
  readonly pool: Pool
  readonly stateDirectory: string

  constructor(server: AdminServer, pool: Pool, stateDirectory: string) {
    this.server = server
    this.pool = pool
    this.stateDirectory = stateDirectory
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${this.server.url}${path}`, { headers, redirect: 'manual' })
  }

  bearer(role: Role): Record<string, string> {
    return { authorization: `Bearer ${this.server.admin.createToken(role)}` }
  }

  /** Sends JSON as a role. */
  async post(
    path: string,
    role: Role,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
    const response = await fetch(`${this.server.url}${path}`, {
      method: 'POST',
      headers: { ...this.bearer(role), ...headers, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
    const answer = (await response.json()) as Record<string, unknown>
    return { status: response.status, headers: response.headers, body: answer }
  }

  /** An operation when it has ended. */
  async outcome(id: unknown): Promise<Record<string, unknown>> {
    return vi.waitFor(
      async () => {
        const answer = await this.get(`/v1/operations/${String(id)}`, this.bearer('operator'))
        const operation = (await answer.json()) as Record<string, unknown>
        if (operation.state === 'running') throw new Error('it still runs')
        return operation
      },
      { timeout: 60_000, interval: 50 },
    )
  }

  /** Signs in as a browser would; returns what it would send from then on. */
  async signIn(role: Role = 'admin'): Promise<Record<string, string>> {
    const { url, admin } = this.server
    const { cookie, key } = await signInAt(url, admin.createSignInPath(role))
    return { cookie, 'x-holdfast-key': key }
  }
}

/** Starts the server before the file's tests and closes it after them; the result is there from the first test on. */
export function useAdminServer(
  database: { readonly url: string },
  more: () => Omit<AdminInput, 'pool'> = () => ({}),
): () => AdminClient {
  let client: AdminClient | undefined
  beforeAll(async () => {
    const pool = new Pool({ connectionString: database.url })
    const stateDirectory = scratch('state')
    client = new AdminClient(
      await serveAdmin({ pool, ...more() }, TEST_OPTIONS, stateDirectory),
      pool,
      stateDirectory,
    )
  })
  afterAll(async () => {
    await client?.server.close()
    await client?.pool.end()
  })
  return () => {
    if (!client) throw new Error('the server is there from beforeAll on')
    return client
  }
}
