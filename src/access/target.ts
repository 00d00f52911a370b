import type pg from 'pg'
import { databaseOf, quoteWhereNeeded } from '../core/index.ts'
import { withDirectClient } from '../pool/index.ts'
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
  return withDirectClient(url, 'holdfast access', async (client) => {
    const { rows } = await client.query<{ database: string }>('SELECT current_database() AS database')
    return work(client, accessModel(options, rows[0]?.database ?? '', ownSchema))
  })
}

/** Names of the roles as SQL writes them, whether they are there or not: for whoever leaves their grants to this. */
export function managedRoles({ url, options, ownSchema }: AccessTarget): string[] {
  const names = [...accessModel(options, databaseOf(url), ownSchema).roles.values()]
  return names.map(quoteWhereNeeded)
}
