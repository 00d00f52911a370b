import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { isHoldfastError, type Queryable, quoteIdentifier, SQLSTATE, sqlstateOf } from '../core/index.ts'
import { notAllowed, schemaNotOurs } from './errors.ts'
import { readMigrations } from './format/folder.ts'
import { appliedEntries, readHistory } from './history/history.ts'
import { ensureHistory, historyState, type HistoryTable } from './history/tables.ts'
import { OperationRecorder } from './operation-recorder.ts'
import { type MigrateTarget, withClient } from './running/session.ts'
import { migrateUp, type UpOptions } from './running/up.ts'

/** Looked for when it is needed: in a bundle that is no module it is not there. */
const ownMigrations = (): string => fileURLToPath(new URL('../../db/migrations', import.meta.url))

/** Where Holdfast's own migrations are remembered, apart from the user's. */
const ownHistory = (schema: string): HistoryTable => ({ schema, table: 'schema_history' })

/** Where the user's migrations are remembered. */
export const userHistory = (schema: string): HistoryTable => ({ schema, table: 'migration_history' })

/** How far Holdfast's own schema is in a database. */
export interface OwnSchemaState {
  /** `unreadable`: it is there, and this role may not look inside. */
  readonly state: 'missing' | 'current' | 'outdated' | 'unreadable'
  readonly pending: readonly string[]
}

/**
 * Installs Holdfast's own schema or brings it up to date. Can be repeated, and run by several processes at once.
 *
 * @returns the ids of its migrations that ran.
 * @throws HF_SCHEMA_FOREIGN, HF_MIGRATE_NOT_ALLOWED, and what {@link migrateUp} throws
 */
export async function installSchema(url: string, schema: string, options: UpOptions): Promise<string[]> {
  const target: MigrateTarget = {
    url,
    directory: ownMigrations(),
    history: ownHistory(schema),
    searchPath: schema,
  }
  await withClient(url, (client) => bootstrap(client, schema))
  const ran = await migrateUp(target, options)
  if (ran.length > 0) {
    await withClient(url, (client) =>
      new OperationRecorder(client, schema).record({
        action: 'schema.install',
        subject: schema,
        details: { migrations: ran },
      }),
    )
  }
  return ran
}

/** Removes Holdfast's own schema with everything in it. Does nothing where there is none. */
export async function removeSchema(url: string, schema: string): Promise<boolean> {
  return withClient(url, async (client) => {
    if (!(await schemaExists(client, schema))) return false
    if ((await historyState(client, ownHistory(schema))) === 'missing') throw schemaNotOurs(schema)
    // Takes ACCESS EXCLUSIVE on each of our tables, and gives up rather than queueing in front of traffic.
    await client.query(`SET lock_timeout = '5s'`)
    await client.query(`DROP SCHEMA ${quoteIdentifier(schema)} CASCADE`)
    return true
  })
}

/** Compares Holdfast's own schema in a database with what this version brings. Reads only. */
export async function inspectSchema(db: Queryable, schema: string): Promise<OwnSchemaState> {
  const all = readMigrations(ownMigrations()).map(({ id }) => id)
  const history = ownHistory(schema)
  const found = await historyState(db, history)
  if (found === 'missing') return { state: 'missing', pending: all }
  if (found === 'outdated') return { state: 'outdated', pending: all }
  try {
    const applied = appliedEntries(await readHistory(db, history))
    const pending = all.filter((id) => !applied.has(id))
    return { state: pending.length === 0 ? 'current' : 'outdated', pending }
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'HF_MIGRATE_NOT_ALLOWED') throw error
    return { state: 'unreadable', pending: [] }
  }
}

/** The schema and its history: what the runner itself needs before it can run anything. */
async function bootstrap(client: pg.Client, schema: string): Promise<void> {
  const isThere = await schemaExists(client, schema)
  const states = [
    await historyState(client, ownHistory(schema)),
    await historyState(client, userHistory(schema)),
  ]
  if (states.every((state) => state === 'current')) return
  if (isThere && states[0] === 'missing' && !(await isEmptySchema(client, schema)))
    throw schemaNotOurs(schema)
  try {
    await client.query('BEGIN')
    // Two installers at once: the second waits here, and then finds everything made.
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('holdfast:bootstrap', 0))`)
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`)
    await ensureHistory(client, ownHistory(schema))
    await ensureHistory(client, userHistory(schema))
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    if (
      sqlstateOf(error) !== SQLSTATE.insufficientPrivilege &&
      sqlstateOf(error) !== SQLSTATE.readOnlySqlTransaction
    )
      throw error
    const { rows } = await client.query<{ grant: string }>(
      `SELECT format('GRANT CREATE ON DATABASE %I TO %I;', current_database(), current_user) AS "grant"`,
    )
    throw notAllowed(`The schema "${schema}" could not be made`, rows[0]?.grant ?? '', error)
  }
}

async function schemaExists(client: pg.Client, schema: string): Promise<boolean> {
  const { rowCount } = await client.query('SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1', [schema])
  return rowCount === 1
}

async function isEmptySchema(client: pg.Client, schema: string): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT FROM pg_catalog.pg_class WHERE relnamespace = $1::regnamespace
     UNION ALL SELECT FROM pg_catalog.pg_proc WHERE pronamespace = $1::regnamespace
     UNION ALL SELECT FROM pg_catalog.pg_type WHERE typnamespace = $1::regnamespace LIMIT 1`,
    [quoteIdentifier(schema)],
  )
  return rowCount === 0
}
