import type { Queryable } from '../../core/index.ts'
import { CLIENT_SESSION, OTHER_SESSION } from '../client-sessions.ts'
import { type Counters, readCounters } from '../queries.ts'
import { PEOPLES_SCHEMA } from '../relations.ts'
import { SIZES } from '../table-sizes.ts'
import type { MetricName } from './metrics.ts'

/** Values by name; null where nothing is known. */
export type Values = Partial<Record<MetricName, number | null>>

/** What goes on now: sessions and locks. Source: pg_stat_activity, pg_locks. */
export async function readNow(db: Queryable): Promise<Values> {
  const { rows } = await db.query<Record<string, number>>(`
    WITH sessions AS (
      SELECT state, xact_start, state_change FROM pg_catalog.pg_stat_activity a WHERE ${OTHER_SESSION}
    ), waits AS (
      SELECT min(l.waitstart) AS since FROM pg_catalog.pg_locks l
        JOIN pg_catalog.pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.datname = current_database() GROUP BY l.pid
    ), server AS (
      SELECT count(*)::float8 AS used,
             current_setting('max_connections')::float8 - current_setting('superuser_reserved_connections')::float8 AS room
        FROM pg_catalog.pg_stat_activity a WHERE ${CLIENT_SESSION}
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

/** What only grows, until somebody resets it. */
type Counts = Pick<
  Counters,
  'commits' | 'rollbacks' | 'rows' | 'blocksHit' | 'blocksRead' | 'tempBytes' | 'deadlocks'
> & { readonly walBytes: number }

/** What was counted up to one moment, and what stood then. */
export interface Middle {
  /** Monotonic milliseconds. */
  readonly atMs: number
  readonly counts: Counts
  readonly values: Values
}

/** Counters of this database and of the log, replication, and age of transaction ids. */
export async function readMiddle(db: Queryable, atMs: number): Promise<Middle> {
  const { rows } = await db.query<{ walBytes: number } & Record<string, number | null>>(`
    SELECT (SELECT wal_bytes::float8 FROM pg_catalog.pg_stat_wal) AS "walBytes",
           r.bytes AS replication_lag_bytes, r.seconds AS replication_lag_seconds, s.bytes AS slots_retained_bytes, x.percent AS transaction_ids_used_percent
      FROM (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn) here,
           LATERAL (SELECT max(pg_wal_lsn_diff(here.lsn, replay_lsn))::float8 AS bytes,
                           max(extract(epoch FROM coalesce(replay_lag, '0')))::float8 AS seconds FROM pg_catalog.pg_stat_replication) r,
           LATERAL (SELECT max(pg_wal_lsn_diff(here.lsn, restart_lsn))::float8 AS bytes FROM pg_catalog.pg_replication_slots) s,
           LATERAL (SELECT round((max(age(datfrozenxid)) / 21474836.48)::numeric, 3)::float8 AS percent FROM pg_catalog.pg_database) x`)
  const { walBytes = 0, ...values } = rows[0] ?? {}
  return { atMs, counts: { ...(await readCounters(db)), walBytes }, values }
}

/** What happened between two of them. A counter that went back was reset: its rate is not known. */
export function ratesBetween(before: Middle, after: Middle): Values {
  const seconds = Math.max(0.001, (after.atMs - before.atMs) / 1_000)
  const grown = (name: keyof Counts): number | null => {
    const [from, to] = [before.counts[name], after.counts[name]]
    return to < from ? null : to - from
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

/** Every table of the database. Source: pg_class, pg_stat_all_tables' functions. */
export async function readTables(db: Queryable): Promise<Map<number, TableState>> {
  const { rows } = await db.query<TableRow>(`
    WITH ${SIZES}
    SELECT c.oid::int8::float8 AS oid, n.nspname || '.' || c.relname AS key,
           ((s.table_pages + s.index_pages + s.toast_pages) * current_setting('block_size')::bigint)::float8 AS bytes, nullif(c.reltuples, -1)::float8 AS rows,
           pg_stat_get_dead_tuples(c.oid)::float8 AS "deadRows", pg_stat_get_numscans(c.oid)::float8 AS "sequentialScans",
           coalesce(u.scans, 0)::float8 AS "indexScans",
           (pg_stat_get_tuples_returned(c.oid) + coalesce(u.fetched, 0))::float8 AS "rowsRead",
           (pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid))::float8 AS changes
      FROM sizes s JOIN pg_catalog.pg_class c USING (oid) JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN (SELECT indrelid, sum(pg_stat_get_numscans(indexrelid)) AS scans, sum(pg_stat_get_tuples_fetched(indexrelid)) AS fetched
                   FROM pg_catalog.pg_index GROUP BY 1) u ON u.indrelid = c.oid
     WHERE ${PEOPLES_SCHEMA}`)
  return new Map(rows.map(({ oid, ...state }) => [oid, state]))
}
