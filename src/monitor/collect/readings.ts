import type { Queryable } from '../../core/index.ts'
import { CLIENTS } from '../relations.ts'
import type { MetricName } from './metrics.ts'

/** Values by name; null where nothing is known. */
export type Values = Partial<Record<MetricName, number | null>>

/** What goes on now: sessions and locks. Source: pg_stat_activity, pg_locks. */
export async function readNow(db: Queryable): Promise<Values> {
  const { rows } = await db.query<Record<string, number>>(`
    WITH sessions AS (
      SELECT state, xact_start, state_change, wait_event_type FROM pg_catalog.pg_stat_activity
       WHERE datname = current_database() AND (backend_type = 'client backend' OR backend_type IS NULL) AND pid <> pg_backend_pid()
    ), waits AS (
      SELECT min(l.waitstart) AS since FROM pg_catalog.pg_locks l
        JOIN pg_catalog.pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.datname = current_database() GROUP BY l.pid
    ), server AS (
      SELECT count(*)::float8 AS used,
             current_setting('max_connections')::float8 - current_setting('superuser_reserved_connections')::float8 AS room
        FROM pg_catalog.pg_stat_activity WHERE ${CLIENTS}
    )
    SELECT count(*) FILTER (WHERE state = 'active')::float8 AS connections_active,
           count(*) FILTER (WHERE state = 'idle')::float8 AS connections_idle,
           count(*) FILTER (WHERE state LIKE 'idle in transaction%')::float8 AS connections_idle_in_transaction,
           count(*) FILTER (WHERE state IS NULL OR state NOT IN ('active', 'idle') AND state NOT LIKE 'idle in transaction%')::float8 AS connections_other,
           (SELECT used FROM server) AS connections_used,
           (SELECT round((100 * used / room)::numeric, 2)::float8 FROM server) AS connections_used_percent,
           (SELECT count(*)::float8 FROM waits) AS statements_blocked,
           coalesce((SELECT extract(epoch FROM clock_timestamp() - min(since)) FROM waits), 0)::float8 AS longest_lock_wait_seconds,
           coalesce(extract(epoch FROM clock_timestamp() - min(xact_start)), 0)::float8 AS longest_transaction_seconds,
           coalesce(extract(epoch FROM clock_timestamp() - min(state_change) FILTER (WHERE state LIKE 'idle in transaction%')), 0)::float8
             AS longest_idle_in_transaction_seconds
      FROM sessions`)
  return rows[0] ?? {}
}

/** Counters that only grow, until somebody resets them. */
const COUNTERS = [
  'commits',
  'rollbacks',
  'rows',
  'blocksHit',
  'blocksRead',
  'tempBytes',
  'deadlocks',
  'walBytes',
] as const

type Counts = Readonly<Record<(typeof COUNTERS)[number], number | null>>

/** What was counted up to one moment, and what stood then. */
export interface Middle {
  /** Monotonic milliseconds. */
  readonly atMs: number
  readonly counts: Counts
  readonly values: Values
}

/** Counters of this database, replication, and age of transaction ids. */
export async function readMiddle(db: Queryable, atMs: number): Promise<Middle> {
  const { rows } = await db.query<Record<string, number | null>>(`
    SELECT xact_commit::float8 AS commits, xact_rollback::float8 AS rollbacks,
           (tup_returned + tup_inserted + tup_updated + tup_deleted)::float8 AS rows, blks_hit::float8 AS "blocksHit",
           blks_read::float8 AS "blocksRead", temp_bytes::float8 AS "tempBytes", deadlocks::float8 AS deadlocks,
           (SELECT wal_bytes::float8 FROM pg_catalog.pg_stat_wal) AS "walBytes",
           r.bytes AS replication_lag_bytes, r.seconds AS replication_lag_seconds, s.bytes AS slots_retained_bytes, x.percent AS transaction_ids_used_percent
      FROM pg_catalog.pg_stat_database,
           (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn) here,
           LATERAL (SELECT max(pg_wal_lsn_diff(here.lsn, replay_lsn))::float8 AS bytes,
                           max(extract(epoch FROM coalesce(replay_lag, '0')))::float8 AS seconds FROM pg_catalog.pg_stat_replication) r,
           LATERAL (SELECT max(pg_wal_lsn_diff(here.lsn, restart_lsn))::float8 AS bytes FROM pg_catalog.pg_replication_slots) s,
           LATERAL (SELECT round((max(age(datfrozenxid)) / 21474836.48)::numeric, 3)::float8 AS percent FROM pg_catalog.pg_database) x
     WHERE datname = current_database()`)
  const row = rows[0] ?? {}
  const {
    replication_lag_bytes,
    replication_lag_seconds,
    slots_retained_bytes,
    transaction_ids_used_percent,
  } = row
  return {
    atMs,
    counts: Object.fromEntries(COUNTERS.map((name) => [name, row[name] ?? null])) as Counts,
    values: {
      replication_lag_bytes,
      replication_lag_seconds,
      slots_retained_bytes,
      transaction_ids_used_percent,
    } as Values,
  }
}

