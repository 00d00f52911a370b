import type pg from 'pg'
import { databaseOf, quoteIdentifier } from '../core/index.ts'
import { connectFailure, openClient } from '../pool/index.ts'
import { type AccessModel, accessModel } from './model.ts'
import type { AccessOptions } from './options.ts'

/** Which database is to have which roles. */
export interface AccessTarget {
  /** A direct way to the server, best as the role that will apply it. */
  readonly url: string
  readonly options: AccessOptions
  /** Schema of Holdfast's own tables. */
  readonly ownSchema: string
}

/**
 * Opens one direct connection for `work` and closes it.
 * @throws HF_CONNECT_*, HF_ACCESS_MODEL
 */
export async function withAccess<T>(
  { url, options, ownSchema }: AccessTarget,
  work: (client: pg.Client, model: AccessModel) => Promise<T>,
): Promise<T> {
  const client = await openClient({
    connectionString: url,
    application_name: 'holdfast access',
    connectionTimeoutMillis: 10_000,
  }).catch((error: unknown) => {
    throw connectFailure(error, url)
  })
  try {
    const { rows } = await client.query<{ database: string }>('SELECT current_database() AS database')
    return await work(client, accessModel(options, rows[0]?.database ?? '', ownSchema))
  } finally {
    await client.end().catch(() => {}) // it is lost already: there is nothing left to close
  }
}

/** Names of the roles as SQL writes them, whether they are there or not: for whoever leaves their grants to this. */
export function managedRoles({ url, options, ownSchema }: AccessTarget): string[] {
  const names = [...accessModel(options, databaseOf(url), ownSchema).roles.values()]
  return names.map((name) => (/^[a-z_][a-z0-9_$]*$/.test(name) ? name : quoteIdentifier(name)))
}
