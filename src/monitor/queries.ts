import type { Queryable } from '../core/index.ts'
import { isTraceHidden } from './backups.ts'
import { SIZES } from './table-sizes.ts'
import { CLIENT_SESSION } from './client-sessions.ts'
import { inspectSchema, type OwnSchemaState } from '../migrate/index.ts'

/** Something this role may not see, and what would let it. */
export interface Hidden {
  readonly what: string
  readonly grant: string
}

/** Which database this is. */
export interface ServerIdentity {
  readonly version: string
  readonly versionNumber: number
  readonly database: string
  readonly user: string
  readonly address: string | null
  readonly startedAt: Date
  readonly isStandby: boolean
  readonly isReadOnly: boolean
  /** The role may make schemas here. */
  readonly canCreate: boolean
  /** The role sees other sessions' state and statements. */
  readonly seesSessions: boolean
}

/** Reads catalogs and settings only: no lock on any table. */
export async function readIdentity(db: Queryable): Promise<ServerIdentity> {
  const { rows } = await db.query(`
    SELECT current_setting('server_version') AS version,
           current_setting('server_version_num')::int AS "versionNumber",
           current_database() AS database, current_user AS "user", host(inet_server_addr()) || ':' || inet_server_port() AS address,
           pg_postmaster_start_time() AS "startedAt", pg_is_in_recovery() AS "isStandby",
           pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean AS "isReadOnly",
           has_database_privilege(current_database(), 'CREATE') AS "canCreate",
           pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS "seesSessions"`)
  return rows[0] as unknown as ServerIdentity
}

/** What this role may not see, each with the statement that an administrator runs to change it. */
export async function readHidden(
  db: Queryable,
  identity: ServerIdentity,
  schema: OwnSchemaState,
  name: string,
): Promise<Hidden[]> {
  const { rows } = await db.query<{ user: string; schema: string }>(
    `SELECT format('%I', current_user) AS "user", format('%I', $1::text) AS schema`,
    [name],
  )
  const quoted = rows[0] as { user: string; schema: string }
  const hidden: Hidden[] = []
  if (!identity.seesSessions) {
    hidden.push({
      what: "other sessions' state and statements: connections by state count only your own",
      grant: `GRANT pg_read_all_stats TO ${quoted.user};`,
    })
  }
  if (await isTraceHidden(db)) {
    hidden.push({
      what: 'how old the newest base backup is',
      grant: `GRANT pg_monitor TO ${quoted.user};`,
    })
  }
  if (schema.state === 'unreadable') {
    hidden.push({
      what: `Holdfast's own schema ("${name}"): its version cannot be told`,
      grant: `GRANT USAGE ON SCHEMA ${quoted.schema} TO ${quoted.user}; GRANT SELECT ON ALL TABLES IN SCHEMA ${quoted.schema} TO ${quoted.user};`,
    })
  }
  return hidden
}

/** Whether Holdfast's own schema is as it should be, and whether this role could do anything about it. */
export async function readReadiness(
  db: Queryable,
  schema: string,
): Promise<{ isReady: boolean; reason: string | null }> {
  const { state, pending } = await inspectSchema(db, schema)
  if (state === 'current' || state === 'unreadable') return { isReady: true, reason: null }
  const { canCreate, isReadOnly } = await readIdentity(db)
  // Who cannot write it cannot be asked to install it: everything that only reads works without.
  if (!canCreate || isReadOnly) return { isReady: true, reason: null }
  const reason =
    state === 'missing'
      ? `The database has no Holdfast schema ("${schema}") yet: run "holdfast init".`
      : `Holdfast's schema is ${pending.length} migration(s) behind: run "holdfast init".`
  return { isReady: false, reason }
}

/** Running totals of this database, and what is going on now. */
export interface Counters {
  readonly connections: number
  readonly commits: number
  readonly rollbacks: number
  readonly rows: number
  readonly blocksHit: number
  readonly blocksRead: number
  /** Written to temporary files. */
  readonly tempBytes: number
  readonly deadlocks: number
  /** Since the statistics were last reset. */
  readonly cacheHitPercent: number | null
}

/** Source: pg_stat_database, this database's row, since its last reset. */
export async function readCounters(db: Queryable): Promise<Counters> {
  const { rows } = await db.query(`
    SELECT numbackends AS connections, xact_commit::float8 AS commits, xact_rollback::float8 AS rollbacks,
           (tup_returned + tup_inserted + tup_updated + tup_deleted)::float8 AS rows,
           blks_hit::float8 AS "blocksHit", blks_read::float8 AS "blocksRead", temp_bytes::float8 AS "tempBytes",
           deadlocks::float8 AS deadlocks, round(100.0 * blks_hit / nullif(blks_hit + blks_read, 0), 2)::float8 AS "cacheHitPercent"
      FROM pg_catalog.pg_stat_database WHERE datname = current_database()`)
  return rows[0] as unknown as Counters
}

/** One of the largest tables. */
export interface TableSize {
  readonly schema: string
  readonly table: string
  readonly total_bytes: number
  readonly table_bytes: number
  readonly index_bytes: number
  readonly toast_bytes: number
  readonly estimated_rows: number | null
  /** Rows that were deleted or replaced and not yet cleaned up, as the statistics know it. */
  readonly dead_rows: number | null
}

/** The largest tables. */
export async function readLargestTables(db: Queryable, limit: number): Promise<TableSize[]> {
  const { rows } = await db.query(
    `
    WITH ${SIZES}, sized AS (
      SELECT s.*, n.nspname, c.relname, c.reltuples
        FROM sizes s JOIN pg_catalog.pg_class c USING (oid) JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
    ), block AS (SELECT current_setting('block_size')::bigint AS bytes)
    SELECT nspname AS schema, relname AS table,
           ((table_pages + index_pages + toast_pages) * bytes)::float8 AS total_bytes, (table_pages * bytes)::float8 AS table_bytes,
           (index_pages * bytes)::float8 AS index_bytes, (toast_pages * bytes)::float8 AS toast_bytes,
           nullif(reltuples, -1)::float8 AS estimated_rows, pg_catalog.pg_stat_get_dead_tuples(oid)::float8 AS dead_rows
      FROM sized, block ORDER BY total_bytes DESC, nspname, relname LIMIT $1`,
    [limit],
  )
  return rows as unknown as TableSize[]
}

/** Client connections to this database by state, and how many the server allows in all. */
export async function readConnections(
  db: Queryable,
): Promise<{ total: number; max: number; by_state: Record<string, number> }> {
  const { rows } = await db.query<{ state: string; count: number; max: number }>(`
    SELECT coalesce(state, 'hidden') AS state, count(*)::int AS count, current_setting('max_connections')::int AS max
      FROM pg_catalog.pg_stat_activity a
     WHERE a.datname = current_database() AND ${CLIENT_SESSION}
     GROUP BY 1 ORDER BY 1`)
  return {
    total: rows.reduce((sum, row) => sum + row.count, 0),
    max: rows[0]?.max ?? 0,
    by_state: Object.fromEntries(rows.map(({ state, count }) => [state, count])),
  }
}

/** The size of this database in bytes; null where the role may not ask. */
export async function readDatabaseSize(db: Queryable): Promise<number | null> {
  const { rows } = await db.query<{ bytes: number | null }>(`
    SELECT CASE WHEN has_database_privilege(current_database(), 'CONNECT') OR pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
                THEN pg_database_size(current_database())::float8 END AS bytes`)
  return rows[0]?.bytes ?? null
}
