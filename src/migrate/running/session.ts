import type pg from 'pg'
import { OWN_PATH, quoteIdentifier, schemasOf } from '../../core/index.ts'
import { withDirectClient, withReadingClient, withUsersPath } from '../../pool/index.ts'
import type { HistoryTable } from '../history/tables.ts'

/** Where migrations come from, where they go, where they are remembered. */
export interface MigrateTarget {
  /** A direct way to the server: behind a transaction pooler the runner's lock would be lost between two statements. */
  readonly url: string
  readonly directory: string
  readonly history: HistoryTable
  /** Set as `search_path` of each migration: for Holdfast's own schema, whose name is an option. */
  readonly searchPath?: string
}

const NAME = 'holdfast migrate'

/** Opens one direct connection for `work` and closes it. @throws HF_CONNECT_* */
export const withClient = <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> =>
  withDirectClient(url, NAME, work)

/** The same for what only reads: it waits for nobody's lock for long. @throws HF_CONNECT_* */
export const withReader = <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> =>
  withReadingClient(url, NAME, work)

/**
 * The session as it was opened: what a migration SET for its session is not for the next one, nor the role that it took on. (DISCARD
 * ALL would give up the runner's lock.) Whatever the database is set to, what the history says must not be lost with a crash.
 */
export async function resetSession(client: pg.Client): Promise<void> {
  await client.query(
    // Tables that code of others left in the session would be met by names without a schema.
    `RESET SESSION AUTHORIZATION; DISCARD TEMP; RESET ALL; SET search_path = ${OWN_PATH};
     SELECT set_config('synchronous_commit', 'local', false) WHERE current_setting('synchronous_commit') = 'off'`,
  )
}

/** The path for what a migration says: as its target wants it, or as it is for everybody. */
export const usersPath = ({ searchPath }: MigrateTarget): string =>
  searchPath === undefined ? 'DEFAULT' : quoteIdentifier(searchPath)

/** The schemas of that path. */
export async function usersSchemas(client: pg.Client, { searchPath }: MigrateTarget): Promise<string[]> {
  if (searchPath !== undefined) return [searchPath, 'pg_temp']
  const { rows } = await withUsersPath(client, () =>
    client.query<{ path: string }>(`SELECT pg_catalog.current_setting('search_path') AS path`),
  )
  return [...schemasOf(rows[0]?.path ?? '').filter((name) => name !== 'pg_temp'), 'pg_temp']
}

/**
 * Runs our own SQL between the statements of a migration: as whoever connected, with nothing but the catalog in the path. The
 * migration goes on as the role, and with the path, that it gave itself.
 */
export async function asOurselves<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  const { rows } = await client.query<{ role: string; path: string }>(
    `SELECT pg_catalog.current_setting('role') AS role, pg_catalog.current_setting('search_path') AS path`,
  )
  const { role = 'none', path = '' } = rows[0] ?? {}
  if (role !== 'none') await client.query('RESET ROLE')
  await client.query(`SET search_path = ${OWN_PATH}`)
  const result = await work()
  await client.query(`SELECT set_config('search_path', $1, false)`, [path])
  if (role !== 'none') await client.query(`SET ROLE ${quoteIdentifier(role)}`)
  return result
}

/** The relation that a name means with the path as it is; null where there is none. */
export async function oidOf(client: pg.Client, name: string): Promise<number | null> {
  const { rows } = await client.query<{ oid: number | null }>(
    'SELECT pg_catalog.to_regclass($1)::pg_catalog.oid AS oid',
    [name],
  )
  return rows[0]?.oid ?? null
}