/** What happened between two of them. A counter that went back was reset: its rate is not known. */
export function ratesBetween(before: Middle, after: Middle): Values {
  const seconds = Math.max(0.001, (after.atMs - before.atMs) / 1_000)
  const grown = (name: keyof Counts): number | null => {
    const [from, to] = [before.counts[name], after.counts[name]]
    return from === null || to === null || to < from ? null : to - from
  }
  const per = (unit: number, ...names: (keyof Counts)[]): number | null => {
    const all = names.map(grown)
    return all.includes(null) ? null : (all as number[]).reduce((sum, one) => sum + one, 0) / (seconds / unit)
  }
  const [hit, read] = [grown('blocksHit'), grown('blocksRead')]
  return {
    transactions_per_second: per(1, 'commits', 'rollbacks'),
    rollbacks_per_second: per(1, 'rollbacks'),
    rows_per_second: per(1, 'rows'),
    cache_hit_percent: hit === null || read === null || hit + read === 0 ? null : (100 * hit) / (hit + read),
    temp_bytes_per_second: per(1, 'tempBytes'),
    deadlocks_per_minute: per(60, 'deadlocks'),
    wal_bytes_per_second: per(1, 'walBytes'),
  }
}

/** Running totals of one table, and what it is like now. */
export interface TableState {
  readonly key: string
  readonly bytes: number
  readonly rows: number | null
  readonly deadRows: number
  readonly sequentialScans: number
  readonly indexScans: number
  readonly rowsRead: number
  readonly changes: number
}

type TableRow = { oid: number } & { [Name in keyof TableState]: TableState[Name] }

/**
 * Every table of the database. Sizes are those of the last VACUUM, ANALYZE or index build: asking for exact ones would wait behind
 * whoever holds ACCESS EXCLUSIVE on any table. Source: pg_class, pg_stat_all_tables' functions.
 */
export async function readTables(db: Queryable): Promise<Map<number, TableState>> {
  const { rows } = await db.query<TableRow>(`
    WITH sizes AS (
      SELECT c.oid, c.relpages::bigint + coalesce(i.pages, 0) + coalesce(t.relpages, 0) + coalesce(ti.pages, 0) AS pages
        FROM pg_catalog.pg_class c
        LEFT JOIN (SELECT x.indrelid, sum(k.relpages)::bigint AS pages FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class k ON k.oid = x.indexrelid
                    GROUP BY 1) i ON i.indrelid = c.oid
        LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
        LEFT JOIN (SELECT x.indrelid, sum(k.relpages)::bigint AS pages FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class k ON k.oid = x.indexrelid
                    GROUP BY 1) ti ON ti.indrelid = t.oid
       WHERE c.relkind IN ('r', 'm')
    )
    SELECT c.oid::int8::float8 AS oid, n.nspname || '.' || c.relname AS key,
           (s.pages * current_setting('block_size')::bigint)::float8 AS bytes, nullif(c.reltuples, -1)::float8 AS rows,
           pg_stat_get_dead_tuples(c.oid)::float8 AS "deadRows", pg_stat_get_numscans(c.oid)::float8 AS "sequentialScans",
           coalesce(u.scans, 0)::float8 AS "indexScans",
           (pg_stat_get_tuples_returned(c.oid) + coalesce(u.fetched, 0))::float8 AS "rowsRead",
           (pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid))::float8 AS changes
      FROM sizes s JOIN pg_catalog.pg_class c USING (oid) JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN (SELECT indrelid, sum(pg_stat_get_numscans(indexrelid)) AS scans, sum(pg_stat_get_tuples_fetched(indexrelid)) AS fetched
                   FROM pg_catalog.pg_index GROUP BY 1) u ON u.indrelid = c.oid
     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'`)
  return new Map(rows.map(({ oid, ...state }) => [oid, state]))
}
