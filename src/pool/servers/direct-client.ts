import type pg from 'pg'
import { connectFailure } from '../connect-failure.ts'
import { openClient } from './open-client.ts'

const LIMIT_MS = 10_000

/**
 * One direct connection, under the name by which its session is seen.
 * @throws HF_CONNECT_*
 */
export async function connectDirectly(url: string, name: string): Promise<pg.Client> {
  const config = { application_name: name, connectionTimeoutMillis: LIMIT_MS, keepAlive: true }
  return openClient({ connectionString: url, ...config }).catch((error: unknown) => {
    throw connectFailure(error, url)
  })
}

/** The same for as long as `work` takes. @throws HF_CONNECT_*, and what `work` throws */
export async function withDirectClient<T>(
  url: string,
  name: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connectDirectly(url, name)
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => {}) // it is lost already: there is nothing left to close
  }
}
